package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
)

// `make generate` rejects a broken contract in one line, before it generates.
func TestABrokenContractIsRejectedInOneLine(t *testing.T) {
	directives, err := os.ReadFile("../../generate.go")
	require.NoError(t, err)
	_, first, _ := strings.Cut(string(directives), "//go:generate ")
	require.True(t, strings.HasPrefix(first, "go run ./internal/validate openapi.yaml\n"), "go generate validates first")

	dir := t.TempDir()
	program := filepath.Join(dir, "validate")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	out, err = exec.CommandContext(t.Context(), program, "../../openapi.yaml").CombinedOutput()
	require.NoError(t, err, string(out))
	require.Empty(t, out)

	for name, row := range map[string]struct{ old, broken, reason string }{
		"a tab":                     {"info:\n", "info:\n\ttab: 1\n", "line 7: found character that cannot start any token"},
		"a field twice":             {"info:\n", "openapi: 3.0.3\ninfo:\n", `line 6: mapping key "openapi" already defined at line 1`},
		"an unknown $ref":           {"#/components/schemas/CreateCIMGRequest", "#/components/schemas/Creat", `"Creat" not found`},
		"a $ref to another file":    {"#/components/schemas/CreateCIMGRequest", "other.yaml#/Create", `disallowed external reference: "other.yaml#/Create"`},
		"text for a number":         {"minLength: 1\n", "minLength: one\n", "cannot unmarshal string into field Schema.minLength"},
		"an unknown type":           {"type: string\n", "type: strng\n", `unsupported 'type' value "strng"`},
		"an unknown field":          {"          required: true\n", "          requird: true\n", "[requird]"},
		"no info":                   {"info:\n", "inf:\n", "invalid info"},
		"no responses":              {"      responses:\n", "      x-responses:\n", "/dicloud/i/storage/cimg/create: invalid operation POST: value of responses must be an object"},
		"an operationId twice":      {"operationId: importCIMG", "operationId: createCIMG", `the same operation id "createCIMG"`},
		"an example of wrong type":  {"          - done: false\n", "          - done: soon\n", `"/data/0/done": value must be a boolean`},
		"an example without errmsg": {"        errmsg: ok\n", "", `property "errmsg" is missing`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, string(cimg.Spec), row.old)
			file := filepath.Join(t.TempDir(), "openapi.yaml")
			require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(cimg.Spec), row.old, row.broken, 1)), 0o600))
			out, err := exec.CommandContext(t.Context(), program, file).CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit)
			require.Equal(t, 1, exit.ExitCode())
			require.True(t, strings.HasPrefix(string(out), file+": "), string(out))
			require.Equal(t, 1, strings.Count(string(out), "\n"), string(out))
			require.Contains(t, string(out), row.reason)
			require.NotContains(t, string(out), "goroutine")
		})
	}
}
