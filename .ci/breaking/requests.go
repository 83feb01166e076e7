package main

import (
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

// closedRequests finds objects that callers could send with members of their
// own, and can no longer, or with other values than they are used to. oasdiff
// compares the values of both sides, and has no check of additionalProperties
// that come or go.
//
// Replies are left out: the contract says that they may carry more than it lists.
func closedRequests(base, revision *openapi3.T) (changes []change) {
	for _, form := range []func(*openapi3.T) *openapi3.T{asItIs, parametersAsBodies} {
		inBoth(form(base), form(revision), func(before, after operation) {
			later := bodyObjects(after)
			for place, object := range ordered(bodyObjects(before)) {
				now, ok := later[place]
				if from := openTo(object); ok && openTo(now) < from {
					changes = append(changes, change{callers, true, before.name,
						fmt.Sprintf("`%s` of the request took %s further members, and takes %s", place, from, openTo(now))})
				}
			}
		})
	}
	return changes
}

func asItIs(doc *openapi3.T) *openapi3.T { return doc }

// openness is which members an object takes that its schema does not list.
type openness int

const (
	toNone openness = iota
	toSome
	toAny
)

func (o openness) String() string { return []string{"no", "some", "any"}[o] }

func openTo(s *openapi3.Schema) openness {
	extra := s.AdditionalProperties
	switch {
	case extra.Schema != nil:
		return toSome
	case extra.Has != nil && !*extra.Has:
		return toNone
	}
	return toAny
}

// bodyObjects are the objects of a request, by their places.
func bodyObjects(op operation) map[string]*openapi3.Schema {
	found := map[string]*openapi3.Schema{}
	if op.RequestBody != nil {
		for mediaType, content := range op.RequestBody.Value.Content {
			walk(mediaType, content.Schema, map[*openapi3.Schema]bool{}, func(place string, s *openapi3.Schema) {
				if s.Type.Is("object") || s.Type == nil && len(s.Properties) > 0 {
					found[place] = s
				}
			})
		}
	}
	return found
}
