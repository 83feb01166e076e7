package main

import (
	"reflect"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/flatten/allof"
	"github.com/oasdiff/oasdiff/flatten/commonparams"
	"github.com/oasdiff/oasdiff/flatten/headers"
)

// readFlat returns a contract in the form in which it is compared: what a
// document must look like, and not how the contract is cut up. oasdiff calls a
// member that moves into a shared part removed, and is not sure about any other
// change below an allOf; nor does it know that a parameter of a path is one of
// its operations, or that names of headers have no case.
func (c contract) readFlat() (*openapi3.T, error) {
	doc, err := c.read()
	if err != nil {
		return nil, err
	}
	commonparams.Move(doc)
	headers.Lowercase(doc)
	revokeLicences(doc)
	for _, s := range schemas(doc) {
		unwrap(s, nil)
	}
	return doc, doc.WalkSchemas(mergeParts)
}

// mergeParts makes one schema of an allOf. Where parts contradict each other, or
// oasdiff thinks so (of two formats), they are left to be compared one by one.
func mergeParts(_ string, ref *openapi3.SchemaRef) error {
	merged, err := allof.Merge(*ref)
	if err != nil {
		return nil //nolint:nilerr // go on below it
	}
	*ref.Value = *merged // in place: references to it share it
	return openapi3.SkipSubtree
}

// revokeLicences takes away the marks by which oasdiff lets a part break: a date
// from which on it may be gone, a level that makes it a draft. Semantic versions
// know no such notice, and what a comparison says must not change with the day.
func revokeLicences(doc *openapi3.T) {
	revoke := func(extensions map[string]any) {
		delete(extensions, "x-sunset")
		delete(extensions, "x-stability-level")
	}
	for _, op := range operations(doc) {
		revoke(op.Extensions)
		for _, p := range op.parameters {
			revoke(p.Extensions)
		}
	}
	for _, s := range schemas(doc) {
		revoke(s.Extensions)
	}
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
