package emulator

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/routers"
	"github.com/go-json-experiment/json"

	"github.com/cimg-go/cimg/gen"
)

// handler acts on a call that has been checked and returns its reply's data.
type handler func(*call) (any, *refusal)

// handle makes a handler of an operation of the cloud and of what decodes its
// request.
func handle[Request, Data any](
	e *Emulator,
	decode func(*call) (Request, *refusal),
	operation func(Request) (Data, *refusal),
) handler {
	return func(call *call) (any, *refusal) {
		request, refused := decode(call)
		if refused != nil {
			return nil, refused
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.cloud.advance()
		return operation(request)
	}
}

// fromBody decodes the request of an operation that is posted.
func fromBody[Request any](call *call) (request Request, refused *refusal) {
	if err := json.Unmarshal(call.body, &request); err != nil {
		// The contract has no objection, so this is a number like 1.0: an
		// integer to the contract but not to Go.
		return request, refuse(errnoBadCall, "a number must be written as a plain integer: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return request, nil
}

// fromQuery decodes the request of the operation that is got.
func fromQuery(call *call) (gen.GetJobResultParams, *refusal) {
	return gen.GetJobResultParams{
		RegionID: call.query.Get("regionId"),
		JobUUIDs: strings.Split(call.query.Get("jobUuids"), ","),
	}, nil
}

// answer makes the emulator's own reply to a call.
func (e *Emulator) answer(call *call) reply {
	switch {
	case errors.Is(call.routeErr, routers.ErrMethodNotAllowed):
		path := call.request.URL.Path
		allowed := e.contract.allowed(path)
		reply := textReply(http.StatusMethodNotAllowed, fmt.Sprintf("%s is not allowed on %s; use %s", call.request.Method, path, allowed))
		reply.header.Set("Allow", allowed)
		return reply
	case call.routeErr != nil:
		return textReply(http.StatusNotFound, "no such path; the emulator answers "+e.contract.index)
	}
	content := envelope{RequestID: e.requestID(), Errmsg: errmsgs[errnoOK]}
	data, refused := e.act(call)
	if refused != nil {
		content.Errno, content.Errmsg = refused.errno, refused.errmsg()
	} else {
		content.Data = data
	}
	reply := envelopeReply(content)
	if e.options.CheckReplies && !(e.options.ListAsArray && call.operation() == "listCIMG") {
		e.record(e.contract.checkReply(call, reply))
	}
	return reply
}

// act checks a call in the order the service is thought to, and carries it out.
func (e *Emulator) act(call *call) (any, *refusal) {
	if refused := call.checkToken(e.options.Token); refused != nil {
		return nil, refused
	}
	if refused := call.checkForm(); refused != nil {
		return nil, refused
	}
	if e.options.Strict {
		if refused := call.checkRepetition(); refused != nil {
			return nil, refused
		}
	} else {
		call.body = fromExampleForm(call.operation(), call.body)
	}
	if refused := e.contract.checkRequest(call); refused != nil {
		return nil, refused
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
