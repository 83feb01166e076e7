package consumer

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// service responds to each path with one body.
func service(t *testing.T, responses map[string]string) *wrapper.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, responses[r.URL.Path])
	}))
	t.Cleanup(server.Close)
	client, err := wrapper.New(wrapper.StaticToken("token"), wrapper.WithBaseURL(server.URL),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestReplicate(t *testing.T) {
	const started = `{"errno":0,"errmsg":"ok","requestId":"r","data":[{"jobUuid":"j","type":"T","progress":0,"done":false,"success":false,"resourceUuid":"i"}]}`
	client := service(t, map[string]string{
		"/dicloud/i/storage/cimg/create": started,
		"/dicloud/i/storage/cimg/import": started,
		"/dicloud/i/result":              `{"errno":0,"errmsg":"ok","requestId":"r","data":[{"jobUuid":"j","type":"T","progress":100,"done":true,"success":true}]}`,
	})
	uuid, err := Replicate(t.Context(), client, "snapshot", "web-01", "gz", "bj")
	if err != nil || uuid != "i" {
		t.Fatalf("got %q, %v", uuid, err)
	}
}

func TestReplicateRejected(t *testing.T) {
	client := service(t, map[string]string{
		"/dicloud/i/storage/cimg/create": `{"errno":41017,"errmsg":"no","requestId":"r"}`,
	})
	_, err := Replicate(t.Context(), client, "snapshot", "web-01", "gz", "bj")
	var apiErr *wrapper.APIError
	if !errors.As(err, &apiErr) || !errors.Is(err, wrapper.ErrNotFound) {
		t.Fatalf("got %v", err)
	}
}

func TestCount(t *testing.T) {
	client := service(t, map[string]string{
		"/dicloud/i/storage/cimg/list": `{"errno":0,"errmsg":"ok","requestId":"r","data":{"count":1,"items":[{"cimgUuid":"a","name":"n"}]}}`,
	})
	n, err := Count(t.Context(), client, "gz")
	if err != nil || n != 1 {
		t.Fatalf("got %d, %v", n, err)
	}
}
