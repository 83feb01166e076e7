package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A history is a repository of its own, with a folder like ours inside.
type history struct {
	t   *testing.T
	dir string
}

func newHistory(t *testing.T) history {
	for name, value := range map[string]string{
		"GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1",
		"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com",
	} {
		t.Setenv(name, value)
	}
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"} { // of a hook that runs us
		t.Setenv(name, "")
		require.NoError(t, os.Unsetenv(name))
	}
	h := history{t, t.TempDir()}
	require.NoError(t, os.MkdirAll(filepath.Join(h.dir, "tool"), 0o755))
	h.git("init", "--quiet")
	return h
}

func (h history) git(args ...string) {
	h.t.Helper()
	_, err := git(h.dir, args...)
	require.NoError(h.t, err)
}

func (h history) write(text string) {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(filepath.Join(h.dir, contractFile), []byte(text), 0o600))
}

func (h history) commit(text string, tags ...string) {
	h.t.Helper()
	h.write(text)
	h.git("add", "--all")
	h.git("commit", "--quiet", "--allow-empty", "--message", "m")
	for _, tag := range tags {
		h.git("tag", tag)
	}
}

func (h history) run(args ...string) (status int, out, problems string) {
	var o, p bytes.Buffer
	status = run(args, filepath.Join(h.dir, "tool"), &o, &p)
	return status, o.String(), p.String()
}

func TestAgainstTheLastRelease(t *testing.T) {
	h := newHistory(t)
	first := versioned(t, realContract(t), "1.9.0")
	second := edit{"    ListCIMGRequest:", "        start:\n", "        order:\n          type: string\n        start:\n"}.apply(t, versioned(t, first, "1.10.0"))
	broken := edit{"    JobsReply:", "required: [errno, ", "required: ["}.apply(t, second)

	h.commit(first, "v1.9.0", "wrapper/v8.0.0", "v9", "vNext")
	h.commit(second, "v1.10.0")
	h.git("tag", "--annotate", "--message", "m", "v1.10.1", "HEAD")
	h.git("checkout", "--quiet", "-b", "elsewhere")
	h.commit(second, "v3.0.0")
	h.git("checkout", "--quiet", "-")
	h.commit(broken, "v2.0.0-rc.1")

	status, out, problems := h.run()
	require.Equal(t, 1, status, problems)
	require.Contains(t, out, "v1.10.1:openapi.yaml, version 1.10.0\n")
	require.Contains(t, out, "or\nraise info.version from 1.10.0 to 2.0.0.\n")

	h.write(versioned(t, broken, "2.0.0")) // not committed
	status, out, _ = h.run()
	require.Equal(t, 0, status)
	require.Contains(t, out, "1 breaking change, allowed: info.version goes up a major")

	h.write(second)
	status, out, _ = h.run("v1.9.0")
	require.Equal(t, 0, status)
	require.Contains(t, out, "`order` (listCIMG)")
	require.NotContains(t, out, "Note:")

	status, out, _ = h.run("v2.0.0-rc.1")
	require.Equal(t, 0, status)
	require.Contains(t, out, "v2.0.0-rc.1:openapi.yaml, version 1.10.0\n")

	h.write(first)
	status, out, _ = h.run("")
	require.Equal(t, 1, status)
	require.Contains(t, out, "info.version went down, from 1.10.0 to 1.9.0")
}

func TestNoReleaseYet(t *testing.T) {
	h := newHistory(t)
	h.commit(realContract(t), "v1.0.0-rc.1")
	status, out, problems := h.run()
	require.Equal(t, 0, status)
	require.Equal(t, noRelease, out)
	require.Empty(t, problems)
	status, out, _ = h.run("HEAD")
	require.Equal(t, 0, status)
	require.Contains(t, out, "Nothing breaks.")
}

func TestNothingToJudge(t *testing.T) {
	h := newHistory(t)
	h.git("commit", "--quiet", "--allow-empty", "--message", "m")
	h.git("tag", "empty")
	h.commit("openapi: [", "unreadable")
	h.write(realContract(t))

	for want, args := range map[string][]string{
		`unknown revision "gone"`:                       {"gone"},
		`unknown revision "--output"`:                   {"--output"},
		`revision "empty" has no readable openapi.yaml`: {"empty"},
		"unreadable:openapi.yaml:1: ":                   {"unreadable"},
		`want one revision at most, got ["one" "two"]`:  {"one", "two"},
	} {
		h.requireProblem(want, args...)
	}

	h.write("openapi: [")
	h.requireProblem("openapi.yaml:1: ", "HEAD~0")
	require.NoError(t, os.Remove(filepath.Join(h.dir, contractFile)))
	h.git("tag", "v1.0.0")
	h.requireProblem("openapi.yaml: no such file")
}

func (h history) requireProblem(want string, args ...string) {
	h.t.Helper()
	status, out, problems := h.run(args...)
	require.Equal(h.t, 2, status, out)
	require.Empty(h.t, out)
	require.Contains(h.t, problems, want)
	require.Equal(h.t, 1, strings.Count(problems, "\n"), "want one line: %s", problems)
}

func TestShallowClone(t *testing.T) {
	h := newHistory(t)
	h.commit(realContract(t), "v1.0.0")
	h.commit(realContract(t))
	shallow := history{t, filepath.Join(t.TempDir(), "clone")}
	h.git("clone", "--quiet", "--depth", "1", "file://"+h.dir, shallow.dir)
	require.NoError(t, os.MkdirAll(filepath.Join(shallow.dir, "tool"), 0o755))
	shallow.requireProblem("this clone is shallow and has no release tag: git fetch --unshallow --tags")
	shallow.requireProblem(`unknown revision "v1.0.0"; this clone is shallow`, "v1.0.0")
}

func TestOutsideOfARepository(t *testing.T) {
	h := newHistory(t)
	require.NoError(t, os.RemoveAll(filepath.Join(h.dir, ".git")))
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(h.dir))
	h.requireProblem("not a git repository")
}
