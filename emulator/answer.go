package emulator

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/routers"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/errno"
)

// handler carries out a valid call and returns the data of its response.
type handler func(*call) (any, *rejection)

// handle returns a handler that decodes a request and passes it to an operation
// of the cloud.
func handle[Request, Data any](
	e *Emulator,
	decode func(*call) (Request, *rejection),
	operation func(Request) (Data, *rejection),
) handler {
	return func(call *call) (any, *rejection) {
		request, rejected := decode(call)
		if rejected != nil {
			return nil, rejected
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.cloud.advance()
		return operation(request)
	}
}

// fromBody decodes the request of a POST operation.
func fromBody[Request any](call *call) (request Request, rejected *rejection) {
	if err := json.Unmarshal(call.body, &request); err != nil {
		// The contract allows it, so this is a number such as 1.0: an integer in
		// OpenAPI but not in Go.
		return request, reject(errno.IllegalCall, "write numbers as plain integers: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return request, nil
}

// jobID is what an id of a job looks like: the published ones are hexadecimal. Any
// other character may have been meant to separate two ids.
var jobID = regexp.MustCompile(`^[0-9A-Za-z_-]+$`)

const jobIDForm = "ids have letters, digits, - and _ only"

// fromQuery decodes the request of getJobResult.
func fromQuery(call *call) (gen.GetJobResultParams, *rejection) {
	params := gen.GetJobResultParams{RegionID: call.query.Get("regionId"), JobUUIDs: call.query.Get("jobUuids")}
	for i, id := range strings.Split(params.JobUUIDs, ",") {
		if !jobID.MatchString(id) {
			return params, reject(errno.IllegalCall, "jobUuids/%d: %q is not one id: %s, and are joined by commas", i, id, jobIDForm)
		}
	}
	return params, nil
}

// answer returns the emulator's own response to a call, without faults.
func (e *Emulator) answer(call *call) response {
	switch {
	case errors.Is(call.routeErr, routers.ErrMethodNotAllowed):
		path := call.request.URL.Path
		allowed := e.contract.allowed(path)
		response := textResponse(http.StatusMethodNotAllowed, fmt.Sprintf("%s is not allowed on %s; use %s", call.request.Method, path, allowed))
		response.header.Set("Allow", allowed)
		return response
	case call.routeErr != nil:
		return textResponse(http.StatusNotFound, "no such path; the emulator serves "+e.contract.index)
	}
	content := envelope{RequestID: e.requestID(), Errmsg: errno.Find(errno.OK).Errmsg}
	data, rejected := e.act(call)
	if rejected != nil {
		content.Errno, content.Errmsg = rejected.errno, rejected.errmsg()
	} else {
		content.Data = data
	}
	response := envelopeResponse(content)
	if _, bare := data.([]listedImage); e.options.CheckResponses && !bare { // bare: Options.ListAsArray
		e.record(e.contract.checkResponse(call, response))
	}
	return response
}

// act checks a call, in the order that the service is assumed to use, and carries
// it out.
func (e *Emulator) act(call *call) (any, *rejection) {
	if rejected := call.checkToken(e.options.Token); rejected != nil {
		return nil, rejected
	}
	if rejected := call.checkBody(); rejected != nil {
		return nil, rejected
	}
	if rejected := call.checkQuery(); rejected != nil {
		return nil, rejected
	}
	if !e.options.Strict {
		call.body = fromExampleForm(call.operation(), call.body)
	}
	if rejected := e.contract.checkRequest(call); rejected != nil {
		return nil, rejected
	}
	return e.handlers[call.operation()](call)
}

func (e *Emulator) requestID() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.ids.uuid()
}

func (e *Emulator) record(violation error) {
	if violation == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.violations = append(e.violations, violation)
}

// maxBody is the maximum length of a request body in bytes.
const maxBody = 1 << 20

// call is a request and the operation it is for.
type call struct {
	request  *http.Request
	query    url.Values
	body     []byte
	route    *routers.Route // nil if the contract has no such operation
	routeErr error          // why route is nil
}

func (c *contract) newCall(request *http.Request) *call {
	route, _, err := c.router.FindRoute(request)
	return &call{request: request, query: request.URL.Query(), route: route, routeErr: err}
}

// operation returns the operationId, "" if the contract has no such operation.
func (c *call) operation() string {
	if c.route == nil {
		return ""
	}
	return c.route.Operation.OperationID
}

// receive reads the request's body, up to one byte more than is allowed.
func (c *call) receive() error {
	if c.request.Body == nil {
		return nil
	}
	var err error
	c.body, err = io.ReadAll(io.LimitReader(c.request.Body, maxBody+1))
	return err
}

// rejection is why a request is rejected. A rejected request changes nothing.
type rejection struct {
	errno  int64
	reason string // for people, one line; may be empty
}

func reject(number int64, format string, args ...any) *rejection {
	return &rejection{errno: number, reason: fmt.Sprintf(format, args...)}
}

// errmsg returns the published text and the reason. The service does not give
// one, but it helps to understand a failed test.
func (r *rejection) errmsg() string {
	text := cmp.Or(errno.Find(r.errno).Errmsg, fmt.Sprintf("errno %d", r.errno))
	if r.reason == "" {
		return text
	}
	return text + ": " + shorten(r.reason)
}

// shorten truncates a reason, which may quote a long request.
func shorten(reason string) string {
	const maxLength = 200
	if runes := []rune(reason); len(runes) > maxLength {
		return string(runes[:maxLength]) + "…"
	}
	return reason
}

// checkToken rejects a request without the accepted token. The reason contains
// neither token.
func (c *call) checkToken(accepted string) *rejection {
	scheme, token, _ := strings.Cut(c.request.Header.Get("Authorization"), " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return reject(errno.Token, `the request has no "Authorization: Bearer <token>" header`)
	case token != accepted:
		return reject(errno.Token, "the token is not the one this emulator accepts")
	}
	return nil
}

// checkBody rejects a body that is not valid JSON.
func (c *call) checkBody() *rejection {
	if c.request.Method == http.MethodGet {
		return nil
	}
	if len(c.body) > maxBody {
		return reject(errno.IllegalRequest, "the body is longer than %d bytes", maxBody)
	}
	given := c.request.Header.Get("Content-Type")
	if mediaType, _, err := mime.ParseMediaType(given); err != nil || mediaType != "application/json" {
		return reject(errno.IllegalRequest, "Content-Type: %q is not application/json", given)
	}
	// This also rejects duplicate fields and invalid UTF-8: the operation must
	// decode exactly what was validated against the contract.
	var anything jsontext.Value
	if err := json.Unmarshal(c.body, &anything); err != nil {
		return reject(errno.IllegalRequest, "the body is not valid JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	return nil
}

// checkQuery rejects a query of which only a part would be read: fewer jobs would
// be returned than were queried, as if the others were unknown.
func (c *call) checkQuery() *rejection {
	if _, err := url.ParseQuery(c.request.URL.RawQuery); err != nil {
		return reject(errno.IllegalCall, "the query is malformed: %s", err)
	}
	var names []string
	for _, parameter := range c.route.Operation.Parameters {
		names = append(names, parameter.Value.Name)
	}
	hint := ""
	if len(names) > 0 {
		hint = "; send " + strings.Join(names, " and ") + " once each, several ids joined by commas"
	}
	for _, sent := range slices.Sorted(maps.Keys(c.query)) {
		switch times := len(c.query[sent]); {
		case !slices.Contains(names, sent):
			return reject(errno.IllegalCall, "%s has no query parameter %q%s", c.operation(), sent, hint)
		case times > 1:
			return reject(errno.IllegalCall, "%s was sent %d times%s", sent, times, hint)
		}
	}
	return nil
}
