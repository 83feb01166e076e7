package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/internal/errno"
)

// contract is openapi.yaml, prepared to route requests and to validate them and
// their responses.
type contract struct {
	document   *openapi3.T
	router     routers.Router
	operations []string // operationIds, sorted
	index      string   // "METHOD path" of each operation, for responses to other paths
}

// loadContract reads the contract once for all emulators: it never changes and
// is safe for concurrent use.
var loadContract = sync.OnceValues(func() (*contract, error) {
	return newContract(cimg.Spec)
})

// newContract makes a contract of openapi.yaml's text. Its examples are not
// validated: no response depends on them.
func newContract(text []byte) (*contract, error) {
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	if err := document.Validate(context.Background(), openapi3.DisableExamplesValidation()); err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}
	// An emulator serves any host.
	document.Servers = openapi3.Servers{{URL: "/"}}
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		return nil, err
	}
	c := &contract{document: document, router: router}
	var index []string
	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			c.operations = append(c.operations, operation.OperationID)
			index = append(index, method+" "+path)
		}
	}
	slices.Sort(c.operations)
	slices.Sort(index)
	c.index = strings.Join(index, ", ")
	return c, nil
}

// checkHandled rejects a contract with an operation that has no handler.
func (c *contract) checkHandled(handlers map[string]handler) error {
	var errs []error
	for _, operation := range c.operations {
		if handlers[operation] == nil {
			errs = append(errs, fmt.Errorf("openapi.yaml: operation %q has no handler in package emulator", operation))
		}
	}
	return errors.Join(errs...)
}

// allowed returns the methods of a path, in the form of an Allow header.
func (c *contract) allowed(path string) string {
	var methods []string
	for method := range c.document.Paths.Value(path).Operations() {
		methods = append(methods, method)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}

// checkRequest rejects a call that violates the contract.
func (c *contract) checkRequest(call *call) *rejection {
	err := openapi3filter.ValidateRequest(call.request.Context(), validationInput(call))
	if err == nil {
		return nil
	}
	return reject(errno.IllegalCall, "%s", violation(err))
}

// checkResponse returns how a response violates the contract, nil if it does not.
func (c *contract) checkResponse(call *call, response response) error {
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: validationInput(call),
		Status:                 response.status,
		Header:                 response.header,
	}
	input.SetBodyBytes(response.body)
	if err := openapi3filter.ValidateResponse(call.request.Context(), input); err != nil {
		return fmt.Errorf("%s: response: %s", call.operation(), violation(err))
	}
	return nil
}

// validationInput returns a call in kin-openapi's form, with a copy of the
// request whose body kin-openapi may read.
func validationInput(call *call) *openapi3filter.RequestValidationInput {
	request := call.request.WithContext(call.request.Context())
	request.Body = io.NopCloser(bytes.NewReader(call.body))
	request.GetBody = nil // a client's returns the body before fromExampleForm
	return &openapi3filter.RequestValidationInput{
		Request:     request,
		QueryParams: call.query,
		Route:       call.route,
		Options: &openapi3filter.Options{
			// checkToken has checked the token.
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc,
		},
	}
}

// violation describes an error of kin-openapi in one line, where and what. The
// error's own text continues with the schema and the value.
func violation(err error) string {
	var where []string
	var request *openapi3filter.RequestError
	if errors.As(err, &request) && request.Parameter != nil {
		where = append(where, request.Parameter.Name)
	}
	what := err.Error()
	var schema *openapi3.SchemaError
	switch {
	case errors.As(err, &schema):
		where = append(where, schema.JSONPointer()...)
		what = schema.Reason
	case request != nil && request.Err != nil:
		what = request.Err.Error()
	}
	what, _, _ = strings.Cut(what, "\n")
	switch {
	case len(where) == 0 && schema != nil:
		return "the body: " + what
	case len(where) == 0:
		return what
	}
	return strings.Join(where, "/") + ": " + what
}

// exampleRegion is the region of the published example requests, which have no
// regionId.
const exampleRegion = "gz"

// fromExampleForm converts a body in the form of the published examples to that
// of the contract: it makes a bare object in cimg an array of one, and fills in a
// missing regionId and the missing start of a list. It returns any other body
// unchanged.
func fromExampleForm(operation string, body []byte) []byte {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return body
	}
	changed := false
	set := func(name, value string) {
		fields[name] = json.RawMessage(value)
		changed = true
	}
	if item := fields["cimg"]; bytes.HasPrefix(item, []byte("{")) {
		set("cimg", "["+string(item)+"]")
	}
	if _, present := fields["regionId"]; !present {
		set("regionId", `"`+exampleRegion+`"`)
	}
	if _, present := fields["start"]; !present && operation == "listCIMG" {
		set("start", "0")
	}
	if !changed {
		return body
	}
	converted, _ := json.Marshal(fields) // cannot fail: it was just parsed
	return converted
}
