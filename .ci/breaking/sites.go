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

func (s site) name() string {
	if s.place == "" {
		return "the body"
	}
	return fmt.Sprintf("`%s`", strings.TrimPrefix(s.place, "/"))
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
