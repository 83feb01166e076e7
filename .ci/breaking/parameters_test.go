package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const inJSON = "name: o, in: query, content: {application/json: {schema: {type: object, properties: {a: {type: string}}}}}"

func pathParameters(path, parameters string) edit {
	return edit{"paths:", "paths:\n", "paths:\n  " + path + ":\n    parameters: [" + parameters + "]\n    get:\n      operationId: getPart\n      tags: [jobs]\n      responses: {'200': {description: ok}, default: {$ref: '#/components/responses/Gateway'}}\n\n"}
}

const (
	pathX = "{name: x, in: path, required: true, schema: {type: string, minLength: 1}}"
	pathY = "{name: y, in: path, required: true, schema: {type: string, minLength: 1}}"
	pathZ = "{name: z, in: path, required: true, schema: {type: string, minLength: 1}}"
)

var parameterMutations = []mutation{
	{"parameter in JSON becomes a list", edits(parameter(inJSON)), edits(edit{jobs, "{type: object, properties: {a: {type: string}}}", "{type: array, items: {type: string}}"}),
		[]finding{breaks(callers, "getJobResult", "the `query o` request parameter `type` changed from `object` to `array<string>`")}},
	{"parameter in JSON gets a length", edits(parameter("name: o, in: query, content: {application/json: {schema: {type: string}}}")),
		edits(edit{jobs, "schema: {type: string}", "schema: {type: string, minLength: 3}"}),
		[]finding{breaks(callers, "getJobResult", "the `query o` request parameter's minLength was set to `3`")}},
	{"enum of a parameter in JSON narrowed", edits(parameter("name: o, in: query, content: {application/json: {schema: {type: string, enum: [a, b]}}}")),
		edits(edit{jobs, "enum: [a, b]", "enum: [a]"}),
		[]finding{breaks(callers, "getJobResult", "removed the enum value `b` of `query o`")}},
	{"parameter in JSON removed", edits(parameter(inJSON)), edits(edit{jobs, "        - {" + inJSON + "}\n", ""}),
		[]finding{breaks(callers, "getJobResult", "deleted the `query` request parameter `o`")}},

	{"path parameters in another order", edits(pathParameters("/a/{x}/{y}", pathX+", "+pathY)), edits(edit{"paths:", "/a/{x}/{y}", "/a/{y}/{x}"}),
		[]finding{breaks(callers, "getPart", "the parameters of the path are in another order: `/a/{x}/{y}` became `/a/{y}/{x}`")}},
	{"path parameter renamed", edits(pathParameters("/a/{x}/{y}", pathX+", "+pathY)), edits(edit{"paths:", "/a/{x}/{y}", "/a/{z}/{y}"}, edit{"paths:", "name: x", "name: z"}), nil},
	{"path parameter renamed and tightened", edits(pathParameters("/a/{x}", pathX)),
		edits(edit{"paths:", "/a/{x}", "/a/{z}"}, edit{"paths:", "name: x", "name: z"}, edit{"paths:", "minLength: 1", "minLength: 2"}),
		[]finding{breaks(callers, "getPart", "minLength was increased from `1` to `2`")}},
	{"path parameter renamed and one of a list", edits(pathParameters("/a/{x}", pathX)),
		edits(edit{"paths:", "/a/{x}", "/a/{z}"}, edit{"paths:", pathX, "{name: z, in: path, required: true, schema: {type: string, minLength: 1, enum: [a]}}"}),
		[]finding{breaks(callers, "getPart", "of the request is one of `a`, no longer any value")}},
	{"path parameter renamed, of another type", edits(pathParameters("/a/{x}", pathX)),
		edits(edit{"paths:", "/a/{x}", "/a/{z}"}, edit{"paths:", pathX, "{name: z, in: path, required: true, schema: {type: integer}}"}),
		[]finding{breaks(generated, "", "`getPart(path 1)` was string, and is integer"), breaks(callers, "getPart", "the `type` was changed from `string` to `integer`")}},
}

// Two sets of oasdiff's rules read what is within a parameter.
func TestParametersAreToldOnce(t *testing.T) {
	base := edited(t, versioned(t, realContract(t), "1.4.2"), parameter("name: o, in: query, schema: {type: array, items: {type: string, pattern: a, enum: [a, b]}}"))
	for items, want := range map[string][]bool{
		"{type: integer, pattern: a, enum: [a, b]}":              {true},
		"{type: string, pattern: a, enum: [a]}":                  {true},
		"{pattern: a, enum: [a, b]}":                             {false},
		"{type: string, pattern: a, enum: [a, b], maxLength: 3}": {true},
	} {
		report := compared(t, base, edited(t, base, edit{jobs, "{type: string, pattern: a, enum: [a, b]}", items}))
		var breaking []bool
		for _, c := range report.changes {
			if c.audience == callers {
				breaking = append(breaking, c.breaking)
			}
		}
		require.Equal(t, want, breaking, "%s: %s", items, report)
	}
}
