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
	inBoth(base, revision, func(before, after operation) {
		atBoth(requestSites(before), requestSites(after), func(was, now site) {
			if isObject(was.Schema) && isObject(now.Schema) && openTo(now.Schema) < openTo(was.Schema) {
				changes = append(changes, change{callers, true, before.name,
					fmt.Sprintf("`%s` of the request took %s further members, and takes %s", now.mediaType+now.place, openTo(was.Schema), openTo(now.Schema))})
			}
		})
	})
	return changes
}

func isObject(s *openapi3.Schema) bool {
	return s.Type.Is("object") || s.Type == nil && len(s.Properties) > 0
}

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
