package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each promise of the packages' documentation has a row in docs/promises.md,
// and each test named there exists.
func TestPromisesNameTheirTests(t *testing.T) {
	headings := regexp.MustCompile(`(?m)^// # (.+)$`)
	var promises []string
	for _, doc := range []string{"wrapper/doc.go", "wrapper/reconcile/doc.go"} {
		for _, match := range headings.FindAllStringSubmatch(read(t, doc), -1) {
			promises = append(promises, match[1])
		}
	}
	promises = slices.DeleteFunc(promises, func(p string) bool { return p == "Unpublished behaviour" })

	var rows []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([A-Z][^|]+) \| (.+) \|$`).FindAllStringSubmatch(read(t, "docs/promises.md"), -1) {
		rows = append(rows, row[1])
		tests := regexp.MustCompile(`\b(?:Test|Fuzz)\w+`).FindAllString(row[2], -1)
		require.NotEmpty(t, tests, row[1])
		for _, test := range tests {
			require.Contains(t, allTests(t), test, row[1])
		}
	}
	require.Equal(t, promises, rows)
}

func allTests(t *testing.T) (tests []string) {
	t.Helper()
	for _, pattern := range []string{"../wrapper/*_test.go", "../wrapper/*/*_test.go", "../internal/poller/*_test.go", "*_test.go", "*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, match := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllSubmatch(source, -1) {
				tests = append(tests, string(match[1]))
			}
		}
	}
	return tests
}
