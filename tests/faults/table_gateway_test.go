package faults

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/cimg-go/cimg/wrapper"
)

// gatewayRows are statuses of gateways, and custom RoundTrippers that break the
// rules.
func gatewayRows() []fault {
	var rows []fault
	for _, status := range []int{http.StatusRequestTimeout, http.StatusTooEarly} {
		for body, handler := range map[string]http.HandlerFunc{"errno 13": errno(status, 13), "HTML": response(status, "text/html", html)} {
			rows = append(rows, fault{row: 41, name: fmt.Sprint(status, " ", body), endpoint: responding(handler),
				mutating: unknown.withStatus(status).with(wrapper.ErrServer), readOnly: retried.withStatus(status).with(wrapper.ErrServer)})
		}
	}
	for _, status := range []int{http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge, 494} {
		rows = append(rows, fault{row: 42, name: fmt.Sprint(status), endpoint: responding(response(status, "text/html", html)),
			mutating: unknown.withStatus(status).with(wrapper.ErrBadParameter), readOnly: once.withStatus(status).with(wrapper.ErrBadParameter)})
	}
	return append(rows,
		fault{row: 52, name: "neither response nor error", endpoint: through(func(*customTransport, *http.Request) (*http.Response, error) {
			return nil, nil
		}), mutating: unknown.sent(0), readOnly: retried.sent(0)},
		fault{row: 52, name: "the token in a field", endpoint: through(func(_ *customTransport, r *http.Request) (*http.Response, error) {
			return nil, secretError{Request: r, Field: r.Header.Get("Authorization")}
		}), mutating: unknown.sent(0), readOnly: retried.sent(0)},
		fault{row: 52, name: "silent for ever", endpoint: through(func(rt *customTransport, _ *http.Request) (*http.Response, error) {
			rt.requests.Add(1)
			<-rt.stopped
			return nil, context.Canceled
		}), mutating: unknown, readOnly: once, hangs: true},
		fault{row: 52, name: "dials twice", endpoint: through(func(rt *customTransport, r *http.Request) (*http.Response, error) {
			untraced := r.Clone(context.Background())
			if response, err := rt.RoundTripper.RoundTrip(untraced); err == nil {
				response.Body.Close()
			}
			elsewhere := r.Clone(r.Context())
			elsewhere.URL.Host = "127.0.0.1:1" // nothing listens on it
			return rt.RoundTripper.RoundTrip(elsewhere)
		}), mutating: unknown, readOnly: retried})
}

// secretError shows the token if its fields are formatted.
type secretError struct {
	Request *http.Request
	Field   string
}

func (secretError) Error() string { return "broken" }

// customTransport is a RoundTripper of the caller's.
type customTransport struct {
	*endpoint
	http.RoundTripper
	roundTrip func(*customTransport, *http.Request) (*http.Response, error)
	stopped   chan struct{}
}

func (rt *customTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return rt.roundTrip(rt, r)
}

func (rt *customTransport) CloseIdleConnections() {
	rt.RoundTripper.(*http.Transport).CloseIdleConnections()
}

// through is a healthy server behind a custom RoundTripper.
func through(roundTrip func(*customTransport, *http.Request) (*http.Response, error)) func(*testing.T) *endpoint {
	return func(t *testing.T) *endpoint {
		p := responding(healthy)(t)
		rt := &customTransport{endpoint: p, RoundTripper: &http.Transport{}, roundTrip: roundTrip, stopped: make(chan struct{})}
		p.client = &http.Client{Transport: rt}
		stop := p.stop
		p.stop = func() { close(rt.stopped); stop() }
		return p
	}
}
