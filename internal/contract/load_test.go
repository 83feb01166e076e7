package contract_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/internal/contract"
)

func TestTheContractLoads(t *testing.T) {
	document, err := contract.Load("openapi.yaml", cimg.Spec)
	require.NoError(t, err)
	require.Len(t, document.Paths.Map(), 6)
}

// Each row breaks the contract in one place. The mark ¶ in what is put there
// stands for the line that the problem must name.
func TestABrokenContractSaysWhere(t *testing.T) {
	rows := []struct{ name, old, broken, reason string }{
		{"indentation", "    RegionId:\n", "  stray¶\n    RegionId:\n", "could not find expected ':'"},
		{"a tab", "info:\n", "info:\n¶\ttab: 1\n", "cannot start any token"},
		{"a member twice", "info:\n", "openapi: 3.0.3¶\ninfo:\n", `"openapi" is already defined in line 4`},
		{"a schema twice", "    CIMG:\n", "    Job:¶\n      type: object\n    CIMG:\n", `"Job" is already defined`},
		{"a dangling $ref", "$ref: '#/components/schemas/CreateCIMGRequest'", "$ref: '#/components/schemas/Creat'¶", "leads nowhere"},
		{"a $ref to elsewhere", "$ref: '#/components/schemas/CreateCIMGRequest'", "$ref: 'other.yaml#/Create'¶", "leads out of this file"},
		{"a misspelt member", "          required: true\n          description: The region the jobs", "          requird: true¶\n          description: The region the jobs", "requird"},
		{"an unknown type", "      type: string\n      minLength: 1\n      pattern", "      type: strng¶\n      minLength: 1\n      pattern", `unsupported 'type' value "strng"`},
		{"text for a number", "      minLength: 1\n      pattern", "      minLength: one¶\n      pattern", `"minLength" is of type string, not number from 0`},
		{"a negative length", "      minLength: 1\n      pattern", "      minLength: -1¶\n      pattern", `"minLength" is of type number, not number from 0`},
		{"text for a list", "      required: [name, snapUuid]", "      required: name¶", `"required" is of type string, not array`},
		{"a list for an object", "paths:\n", "paths: []¶\nx-paths:\n", `"paths" is of type array, not object`},
		{"an object for text", "  title: DiDi", "  title:\n    en: DiDi¶", `"title" is of type object, not string`},
		{"no schema at all", "    Job:\n      type: object\n", "    Job: 5¶\n    X:\n      type: object\n", "number stands where a Schema belongs"},
		{"a bad pattern", "    Uuid:\n      type: string\n      minLength: 1\n      pattern: '^[^,]+$'", "    Uuid:\n      type: string\n      minLength: 1\n      pattern: '^[^,+$'¶", "missing closing ]"},
		{"an operationId twice", "    post:\n      operationId: importCIMG", "    post:\n      operationId: createCIMG¶", `the same operation id "createCIMG"`},
		{"a parameter nowhere", "          in: query\n", "          in: qury¶\n", `can't have 'in' value "qury"`},
		{"a parameter twice", "        - name: jobUuids\n", "        - name: regionId¶\n", "more than one"},
		{"a reply without description", "        '200':\n          description: One page of images, or the errno that says why not.\n", "        '200':¶\n", "a short description of the response is required"},
		{"a path without slash", "  /dicloud/i/result:", "  dicloud/i/result:¶", "does not start with a forward slash"},
		{"an unknown scheme", "  - bearerAuth: []", "  - bearer: []", `undefined security scheme "bearer"`},
		{"no version", "  version: 0.1.0\n", "", "value of version must be a non-empty string"},
		{"a wrong example", "          - done: false\n            jobUuid: 3fd3", "          - done: soon\n            jobUuid: 3fd3", "/data/0/done"},
		{"a wrong example of a parameter", "          example: gz\n", "          example: ''¶\n", "invalid example: minimum string length is 1"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			require.Contains(t, string(cimg.Spec), row.old)
			text := strings.Replace(string(cimg.Spec), row.old, row.broken, 1)
			before, after, marked := strings.Cut(text, "¶")
			text = before + after

			_, err := contract.Load("openapi.yaml", []byte(text))
			require.Error(t, err)
			require.ErrorContains(t, err, row.reason)
			var problem *contract.Problem
			require.ErrorAs(t, err, &problem)
			require.Positive(t, problem.Line, err)
			require.NotContains(t, problem.Reason, "\n")
			if marked {
				lines := strings.Count(before, "\n") + 1
				require.Equal(t, lines, problem.Line, err)
			}
		})
	}
}

func TestWhatIsNoContract(t *testing.T) {
	for text, reason := range map[string]string{
		"":                 "openapi.yaml:1: the file is empty",
		"- a":              "openapi.yaml:1: the document is not an object",
		"\n<html>":         "openapi.yaml:2: the document is not an object",
		"\x00":             "openapi.yaml:1: control characters are not allowed",
		"openapi: 3.0.3\n": "openapi.yaml:1: invalid info: must be an object\nopenapi.yaml:1: invalid paths: must be an object",
	} {
		_, err := contract.Load("openapi.yaml", []byte(text))
		require.EqualError(t, err, reason)
	}
}

// A mistake in what many use is told once, and all mistakes are told at once.
func TestEveryProblemIsToldOnce(t *testing.T) {
	text := strings.NewReplacer("minimum: 0\n", "minimun: 0\n", "scheme: bearer", "scheme: ''").Replace(string(cimg.Spec))
	_, err := contract.Load("openapi.yaml", []byte(text))
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 3) // start's minimum, the scheme's, progress's
	for _, line := range lines {
		require.Regexp(t, `^openapi\.yaml:\d+: \S`, line)
	}
}

// `make generate` runs this before the generator.
func TestValidateCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broken.yaml")
	broken := strings.Replace(string(cimg.Spec), "      type: string\n", "      type: strng\n", 1)
	require.NoError(t, os.WriteFile(file, []byte(broken), 0o600))

	out, err := exec.CommandContext(t.Context(), "go", "run", "./validate", file).CombinedOutput()
	require.Error(t, err)
	require.Regexp(t, `^\S+broken\.yaml:\d+: unsupported 'type' value "strng"\nexit status 1\n$`, string(out))

	out, err = exec.CommandContext(t.Context(), "go", "run", "./validate", "../../openapi.yaml").CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, out)
}
