package tests

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

func loadContract(t *testing.T) *openapi3.T {
	t.Helper()
	contract, err := openapi3.NewLoader().LoadFromData(cimg.Spec)
	require.NoError(t, err)
	return contract
}

// operationsOf returns the contract's operations by operationId.
func operationsOf(contract *openapi3.T) map[string]*openapi3.Operation {
	operations := make(map[string]*openapi3.Operation)
	for _, path := range contract.Paths.Map() {
		for _, operation := range path.Operations() {
			operations[operation.OperationID] = operation
		}
	}
	return operations
}

func TestContractIsValid(t *testing.T) {
	contract := loadContract(t)
	require.Equal(t, "3.0.3", contract.OpenAPI)
	require.True(t, strings.HasPrefix(string(cimg.Spec), "openapi: 3.0.3\n"), "some tools look for this in the first line")
	require.NoError(t, contract.Validate(context.Background(), openapi3.EnableSchemaFormatValidation()))
}

// Every example validates against its schema, and the check fails for one that
// does not.
func TestEveryExampleValidates(t *testing.T) {
	contract := loadContract(t)
	used := make(map[any]bool)
	check := func(where string, content openapi3.Content) {
		media := content.Get("application/json")
		require.NotNil(t, media, where)
		require.NotEmpty(t, media.Examples, where)
		for name, example := range media.Examples {
			used[example.Value] = true
			require.NoError(t, media.Schema.Value.VisitJSON(example.Value.Value), "%s: %s", where, name)
		}
	}
	for id, operation := range operationsOf(contract) {
		if operation.RequestBody != nil {
			check(id+" request", operation.RequestBody.Value.Content)
		}
		check(id+" response", operation.Responses.Status(200).Value.Content)
		for _, p := range operation.Parameters {
			require.NotNil(t, p.Value.Example, "%s: parameter %s has no example", id, p.Value.Name)
			require.NoError(t, p.Value.Schema.Value.VisitJSON(p.Value.Example), "%s: %s", id, p.Value.Name)
		}
	}
	for name, example := range contract.Components.Examples {
		require.True(t, used[example.Value], "example %s belongs to no schema", name)
	}

	broken := contract.Components.Examples["CreateAccepted"].Value
	broken.Value.(map[string]any)["errno"] = "0"
	require.Error(t, contract.Validate(context.Background()))
}

// Samplers put the examples of properties together: they make one job in one state,
// and the image that it works on.
func TestExamplesOfPropertiesFitTogether(t *testing.T) {
	example := func(schema, property string) any {
		return loadContract(t).Components.Schemas[schema].Value.Properties[property].Value.Example
	}
	for property, want := range map[string]any{"done": false, "success": false, "result": "", "status": "Processing"} {
		require.Equal(t, want, example("Job", property), "%s of a job in progress", property)
	}
	require.Less(t, example("Job", "progress"), 100.0)
	require.Equal(t, example("Job", "jobUuid"), example("Job", "uuid"))
	require.Equal(t, example("CIMG", "cimgUuid"), example("Job", "resourceUuid"))
}

// What make breaking cannot judge is pinned here: oasdiff looks neither at
// servers and styles nor at the items of parameters.
func TestContractShape(t *testing.T) {
	contract := loadContract(t)
	operations := operationsOf(contract)
	require.Len(t, operations, 6)
	for _, id := range []string{"createCIMG", "importCIMG", "listCIMG", "changeNameCIMG", "deleteCIMG", "getJobResult"} {
		operation := operations[id]
		require.NotNil(t, operation, id)
		require.True(t, strings.ContainsFunc(operation.Summary, func(r rune) bool { return unicode.Is(unicode.Han, r) }),
			"%s: the summary has no Chinese name", id)
		require.NotEmpty(t, operation.Tags, id)
		require.NotNil(t, operation.Responses.Default(), "%s: gateways answer with any status", id)
		require.Nil(t, operation.Servers, "%s: all operations have the same server", id)
		require.Nil(t, operation.Security, "%s: all operations need the token", id)

		failures := 0
		for _, example := range operation.Responses.Status(200).Value.Content.Get("application/json").Examples {
			if example.Value.Value.(map[string]any)["errno"] != 0.0 {
				failures++
			}
		}
		require.Positive(t, failures, "%s: no example of a failure", id)
	}

	schemas := contract.Components.Schemas
	require.ElementsMatch(t, []string{"jobUuid", "type", "progress", "done", "success"}, schemas["Job"].Value.Required)
	for _, response := range []string{"JobsEnvelope", "ListCIMGEnvelope"} {
		require.ElementsMatch(t, []string{"errno", "errmsg", "requestId"}, schemas[response].Value.Required)
	}
	for name, schema := range schemas {
		require.Zero(t, schema.Value.AdditionalProperties, "%s: unknown fields are allowed everywhere", name)
	}

	ids := operations["getJobResult"].Parameters.GetByInAndName("query", "jobUuids")
	require.True(t, ids.Schema.Value.Type.Is("string"), "most generators get an array wrong that is joined by commas")
	for _, valid := range []string{"a", "a,b", "Any other ID: 1/2,b,c"} {
		require.NoError(t, ids.Schema.Value.VisitJSON(valid))
	}
	for _, invalid := range []string{"", ",", "a,", ",a", "a,,b"} {
		require.Error(t, ids.Schema.Value.VisitJSON(invalid))
	}

	require.NotEmpty(t, contract.Servers)
	require.Equal(t, "https://open.didiyunapi.com", contract.Servers[0].URL, "clients take the first")
	for name, path := range contract.Paths.Map() {
		require.Empty(t, path.Servers, "%s: all operations have the same server", name)
	}
	require.Equal(t, openapi3.SecurityRequirements{{"bearerAuth": {}}}, contract.Security)

	bearer := contract.Components.SecuritySchemes["bearerAuth"].Value
	require.Equal(t, "http", bearer.Type)
	require.Equal(t, "bearer", bearer.Scheme)
	require.NotContains(t, string(cimg.Spec), "x-go-", "the contract is for all languages")
}

// The contract has the published success responses verbatim.
func TestContractHoldsThePublishedResponses(t *testing.T) {
	examples := loadContract(t).Components.Examples
	for example, file := range map[string]string{
		"CreateAccepted":     "create",
		"ImportAccepted":     "import",
		"ChangeNameAccepted": "change-name",
		"DeleteAccepted":     "delete",
		"JobCaptured":        "job-result",
		"ListPage":           "list",
	} {
		published, err := os.ReadFile("testdata/responses/" + file + ".json")
		require.NoError(t, err)
		inContract, err := json.Marshal(examples[example].Value.Value)
		require.NoError(t, err)
		require.JSONEq(t, string(published), string(inContract), example)
	}
}

// The call that the contract opens with works as it stands there.
func TestExampleCallOfTheContract(t *testing.T) {
	call := regexp.MustCompile("(?s)```sh\n(curl .*?)\n```").FindStringSubmatch(loadContract(t).Info.Description)
	require.NotNil(t, call)
	service, err := emulator.New(emulator.Options{Strict: true})
	require.NoError(t, err)
	server := httptest.NewServer(service)
	defer server.Close()
	response := send(t, strings.ReplaceAll(call[1], "<token>", emulator.DefaultToken), server.URL)
	require.EqualValues(t, 0, response["errno"], response)
}

// The contract's table of errors, the emulator and the wrapper agree.
func TestErrnoTable(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| [^|]+ \| (yes|no|unknown) \| (\S[^|]*) \|$`).
		FindAllStringSubmatch(loadContract(t).Info.Description, -1)
	require.NotEmpty(t, rows)
	for _, row := range rows {
		errno, err := strconv.ParseInt(row[1], 10, 64)
		require.NoError(t, err)
		changed, errmsg := row[2], row[3]
		t.Run(row[1], func(t *testing.T) {
			cloud := newCloud(t, emulator.Options{})
			if errno == 0 {
				_, err := cloud.client.CreateImage(t.Context(), "gz", webImage)
				require.NoError(t, err)
				require.Equal(t, "yes", changed)
				return
			}
			cloud.InjectFor(t, emulator.Fault{Operation: "createCIMG", Errno: errno})
			_, err := cloud.client.CreateImage(t.Context(), "gz", webImage)
			var apiErr *wrapper.APIError
			require.ErrorAs(t, err, &apiErr)
			require.Equal(t, errno, apiErr.Errno)
			require.Equal(t, errmsg, apiErr.Errmsg)
			var lost *wrapper.OutcomeUnknownError
			if changed == "no" {
				require.NotErrorAs(t, err, &lost)
			} else {
				require.ErrorAs(t, err, &lost)
			}
		})
	}
}
