package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What cannot be merged must not keep the rest from being compared.
func TestPartsThatContradictEachOther(t *testing.T) {
	for name, parts := range map[string]string{
		"formats":  "{type: string, format: date}, {type: string, format: uuid, maxLength: 40}",
		"types":    "{type: integer}, {type: string, maxLength: 40}",
		"defaults": "{type: string, default: a}, {type: string, default: b, maxLength: 40}",
	} {
		base := edited(t, versioned(t, realContract(t), "1.4.2"), replyMember("{allOf: ["+parts+"]}"), requestMember("{allOf: ["+parts+"]}"))
		report := compared(t, base, edited(t, base, parameter("name: pretty, in: query, schema: {type: boolean}")))
		require.Empty(t, report.merged(true), name)
		require.Empty(t, report.unjudged, name)

		report = compared(t, base, edited(t, base, edit{"    ListCIMGCondition:", "maxLength: 40", "maxLength: 39"}, parameter("name: pretty, in: query, schema: {type: boolean}")))
		requireFinding(t, report, breaks(callers, "listCIMG", "`condition/extra/allOf[subschema #2]/` request property's maxLength was decreased to `39`"))
	}
}
