package emulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
)

// No request makes the emulator violate the contract, so this test passes invalid
// responses to the check directly.
func TestCheckResponse(t *testing.T) {
	e, err := New(Options{})
	require.NoError(t, err)
	call := e.contract.newCall(httptest.NewRequest(http.MethodPost, "/dicloud/i/storage/cimg/create", nil))
	for _, test := range []struct {
		response response
		want     string
	}{
		{envelopeResponse(envelope{RequestID: "r"}), ""},
		{envelopeResponse(envelope{RequestID: "r", Data: 7}), "createCIMG: response: data: value must be an array"},
		{newResponse(http.StatusOK, "application/json", []byte(`{"errno":0}`)), `createCIMG: response: errmsg: property "errmsg" is missing`},
		{newResponse(http.StatusOK, "application/json", []byte(`{`)), "createCIMG: response: failed to decode response body: unexpected EOF"},
		{textResponse(http.StatusOK, "ok"), `createCIMG: response: response header Content-Type has unexpected value: "text/plain; charset=utf-8"`},
	} {
		e.record(e.contract.checkResponse(call, test.response))
		if test.want != "" {
			violations := e.Violations()
			require.EqualError(t, violations[len(violations)-1], test.want)
		}
	}
	require.Len(t, e.Violations(), 4)
}

// Who edits openapi.yaml reads where the mistake is.
func TestABrokenContractStopsTheStart(t *testing.T) {
	broken := strings.Replace(string(cimg.Spec), "info:\n", "inf:\n", 1)
	_, err := newContract([]byte(broken))
	require.EqualError(t, err, "openapi.yaml:4: the document lacks \"info\"\nopenapi.yaml:6: OpenAPI 3.0 has no member \"inf\" here")
}

// Whoever adds or renames an operation is told which one, and in which line.
func TestAnOperationWithoutHandlerStopsTheStart(t *testing.T) {
	e, err := New(Options{})
	require.NoError(t, err)
	rename := strings.NewReplacer("operationId: createCIMG", "operationId: makeCIMG", "operationId: getJobResult", "operationId: getJob")
	text := rename.Replace(string(cimg.Spec))
	c, err := newContract([]byte(text))
	require.NoError(t, err)
	line := func(operation string) int {
		before, _, _ := strings.Cut(text, "operationId: "+operation)
		return strings.Count(before, "\n") + 1
	}
	require.EqualError(t, c.checkHandled(e.handlers), fmt.Sprintf(
		"openapi.yaml:%d: operation \"getJob\" has no handler in package emulator\nopenapi.yaml:%d: operation \"makeCIMG\" has no handler in package emulator",
		line("getJob"), line("makeCIMG")))
}
