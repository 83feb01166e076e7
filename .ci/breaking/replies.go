package main

import (
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// widenedReplies finds values of replies that were some, and may be any: their
// enum is gone. oasdiff tells of the values that are no longer listed, as it does
// of an enum that became shorter.
func widenedReplies(base, revision *openapi3.T) (changes []change) {
	inBoth(base, revision, func(before, after operation) {
		later := replySchemas(after)
		for place, s := range ordered(replySchemas(before)) {
			if now, ok := later[place]; ok && len(s.Enum) > 0 && len(now.Enum) == 0 {
				changes = append(changes, change{readers, true, before.name,
					fmt.Sprintf("`%s` of the reply `%s` may have any value, no longer one of %d", within(place), statusOf(place), len(s.Enum))})
			}
		}
	})
	return changes
}

// narrowedReplies takes back that a reply breaks by the values of its first enum:
// before, it could have any.
func narrowedReplies(base *openapi3.T, found []change) []change {
	free := map[string]bool{}
	for _, op := range operations(base) {
		for place, s := range replySchemas(op) {
			if len(s.Enum) == 0 {
				free[op.name+" "+within(place)] = true
			}
		}
	}
	for i, c := range found {
		_, place, ok := strings.Cut(c.text, " enum value to the `")
		place, _, quoted := strings.Cut(place, "` ")
		if ok && quoted && c.audience == readers && free[c.operation+" "+place] {
			found[i].breaking = false
		}
	}
	return found
}

// replySchemas are the schemas of the replies of an operation, by status, media
// type and place.
func replySchemas(op operation) map[string]*openapi3.Schema {
	found := map[string]*openapi3.Schema{}
	for status, response := range op.Responses.Map() {
		for mediaType, content := range response.Value.Content {
			walk(status+" "+mediaType+" ", content.Schema, map[*openapi3.Schema]bool{}, func(place string, s *openapi3.Schema) {
				found[place] = s
			})
		}
	}
	return found
}

func statusOf(place string) string { return strings.Fields(place)[0] }

// within is the place in a reply, as oasdiff writes it.
func within(place string) string {
	return strings.TrimPrefix(place[strings.LastIndexByte(place, ' ')+1:], "/")
}
