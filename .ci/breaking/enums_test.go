package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const pages = "description: One page of images"

func pageOf(schema string) edit {
	return edit{pages, "$ref: '#/components/schemas/ListCIMGReply'", schema}
}

var (
	twoKinds = edit{"  schemas:", "\n", "\n    A: {type: object, properties: {k: {type: string, enum: [a, b]}}}\n    B: {type: object, properties: {k: {type: string}, more: {type: integer}}}\n"}
	inOrder  = "{oneOf: [{$ref: '#/components/schemas/A'}, {$ref: '#/components/schemas/B'}]}"
	swapped  = "{oneOf: [{$ref: '#/components/schemas/B'}, {$ref: '#/components/schemas/A'}]}"
)

// Replies may have fewer values, requests more.
var enumMutations = []mutation{
	{"enum of a reply lifted", edits(replyMember("{type: string, enum: [a, b]}")), edits(edit{"    CIMG:", "{type: string, enum: [a, b]}", "{type: string}"}),
		[]finding{breaks(readers, "listCIMG", "may have any value, no longer one of `a`, `b`"), breaks(generated, "", "`CIMG.extra`")}},
	{"enum added to a reply", edits(replyMember("{type: string}")), edits(edit{"    CIMG:", "        extra: {type: string}", "        extra: {type: string, enum: [a, b]}"}),
		[]finding{fine("listCIMG", "is one of `a`, `b`, no longer any value"), breaks(generated, "", "`CIMG.extra`")}},
	{"value added beside a reply that is free", edits(replyMember("{type: string, enum: [a]}"),
		edit{"operationId: listCIMG", "        default:\n", "        '400':\n          description: No.\n          content: {application/json: {schema: {type: object, properties: {data: {type: object, properties: {items: {type: array, items: {type: object, properties: {extra: {type: string}}}}}}}}}}\n        default:\n"}),
		edits(edit{"    CIMG:", "enum: [a]", "enum: [a, b]"}),
		[]finding{breaks(readers, "listCIMG", "added the new `b` enum value to `data/items/items/extra` of the reply `200`")}},
	{"enum added to items, a map and a part of a reply", edits(twoKinds, replyMember("{type: array, items: {type: string}}"),
		edit{"    Job:", "      properties:\n", "      properties:\n        map: {type: object, additionalProperties: {type: string}}\n        part: " + inOrder + "\n"}),
		edits(edit{"    CIMG:", "items: {type: string}", "items: {type: string, enum: [a]}"},
			edit{"    Job:", "additionalProperties: {type: string}", "additionalProperties: {type: string, enum: [a]}"},
			edit{"    B:", "k: {type: string}", "k: {type: string, enum: [a]}"}),
		[]finding{fine("listCIMG", "`data/items/items/extra/items` of the reply `200` is one of `a`"), fine("", "`data/items/map/*` of the reply `200` is one of `a`"),
			fine("", "`data/items/part/oneOf/B/k` of the reply `200` is one of `a`"), breaks(generated, "", "`CIMG.extra`")}},
	{"enum of a whole reply widened", edits(pageOf("{type: string, enum: [a]}")), edits(edit{pages, "enum: [a]", "enum: [a, b]"}),
		[]finding{breaks(readers, "listCIMG", "added the new `b` enum value to the body of the reply `200`")}},
	{"value of what only replies have removed", edits(requestMember("{type: string, readOnly: true, enum: [a, b]}")), edits(edit{"    ListCIMGCondition:", "enum: [a, b]", "enum: [a]"}),
		[]finding{fine("listCIMG", "removed the enum value `b` of `condition/extra` of the request"), breaks(generated, "", "`ListCIMGCondition.extra(b)` is gone")}},
	{"value of what only requests have added", edits(replyMember("{type: string, writeOnly: true, enum: [a]}")), edits(edit{"    CIMG:", "enum: [a]", "enum: [a, b]"}),
		[]finding{fine("listCIMG", "added the new `b` enum value to `data/items/items/extra` of the reply `200`")}},
	{"enum of a request lifted", edits(requestMember("{type: array, items: {type: string, enum: [a, b]}}")),
		edits(edit{"    ListCIMGCondition:", ", enum: [a, b]", ""}),
		[]finding{fine("listCIMG", "`condition/extra/items` of the request may have any value"), breaks(generated, "", "`ListCIMGCondition.extra")}},
	{"enum of a parameter lifted", edits(parameter("name: o, in: query, schema: {type: array, items: {type: string, enum: [a, b]}}"), parameter("name: p, in: query, schema: {type: string, enum: [a, b]}")),
		edits(edit{jobs, ", enum: [a, b]", ""}, edit{jobs, ", enum: [a, b]", ""}),
		[]finding{fine("getJobResult", "`query o/items` of the request may have any value"), fine("getJobResult", "`query p` of the request may have any value"),
			breaks(generated, "", "`getJobResult(query p)`")}},
	{"enum of a parameter added", edits(parameter("name: o, in: query, schema: {type: string}")),
		edits(edit{jobs, "schema: {type: string}", "schema: {type: string, enum: [a, b]}"}),
		[]finding{breaks(callers, "getJobResult", "`query o` of the request is one of `a`, `b`, no longer any value")}},
	{"parts of a reply in another order", edits(twoKinds, replyMember(inOrder)), edits(edit{"    CIMG:", inOrder, swapped}), nil},
	{"parts of a request in another order", edits(twoKinds, requestMember(inOrder), edit{"    A:", "type: object", "type: object, additionalProperties: false"}),
		edits(edit{"    ListCIMGCondition:", inOrder, swapped}), nil},
	{"parts without a name in another order", edits(replyMember("{oneOf: [{type: string, enum: [a]}, {type: integer}]}")),
		edits(edit{"    CIMG:", "{type: string, enum: [a]}, {type: integer}", "{type: integer}, {type: string, enum: [a]}"}), nil},
	{"parts that look the same in another order", edits(replyMember("{anyOf: [{type: string, enum: [a]}, {type: string, enum: [b]}]}"), requestMember("{anyOf: [{type: string, enum: [a]}, {type: string, enum: [b]}]}")),
		edits(edit{"    CIMG:", "{type: string, enum: [a]}, {type: string, enum: [b]}", "{type: string, enum: [b]}, {type: string, enum: [a]}"},
			edit{"    ListCIMGCondition:", "{type: string, enum: [a]}, {type: string, enum: [b]}", "{type: string, enum: [b]}, {type: string, enum: [a]}"}), nil},
	{"boolean that can be true alone", edits(requestMember("{type: array, items: {type: boolean}}")),
		edits(edit{"    ListCIMGCondition:", "items: {type: boolean}", "items: {type: boolean, enum: [true]}"}),
		[]finding{breaks(callers, "listCIMG", "removed the enum value `false` of `condition/extra/items` of the request"), breaks(generated, "", "`ListCIMGCondition.extra`")}},
}

// Whoever compiles against them may notice, and nobody else.
func TestABooleanThatListsItsValues(t *testing.T) {
	const plain, listed = "{type: boolean}", "{type: boolean, enum: [true, false]}"
	for _, sides := range [][2]string{{plain, listed}, {listed, plain}} {
		report := comparedMembers(t, sides[0], sides[1])
		require.Empty(t, report.unjudged)
		for _, c := range report.changes {
			require.Equal(t, generated, c.audience, "%s", report)
		}
	}
}

// They may be the same values still.
func TestValuesThatMoveIntoAlternatives(t *testing.T) {
	const listed, moved = "{type: string, enum: [a, b]}", "{type: string, oneOf: [{enum: [a]}, {enum: [b]}]}"
	for _, sides := range [][2]string{{listed, moved}, {moved, listed}} {
		report := comparedMembers(t, sides[0], sides[1])
		require.Len(t, report.unjudged, 2)
		require.NotContains(t, report.String(), "any value")
	}
}

func comparedMembers(t *testing.T, was, is string) *Report {
	t.Helper()
	base := edited(t, versioned(t, realContract(t), "1.4.2"), replyMember(was), requestMember(was))
	return compared(t, base, edited(t, base, edit{"    CIMG:", was, is}, edit{"    ListCIMGCondition:", was, is}))
}
