package main

import (
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

// closedRequests finds objects that callers could send with members of their
// own, and can no longer. oasdiff has no check of additionalProperties.
//
// Replies are left out: the contract says that they may carry more than it lists.
func closedRequests(base, revision *openapi3.T) (changes []change) {
	inBoth(base, revision, func(before, after operation) {
		later := bodyObjects(after)
		for place, object := range ordered(bodyObjects(before)) {
			if now, ok := later[place]; ok && openTo(object) != openTo(now) && openTo(now) != "anything" {
				changes = append(changes, change{callers, true, before.name,
					fmt.Sprintf("`%s` of the request takes further members no longer as %s, but as %s", place, openTo(object), openTo(now))})
			}
		}
	})
	return changes
}

// openTo says what members an object takes that its schema does not list.
func openTo(s *openapi3.Schema) string {
	extra := s.AdditionalProperties
	switch {
	case extra.Schema != nil:
		return "members of " + goType(nil, extra.Schema)
	case extra.Has != nil && !*extra.Has:
		return "none"
	}
	return "anything"
}

func bodyObjects(op operation) map[string]*openapi3.Schema {
	found := map[string]*openapi3.Schema{}
	if op.RequestBody != nil {
		for mediaType, content := range op.RequestBody.Value.Content {
			walk(mediaType, content.Schema, map[*openapi3.Schema]bool{}, func(place string, s *openapi3.Schema) {
				if s.Type.Is("object") {
					found[place] = s
				}
			})
		}
	}
	return found
}
