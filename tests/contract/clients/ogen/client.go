// Package cimgogen is an example to copy: a client that ogen generates from
// openapi.yaml, and the rules that no generator knows.
package cimgogen

//go:generate go tool ogen --config ogen.yml --target generated --package generated --clean openapi.yaml

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

// Connect returns a client that sends each request once.
func Connect(baseURL, token string) (*generated.Client, error) {
	return generated.NewClient(baseURL, bearer(token), generated.WithClient(&http.Client{
		Transport: sendOnce{http.DefaultTransport},
		// A 307 would send a POST again.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}))
}

type bearer string

func (b bearer) BearerAuth(context.Context, generated.OperationName) (generated.BearerAuth, error) {
	return generated.BearerAuth{Token: string(b)}, nil
}

// sendOnce takes from net/http what it sends a POST again with, over another
// connection: ogen gives every request a way to read its body twice. It also
// notes what ogen does not pass on, until when the service wants to be left alone.
type sendOnce struct{ http.RoundTripper }

func (s sendOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost {
		req = req.Clone(req.Context())
		req.GetBody = nil
	}
	resp, err := s.RoundTripper.RoundTrip(req)
	if notBefore, ok := req.Context().Value(notBeforeKey{}).(*time.Time); ok && err == nil {
		*notBefore = retryAfter(resp.Header)
	}
	return resp, err
}

type notBeforeKey struct{}

// retryAfter is zero where a reply does not say.
func retryAfter(header http.Header) time.Time {
	said := header.Get("Retry-After")
	seconds, err := strconv.ParseUint(said, 10, 64)
	if err == nil || errors.Is(err, strconv.ErrRange) { // of which seconds is the greatest there is
		return time.Now().Add(time.Duration(min(seconds, math.MaxInt32)) * time.Second)
	}
	date, _ := http.ParseTime(said)
	return date
}
