package main

import (
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
)

// parameterItems has oasdiff compare the schemas of parameters as it compares
// those of bodies: of a parameter it reads the schema itself alone, and misses
// what becomes of the items of an array (the pattern of an id of jobUuids) and
// of the members of an object.
func parameterItems(base, revision *openapi3.T) (changes []change, err error) {
	found, err := check(parametersAsBodies(base), parametersAsBodies(revision))
	if err != nil {
		return nil, err
	}
	names := operations(base)
	text := checker.NewDefaultLocalizer()
	for _, f := range found {
		if args := f.GetArgs(); len(args) == 0 || !strings.Contains(fmt.Sprint(args[0]), "/") {
			continue // about the parameter itself, which is found without this
		}
		changes = append(changes, change{
			audience:  callers,
			breaking:  f.GetLevel() >= checker.WARN,
			operation: names[endpoint{f.GetOperation(), f.GetPath()}.key()].name,
			text:      strings.Replace(f.GetUncolorizedText(text), "request property", "request parameter", 1),
		})
	}
	return changes, nil
}

func parametersAsBodies(doc *openapi3.T) *openapi3.T {
	paths := openapi3.NewPaths()
	for _, op := range operations(doc) {
		members := openapi3.NewObjectSchema()
		for _, p := range op.parameters {
			if p.Schema != nil {
				members.Properties[p.In+" "+p.Name] = p.Schema
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
