package main

import (
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// parameterItems has oasdiff compare the schemas of parameters as it compares
// those of bodies: of a parameter it reads the schema itself alone, and misses
// what becomes of the items of an array (the pattern of an id of jobUuids) and
// of the members of an object.
func parameterItems(base, revision *openapi3.T) (changes []change, err error) {
	findings, err := check(parametersAsBodies(base), parametersAsBodies(revision))
	if err != nil {
		return nil, err
	}
	before, after := operations(base), operations(revision)
	for _, f := range findings {
		key := f.at.key()
		op := before[key]
		if !op.isWithinParameter(f.text, after[key]) {
			continue // about the parameter itself, say, which is found without this
		}
		changes = append(changes, change{
			audience:  callers,
			breaking:  f.breaking,
			operation: op.name,
			text:      strings.Replace(f.text, "request property", "request parameter", 1),
		})
	}
	return changes, nil
}

// isWithinParameter tells whether a text quotes a place below a parameter, or one
// whose schema is that of its content, of which oasdiff reads nothing.
func (op operation) isWithinParameter(said string, after operation) bool {
	for key, p := range op.parameters {
		q, inBoth := after.parameters[key]
		hasContent := inBoth && len(p.Content) > 0 && len(q.Content) > 0
		if strings.Contains(said, "`"+key+"/") || hasContent && strings.Contains(said, "`"+key+"`") {
			return true
		}
	}
	return false
}

func parametersAsBodies(doc *openapi3.T) *openapi3.T {
	paths := openapi3.NewPaths()
	for _, op := range operations(doc) {
		members := openapi3.NewObjectSchema()
		for key, p := range op.parameters {
			if schema := schemaOf(p); schema != nil {
				members.Properties[key] = schema
			}
		}
		item := paths.Value(op.path)
		if item == nil {
			item = &openapi3.PathItem{}
			paths.Set(op.path, item)
		}
		item.SetOperation(op.method, &openapi3.Operation{
			OperationID: op.OperationID,
			RequestBody: &openapi3.RequestBodyRef{Value: openapi3.NewRequestBody().WithJSONSchema(members)},
			Responses:   openapi3.NewResponses(),
		})
	}
	return &openapi3.T{OpenAPI: doc.OpenAPI, Info: doc.Info, Paths: paths}
}

// schemaOf is the schema of a parameter, wherever it has it.
func schemaOf(p *openapi3.Parameter) *openapi3.SchemaRef {
	for _, content := range p.Content { // one at most
		return content.Schema
	}
	return p.Schema
}
