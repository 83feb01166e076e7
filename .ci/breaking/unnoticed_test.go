package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What checks do not notice stays in sight, whatever else was found.
func TestUnnoticedBesideOthers(t *testing.T) {
	const operation = "paths/dicloud/i/result/get/"
	harmless := parameter("name: pretty, in: query, schema: {type: boolean}")
	lonely := edit{"  schemas:", "\n", "\n    Lonely: {type: string, maxLength: 9}\n"}
	callback := edit{"operationId: createCIMG", "      requestBody:", "      callbacks: {done: {'{$request.query.url}': {post: {operationId: done, requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Lonely'}}}}, responses: {'204': {description: ok}}}}}}\n      requestBody:"}
	for place, m := range map[string]struct{ base, revision []edit }{
		operation + "parameters/query o/schema/uniqueItems": {
			edits(parameter("name: o, in: query, schema: {type: array, items: {type: string}}")),
			edits(edit{jobs, "schema: {type: array, ", "schema: {type: array, uniqueItems: true, "})},
		"components/schemas/CIMG/properties/extra/exclusiveMinimum": {
			edits(replyMember("{type: integer, minimum: 3, exclusiveMinimum: true}")),
			edits(edit{"    CIMG:", ", exclusiveMinimum: true", ""})},
		"components/schemas/CIMG/properties/extra/exclusiveMaximum": {
			edits(replyMember("{type: integer, maximum: 3, exclusiveMaximum: true}")),
			edits(edit{"    CIMG:", "exclusiveMaximum: true", "exclusiveMaximum: false"})},
		"components/schemas/Lonely/maxLength": {
			edits(lonely, callback), edits(edit{"    Lonely:", "maxLength: 9", "maxLength: 8"})},
		operation + "parameters/query regionId/x-go-name": {
			nil, edits(edit{"- name: regionId", "\n", "\n          x-go-name: Region\n"})},
	} {
		base := edited(t, versioned(t, realContract(t), "1.4.2"), m.base...)
		revision := edited(t, base, m.revision...)
		require.Equal(t, []string{place}, compared(t, base, revision).unjudged, "alone")

		report := compared(t, base, edited(t, revision, harmless))
		require.Equal(t, []string{place}, report.unjudged)
		require.Contains(t, report.judge().text, "Nothing breaks that a check knows. Look at the 1 place")
	}
}

func TestNoticedPlacesAreNotListed(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	for _, revision := range [][]edit{
		// A new schema, and who refers to it.
		edits(edit{"  schemas:", "\n", "\n    New: {type: string}\n"}, edit{"    CIMG:", "        job:\n", "        extra: {$ref: '#/components/schemas/New'}\n        job:\n"}),
		// Two changes told in the same words.
		edits(edit{"    ImportCIMGInput:", "minLength: 1", "minLength: 2"}, edit{"    CreateCIMGInput:", "minLength: 1", "minLength: 2"}),
		// Members that come and go in one list.
		edits(edit{"    ListCIMGRequest:", "required: [regionId, start, limit]", "required: [regionId, limit, condition]"}),
	} {
		report := compared(t, base, edited(t, base, revision...))
		require.NotEmpty(t, report.changes)
		require.Empty(t, report.unjudged)
	}
}
