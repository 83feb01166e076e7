package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a mutation must be called, and by whom it must be noticed.
type finding struct {
	breaking   bool
	audience   audience
	operations string // all that share it, as the heading enumerates them
	text       string // part of it
}

func breaks(who audience, operations, text string) finding {
	return finding{true, who, operations, text}
}

func fine(operations, text string) finding { return finding{text: text, operations: operations} }

const (
	everyJobsReply = "changeNameCIMG, createCIMG, deleteCIMG, getJobResult and importCIMG"
	all            = "every operation"
)

type mutation struct {
	name     string
	base     []edit // made to both sides, for what the contract lacks
	revision []edit
	want     []finding
}

func edits(e ...edit) []edit { return e }

func TestMutations(t *testing.T) {
	for _, m := range slices.Concat(wireMutations, goMutations, markMutations, edgeMutations, enumMutations, alternativeMutations, parameterMutations, securityMutations, serverMutations) {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			base := versioned(t, edited(t, realContract(t), m.base...), "1.4.2")
			checkMutation(t, base, edited(t, base, m.revision...), m.want)
		})
	}
}

// checkMutation also holds each mutation against the version it would have.
func checkMutation(t *testing.T, base, revision string, want []finding) {
	t.Helper()
	report := compared(t, base, revision)
	breaking := false
	for _, w := range want {
		breaking = breaking || w.breaking
		requireFinding(t, report, w)
	}
	if !breaking {
		require.Empty(t, report.merged(true), "%s", report)
	}
	for version, ok := range map[string]bool{
		"1.4.2": !breaking, "1.4.3": !breaking, "1.5.0": !breaking, "2.0.0": true, "3.1.0": true,
		"1.4.1": false, "0.9.0": false,
	} {
		report.revisionVersion = version
		verdict := report.judge()
		require.Equal(t, ok, verdict.ok, "version %s: %s", version, verdict.text)
	}
}

func requireFinding(t *testing.T, report *Report, w finding) {
	t.Helper()
	for _, m := range report.merged(w.breaking) {
		switch {
		case !strings.Contains(m.text, w.text):
		case !w.breaking:
			require.Contains(t, m.text, w.operations)
			return
		case m.audience == w.audience && (m.heading == w.audience.heading(w.operations) || m.audience == generated && strings.HasPrefix(m.text, w.operations)):
			return
		}
	}
	require.Failf(t, "not found", "want %+v in\n%s", w, report)
}

var wireMutations = []mutation{
	// Requests.
	{"request field removed", nil, edits(
		edit{"    ListCIMGRequest:", "        condition:\n          $ref: '#/components/schemas/ListCIMGCondition'\n", ""}),
		[]finding{
			breaks(callers, "listCIMG", "removed the request property `condition`"),
			breaks(generated, "", "`ListCIMGRequest.condition` is gone"),
		}},
	{"optional request field made required", nil, edits(
		edit{"    ListCIMGRequest:", "required: [regionId, start, limit]", "required: [regionId, start, limit, condition]"}),
		[]finding{breaks(callers, "listCIMG", "the request property `condition` became required")}},
	{"required request field made optional", nil, edits(
		edit{"    ListCIMGRequest:", "required: [regionId, start, limit]", "required: [regionId, limit]"}),
		[]finding{fine("listCIMG", "gen/overlay.yaml")}},
	{"optional request field added", nil, edits(
		edit{"    ListCIMGRequest:", "        start:\n", "        order:\n          type: string\n        start:\n"}),
		[]finding{fine("listCIMG", "added the new optional request property `order`")}},
	{"required request field added", nil, edits(
		edit{"    ListCIMGRequest:", "required: [", "required: [order, "},
		edit{"    ListCIMGRequest:", "        start:\n", "        order:\n          type: string\n        start:\n"}),
		[]finding{breaks(callers, "listCIMG", "added the new required request property `order`")}},
	{"required request field added with a default", nil, edits(
		edit{"    ListCIMGRequest:", "required: [", "required: [order, "},
		edit{"    ListCIMGRequest:", "        start:\n", "        order:\n          type: string\n          default: asc\n        start:\n"}),
		[]finding{breaks(callers, "listCIMG", "`order` with a default value")}},
	{"default changed", edits(edit{"    ListCIMGRequest:", "          minimum: 1\n", "          minimum: 1\n          default: 10\n"}),
		edits(edit{"    ListCIMGRequest:", "default: 10", "default: 20"}),
		[]finding{breaks(callers, "listCIMG", "default value changed from `10.00` to `20.00`")}},
	{"default added", nil, edits(
		edit{"    ListCIMGRequest:", "          minimum: 1\n", "          minimum: 1\n          default: 10\n"}),
		[]finding{fine("listCIMG", "default value `10.00` was added")}},
	{"type of a request field changed", nil, edits(
		edit{"    ListCIMGRequest:", "          type: integer\n          format: int64\n          minimum: 0", "          type: string"}),
		[]finding{breaks(callers, "listCIMG", "the `start` request property `type/format` changed")}},
	{"enum of a request narrowed", edits(edit{"    CreateCIMGInput:", "type: string\n", "type: string\n          enum: [a, b, c]\n"}),
		edits(edit{"    CreateCIMGInput:", "[a, b, c]", "[a, c]"}),
		[]finding{breaks(callers, "createCIMG", "removed the enum value `b`"), breaks(generated, "", "(b)` is gone")}},
	{"enum of a request widened", edits(edit{"    CreateCIMGInput:", "type: string\n", "type: string\n          enum: [a, b, c]\n"}),
		edits(edit{"    CreateCIMGInput:", "[a, b, c]", "[c, d, b, a]"}),
		[]finding{fine("createCIMG", "added the new `d` enum value")}},
	{"pattern of a request tightened", nil, edits(
		edit{"    DeleteCIMGInput:", "pattern: '^[^,]+$'", "pattern: '^[0-9a-f]{32}$'"}),
		[]finding{breaks(callers, "deleteCIMG", "`cimg/items/cimgUuid`")}},
	{"minLength of a request raised", nil, edits(edit{"    ChangeNameCIMGInput:", "minLength: 1\n          description: Its new", "minLength: 2\n          description: Its new"}),
		[]finding{breaks(callers, "changeNameCIMG", "minLength was increased from `1` to `2`")}},
	{"minLength of a request lowered", nil, edits(edit{"    ChangeNameCIMGInput:", "          minLength: 1\n          description: Its new", "          description: Its new"}),
		[]finding{fine("changeNameCIMG", "minLength")}},
	{"maxItems added to a request", nil, edits(edit{"    DeleteCIMGRequest:", "minItems: 1\n", "minItems: 1\n          maxItems: 10\n"}),
		[]finding{breaks(callers, "deleteCIMG", "maxItems was set to `10`")}},
	{"request closed to further members", nil, edits(edit{"    ListCIMGCondition:", "type: object\n", "type: object\n      additionalProperties: false\n"}),
		[]finding{breaks(callers, "listCIMG", "`application/json/condition` of the request")}},
	{"media type of a request changed", nil, edits(edit{"operationId: deleteCIMG", "application/json", "application/xml"}),
		[]finding{breaks(callers, "deleteCIMG", "removed the media type `application/json`")}},

	// Parameters.
	{"explode of a parameter changed", nil, edits(edit{"- name: jobUuids", "explode: false", "explode: true"}),
		[]finding{breaks(callers, "getJobResult", "`jobUuids=a,b` became `jobUuids=a&jobUuids=b`")}},
	{"style of a parameter changed", nil, edits(edit{"- name: jobUuids", "style: form", "style: pipeDelimited"}),
		[]finding{breaks(callers, "getJobResult", "became style `pipeDelimited`")}},
	{"explode of one value added", nil, edits(edit{"- name: regionId", "required: true\n", "required: true\n          explode: false\n"}), nil},
	{"maxItems added to a parameter", nil, edits(edit{"- name: jobUuids", "minItems: 1\n", "minItems: 1\n            maxItems: 100\n"}),
		[]finding{breaks(callers, "getJobResult", "maxItems was set to `100`")}},
	{"items of a parameter tightened", nil, edits(edit{"\n    Uuid:", "'^[^,]+$'", "'^[0-9a-f]+$'"}),
		[]finding{breaks(callers, "getJobResult", "`query jobUuids/items/`")}},
	{"parameter made optional", nil, edits(edit{"- name: regionId", "required: true", "required: false"}),
		[]finding{fine("getJobResult", "`regionId` became optional")}},
	{"parameter renamed", nil, edits(edit{"- name: jobUuids", "jobUuids", "jobIds"}),
		[]finding{breaks(callers, "getJobResult", "deleted the `query` request parameter `jobUuids`"),
			breaks(generated, "", "`getJobResult(query jobUuids)` is gone")}},
	{"first parameter of an operation added", nil, edits(edit{"operationId: createCIMG", "      requestBody:", "      parameters:\n        - {name: dryRun, in: query, schema: {type: boolean}}\n      requestBody:"}),
		[]finding{fine("createCIMG", "optional `query` request parameter `dryRun`"),
			breaks(generated, "", "`createCIMG` was a function of a body, and is a function of a body, parameters")}},

	// Replies.
	{"required reply field dropped", nil, edits(
		edit{"    JobsReply:", "requestId]", "]"},
		edit{"    JobsReply:", "        requestId:\n          type: string\n", "        other:\n          type: string\n"}),
		[]finding{breaks(readers, everyJobsReply, "removed the required property `requestId`")}},
	{"optional reply field dropped", nil, edits(edit{"    CIMG:", "        checkState:\n          type: string\n", "        state:\n          type: string\n"}),
		[]finding{breaks(readers, "listCIMG", "removed the optional property `data/items/items/checkState`"),
			breaks(generated, "", "`CIMG.checkState` is gone")}},
	{"reply field added", nil, edits(edit{"    CIMG:", "        checkState:\n", "        owner:\n          type: string\n        checkState:\n"}),
		[]finding{fine("listCIMG", "added the optional property `data/items/items/owner`")}},
	{"reply field made optional", nil, edits(edit{"    JobsReply:", "required: [errno, ", "required: ["}),
		[]finding{breaks(readers, everyJobsReply, "the response property `errno` became optional")}},
	{"reply field made required", nil, edits(edit{"    Job:", "done, success]", "done, success, result]"}),
		[]finding{fine("getJobResult", "`data/items/result` became required")}},
	{"reply field made nullable", nil, edits(edit{"    Job:", "        done:\n          type: boolean\n", "        done:\n          type: boolean\n          nullable: true\n"}),
		[]finding{breaks(readers, everyJobsReply, "`data/items/done` became nullable")}},
	{"type of a reply field changed", nil, edits(edit{"    CIMG:", "        isShared:\n          type: boolean\n", "        isShared:\n          type: string\n"}),
		[]finding{breaks(readers, "listCIMG", "`data/items/items/isShared`"), breaks(generated, "", "`CIMG.isShared` was boolean, and is string")}},
	{"reply enum widened", edits(edit{"    CIMG:", "description: For instance `Ready`", "enum: [Ready, Building]\n          description: For instance `Ready`"}),
		edits(edit{"    CIMG:", "[Ready, Building]", "[Ready, Building, Lost]"}),
		[]finding{breaks(readers, "listCIMG", "added the new `Lost` enum value")}},
	{"success status added", nil, edits(edit{"operationId: listCIMG", "        default:\n", "        '202': {description: Later.}\n        default:\n"}),
		[]finding{breaks(readers, "listCIMG", "added the success response with the status `202`")}},
	{"success status changed", nil, edits(edit{"operationId: listCIMG", "'200':", "'201':"}),
		[]finding{breaks(readers, "listCIMG", "removed the success response with the status `200`")}},
	{"error status added", nil, edits(edit{"operationId: listCIMG", "        default:\n", "        '429': {description: Too fast.}\n        default:\n"}),
		[]finding{fine("listCIMG", "`429`")}},
	{"media type of a reply changed", nil, edits(edit{"description: One page of images", "application/json", "text/json"}),
		[]finding{breaks(readers, "listCIMG", "removed the media type `application/json`")}},

	// The service as a whole.
	{"path renamed", nil, edits(edit{"paths:", "/dicloud/i/result:", "/dicloud/i/jobs:"}),
		[]finding{breaks(callers, "getJobResult", "GET /dicloud/i/result")}},
	{"method changed", nil, edits(edit{"/dicloud/i/result:", "    get:", "    post:"}),
		[]finding{breaks(callers, "getJobResult", "GET /dicloud/i/result")}},
	{"deprecated path removed", edits(edit{"operationId: getJobResult", "\n", "\n      deprecated: true\n"}),
		edits(edit{"paths:", "/dicloud/i/result:", "/dicloud/i/jobs:"}),
		[]finding{breaks(callers, "getJobResult", "GET /dicloud/i/result")}},
	{"server changed", nil, edits(edit{"servers:", "https://open.didiyunapi.com\n", "https://api.example.com\n"}),
		[]finding{breaks(callers, all, "the server `https://open.didiyunapi.com` is gone")}},
	{"server added", nil, edits(edit{"servers:", "\nsecurity:", "  - url: https://api.example.com\n\nsecurity:"}),
		[]finding{fine(all, "the server `https://api.example.com` is new")}},
	{"server put first", nil, edits(edit{"servers:", "  - url: ", "  - url: https://api.example.com\n  - url: "}),
		[]finding{breaks(callers, all, "the first server is `https://api.example.com`")}},
	{"server of one operation", nil, edits(edit{"operationId: listCIMG", "\n", "\n      servers: [{url: https://list.example.com}]\n"}),
		[]finding{breaks(callers, "listCIMG", "the server `https://open.didiyunapi.com` is gone")}},
	{"security scheme changed", nil, edits(edit{"securitySchemes:", "scheme: bearer", "scheme: basic"}),
		[]finding{breaks(callers, all, "calls with `http bearer` are no longer accepted; now it takes `http basic`")}},
	{"security scheme renamed", nil, edits(edit{"\nsecurity:", "bearerAuth", "token"}, edit{"securitySchemes:", "bearerAuth", "token"}), nil},
	{"second security scheme required", nil, edits(
		edit{"\nsecurity:", "- bearerAuth: []", "- bearerAuth: []\n    key: []"},
		edit{"  securitySchemes:", "\n", "\n    key: {type: apiKey, in: header, name: X-Key}\n"}),
		[]finding{breaks(callers, all, "now it takes `http bearer` and `apiKey header X-Key`")}},
	{"second security scheme offered", nil, edits(
		edit{"\nsecurity:", "- bearerAuth: []", "- bearerAuth: []\n  - key: []"},
		edit{"  securitySchemes:", "\n", "\n    key: {type: apiKey, in: header, name: X-Key}\n"}),
		[]finding{fine(all, "calls with `apiKey header X-Key` are accepted, too")}},
	{"security removed from one operation", nil, edits(edit{"operationId: listCIMG", "\n", "\n      security: []\n"}),
		[]finding{fine("listCIMG", "calls with no credentials are accepted, too")}},
	{"security added", edits(edit{"\nsecurity:", "\n  - bearerAuth: []", " []"}), edits(edit{"\nsecurity:", " []", "\n  - bearerAuth: []"}),
		[]finding{breaks(callers, all, "calls with no credentials are no longer accepted")}},
	{"tag changed", nil, edits(edit{"operationId: getJobResult", "tags: [jobs]", "tags: [images]"}),
		[]finding{fine("getJobResult", "api tag `images` added")}},
	{"description changed", nil, edits(edit{"    Job:", "The job has ended.", "The job came to its end."}), nil},
	{"comment changed", nil, edits(edit{"# The contract", "# The contract", "# This contract"}), nil},
}
