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
	require.Contains(t, compared(t, versioned(t, base, "one"), base).judge().text, `info.version of v1.4.2:openapi.yaml is "one"`)
}

func TestNoteOfAnUnchangedVersion(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	changed := edit{"    Job:", "The job has ended.", "The job came to its end."}.apply(t, base)
	require.Equal(t, "the contract changed since the release, and info.version is still 1.4.2.", compared(t, base, changed).note())
	require.Empty(t, compared(t, base, base).note())
	require.Empty(t, compared(t, base, versioned(t, changed, "1.4.3")).note())

	report := compared(t, base, changed)
	report.base.release = false // on the way to a release, versions need not move
	require.Empty(t, report.note())
}

func TestUnreadableContracts(t *testing.T) {
	good := realContract(t)
	for name, text := range map[string]string{
		"no YAML":          "openapi: [3.0.3\n",
		"nothing":          "",
		"a list":           "- openapi\n",
		"another document": "swagger: '2.0'\ninfo: {title: a, version: 1.0.0}\npaths: {}\n",
		"no paths":         "openapi: 3.0.3\ninfo: {title: a, version: 1.0.0}\n",
		"no info":          "openapi: 3.0.3\npaths: {}\n",
		"a number":         "openapi: 3.0.3\ninfo: {title: a, version: 1.0}\npaths: {}\n",
		"a dangling $ref":  edit{"    CIMG:", "schemas/CIMGRequirement", "schemas/Gone"}.apply(t, good),
		"another file":     edit{"    CIMG:", "#/components/schemas/CIMGRequirement", "other.yaml#/Gone"}.apply(t, good),
		"a wrong type":     edit{"    CIMG:", "type: object", "type: thing"}.apply(t, good),
	} {
		t.Run(name, func(t *testing.T) {
			broken, sound := contract{name: "a:openapi.yaml", content: []byte(text)}, contract{name: "sound", content: []byte(good)}
			_, err := compare(broken, sound)
			require.ErrorContains(t, err, "a:openapi.yaml is not a readable contract: ")
			_, err = compare(sound, broken)
			require.ErrorContains(t, err, "a:openapi.yaml is not a readable contract: ")
		})
	}
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
	for _, schema := range []string{
		"{type: array, items: {$ref: '#/components/schemas/A'}}",
		"{type: object, additionalProperties: {$ref: '#/components/schemas/A'}}",
		"{allOf: [{$ref: '#/components/schemas/A'}]}",
		"{nullable: true, allOf: [{allOf: [{$ref: '#/components/schemas/A'}]}]}",
	} {
		odd := edited(t, base, edit{"  schemas:", "\n", "\n    A: " + schema + "\n"},
			edit{"    CIMG:", "        job:\n", "        a:\n          $ref: '#/components/schemas/A'\n        job:\n"})
		_, err := compare(contract{name: "base", content: []byte(odd)}, contract{name: "revision", content: []byte(base)})
		if err != nil {
			require.ErrorContains(t, err, "base ")
		}
	}
}
