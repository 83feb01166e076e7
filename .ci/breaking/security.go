package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// security finds what callers show of themselves and the service no longer
// accepts. oasdiff has checks of single edits, calls most compatible, and misses
// that bearer became basic and that an operation has an empty list of its own.
// The question is simpler than the edits: a caller who satisfied the old
// requirements in one of the ways they offered must still satisfy the new.
func security(base, revision *openapi3.T) (changes []change) {
	inBoth(base, revision, func(before, after operation) {
		from, to := ways(base, before.security), ways(revision, after.security)
		for _, way := range from {
			if !slices.ContainsFunc(to, way.suffices) {
				changes = append(changes, change{callers, true, before.name,
					fmt.Sprintf("calls with %s are no longer accepted; now it takes %s", way, listed(to))})
			}
		}
		for _, way := range to {
			if !slices.ContainsFunc(from, way.suffices) {
				changes = append(changes, change{callers, false, before.name,
					fmt.Sprintf("calls with %s are accepted, too", way)})
			}
		}
	})
	return changes
}

// A way of being let in: each scheme, with what it demands, and its scopes. Names
// of schemes are the contract's own affair.
type way struct {
	demands map[string]bool
	text    string
}

func (w way) String() string { return cmp.Or(w.text, "no credentials") }

// suffices says if who came in by w meets what the other demands.
func (w way) suffices(other way) bool {
	for demand := range other.demands {
		if !w.demands[demand] {
			return false
		}
	}
	return true
}

func ways(doc *openapi3.T, requirements openapi3.SecurityRequirements) (all []way) {
	for _, r := range requirements {
		some := []way{{}}
		for name, scopes := range ordered(r) {
			some = combined(some, waysOf(doc, name, scopes))
		}
		all = append(all, some...)
	}
	if all == nil {
		all = []way{{}}
	}
	return all
}

// combined are the ways of meeting two requirements at once.
func combined(some, others []way) (all []way) {
	for _, a := range some {
		for _, b := range others {
			both := way{demands: maps.Clone(b.demands), text: b.text}
			maps.Copy(both.demands, a.demands)
			if a.text != "" {
				both.text = a.text + " and " + b.text
			}
			all = append(all, both)
		}
	}
	return all
}

// waysOf are the ways of meeting a requirement of one scheme: of OAuth, one for
// each flow.
func waysOf(doc *openapi3.T, name string, scopes []string) (all []way) {
	for _, kind := range kindsOf(doc, name) {
		w := way{demands: map[string]bool{kind.demand: true}, text: strings.Join(append([]string{kind.text}, scopes...), " ")}
		for _, scope := range scopes {
			w.demands[kind.demand+" "+scope] = true
		}
		all = append(all, w)
	}
	return all
}

func listed(all []way) string {
	texts := map[string]bool{}
	for _, w := range all {
		texts[w.String()] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(texts)), " or ")
}
