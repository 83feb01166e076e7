package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMajorIsAMajorBeforeOne(t *testing.T) {
	base := versioned(t, realContract(t), "0.1.0")
	breaking := edit{"    JobsReply:", "required: [errno, ", "required: ["}.apply(t, base)
	for version, want := range map[string]verdict{
		"0.1.0":      {false, "1 breaking change and no new major version: keep the contract compatible, or raise info.version from 0.1.0 to 1.0.0."},
		"0.2.0":      {false, "1 breaking change and no new major version: keep the contract compatible, or raise info.version from 0.2.0 to 1.0.0."},
		"1.0.0":      {true, "1 breaking change, allowed: info.version goes up a major, from 0.1.0 to 1.0.0."},
		"1.0.0-rc.1": {true, "1 breaking change, allowed: info.version goes up a major, from 0.1.0 to 1.0.0-rc.1."},
	} {
		require.Equal(t, want, compared(t, base, versioned(t, breaking, version)).judge(), version)
	}
}

func TestAMajorOfAnySize(t *testing.T) {
	base := versioned(t, realContract(t), "99999999999999999998.0.0")
	breaking := edit{"    JobsReply:", "required: [errno, ", "required: ["}.apply(t, base)
	require.Contains(t, compared(t, base, breaking).judge().text, "to 99999999999999999999.0.0.")
	require.True(t, compared(t, base, versioned(t, breaking, "99999999999999999999.0.0")).judge().ok)
}

func TestVersionsThatCannotBeRight(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	for version, want := range map[string]string{
		"1.4.1":      "info.version went down, from 1.4.2 to 1.4.1",
		"1.4.2-rc.1": "info.version went down, from 1.4.2 to 1.4.2-rc.1",
		"v1.5.0":     `info.version of openapi.yaml is "v1.5.0", which is no semantic version`,
		"'1.5'":      `"1.5", which is no semantic version`,
		"tomorrow":   `"tomorrow", which is no semantic version`,
	} {
		v := compared(t, base, versioned(t, base, version)).judge()
		require.False(t, v.ok, version)
		require.Contains(t, v.text, want)
	}
}

// They are told as everywhere: by file, line and reason.
func TestBrokenContracts(t *testing.T) {
	good := realContract(t)
	for text, reason := range map[string]string{
		"openapi: [3.0.3\n": "a:openapi.yaml:1: did not find expected ',' or ']'",
		"":                  "a:openapi.yaml:1: the file is empty",
		"- openapi\n":       "a:openapi.yaml:1: the document is not an object",
		"openapi: 3.0.3\ninfo: {title: a, version: 1.0.0}\n":                                  `a:openapi.yaml:1: the document lacks "paths"`,
		"openapi: 3.0.3\ninfo: {title: a, version: 1.0}\npaths: {}\n":                         `a:openapi.yaml:2: "version" is a number, not text: put it in quotes`,
		edit{"    CIMG:", "schemas/CIMGRequirement", "schemas/Gone"}.apply(t, good):           `$ref "#/components/schemas/Gone" leads nowhere`,
		edit{"    CIMG:", "#/components/schemas/CIMGRequirement", "a.yaml#/b"}.apply(t, good): `$ref "a.yaml#/b" leads out of this file`,
		edit{"    CIMG:", "type: object", "type: thing"}.apply(t, good):                       `unsupported 'type' value "thing"`,
	} {
		broken, sound := contract{name: "a:openapi.yaml", content: []byte(text), isPast: true}, contract{name: "sound", content: []byte(good)}
		_, err := compare(broken, sound)
		require.ErrorContains(t, err, reason)
		require.ErrorContains(t, err, "a:openapi.yaml:")
		_, err = compare(sound, broken)
		require.ErrorContains(t, err, reason)
	}
}

func TestAContractWithoutComponents(t *testing.T) {
	small := "openapi: 3.0.3\ninfo: {title: a, version: 1.0.0}\npaths: {/a: {get: {operationId: a, responses: {'200': {description: ok}}}}}\n"
	require.Empty(t, compared(t, small, small).merged(true))
	require.NotEmpty(t, compared(t, small, realContract(t)).merged(true))
	require.NotEmpty(t, compared(t, realContract(t), small).merged(true))

	ofOtherRules := edit{"paths:", "operationId: a, ", ""}.apply(t, small)
	require.Empty(t, compared(t, ofOtherRules, small).merged(true))
}

func TestASchemaWithinItself(t *testing.T) {
	base := edit{"    CIMG:", "        job:\n", "        parent:\n          $ref: '#/components/schemas/CIMG'\n        job:\n"}.apply(t, realContract(t))
	base = versioned(t, base, "1.4.2")
	requireFinding(t, compared(t, base, edit{"        checkState:", "type: string", "type: boolean"}.apply(t, base)),
		breaks(generated, "", "`CIMG.checkState` was string, and is boolean"))
}

// No contract of sense has one, and none may hang or crash the comparison.
func TestAliasesThatEndInThemselves(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	for schema, refused := range map[string]bool{
		"{type: array, items: {$ref: '#/components/schemas/A'}}":                       false,
		"{type: object, additionalProperties: {$ref: '#/components/schemas/A'}}":       false,
		"{allOf: [{$ref: '#/components/schemas/A'}]}":                                  true,
		"{properties: {a: {type: string}}, allOf: [{$ref: '#/components/schemas/A'}]}": true,
		"{nullable: true, allOf: [{allOf: [{$ref: '#/components/schemas/A'}]}]}":       true,
		"{not: {$ref: '#/components/schemas/A'}}":                                      true,
	} {
		odd := edited(t, base, edit{"  schemas:", "\n", "\n    A: " + schema + "\n"},
			edit{"    CIMG:", "        job:\n", "        a:\n          $ref: '#/components/schemas/A'\n        job:\n"})
		_, err := compare(contract{name: "base", content: []byte(odd), isPast: true}, contract{name: "revision", content: []byte(base)})
		if refused {
			require.ErrorContains(t, err, "the schema is a part of itself")
		} else {
			require.NoError(t, err)
		}
	}
}
