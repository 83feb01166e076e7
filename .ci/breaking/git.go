package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/mod/semver"
)

type repository struct{ root string }

func openRepository(dir string) (repository, error) {
	root, err := git(dir, "rev-parse", "--show-toplevel")
	return repository{strings.TrimSpace(root)}, err
}

// lastRelease returns the highest release among the tags that HEAD descends
// from. Those of other branches say nothing about what this one continues.
func (r repository) lastRelease() (tag string, err error) {
	tags, err := git(r.root, "tag", "--list", "v*", "--merged", "HEAD")
	if err != nil {
		return "", err
	}
	for t := range strings.FieldsSeq(tags) {
		if isRelease(t) && (tag == "" || semver.Compare(t, tag) > 0) {
			tag = t
		}
	}
	if tag == "" && r.isShallow() {
		return "", errors.New("this clone is shallow and has no release tag: git fetch --unshallow --tags")
	}
	return tag, nil
}

func isRelease(tag string) bool {
	return strings.HasPrefix(tag, "v") && isVersion(tag[1:]) && semver.Prerelease(tag) == ""
}

func (r repository) isShallow() bool {
	answer, err := git(r.root, "rev-parse", "--is-shallow-repository")
	return err == nil && strings.TrimSpace(answer) == "true"
}

func (r repository) contractAt(revision string) (contract, error) {
	// What looks like an option is no revision, whatever git makes of it.
	commit, err := git(r.root, "rev-parse", "--verify", "--quiet", "--end-of-options", revision+"^{commit}")
	if err != nil {
		hint := ""
		if r.isShallow() {
			hint = "; this clone is shallow: git fetch --unshallow --tags"
		}
		return contract{}, fmt.Errorf("unknown revision %q%s", revision, hint)
	}
	content, err := git(r.root, "show", strings.TrimSpace(commit)+":"+contractFile)
	if err != nil {
		return contract{}, fmt.Errorf("revision %q has no readable %s: %w", revision, contractFile, err)
	}
	past := contract{name: revision + ":" + contractFile, content: []byte(content), isPast: true}
	if isRelease(revision) {
		past.tag = revision
	}
	return past, nil
}

func git(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		if said := strings.TrimSpace(problems.String()); said != "" {
			err = errors.New(said)
		}
		return "", fmt.Errorf("git %s: %w", args[0], err)
	}
	return out.String(), nil
}

// oneLine keeps the errors of git from filling the screen.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
