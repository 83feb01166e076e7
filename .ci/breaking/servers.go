package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

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

// addresses are what the servers are reached by, the default of each before what
// the enums of its variables allow besides. A variable without an enum takes more
// than can be listed; changes of those are left to eyes.
func addresses(servers openapi3.Servers) (all []string) {
	for _, s := range servers {
		some := []string{s.URL}
		for name, variable := range ordered(s.Variables) {
			some = substituted(some, "{"+name+"}", append([]string{variable.Default}, variable.Enum...))
		}
		for _, address := range some {
			if address = normal(address); !slices.Contains(all, address) {
				all = append(all, address)
			}
		}
	}
	if all == nil {
		return []string{"/"} // OpenAPI's default
	}
	return all
}

func substituted(addresses []string, variable string, values []string) (all []string) {
	for _, value := range values {
		for _, address := range addresses {
			all = append(all, strings.ReplaceAll(address, variable, value))
		}
	}
	return all
}

// normal writes an address as any other that means the same.
func normal(address string) string {
	if u, err := url.Parse(address); err == nil {
		u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
		address = u.String()
	}
	return cmp.Or(strings.TrimRight(address, "/"), "/")
}
