package main

import (
	"errors"
	"fmt"

	spec "github.com/cimg-go/cimg/internal/contract"
)

// notes are of what is allowed, and perhaps not meant.
func (r *Report) notes() (notes []string) {
	if problem := firstProblem(r.base); problem != "" {
		notes = append(notes, fmt.Sprintf("the past cannot be mended, so this is overlooked: %s", problem))
	}
	version, known := r.pastVersion()
	switch {
	case !known:
		notes = append(notes, fmt.Sprintf("info.version of %s is %q, which is no semantic version.", r.base.name, r.baseVersion))
	case version != r.baseVersion:
		notes = append(notes, fmt.Sprintf("info.version of %s is %q, which is no semantic version; the tag's is taken.", r.base.name, r.baseVersion))
	case r.base.tag != "" && r.base.tag != "v"+version:
		notes = append(notes, fmt.Sprintf("the release %s has a contract whose info.version is %s.", r.base.tag, version))
	}
	changed := len(r.changes)+len(r.texts)+len(r.unjudged) > 0
	if changed && r.judge().ok && version == r.revisionVersion {
		notes = append(notes, fmt.Sprintf("the contract changed since %s, and info.version is still %s.", r.base.name, version))
	}
	return notes
}

// firstProblem is what the house's rules say to a contract.
func firstProblem(c contract) string {
	_, err := c.load()
	if problem, ok := errors.AsType[*spec.Problem](err); ok {
		return problem.Error()
	}
	return ""
}
