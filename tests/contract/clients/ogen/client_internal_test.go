package cimgogen

import (
	"net/http"
	"strings"
	"testing"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

func TestAPostHasNoBodyToSendAgain(t *testing.T) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	transport := sendOnce{roundTripper(func(sent *http.Request) (*http.Response, error) {
		if sent.GetBody != nil || sent.Body == nil || sent.ContentLength != 2 {
			t.Errorf("%+v", sent)
		}
		return nil, http.ErrServerClosed
	})}
	_, _ = transport.RoundTrip(req)
}
