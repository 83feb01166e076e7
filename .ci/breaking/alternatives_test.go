package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	open      = "{type: object, properties: {p: {type: string}}}"
	inAnyOf   = "{type: object, anyOf: [{required: [p]}], properties: {p: {type: string}}}"
	inOneOf   = "{type: object, oneOf: [{required: [p]}], properties: {p: {type: string}}}"
	eitherOne = "{oneOf: [{type: object, required: [p]}, {type: object, required: [q]}]}"
)

var newBody = edit{"operationId: listCIMG", "$ref: '#/components/schemas/ListCIMGRequest'", open}

// Without alternatives anything is allowed: the first are a bound, and without
// the last there is none.
var alternativeMutations = []mutation{
	{"first anyOf of a body", edits(newBody), edits(edit{"operationId: listCIMG", open, inAnyOf}),
		[]finding{breaks(callers, "listCIMG", "the body of the request must fit `anyOf` now")}},
	{"first oneOf of a request", edits(requestMember(open)), edits(edit{"    ListCIMGCondition:", open, inOneOf}),
		[]finding{breaks(callers, "listCIMG", "`condition/extra` of the request must fit `oneOf` now")}},
	{"first anyOf of items of a parameter", edits(parameter("name: o, in: query, schema: {type: array, items: {type: string}}")),
		edits(edit{jobs, "items: {type: string}", "items: {type: string, anyOf: [{minLength: 3}]}"}),
		[]finding{breaks(callers, "getJobResult", "`query o/items` of the request must fit `anyOf` now")}},
	{"last anyOf of a request", edits(requestMember(inAnyOf)), edits(edit{"    ListCIMGCondition:", inAnyOf, open}),
		[]finding{fine("listCIMG", "`condition/extra` of the request need not fit `anyOf` any more"), breaks(generated, "", "`ListCIMGCondition.extra as any` is gone")}},
	{"last oneOf of a reply", edits(replyMember(inOneOf)), edits(edit{"    CIMG:", inOneOf, open}),
		[]finding{breaks(readers, "listCIMG", "`data/items/items/extra` of the reply `200` need not fit `oneOf` any more"), breaks(generated, "", "`CIMG.extra as any` is gone")}},
	{"last anyOf of a whole reply", edits(pageOf(inAnyOf)), edits(edit{pages, inAnyOf, open}),
		[]finding{breaks(readers, "listCIMG", "the body of the reply `200` need not fit `anyOf` any more"), breaks(generated, "", "is gone")}},
	{"first anyOf of a reply", edits(replyMember(open)), edits(edit{"    CIMG:", open, inAnyOf}),
		[]finding{fine("listCIMG", "`data/items/items/extra` of the reply `200` must fit `anyOf` now")}},
}

// oasdiff, which has its own word for each, must be silent.
func TestAlternativesAreToldOnce(t *testing.T) {
	for _, m := range alternativeMutations {
		base := edited(t, versioned(t, realContract(t), "1.4.2"), m.base...)
		require.NotContains(t, compared(t, base, edited(t, base, m.revision...)).String(), "subschema", m.name)
	}
}

// What moves into alternatives, or out of them, may allow more values, or fewer.
func TestAlternativesInPlaceOfOthers(t *testing.T) {
	const plain = "{type: object}"
	base := edited(t, versioned(t, realContract(t), "1.4.2"), replyMember(eitherOne), requestMember(eitherOne))
	revision := edited(t, base, edit{"    CIMG:", eitherOne, plain}, edit{"    ListCIMGCondition:", eitherOne, plain})
	places := []string{
		"`oneOf` of `condition/extra` of the request, which came or went along with other keywords (listCIMG)",
		"`oneOf` of `data/items/items/extra` of the reply `200`, which came or went along with other keywords (listCIMG)",
	}

	report := compared(t, base, revision)
	require.Equal(t, places, report.unjudged)
	requireFinding(t, report, breaks(callers, "listCIMG", "from the `condition/extra` request property `oneOf` list")) // who is not sure keeps this

	require.Equal(t, places, compared(t, revision, base).unjudged)
}
