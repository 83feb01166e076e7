package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// An audience is whom a change concerns.
type audience int

const (
	callers   audience = iota // whoever sends requests
	readers                   // whoever reads replies
	generated                 // whoever compiles against what is generated from the contract: gen
	nobody                    // of a tag, say
	doubtful                  // whoever reads the report: no check can tell whom else
)

type change struct {
	audience  audience
	breaking  bool
	operation string // empty: not one of them in particular
	text      string
}

// A Report is all that is known about two contracts.
type Report struct {
	base, revision               contract
	baseVersion, revisionVersion string
	baseOperations               int
	changes                      []change
	texts                        []string // places where only words for people changed
	unjudged                     []string // places that changed, and that no check knows, or is sure of
}

// A finder finds changes that oasdiff does not.
type finder func(base, revision *openapi3.T) []change

// compare is pure: what it says follows from the two contracts alone.
func compare(base, revision contract) (*Report, error) {
	before, err := base.readAll()
	if err != nil {
		return nil, err
	}
	after, err := revision.readAll()
	if err != nil {
		return nil, err
	}
	found, err := findChanges(before, after)
	if err != nil {
		return nil, err
	}
	report := &Report{
		base: base, baseVersion: before.written.Info.Version, baseOperations: len(operations(before.written)),
		revision: revision, revisionVersion: after.written.Info.Version,
	}
	places, texts, unknown := changedPlaces(before.tree, after.tree)
	report.texts = names(texts)
	report.unjudged = names(outermost(append(unknown, unnoticed(places, before, after, found)...)))
	for _, c := range found {
		if c.audience == doubtful {
			report.unjudged = append(report.unjudged, fmt.Sprintf("%s (%s)", c.text, c.operation))
		} else {
			report.changes = append(report.changes, c)
		}
	}
	return report, nil
}

// findChanges returns what the checks say, in the same order each time.
func findChanges(before, after document) ([]change, error) {
	found, err := foundByOasdiff(before.flat, after.flat)
	if err != nil {
		return nil, err
	}
	inItems, err := parameterItems(before.flat, after.flat)
	if err != nil {
		return nil, err
	}
	found = append(found, inItems...)
	for _, find := range []finder{serialization, closedRequests, enums, alternatives} {
		found = append(found, find(before.flat, after.flat)...)
	}
	// The rest is about how the contract is written, too: its names.
	for _, find := range []finder{servers, security, generatedNames, generatedTypes, generatedReplies} {
		found = append(found, find(before.written, after.written)...)
	}
	slices.SortFunc(found, func(a, b change) int {
		return cmp.Or(cmp.Compare(a.audience, b.audience), cmp.Compare(a.operation, b.operation), cmp.Compare(a.text, b.text))
	})
	return slices.Compact(found), nil // one of a $ref'd schema is found at each of its places
}

func (r *Report) of(breaking bool) (some []change) {
	for _, c := range r.changes {
		if c.breaking == breaking {
			some = append(some, c)
		}
	}
	return some
}
