package main

import (
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/mod/semver"
)

type verdict struct {
	ok   bool
	text string
}

// judge says what a report means. A major version is semver's also before 1.0.0,
// where semver itself, and oasdiff, would let a minor break: our users pin 0.x
// like any other version.
func (r *Report) judge() verdict {
	breaking := r.merged(true)
	found := count(len(breaking), "breaking change")
	base, known := r.pastVersion()
	from, to := "v"+base, "v"+r.revisionVersion
	switch {
	case !isVersion(r.revisionVersion):
		return verdict{false, fmt.Sprintf("info.version of %s is %q, which is no semantic version: write three numbers, like 1.2.3.", r.revision.name, r.revisionVersion)}
	case known && semver.Compare(to, from) < 0:
		return verdict{false, fmt.Sprintf("info.version went down, from %s to %s: raise it to at least %[1]s.", base, r.revisionVersion)}
	case len(breaking) == 0 && len(r.unjudged) > 0:
		return verdict{true, fmt.Sprintf("Nothing breaks that a check knows. Look at the %s above that none does.", count(len(r.unjudged), "place"))}
	case len(breaking) == 0:
		return verdict{true, "Nothing breaks."}
	case !known:
		return verdict{false, fmt.Sprintf("%s, and no version is higher than %q: keep the contract compatible, or compare it with a release.", found, base)}
	case semver.Compare(semver.Major(to), semver.Major(from)) > 0:
		return verdict{true, fmt.Sprintf("%s, allowed: info.version goes up a major, from %s to %s.", found, base, r.revisionVersion)}
	}
	return verdict{false, fmt.Sprintf("%s and no new major version: keep the contract compatible, or raise info.version from %s to %s.0.0.",
		found, r.revisionVersion, nextMajor(from))}
}

// pastVersion is that of the base. What its contract says cannot be mended any
// more; the tag of a release says it, too.
func (r *Report) pastVersion() (version string, known bool) {
	if !isVersion(r.baseVersion) && r.base.tag != "" {
		return r.base.tag[1:], true
	}
	return r.baseVersion, isVersion(r.baseVersion)
}

// isVersion is stricter than semver.IsValid, which knows 1 and 1.2.
func isVersion(version string) bool {
	v := "v" + version
	return semver.IsValid(v) && semver.Canonical(v)+semver.Build(v) == v
}

// nextMajor is for versions that are known to be such. They may be of any size.
func nextMajor(version string) string {
	major, _ := new(big.Int).SetString(strings.TrimPrefix(semver.Major(version), "v"), 10)
	return major.Add(major, big.NewInt(1)).String()
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
