package main

import (
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// withoutValues holds no value to a schema, neither example nor default. Who holds
// one to a schema that says nothing but that it is within itself never comes back,
// and the stack overflows.
var withoutValues = []openapi3.ValidationOption{openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation()}

// loadPast reads a contract without the house's rules. It returns nothing for one
// that is no OpenAPI, or that no comparison would get to the end of.
func loadPast(content []byte) *openapi3.T {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(content)
	if err != nil || doc.Validate(loader.Context, withoutValues...) != nil {
		return nil
	}
	if slices.ContainsFunc(schemas(doc), func(s *openapi3.Schema) bool { return isEndless(s, map[*openapi3.Schema]bool{}) }) {
		return nil
	}
	return doc
}

// isEndless tells if a schema is, by allOf and the like, made of itself, or has a
// part that is.
func isEndless(s *openapi3.Schema, above map[*openapi3.Schema]bool) bool {
	if above[s] {
		return true
	}
	above[s] = true
	defer delete(above, s)
	parts := slices.Concat(s.AllOf, s.AnyOf, s.OneOf)
	if s.Not != nil {
		parts = append(parts, s.Not)
	}
	return slices.ContainsFunc(parts, func(part *openapi3.SchemaRef) bool { return isEndless(part.Value, above) })
}
