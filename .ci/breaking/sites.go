package main

import (
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// A site is a schema of what is sent, with where it stands.
type site struct {
	*openapi3.Schema
	status    string // of a reply
	mediaType string // of a body
	place     string // within it
}

func (s site) key() string { return s.status + "\n" + s.mediaType + "\n" + s.place }

// where names the place for people.
func (s site) where() string {
	name := "the body"
	if s.place != "" {
		name = fmt.Sprintf("`%s`", strings.TrimPrefix(s.place, "/"))
	}
	if s.status == "" {
		return name + " of the request"
	}
	return fmt.Sprintf("%s of the reply `%s`", name, s.status)
}

// reach is what becomes of the values that a schema allows.
type reach int

const (
	asFar reach = iota
	narrower
	wider
	unclear
)

// breaks tells whom it hurts if a schema allows other values now: callers may
// be refused what they send, readers get what they did not know.
func (s site) breaks(who audience, became reach) bool {
	return who == callers && became == narrower && !s.ReadOnly || who == readers && became == wider && !s.WriteOnly
}

// atEachSite calls for what is sent, or comes, before and after.
func atEachSite(base, revision *openapi3.T, f func(who audience, operation string, was, now site)) {
	inBoth(base, revision, func(before, after operation) {
		atBoth(requestSites(before), requestSites(after), func(was, now site) { f(callers, before.name, was, now) })
		atBoth(replySites(before), replySites(after), func(was, now site) { f(readers, before.name, was, now) })
	})
}

// requestSites are the schemas of what callers send, in bodies and parameters.
func requestSites(op operation) map[string]site {
	found := map[string]site{}
	for name, p := range op.parameters {
		addSites(found, site{place: name}, schemaOf(p))
	}
	if op.RequestBody != nil {
		for mediaType, content := range op.RequestBody.Value.Content {
			addSites(found, site{mediaType: mediaType}, content.Schema)
		}
	}
	return found
}

func replySites(op operation) map[string]site {
	found := map[string]site{}
	for status, response := range op.Responses.Map() {
		for mediaType, content := range response.Value.Content {
			addSites(found, site{status: status, mediaType: mediaType}, content.Schema)
		}
	}
	return found
}

func addSites(into map[string]site, at site, ref *openapi3.SchemaRef) {
	walk(at.place, ref, map[*openapi3.Schema]bool{}, func(place string, s *openapi3.Schema) {
		here := at
		here.place, here.Schema = place, s
		into[here.key()] = here
	})
}

// atBoth calls for each site that is there before and after, in order.
func atBoth(before, after map[string]site, f func(was, now site)) {
	for key, was := range ordered(before) {
		if now, ok := after[key]; ok {
			f(was, now)
		}
	}
}
