package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// goType describes the type that the generator makes of a schema. It is named
// if it is a struct or has constants; other names are aliases and do not matter
// to a compiler. Within is for aliases that end in themselves.
func goType(doc *openapi3.T, ref *openapi3.SchemaRef, within ...string) string {
	if ref == nil || ref.Value == nil {
		return "any"
	}
	s := ref.Value
	if wish := generatorsWish(s.Extensions); wish != "" {
		plain := *s
		plain.Extensions = nil
		return fmt.Sprintf("%s (%s)", goType(doc, &openapi3.SchemaRef{Ref: ref.Ref, Value: &plain}, within...), wish)
	}
	if ref.Ref != "" {
		name := component(ref.Ref)
		if doc != nil { // one that only refers to another is its alias
			for target := doc.Components.Schemas[name]; target != nil && target.Ref != ""; target = doc.Components.Schemas[name] {
				name = component(target.Ref)
			}
		}
		if isStruct(s) || len(s.Enum) > 0 || slices.Contains(within, name) {
			return name
		}
		within = append(within, name)
	}
	switch {
	case len(s.AllOf) == 1 && len(s.Properties) == 0:
		return goType(doc, s.AllOf[0], within...)
	case s.Items != nil:
		return "array of " + goType(doc, s.Items, within...)
	case isStruct(s):
		return "a struct"
	case s.AdditionalProperties.Schema != nil:
		return "map of " + goType(doc, s.AdditionalProperties.Schema, within...)
	case len(s.Enum) > 0:
		return strings.Join(s.Type.Slice(), " or ") + " with constants"
	case s.Type == nil:
		return "any"
	case s.Format != "":
		return strings.Join(s.Type.Slice(), " or ") + "/" + s.Format
	}
	return strings.Join(s.Type.Slice(), " or ")
}

func isStruct(s *openapi3.Schema) bool {
	return len(s.Properties) > 0 || len(s.AllOf) > 1 || len(s.OneOf) > 0 || len(s.AnyOf) > 0
}

// generatorsWish is what extensions say about names and types in Go. Ours are in
// gen/overlay.yaml; one that moves here must not go unseen.
func generatorsWish(extensions map[string]any) string {
	var said []string
	for _, key := range slices.Sorted(maps.Keys(extensions)) {
		if isGeneratorsWish(key) {
			said = append(said, fmt.Sprintf("%s: %v", key, extensions[key]))
		}
	}
	return strings.Join(said, ", ")
}

func isGeneratorsWish(extension string) bool {
	return strings.HasPrefix(extension, "x-go-") || strings.HasPrefix(extension, "x-enum")
}
