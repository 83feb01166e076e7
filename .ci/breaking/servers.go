package main

import (
	"fmt"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// servers finds those that callers can no longer reach. oasdiff sees the
// difference and has no check for it.
func servers(base, revision *openapi3.T) (changes []change) {
	inBoth(base, revision, func(before, after operation) {
		from, to := addresses(before.servers), addresses(after.servers)
		for _, address := range from {
			if !slices.Contains(to, address) {
				changes = append(changes, change{callers, true, before.name, fmt.Sprintf("the server `%s` is gone", address)})
			}
		}
		for _, address := range to {
			if !slices.Contains(from, address) {
				changes = append(changes, change{callers, false, before.name, fmt.Sprintf("the server `%s` is new", address)})
			}
		}
		// Tools, generated clients among them, use the first unless told otherwise.
		if slices.Contains(to, from[0]) && to[0] != from[0] {
			changes = append(changes, change{callers, true, before.name,
				fmt.Sprintf("the first server is `%s`, no longer `%s`", to[0], from[0])})
		}
	})
	return changes
}

func addresses(servers openapi3.Servers) (all []string) {
	for _, s := range servers {
		address := s.URL
		for name, variable := range ordered(s.Variables) {
			address += fmt.Sprintf(" %s=%s", name, variable.Default)
		}
		all = append(all, address)
	}
	if all == nil {
		return []string{"/"} // OpenAPI's default
	}
	return all
}
