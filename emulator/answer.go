package emulator

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/routers"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/cimg-go/cimg/gen"
)

// handler acts on a call that has been checked and returns its response's data.
type handler func(*call) (any, *rejection)

// handle makes a handler of an operation of the cloud and of what decodes its
// request.
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

// fromBody decodes the request of an operation that is posted.
func fromBody[Request any](call *call) (request Request, rejected *rejection) {
	if err := json.Unmarshal(call.body, &request); err != nil {
		// The contract has no objection, so this is a number like 1.0: an
		// integer to the contract but not to Go.
		return request, reject(errnoBadCall, "a number must be written as a plain integer: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return request, nil
}

// fromQuery decodes the request of the operation that is got.
func fromQuery(call *call) (gen.GetJobResultParams, *rejection) {
	return gen.GetJobResultParams{
		RegionID: call.query.Get("regionId"),
		JobUUIDs: strings.Split(call.query.Get("jobUuids"), ","),
	}, nil
}

// answer makes the emulator's own response to a call.
func (e *Emulator) answer(call *call) response {
	switch {
	case errors.Is(call.routeErr, routers.ErrMethodNotAllowed):
		path := call.request.URL.Path
		allowed := e.contract.allowed(path)
		response := textResponse(http.StatusMethodNotAllowed, fmt.Sprintf("%s is not allowed on %s; use %s", call.request.Method, path, allowed))
		response.header.Set("Allow", allowed)
		return response
	case call.routeErr != nil:
		return textResponse(http.StatusNotFound, "no such path; the emulator answers "+e.contract.index)
	}
	content := envelope{RequestID: e.requestID(), Errmsg: errmsgs[errnoOK]}
	data, rejected := e.act(call)
	if rejected != nil {
		content.Errno, content.Errmsg = rejected.errno, rejected.errmsg()
	} else {
		content.Data = data
	}
	response := envelopeResponse(content)
	if e.options.CheckResponses && !(e.options.ListAsArray && call.operation() == "listCIMG") {
		e.record(e.contract.checkResponse(call, response))
	}
	return response
}

// act checks a call in the order the service is thought to, and carries it out.
func (e *Emulator) act(call *call) (any, *rejection) {
	if rejected := call.checkToken(e.options.Token); rejected != nil {
		return nil, rejected
	}
	if rejected := call.checkBody(); rejected != nil {
		return nil, rejected
	}
	if e.options.Strict {
		if rejected := call.checkRepetition(); rejected != nil {
			return nil, rejected
		}
	} else {
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

// maxBody is the longest request body that is read.
const maxBody = 1 << 20

// call is a request on its way through the emulator.
type call struct {
	request  *http.Request
	query    url.Values
	body     []byte
	route    *routers.Route // nil where the contract has no such operation
	routeErr error          // and why not
}

// newCall finds the operation that a request is for.
func (c *contract) newCall(request *http.Request) *call {
	route, _, err := c.router.FindRoute(request)
	return &call{request: request, query: request.URL.Query(), route: route, routeErr: err}
}

// operation returns the id of the operation that is called, "" if none is.
func (c *call) operation() string {
	if c.route == nil {
		return ""
	}
	return c.route.Operation.OperationID
}

// receive reads the request's body, one byte further than it may be long.
func (c *call) receive() error {
	if c.request.Body == nil {
		return nil
	}
	var err error
	c.body, err = io.ReadAll(io.LimitReader(c.request.Body, maxBody+1))
	return err
}

// rejection is why a request is rejected. Nothing has been done then.
type rejection struct {
	errno  int64
	reason string // for people, one line; empty where the errno says it all
}

func reject(errno int64, format string, args ...any) *rejection {
	return &rejection{errno: errno, reason: fmt.Sprintf(format, args...)}
}

// errmsg returns the published text, then the reason, which the service does
// not give but whoever reads a failed test wants.
func (r *rejection) errmsg() string {
	text, published := errmsgs[r.errno]
	if !published {
		text = fmt.Sprintf("errno %d", r.errno)
	}
	if r.reason == "" {
		return text
	}
	return text + ": " + shorten(r.reason)
}

// shorten keeps a reason, which may quote the request, to a sane length.
func shorten(reason string) string {
	const maxLength = 200
	if runes := []rune(reason); len(runes) > maxLength {
		return string(runes[:maxLength]) + "…"
	}
	return reason
}

// checkToken rejects a request without the token. It never shows either.
func (c *call) checkToken(accepted string) *rejection {
	scheme, token, _ := strings.Cut(c.request.Header.Get("Authorization"), " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return reject(errnoTokenRejected, `the request has no "Authorization: Bearer <token>" header`)
	case token != accepted:
		return reject(errnoTokenRejected, "the token is not the one this emulator accepts")
	}
	return nil
}

// checkBody rejects a body that cannot be read as JSON at all.
func (c *call) checkBody() *rejection {
	if c.request.Method == http.MethodGet {
		return nil
	}
	if len(c.body) > maxBody {
		return reject(errnoBadRequest, "the body is longer than %d bytes", maxBody)
	}
	given := c.request.Header.Get("Content-Type")
	if mediaType, _, err := mime.ParseMediaType(given); err != nil || mediaType != "application/json" {
		return reject(errnoBadRequest, "Content-Type: %q must be application/json", given)
	}
	// Duplicate members and invalid UTF-8 are rejected here: what is checked
	// against the contract must be what is acted on.
	var anything jsontext.Value
	if err := json.Unmarshal(c.body, &anything); err != nil {
		return reject(errnoBadRequest, "the body cannot be read as JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	return nil
}

// checkRepetition rejects a parameter that stands in the query more than once.
// Clients that do not know the contract's explode: false send jobUuids so, and
// of what they ask only the first is read.
func (c *call) checkRepetition() *rejection {
	for _, name := range slices.Sorted(maps.Keys(c.query)) {
		if times := len(c.query[name]); times > 1 {
			return reject(errnoBadCall, "%s: given %d times, send it once; several values are joined by commas", name, times)
		}
	}
	return nil
}
