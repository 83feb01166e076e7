package faults

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

// talkative answers a read and then, unasked, sends a second response that repeats
// the request's headers: in the same packet, or later.
func talkative(later bool, closed chan<- struct{}) http.HandlerFunc {
	return takeOverRead(func(conn net.Conn, r *http.Request) {
		first := `{"errno":0,"errmsg":"ok","requestId":"r","data":[]}`
		second := "echo: " + r.Header.Get("Authorization")
		write := func(body string) string {
			return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s",
				r.Header.Get("Authorization"), len(body), body)
		}
		if later {
			io.WriteString(conn, write(first))
			time.Sleep(20 * time.Millisecond)
			io.WriteString(conn, write(second))
		} else {
			io.WriteString(conn, write(first)+write(second))
		}
		io.Copy(io.Discard, conn) // until the client closes it
		conn.Close()
		closed <- struct{}{}
	})
}

// takeOverRead hands the connection to f after its request was read.
func takeOverRead(f func(net.Conn, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		f(conn, r)
	}
}

// Row 45: what a server sends unasked does not reach the standard logger, to which
// net/http writes it, and the next read works.
func TestUnsolicitedResponses(t *testing.T) {
	for _, later := range []bool{false, true} {
		t.Run(fmt.Sprint("later=", later), func(t *testing.T) {
			logged := logTo(t)
			closed := make(chan struct{}, 10)
			server := httptest.NewServer(talkative(later, closed))
			defer server.Close()
			client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL(server.URL))
			require.NoError(t, err)
			for range 3 {
				_, err = client.JobResults(t.Context(), "gz", "j1")
				require.NoError(t, err)
				select { // until the client has closed the connection, because of what came
				case <-closed:
				case <-time.After(10 * time.Second):
					t.Fatal("the connection is still open")
				}
			}
			require.Empty(t, logged.String())
		})
	}
}

// logTo returns what is written to the standard logger during a test.
func logTo(t *testing.T) *lockedBuffer {
	t.Helper()
	logged := &lockedBuffer{}
	before := log.Writer()
	log.SetOutput(logged)
	t.Cleanup(func() { log.SetOutput(before) })
	return logged
}

// The same over TLS, and row 50, a proxy that rejects CONNECT: both need settings
// of the whole process.
func TestOverTLS(t *testing.T) {
	server := httptest.NewTLSServer(talkative(true, make(chan struct{}, 10)))
	defer server.Close()
	roots := filepath.Join(t.TempDir(), "roots.pem")
	require.NoError(t, os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	for _, status := range []int{403, 407, 502} {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
		}))
		defer proxy.Close()
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOverTLSChild$", "-test.v", "-test.count=1")
		child.Env = append(os.Environ(), "CIMG_TEST_TLS="+server.URL, "SSL_CERT_FILE="+roots,
			"HTTPS_PROXY="+strings.Replace(proxy.URL, "http://", "http://user:secret@", 1), "NO_PROXY=")
		output, err := child.CombinedOutput()
		require.NoError(t, err, "%s", output)
		require.NotContains(t, string(output), token)
		require.NotContains(t, string(output), "secret")
		require.Contains(t, string(output), "proxy "+strings.TrimPrefix(proxy.URL, "http://"))
		require.Contains(t, string(output), http.StatusText(status))
	}
}

func TestOverTLSChild(t *testing.T) {
	url := os.Getenv("CIMG_TEST_TLS")
	if url == "" {
		t.Skip("part of TestOverTLS")
	}
	logged := logTo(t)
	client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL(url)) // of a loopback address: without proxy
	require.NoError(t, err)
	_, err = client.JobResults(t.Context(), "gz", "j1")
	require.NoError(t, err)
	time.Sleep(100 * time.Millisecond) // for what the server sends later
	require.Empty(t, logged.String())

	client, err = wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL("https://example.com"), wrapper.WithRetries(wrapper.Retries{MaxAttempts: 1}))
	require.NoError(t, err)
	_, err = client.CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	require.ErrorIs(t, err, wrapper.ErrNotSent)
	_, readErr := client.JobResults(t.Context(), "gz", "j1")
	require.Error(t, readErr)
	fmt.Println(err, readErr)
}

// roundTripper is a caller's.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// leak is an error that holds the request, and so the token, in a field.
type leak struct {
	Header http.Header
	cause  error
}

func (leak) Error() string   { return "it broke" }
func (e leak) Unwrap() error { return e.cause }

// Row 52: what a caller's RoundTripper can do wrong.
func TestCallersRoundTrippers(t *testing.T) {
	for name, test := range map[string]struct {
		transport roundTripper
		text      string
		sent      bool // or may have been
	}{
		"nothing": {func(*http.Request) (*http.Response, error) { return nil, nil }, "nil", true},
		"an error with the token": {func(r *http.Request) (*http.Response, error) {
			return nil, leak{r.Header, &leak{r.Header, errors.New(r.Header.Get("Authorization"))}}
		}, "it broke", true},
		"never, ignoring its context": {func(*http.Request) (*http.Response, error) {
			time.Sleep(24 * time.Hour)
			return nil, errors.New("late")
		}, "no response within 1m0s", true},
		"never": {func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, "no response within 1m0s", true},
		"a body that never ends": {func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(trickle(time.Now()))}, nil
		}, "no response within 1m0s", true},
		"its end": {func(*http.Request) (*http.Response, error) { panic("at the disco") }, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL("http://127.0.0.1"),
					wrapper.WithHTTPClient(&http.Client{Transport: test.transport}), wrapper.WithTimeouts(wrapper.Timeouts{Mutating: time.Minute, ReadOnly: time.Minute}),
					wrapper.WithPolling(wrapper.Polling{Timeout: time.Minute}))
				require.NoError(t, err)
				defer time.Sleep(48 * time.Hour) // until the last transport has returned
				began := time.Now()
				create := func() error {
					_, err := client.CreateImage(context.Background(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
					return err
				}
				job, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: "j1"})
				require.NoError(t, err)
				_, waitErr := job.Wait(context.Background(), wrapper.MaxFailures(0))
				require.ErrorAs(t, waitErr, new(*wrapper.WaitError))
				requireSecret(t, waitErr)
				if test.text == "" {
					require.Panics(t, func() { create() }, "in the caller's goroutine, where it can be recovered")
					return
				}
				err = create()
				require.ErrorAs(t, err, new(*wrapper.OutcomeUnknownError))
				require.ErrorContains(t, err, test.text)
				require.NotErrorIs(t, err, context.DeadlineExceeded)
				requireSecret(t, err)
				require.LessOrEqual(t, time.Since(began), 3*time.Minute)
			})
		})
	}
}

// trickle is a body that goes on for a day after its beginning.
type trickle time.Time

func (began trickle) Read(p []byte) (int, error) {
	if time.Sleep(time.Minute); time.Since(time.Time(began)) > 24*time.Hour {
		return 0, io.EOF
	}
	return copy(p, " "), nil
}

func requireSecret(t *testing.T, err error) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for e := err; e != nil; e = errors.Unwrap(e) {
			require.NotContains(t, fmt.Sprintf(verb, e), token)
		}
		var unknown *wrapper.OutcomeUnknownError
		if errors.As(err, &unknown) {
			require.NotContains(t, fmt.Sprintf(verb, unknown.Cause), token)
		}
	}
}

// Row 52: a RoundTripper that sends a request by itself, and then fails to connect
// to somewhere else, leaves the outcome unknown; one that sent nothing does not.
func TestARoundTripperThatDialsTwice(t *testing.T) {
	var received atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		received.Add(1)
	}))
	defer server.Close()
	own := &http.Transport{}
	defer own.CloseIdleConnections()
	for sends, is := range map[bool]wrapper.Outcome{true: wrapper.OutcomeUnknown, false: wrapper.OutcomeNotSent} {
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			if sends {
				copied, err := http.NewRequest(r.Method, server.URL, r.Body)
				require.NoError(t, err)
				response, err := own.RoundTrip(copied)
				require.NoError(t, err)
				response.Body.Close()
			}
			elsewhere := r.Clone(r.Context())
			elsewhere.URL.Host = "127.0.0.1:1"
			return own.RoundTrip(elsewhere)
		})
		client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL(server.URL), wrapper.WithHTTPClient(&http.Client{Transport: transport}))
		require.NoError(t, err)
		_, err = client.CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
		require.Equal(t, is, wrapper.OutcomeOf(err), err)
	}
	require.EqualValues(t, 1, received.Load())
}

// A client may repeat mutating calls that were certainly not carried out, and only
// those.
func TestMutatingRetries(t *testing.T) {
	later := http.Header{"Retry-After": {"7"}}
	for name, test := range map[string]struct {
		faults   []emulator.Fault
		outcome  wrapper.Outcome
		requests int // at the service
		takes    time.Duration
	}{
		"no connection":        {[]emulator.Fault{{Refuse: true, Count: 2}}, wrapper.OutcomeAccepted, 1, 0},
		"never a connection":   {[]emulator.Fault{{Refuse: true, Count: 3}}, wrapper.OutcomeNotSent, 0, 0},
		"HTTP 429":             {[]emulator.Fault{{Status: 429, Header: later, Count: 2}}, wrapper.OutcomeAccepted, 3, 14 * time.Second},
		"HTTP 429 for long":    {[]emulator.Fault{{Status: 429, Header: http.Header{"Retry-After": {"3600"}}}}, wrapper.OutcomeRejected, 1, 0},
		"HTTP 429 with a job":  {[]emulator.Fault{{Status: 429, Body: `{"errno":1,"data":[{"jobUuid":"j"}]}`}}, wrapper.OutcomeUnknown, 1, 0},
		"HTTP 503":             {[]emulator.Fault{{Status: 503, Header: later}}, wrapper.OutcomeUnknown, 1, 0},
		"reset":                {[]emulator.Fault{{Reset: true}}, wrapper.OutcomeUnknown, 1, 0},
		"reset afterwards":     {[]emulator.Fault{{Reset: true, After: true}}, wrapper.OutcomeUnknown, 1, 0},
		"errno 13":             {[]emulator.Fault{{Errno: 13}}, wrapper.OutcomeRejected, 1, 0},
		"no connection, reset": {[]emulator.Fault{{Refuse: true}, {Reset: true, After: true}}, wrapper.OutcomeUnknown, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, emulator.Options{}, func(t *testing.T, s *transport, client *wrapper.Client) {
				for _, fault := range test.faults {
					fault.Operation = "createCIMG"
					require.NoError(t, s.Inject(fault))
				}
				began := time.Now()
				_, err := client.CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
				require.Equal(t, test.outcome, wrapper.OutcomeOf(err), err)
				require.Equal(t, test.requests, s.Requests("createCIMG"))
				require.GreaterOrEqual(t, time.Since(began), test.takes)
				require.Empty(t, s.UnmetFaults())
			}, wrapper.WithMutatingRetries(3))
		})
	}
	inVirtualTime(t, emulator.Options{}, func(t *testing.T, s *transport, client *wrapper.Client) {
		require.NoError(t, s.Inject(emulator.Fault{Operation: "createCIMG", Refuse: true}))
		_, err := client.CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
		require.ErrorIs(t, err, wrapper.ErrNotSent, "by default there is one attempt")
	})
}
