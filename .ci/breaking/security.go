package main

import (
	"encoding/json"
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
					fmt.Sprintf("calls with %s are no longer accepted; now it takes %s", way, describe(to))})
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

func (w way) String() string { return w.text }

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
		w := way{demands: map[string]bool{}}
		var texts []string
		for name, scopes := range ordered(r) {
			scheme, text := describeScheme(doc, name)
			w.demands[scheme] = true
			for _, scope := range scopes {
				w.demands[scheme+" "+scope] = true
			}
			texts = append(texts, strings.Join(append([]string{text}, scopes...), " "))
		}
		w.text = strings.Join(texts, " and ")
		if w.text == "" {
			w.text = "no credentials"
		}
		all = append(all, w)
	}
	if all == nil {
		all = []way{{text: "no credentials"}}
	}
	return all
}

// describeScheme returns all that a caller must know, and what people call it.
func describeScheme(doc *openapi3.T, name string) (all, short string) {
	ref := doc.Components.SecuritySchemes[name]
	if ref == nil || ref.Value == nil {
		return name, name
	}
	s := *ref.Value
	s.Description, s.BearerFormat, s.Extensions, s.Origin = "", "", nil, nil // for people
	s.Flows = withoutScopes(s.Flows)                                         // those that are needed stand in the requirements
	content, err := json.Marshal(s)
	if err != nil {
		return name, name
	}
	parts := slices.DeleteFunc([]string{s.Type, s.Scheme, s.In, s.Name}, func(part string) bool { return part == "" })
	return string(content), fmt.Sprintf("`%s`", strings.Join(parts, " "))
}

func withoutScopes(flows *openapi3.OAuthFlows) *openapi3.OAuthFlows {
	if flows == nil {
		return nil
	}
	bare := *flows
	for _, flow := range []**openapi3.OAuthFlow{&bare.Implicit, &bare.Password, &bare.ClientCredentials, &bare.AuthorizationCode} {
		if *flow != nil {
			copied := **flow
			copied.Scopes, copied.Extensions = nil, nil
			*flow = &copied
		}
	}
	return &bare
}

func describe(all []way) string {
	texts := map[string]bool{}
	for _, w := range all {
		texts[w.text] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(texts)), " or ")
}
