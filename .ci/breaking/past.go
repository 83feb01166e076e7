package main

import (
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// loadPast reads a contract without the house's rules. It returns nothing for one
// that is no OpenAPI, or that no comparison would get to the end of.
func loadPast(content []byte) *openapi3.T {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(content)
	if err != nil || doc.Validate(loader.Context, openapi3.DisableExamplesValidation()) != nil {
		return nil
	}
	if slices.ContainsFunc(schemas(doc), func(s *openapi3.Schema) bool { return isPartOf(s, s, map[*openapi3.Schema]bool{}) }) {
		return nil
	}
	return doc
}

// isPartOf tells if a schema is, by allOf and the like, made of another.
func isPartOf(s, whole *openapi3.Schema, seen map[*openapi3.Schema]bool) bool {
	for _, part := range slices.Concat(whole.AllOf, whole.AnyOf, whole.OneOf) {
		if part.Value == s {
			return true
		}
		if !seen[part.Value] {
			seen[part.Value] = true
			if isPartOf(s, part.Value, seen) {
				return true
			}
		}
	}
	return false
}
