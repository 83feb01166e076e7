package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// An edit replaces a text of the contract: the first after a place. Both must be
// there, so that no mutation comes to nothing when the contract moves on.
type edit struct{ after, old, new string }

func realContract(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("../../" + contractFile)
	require.NoError(t, err)
	return string(content)
}

func (e edit) apply(t *testing.T, text string) string {
	t.Helper()
	require.NotEqual(t, e.old, e.new)
	start := strings.Index(text, e.after)
	require.NotEqual(t, -1, start, "the contract has no %q any more", e.after)
	at := strings.Index(text[start:], e.old)
	require.NotEqual(t, -1, at, "the contract has no %q after %q any more", e.old, e.after)
	at += start
	return text[:at] + e.new + text[at+len(e.old):]
}

func edited(t *testing.T, text string, edits ...edit) string {
	t.Helper()
	for _, e := range edits {
		text = e.apply(t, text)
	}
	return text
}

func versioned(t *testing.T, text, version string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n  version: ")
	require.True(t, found)
	old, _, _ := strings.Cut(rest, "\n")
	if old == version {
		return text
	}
	return edit{"\ninfo:", "\n  version: " + old + "\n", "\n  version: " + version + "\n"}.apply(t, text)
}

func compared(t *testing.T, base, revision string) *Report {
	t.Helper()
	tag := "v1.4.2"
	if _, version, _ := strings.Cut(base, "\n  version: "); isRelease("v" + strings.SplitN(version, "\n", 2)[0]) {
		tag = "v" + strings.SplitN(version, "\n", 2)[0]
	}
	report, err := compare(
		contract{name: "v1.4.2:openapi.yaml", content: []byte(base), tag: tag, isPast: true},
		contract{name: contractFile, content: []byte(revision)})
	require.NoError(t, err)
	return report
}
