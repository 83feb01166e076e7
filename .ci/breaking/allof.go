package main

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/flatten/allof"
)

// readFlat returns a contract with each allOf merged into one schema, so that
// oasdiff compares what a document must look like, and not how the contract is
// cut up: it calls a member that moves into a shared part removed, and is not
// sure about any other change below an allOf.
func (c contract) readFlat() (*openapi3.T, error) {
	doc, err := c.read()
	if err != nil {
		return nil, err
	}
	for _, s := range schemas(doc) {
		unwrap(s, nil)
	}
	if doc, err = allof.MergeSpec(doc); err != nil {
		return nil, fmt.Errorf("%s has an allOf that cannot be merged: %w", c.name, err)
	}
	return doc, nil
}

// unwrap replaces an allOf around one schema, OpenAPI 3.0's way to say something
// beside a $ref, by that schema. To the letter, "nullable" says nothing there;
// people and generators read it as meant.
func unwrap(s *openapi3.Schema, around []*openapi3.Schema) {
	if len(s.AllOf) != 1 || slices.Contains(around, s) {
		return
	}
	rest := *s
	rest.AllOf, rest.Extensions, rest.Origin = nil, nil, nil
	rest.Title, rest.Description, rest.Example, rest.ExternalDocs = "", "", nil, nil
	rest.Nullable, rest.ReadOnly, rest.WriteOnly, rest.Deprecated, rest.Default = false, false, false, false, nil
	if !reflect.DeepEqual(rest, openapi3.Schema{}) {
		return // a composition indeed
	}
	unwrap(s.AllOf[0].Value, append(around, s))
	merged := *s.AllOf[0].Value
	merged.Nullable = merged.Nullable || s.Nullable
	merged.ReadOnly = merged.ReadOnly || s.ReadOnly
	merged.WriteOnly = merged.WriteOnly || s.WriteOnly
	merged.Deprecated = merged.Deprecated || s.Deprecated
	if s.Default != nil {
		merged.Default = s.Default
	}
	*s = merged // in place: references to it share it
}
