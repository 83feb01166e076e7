package main

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestReportIsReadable(t *testing.T) {
	base := versioned(t, realContract(t), "0.1.0")
	revision := edited(t, base,
		edit{"    JobsReply:", "required: [errno, ", "required: ["},
		edit{"paths:", "operationId: deleteCIMG", "operationId: deleteImages"},
		edit{"- name: jobUuids", "explode: false", "explode: true"},
		edit{"    ListCIMGRequest:", "        start:\n", "        order:\n          type: string\n        start:\n"},
		edit{"    Job:", "The job has ended.", "The job came to its end."},
	)
	require.Equal(t, `Base:      v1.4.2:openapi.yaml, version 0.1.0
Revision:  openapi.yaml, version 0.1.0

3 breaking changes:

  Callers of getJobResult (what they send)
    - the `+"`query` parameter `jobUuids`"+` is written otherwise: `+"`jobUuids=a,b`"+`
      became `+"`jobUuids=a&jobUuids=b`"+`

  Readers of the replies of changeNameCIMG, createCIMG, deleteCIMG, getJobResult
  and importCIMG
    - the response property `+"`errno` became optional for the status `200`"+`

  Users of generated code (package gen, and what other tools generate)
    - deleteCIMG: api operation id `+"`deleteCIMG`"+` removed and replaced with
      `+"`deleteImages`"+`

1 compatible change:

    - added the new optional request property `+"`order`"+` (listCIMG)

Texts and examples changed; read them, a unit or a rule may be among them:

    - components/schemas/Job/properties/done/description

3 breaking changes and no new major version: keep the contract compatible, or
raise info.version from 0.1.0 to 1.0.0.
`, compared(t, base, revision).String())
}

func TestReportFitsATerminal(t *testing.T) {
	base := realContract(t)
	revision := edited(t, base,
		edit{"    Job:", "required: [jobUuid, type, progress, done, success]", "required: []"},
		edit{"servers:", "https://open.didiyunapi.com\n", "https://api.example.com\n"})
	report := compared(t, base, revision).String()
	for line := range strings.Lines(report) {
		require.LessOrEqual(t, utf8.RuneCountInString(line), width+1, line)
	}
	require.NotContains(t, report, "\x1b", "colours")
}

func TestNothingChanged(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	require.Equal(t, `Base:      v1.4.2:openapi.yaml, version 1.4.2
Revision:  openapi.yaml, version 1.4.2

0 breaking changes.

0 compatible changes.

Nothing breaks.
`, compared(t, base, base).String())
}

// What no check knows must be seen all the same, whatever else changed.
func TestChangesWithoutACheck(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	odd := edit{"    Job:", "type: object\n", "type: object\n      x-order: [a]\n"}
	not := edit{"    ChangeNameCIMGInput:", "minLength: 1\n", "minLength: 1\n          not: {pattern: '[A-Z]'}\n"}
	added := edit{"    ListCIMGRequest:", "        start:\n", "        order:\n          type: string\n        start:\n"}

	report := compared(t, base, edited(t, base, odd, not, added))
	require.Equal(t, []string{"components/schemas/ChangeNameCIMGInput/properties/cimgUuid/not", "components/schemas/Job/x-order"}, report.unjudged)
	require.Contains(t, report.String(), "look for yourself:\n\n    - components/schemas/ChangeNameCIMGInput/properties/cimgUuid/not\n    - components/schemas/Job/x-order\n\n"+
		"Nothing breaks that a check knows. Look at the 2 places above that none does.\nNote: the contract changed since v1.4.2:openapi.yaml, and info.version is still\n1.4.2.\n")

	// Whatever is not on the list of what checks know.
	report = compared(t, base, edit{"\nopenapi: 3.0.3", "3.0.3", "3.0.4"}.apply(t, base))
	require.Equal(t, []string{"openapi"}, report.unjudged)

	reordered := edit{"    Job:", "[jobUuid, type, ", "[type, jobUuid, "}.apply(t, base)
	require.Empty(t, compared(t, base, reordered).unjudged)
}

// Tags sort operations in pages for people.
func TestATagIsAText(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	report := compared(t, base, edit{"\ntags:", "  - name: images\n", "  - name: new\n    description: New.\n  - name: images\n"}.apply(t, base))
	require.Equal(t, []string{"tags/new"}, report.texts)
	require.Empty(t, report.unjudged)
}

// The table of errors stands there, and programs know its numbers by heart.
func TestTheDescriptionOfTheWholeIsNoMereText(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	report := compared(t, base, edit{"\ninfo:", "| 40000 | session trouble, may pass | unknown |", "| 40000 | session trouble, may pass | no |"}.apply(t, base))
	require.Equal(t, []string{"info/description"}, report.unjudged)
	require.Empty(t, report.texts)
}

// A parameter in between, or a path that is gone, is one change.
func TestPlacesAreToldOnce(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	report := compared(t, base, edited(t, base, edit{jobs, "      parameters:\n", "      parameters:\n        - {name: order, in: query, description: a, schema: {type: string}}\n"}))
	require.Empty(t, report.texts)
	require.Empty(t, report.unjudged)

	report = compared(t, base, edited(t, base, movedJobs))
	require.Empty(t, report.texts)
}

func TestMembersNamedLikeKeywords(t *testing.T) {
	named := edit{"  schemas:", "\n", "\n    example: {type: object, properties: {a: {type: string}}}\n"}
	odd := edited(t, versioned(t, realContract(t), "1.4.2"), named)
	require.Equal(t, []string{"components/schemas/example/x-a"}, compared(t, odd, edit{"    example:", "type: object", "type: object, x-a: 1"}.apply(t, odd)).unjudged)

	base := versioned(t, realContract(t), "1.4.2")
	const member = "        description:\n          type: string\n          description: "
	report := compared(t, base, edit{"    CIMG:", member + "Free", member + "Any"}.apply(t, base))
	require.Equal(t, []string{"components/schemas/CIMG/properties/description/description"}, report.texts)
}

// What follows a member called properties is a keyword again.
func TestAMemberNamedProperties(t *testing.T) {
	base := edited(t, versioned(t, realContract(t), "1.4.2"), replyMember("{type: object, properties: {properties: {type: string, description: a, x-a: 1}}}"))
	report := compared(t, base, edited(t, base, edit{"    CIMG:", "description: a, x-a: 1", "description: b, x-a: 2"}))
	require.Equal(t, []string{"components/schemas/CIMG/properties/extra/properties/properties/description"}, report.texts)
	require.Equal(t, []string{"components/schemas/CIMG/properties/extra/properties/properties/x-a"}, report.unjudged)
}

func TestStatusesWithoutQuotes(t *testing.T) {
	quoted := edited(t, versioned(t, realContract(t), "1.4.2"), edit{"operationId: listCIMG", "        default:\n          $ref: '#/components/responses/Gateway'\n", "        '404': {description: None.}\n"})
	plain := edited(t, quoted, edit{"operationId: listCIMG", "'200':", "200:"}, edit{"operationId: listCIMG", "'404':", "404:"})
	report := compared(t, quoted, plain)
	require.Empty(t, report.unjudged)
	require.Empty(t, report.texts)

	report = compared(t, plain, edited(t, plain, edit{"operationId: listCIMG", "None.", "Nothing."}))
	require.Equal(t, []string{"paths/dicloud/i/storage/cimg/list/post/responses/404/description"}, report.texts)
	require.Empty(t, report.unjudged)
}

func TestRulesAreOasdiffs(t *testing.T) {
	for id := range hints {
		require.Contains(t, rules, id)
	}
	for id := range raised {
		require.Contains(t, rules, id)
	}
}
