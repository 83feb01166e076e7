package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// schemas are all of a document, each once.
func schemas(doc *openapi3.T) (all []*openapi3.Schema) {
	seen := map[*openapi3.Schema]bool{}
	add := func(ref *openapi3.SchemaRef) {
		walk("", ref, map[*openapi3.Schema]bool{}, func(_ string, s *openapi3.Schema) {
			if !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		})
	}
	addContent := func(content openapi3.Content) {
		for _, c := range content {
			add(c.Schema)
		}
	}
	if doc.Components != nil {
		for _, ref := range doc.Components.Schemas {
			add(ref)
		}
	}
	for _, op := range operations(doc) {
		for _, p := range op.parameters {
			add(p.Schema)
			addContent(p.Content)
		}
		if op.RequestBody != nil {
			addContent(op.RequestBody.Value.Content)
		}
		for _, response := range op.Responses.Map() {
			addContent(response.Value.Content)
		}
	}
	return all
}

// walk visits a schema and those it is made of, with their places. One within
// itself is visited once.
func walk(place string, ref *openapi3.SchemaRef, above map[*openapi3.Schema]bool, visit func(string, *openapi3.Schema)) {
	if ref == nil || ref.Value == nil || above[ref.Value] {
		return
	}
	s := ref.Value
	above[s] = true
	defer delete(above, s)
	visit(place, s)
	for name, member := range s.Properties {
		walk(place+"/"+name, member, above, visit)
	}
	walk(place+"/items", s.Items, above, visit)
	walk(place+"/*", s.AdditionalProperties.Schema, above, visit)
	for kind, parts := range map[string]openapi3.SchemaRefs{"allOf": s.AllOf, "anyOf": s.AnyOf, "oneOf": s.OneOf} {
		seen := map[string]int{}
		for _, part := range byEnum(parts) {
			name := nameOfPart(part)
			if seen[name]++; seen[name] > 1 {
				name += fmt.Sprintf("#%d", seen[name])
			}
			walk(place+"/"+kind+"/"+name, part, above, visit)
		}
	}
}

// byEnum sorts the parts of a composition, so that those of one name are numbered
// alike wherever they stand.
func byEnum(parts openapi3.SchemaRefs) openapi3.SchemaRefs {
	enum := func(part *openapi3.SchemaRef) []string {
		if part.Value == nil {
			return nil
		}
		return slices.Sorted(slices.Values(missing(part.Value.Enum, nil)))
	}
	return slices.SortedStableFunc(slices.Values(parts), func(a, b *openapi3.SchemaRef) int {
		return slices.Compare(enum(a), enum(b))
	})
}

// nameOfPart tells a part of a composition from others: their order means nothing.
// One without a name is known by what it looks like.
func nameOfPart(part *openapi3.SchemaRef) string {
	if part.Ref != "" || part.Value == nil {
		return component(part.Ref)
	}
	members := slices.Sorted(maps.Keys(part.Value.Properties))
	return strings.Join(part.Value.Type.Slice(), "|") + "{" + strings.Join(members, ",") + "}"
}
