package main

//go:generate go tool ogen --config ogen.yml --target generated --package generated --clean openapi.yaml

import (
	"context"
	"net/http"
	"time"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

// connect returns a client that sends each request once.
func connect(baseURL, token string) (*generated.Client, error) {
	return generated.NewClient(baseURL, bearer(token), generated.WithClient(&http.Client{
		Transport: sendOnce{http.DefaultTransport},
		// After a 307, net/http sends a POST again.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       30 * time.Second,
	}))
}

type bearer string

func (b bearer) BearerAuth(context.Context, generated.OperationName) (generated.BearerAuth, error) {
	return generated.BearerAuth{Token: string(b)}, nil
}

// sendOnce removes GetBody, which ogen sets on every request: with it, net/http
// sends a POST again when its connection turns out to be dead.
type sendOnce struct{ http.RoundTripper }

func (s sendOnce) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method == http.MethodPost {
		req = req.Clone(req.Context())
		req.GetBody = nil
	}
	return s.RoundTripper.RoundTrip(req)
}
