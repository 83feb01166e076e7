package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// generatedNames finds what vanishes from package gen along with an operation,
// or with a component that is not a schema. What oasdiff finds by itself is in
// levels.go: a new operationId at the same path, and schemas.
func generatedNames(base, revision *openapi3.T) (changes []change) {
	later := operations(revision)
	kept := map[string]bool{}
	for _, op := range later {
		kept[op.OperationID] = true
	}
	for key, op := range ordered(operations(base)) {
		if _, ok := later[key]; !ok && op.OperationID != "" && !kept[op.OperationID] {
			changes = append(changes, change{generated, true, op.name, "its function, parameters and replies are gone"})
		}
	}
	left := componentNames(revision)
	for name := range ordered(componentNames(base)) {
		if !left[name] {
			changes = append(changes, change{generated, true, "", fmt.Sprintf("removed the component `%s`", name)})
		}
	}
	return changes
}

func componentNames(doc *openapi3.T) map[string]bool {
	names := map[string]bool{}
	for name := range doc.Components.Parameters {
		names["parameters/"+name] = true
	}
	for name := range doc.Components.RequestBodies {
		names["requestBodies/"+name] = true
	}
	for name, response := range doc.Components.Responses {
		if len(response.Value.Content) > 0 { // otherwise it has no type
			names["responses/"+name] = true
		}
	}
	return names
}

// generatedTypes finds what changes in Go although it may be compatible, or
// invisible, on the wire: a member that vanishes or gets another type (an
// integer of 32 bits instead of 64, one named schema instead of another that
// looks the same), a constant of an enum, what a function takes. oasdiff judges
// what is sent, not what is compiled.
//
// Whether a member is a pointer is not looked at: gen/overlay.yaml decides it.
func generatedTypes(base, revision *openapi3.T) (changes []change) {
	before, after := goNames(base), goNames(revision)
	for name, was := range ordered(before) {
		now, ok := after[name]
		switch {
		case ok && now == was:
		case ok:
			changes = append(changes, change{generated, true, "", fmt.Sprintf("`%s` was %s, and is %s", name, was.is, now.is)})
		case after[was.owner].is != "":
			// With its owner gone, others have said so.
			changes = append(changes, change{generated, true, "", fmt.Sprintf("`%s` is gone", name)})
		}
	}
	return changes
}

// A goThing is what a Go program can name, or passes without a name.
type goThing struct{ owner, is string }

// goNames returns the types that a document has in Go: those of schemas, of
// their members (CIMG.size), and of what operations take and return.
func goNames(doc *openapi3.T) map[string]goThing {
	things := map[string]goThing{}
	for name, ref := range doc.Components.Schemas {
		things[name] = goThing{name, goType(doc, &openapi3.SchemaRef{Value: ref.Value})}
		if ref.Ref == "" {
			addMembers(doc, things, name, name, ref.Value)
		}
	}
	for _, op := range operations(doc) {
		addOperation(doc, things, op)
	}
	return things
}

func addMembers(doc *openapi3.T, things map[string]goThing, owner, place string, s *openapi3.Schema) {
	for _, value := range s.Enum {
		things[fmt.Sprintf("%s(%v)", place, value)] = goThing{owner, "a constant"}
	}
	for name, ref := range s.Properties {
		member := place + "." + name
		things[member] = goThing{owner, goType(doc, ref)}
		addInner(doc, things, owner, member, ref)
	}
	for _, ref := range slices.Concat(s.OneOf, s.AnyOf) { // a union has methods for each
		part := place + " as " + goType(doc, ref)
		things[part] = goThing{owner, "of a union"}
		addInner(doc, things, owner, part, ref)
	}
	if rest := s.AdditionalProperties; isStruct(s) && (rest.Schema != nil || rest.Has != nil && *rest.Has) {
		things[place+".AdditionalProperties"] = goThing{owner, "map of " + goType(doc, rest.Schema)}
		addInner(doc, things, owner, place+"{}", rest.Schema)
	}
	if len(s.AllOf) == 1 && len(s.Properties) == 0 {
		return // the type of another (see unwrap)
	}
	for _, part := range s.AllOf { // its members become those of the whole
		addMembers(doc, things, owner, place, part.Value)
	}
}

// addInner adds the members of a schema without a name of its own.
func addInner(doc *openapi3.T, things map[string]goThing, owner, place string, ref *openapi3.SchemaRef) {
	for ref != nil && ref.Ref == "" && ref.Value != nil {
		switch {
		case ref.Value.Items != nil:
			place, ref = place+"[]", ref.Value.Items
		case !isStruct(ref.Value) && ref.Value.AdditionalProperties.Schema != nil:
			place, ref = place+"{}", ref.Value.AdditionalProperties.Schema
		default:
			addMembers(doc, things, owner, place, ref.Value)
			return
		}
	}
}

func addOperation(doc *openapi3.T, things map[string]goThing, op operation) {
	owner := op.OperationID
	if owner == "" {
		return
	}
	var takes []string
	for key, p := range op.parameters {
		if p.In == openapi3.ParameterInPath { // names of arguments do not matter
			takes = append(takes, key)
		} else if !slices.Contains(takes, "parameters") {
			takes = append(takes, "parameters")
		}
		if p.Schema != nil {
			if p.In == openapi3.ParameterInHeader { // has no case
				key = strings.ToLower(key)
			}
			things[fmt.Sprintf("%s(%s)", owner, key)] = goThing{owner, goType(doc, p.Schema)}
		}
	}
	if op.RequestBody != nil {
		takes = append(takes, "a body")
		for mediaType, content := range op.RequestBody.Value.Content {
			place := fmt.Sprintf("%s(%s)", owner, mediaType)
			things[place] = goThing{owner, goType(doc, content.Schema)}
			addInner(doc, things, owner, place, content.Schema)
		}
	}
	slices.Sort(takes)
	things[owner] = goThing{owner, "a function of " + cmp.Or(strings.Join(takes, ", "), "nothing")}
	for status, response := range op.Responses.Map() {
		for mediaType, content := range response.Value.Content {
			place := fmt.Sprintf("%s(reply %s %s)", owner, status, mediaType)
			things[place] = goThing{owner, goType(doc, content.Schema)}
			addInner(doc, things, owner, place, content.Schema)
		}
	}
}
