package main

import (
	"fmt"

	"github.com/getkin/kin-openapi/openapi3"
)

// generatedReplies finds replies whose types vanish, or appear where there was
// one reply alone. Package gen has no such types; generators of other languages,
// and ogen, make a type of each reply, and one of all of them if there are more.
func generatedReplies(base, revision *openapi3.T) (changes []change) {
	inBoth(base, revision, func(before, after operation) {
		was, is := before.Responses.Map(), after.Responses.Map()
		for status := range ordered(was) {
			if is[status] == nil {
				changes = append(changes, change{generated, true, before.name, fmt.Sprintf("the reply `%s` is gone", status)})
			}
		}
		for status := range ordered(is) {
			if was[status] == nil && len(was) == 1 {
				changes = append(changes, change{generated, true, before.name,
					fmt.Sprintf("the reply `%s` came beside the only one: the type of what comes back is another", status)})
			}
		}
	})
	return changes
}
