package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNoteOfAnUnchangedVersion(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	changed := edit{"    Job:", "The job has ended.", "The job came to its end."}.apply(t, base)
	want := []string{"the contract changed since v1.4.2:openapi.yaml, and info.version is still 1.4.2."}
	require.Equal(t, want, compared(t, base, changed).notes())
	require.Empty(t, compared(t, base, base).notes())
	require.Empty(t, compared(t, base, versioned(t, changed, "1.4.3")).notes())

	report := compared(t, base, changed)
	report.base.tag = "" // whoever names a revision wants to know, too
	require.Equal(t, want, report.notes())
}

func TestNoteOfAnotherTag(t *testing.T) {
	base := versioned(t, realContract(t), "1.4.2")
	report := compared(t, base, versioned(t, base, "1.5.0"))
	report.base.tag = "v1.4.1"
	require.Equal(t, []string{"the release v1.4.1 has a contract whose info.version is 1.4.2."}, report.notes())
}

// A release cannot be mended, and must not stop those that follow.
func TestAPastOfAnotherVersion(t *testing.T) {
	good := versioned(t, realContract(t), "1.5.0")
	broken := edit{"    JobsReply:", "required: [errno, ", "required: ["}.apply(t, good)
	base := versioned(t, good, "one")
	const said = `info.version of v1.4.2:openapi.yaml is "one", which is no semantic version`

	report := compared(t, base, good)
	require.Equal(t, verdict{true, "Nothing breaks."}, report.judge())
	require.Equal(t, []string{said + "; the tag's is taken."}, report.notes())
	require.False(t, compared(t, base, broken).judge().ok)
	require.True(t, compared(t, base, versioned(t, broken, "2.0.0")).judge().ok)
	require.Contains(t, compared(t, base, versioned(t, good, "1.4.1")).judge().text, "info.version went down, from 1.4.2 to 1.4.1")

	report.base.tag = ""
	require.Equal(t, verdict{true, "Nothing breaks."}, report.judge())
	require.Equal(t, []string{said + "."}, report.notes())
	report = compared(t, base, broken)
	report.base.tag = ""
	require.Equal(t, verdict{false, `1 breaking change, and no version is higher than "one": keep the contract compatible, or compare it with a release.`}, report.judge())
}

func TestAPastOfOtherRules(t *testing.T) {
	good := versioned(t, realContract(t), "1.4.2")
	base := edit{"paths:", "      operationId: listCIMG\n", ""}.apply(t, good)
	report := compared(t, base, versioned(t, good, "1.5.0"))
	require.Empty(t, report.merged(true))
	require.Len(t, report.notes(), 1)
	require.Regexp(t, `^the past cannot be mended, so this is overlooked: v1\.4\.2:openapi\.yaml:\d+: .*"operationId"`, report.notes()[0])

	_, err := compare(contract{name: "base", content: []byte(good), isPast: true}, contract{name: "revision", content: []byte(base)})
	require.ErrorContains(t, err, `"operationId"`)
}
