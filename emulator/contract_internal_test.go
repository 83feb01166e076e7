package emulator

import (
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

// Who edits openapi.yaml reads what is wrong with it.
func TestABrokenContractStopsTheStart(t *testing.T) {
	for _, test := range []struct{ old, broken, want string }{
		{"info:\n", "info: [\n", "openapi.yaml: "},
		{"info:\n", "inf:\n", "openapi.yaml: invalid info: must be an object"},
	} {
		_, err := newContract([]byte(strings.Replace(string(cimg.Spec), test.old, test.broken, 1)))
		require.ErrorContains(t, err, test.want)
		require.NotContains(t, err.Error(), "\n")
	}
}

// The error names the operation that was added or renamed.
func TestAnOperationWithoutHandlerStopsTheStart(t *testing.T) {
	e, err := New(Options{})
	require.NoError(t, err)
	rename := strings.NewReplacer("operationId: createCIMG", "operationId: makeCIMG", "operationId: getJobResult", "operationId: getJob")
	c, err := newContract([]byte(rename.Replace(string(cimg.Spec))))
	require.NoError(t, err)
	require.EqualError(t, c.checkHandled(e.handlers),
		"openapi.yaml: operation \"getJob\" has no handler in package emulator\nopenapi.yaml: operation \"makeCIMG\" has no handler in package emulator")
}
