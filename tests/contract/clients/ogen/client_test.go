package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cimg-go/cimg/tests/contract/clients/ogen/generated"
)

func TestRedirectIsNotFollowed(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	client, err := connect(server.URL, "token")
	if err != nil {
		t.Fatal(err)
	}
	_, err = jobOf(client.CreateCIMG(t.Context(), &generated.CreateCIMGRequest{
		RegionId: "gz", Cimg: []generated.CreateCIMGInput{{Name: "web-01", SnapUuid: "s"}},
	}))
	if err == nil || err.Error() != "HTTP 307" || requests != 1 {
		t.Errorf("%d requests, %v", requests, err)
	}
}

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
