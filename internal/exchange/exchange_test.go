package exchange

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func through(t transport) *Clients { return NewClients(&http.Client{Transport: t}, nil) }

// request returns a POST that may take a minute.
func request(t *testing.T, ctx context.Context, target string) Request { //nolint:revive // the context is what differs
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, http.NoBody)
	require.NoError(t, err)
	return Request{Request: req, Content: []byte("content"), Mutating: true, Limit: time.Minute, MaxBytes: 100, Authorization: "Bearer token", UserAgent: "agent"}
}

// A whole response comes back, and the caller's transport gets the content once.
func TestSend(t *testing.T) {
	clients := through(func(r *http.Request) (*http.Response, error) {
		content, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, "content", string(content))
		require.EqualValues(t, len("content"), r.ContentLength)
		require.Nil(t, r.GetBody, "net/http would send it again")
		require.Equal(t, http.Header{"Authorization": {"Bearer token"}, "User-Agent": {"agent"}}, r.Header)
		return &http.Response{StatusCode: http.StatusTeapot, Header: http.Header{"Server": {"x"}}, Body: io.NopCloser(strings.NewReader("body"))}, nil
	})
	response, failure := clients.Send(request(t, t.Context(), "http://host/"))
	require.Nil(t, failure)
	require.Equal(t, Response{http.StatusTeapot, http.Header{"Server": {"x"}}, []byte("body")}, response)
}

// Of a body of unknown length, net/http sends what it can read at once, or chunks.
func TestTheLengthOfABodyIsKnown(t *testing.T) {
	for _, row := range []struct {
		content  string
		mutating bool
		want     []string
	}{{"", false, []string{"identity"}}, {"", true, nil}, {"content", false, nil}, {"content", true, nil}} {
		clients := through(func(r *http.Request) (*http.Response, error) {
			require.Equal(t, row.want, r.TransferEncoding)
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})
		r := request(t, t.Context(), "http://host/")
		r.Content, r.Mutating = []byte(row.content), row.mutating
		_, failure := clients.Send(r)
		require.Nil(t, failure)
	}
}

// A request keeps its own header.
func TestHeadersOfRequests(t *testing.T) {
	for _, row := range []struct{ own, sent http.Header }{
		{nil, http.Header{"Authorization": {"Bearer token"}, "User-Agent": {"agent"}}},
		{http.Header{"A": {"b"}, "User-Agent": {"own"}}, http.Header{"A": {"b"}, "Authorization": {"Bearer token"}, "User-Agent": {"own"}}},
	} {
		clients := through(func(r *http.Request) (*http.Response, error) {
			require.Equal(t, row.sent, r.Header)
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
		})
		r := request(t, t.Context(), "http://host/")
		r.Header = row.own
		before := row.own.Clone()
		_, failure := clients.Send(r)
		require.Nil(t, failure)
		require.Equal(t, before, row.own)
	}
}

func TestAResponseWithoutABody(t *testing.T) {
	clients := through(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: io.NopCloser(blocked{})}, nil
	})
	response, failure := clients.Send(request(t, t.Context(), "http://host/"))
	require.Nil(t, failure)
	require.Empty(t, response.Body, "of a 101, which is the connection")
}

// blocked is a body that never ends, and whose end nobody waits for.
type blocked struct{}

func (blocked) Read([]byte) (int, error) { return 0, errors.New("it was read") }

func TestLimits(t *testing.T) {
	body := ""
	clients := through(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}, nil
	})
	body = strings.Repeat("x", 100)
	response, failure := clients.Send(request(t, t.Context(), "http://host/"))
	require.Nil(t, failure)
	require.Len(t, response.Body, 100)
	body += "x"
	_, failure = clients.Send(request(t, t.Context(), "http://host/"))
	require.ErrorIs(t, failure.Cause, ErrTooLarge)
	require.EqualError(t, failure, "reading the response (HTTP 200): response too large: more than 100 bytes")
	require.False(t, failure.NotSent)
}

// A body gets as much room as it is said to need, within reason; if nothing is said, more
// than net/http's buffer has. Whatever is said, all of it is read.
func TestRoomForBodies(t *testing.T) {
	for length, room := range map[int64]int{10: 11, 1: 2, 1 << 40: 16*readAhead + 1, -1: readAhead + 1, 0: readAhead + 1} {
		for size := range 50 {
			reads := []int{}
			content := strings.NewReader(strings.Repeat("x", size))
			clients := through(func(*http.Request) (*http.Response, error) {
				body := io.NopCloser(readFunc(func(p []byte) (int, error) {
					reads = append(reads, len(p))
					return content.Read(p)
				}))
				return &http.Response{StatusCode: http.StatusOK, ContentLength: length, Body: body}, nil
			})
			response, failure := clients.Send(request(t, t.Context(), "http://host/"))
			require.Nil(t, failure)
			require.Len(t, response.Body, size)
			require.Equal(t, room, reads[0])
			require.Less(t, len(reads), 10)
		}
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// The body of a caller's request is read and closed, however that ends.
func TestReadContent(t *testing.T) {
	reason := errors.New("shutting down")
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		reads error // after the content
		ends  bool  // the context, before it is read
		want  string
	}{
		"whole": {io.EOF, false, ""}, "broken": {broken, false, "reading the request's body: broken"}, "too late": {io.EOF, true, "shutting down"},
	} {
		ctx, cancel := context.WithCancelCause(t.Context())
		if row.ends {
			cancel(reason)
		}
		closed, content := 0, strings.NewReader("content")
		body := hangingBody{close: func() { closed++ }}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://host/", struct {
			io.Reader
			io.Closer
		}{readFunc(func(p []byte) (int, error) {
			if n, err := content.Read(p); err == nil {
				return n, nil
			}
			return 0, row.reads
		}), body})
		require.NoError(t, err)
		read, err := ReadContent(req)
		cancel(nil)
		require.Equal(t, 1, closed, name)
		if row.want != "" {
			require.EqualError(t, err, row.want)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, "content", string(read))
	}
}

// Whether anything was sent follows from what the transport did.
func TestEvidence(t *testing.T) {
	var dials net.Dialer
	closed := httptest.NewServer(nil)
	closed.Close()
	real := &http.Transport{DialContext: dials.DialContext}
	defer real.CloseIdleConnections()
	hijacks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
		}
	}))
	defer hijacks.Close()
	base := &url.URL{Scheme: "http"}
	for name, row := range map[string]struct {
		clients *Clients
		target  string
		notSent bool
	}{
		"own, no connection":      {NewClients(nil, base), closed.URL, true},
		"own, closed":             {NewClients(nil, base), hijacks.URL, false},
		"borrowed, no connection": {NewClients(&http.Client{Transport: real}, base), closed.URL, true},
		"borrowed, closed":        {NewClients(&http.Client{Transport: real}, base), hijacks.URL, false},
		"custom, without a word":  {through(func(*http.Request) (*http.Response, error) { return nil, errors.New("broke") }), closed.URL, false},
		"custom, no connection":   {through(real.RoundTrip), closed.URL, true},
		"custom, read, and no connection": {through(func(r *http.Request) (*http.Response, error) {
			r.Body.Read(make([]byte, 1))
			return real.RoundTrip(r)
		}), closed.URL, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, failure := row.clients.Send(request(t, t.Context(), row.target))
			require.NotNil(t, failure)
			require.Equal(t, row.notSent, failure.NotSent, failure)
			require.NotContains(t, failure.Error(), row.target, "the URL may be long")
		})
	}
	trace := func(r *http.Request) *httptrace.ClientTrace { return httptrace.ContextClientTrace(r.Context()) }
	_, failure := through(func(r *http.Request) (*http.Response, error) {
		trace(r).GetConn("host:80")
		trace(r).GotConn(httptrace.GotConnInfo{})
		return nil, errors.New("broke")
	}).Send(request(t, t.Context(), "http://host/"))
	require.False(t, failure.NotSent, "it had a connection")
	_, failure = through(func(r *http.Request) (*http.Response, error) {
		trace(r).GetConn("host:80")
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(blocked{})}, nil
	}).Send(request(t, t.Context(), "http://host/"))
	require.False(t, failure.NotSent, "a response had begun")

	empty := request(t, t.Context(), closed.URL)
	empty.Content = nil
	_, failure = through(real.RoundTrip).Send(empty)
	require.False(t, failure.NotSent, "nothing need be read to send no content")
	_, failure = NewClients(nil, base).Send(empty)
	require.True(t, failure.NotSent)

	over, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("shutting down")
	cancel(reason)
	_, failure = through(func(*http.Request) (*http.Response, error) { panic("called") }).Send(request(t, over, "http://host/"))
	require.True(t, failure.NotSent)
	require.ErrorIs(t, failure.Cause, reason)
}

// A call ends in time, whatever the transport does.
func TestTransportsThatTakeLong(t *testing.T) {
	for name, row := range map[string]struct {
		obeys, begins bool
	}{"obeys": {true, false}, "ignores the context": {false, false}, "obeys in the body": {true, true}, "ignores it in the body": {false, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				defer time.Sleep(2 * time.Hour) // until the transport has returned
				clients := through(func(r *http.Request) (*http.Response, error) {
					wait := func() error {
						if !row.obeys {
							time.Sleep(time.Hour)
							return errors.New("late")
						}
						<-r.Context().Done()
						return r.Context().Err()
					}
					if row.begins {
						return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(readerFunc(wait))}, nil
					}
					return nil, wait()
				})
				const grace = 50 * time.Millisecond
				began := time.Now()
				_, failure := clients.Send(request(t, t.Context(), "http://host/"))
				require.EqualError(t, failure, "no response within 1m0s")
				require.NotErrorIs(t, failure.Cause, context.DeadlineExceeded)
				require.False(t, failure.NotSent)
				require.LessOrEqual(t, time.Since(began), time.Minute+grace)

				began = time.Now()
				reason := errors.New("shutting down")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(reason) })
				_, failure = clients.Send(request(t, ctx, "http://host/"))
				require.ErrorIs(t, failure.Cause, reason)
				require.False(t, failure.NotSent)
				require.LessOrEqual(t, time.Since(began), time.Second+grace)
			})
		})
	}
}

// A body that hangs, whether or not it heeds its Close, delays no call, and one that
// does leaves no goroutine. net/http's transport, too, can have one.
func TestBodiesThatHang(t *testing.T) {
	for name, heeds := range map[string]bool{"heeds Close": true, "ignores Close": false} {
		for _, scheme := range []string{"http", "custom"} { // the caller's transport, and one registered with net/http's
			t.Run(name+" "+scheme, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					hangs := make(chan struct{})
					end := sync.OnceFunc(func() { close(hangs) })
					if !heeds {
						defer end() // the bubble waits for all goroutines
					}
					custom := transport(func(*http.Request) (*http.Response, error) {
						body := hangingBody{hangs, func() {}}
						if heeds {
							body.close = end
						}
						return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body}, nil
					})
					clients := through(custom)
					if scheme == "custom" {
						plain := &http.Transport{}
						plain.RegisterProtocol(scheme, custom)
						clients = NewClients(&http.Client{Transport: plain}, nil)
					}
					began := time.Now()
					_, failure := clients.Send(request(t, t.Context(), scheme+"://host/"))
					require.EqualError(t, failure, "no response within 1m0s")
					require.False(t, failure.NotSent)
					require.LessOrEqual(t, time.Since(began), time.Minute+50*time.Millisecond)
				})
			})
		}
	}
}

// hangingBody is a body that can be read when it ends.
type hangingBody struct {
	hangs <-chan struct{}
	close func()
}

func (b hangingBody) Read([]byte) (int, error) {
	<-b.hangs
	return 0, io.EOF
}

func (b hangingBody) Close() error {
	b.close()
	return nil
}

type readerFunc func() error

func (f readerFunc) Read([]byte) (int, error) { return 0, f() }

// A transport that obeys has a moment to say that nothing was sent.
func TestTransportsThatObeyInAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for takes, notSent := range map[time.Duration]bool{49 * time.Millisecond: true, 51 * time.Millisecond: false} {
			_, failure := through(func(r *http.Request) (*http.Response, error) {
				httptrace.ContextClientTrace(r.Context()).GetConn("host:80")
				<-r.Context().Done()
				time.Sleep(takes)
				return nil, r.Context().Err()
			}).Send(request(t, t.Context(), "http://host/"))
			require.Equal(t, notSent, failure.NotSent)
			time.Sleep(time.Second)
		}
	})
}

// What ends the goroutine of a caller's transport reaches the caller.
func TestTransportsThatDoNotReturn(t *testing.T) {
	panics := through(func(*http.Request) (*http.Response, error) { panic("at the disco") })
	require.PanicsWithValue(t, "at the disco", func() { panics.Send(request(t, t.Context(), "http://host/")) })
	nothing := through(func(*http.Request) (*http.Response, error) { return nil, nil })
	_, failure := nothing.Send(request(t, t.Context(), "http://host/"))
	require.ErrorContains(t, failure, "nil")
}

// A proxy that stands in the way is named, without what authenticates to it. Only
// net/http asks the caller which one that is: the next time it may be another.
func TestProxiesAreNamed(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	defer proxy.Close()
	address, err := url.Parse(strings.Replace(proxy.URL, "http://", "http://user:secret@", 1))
	require.NoError(t, err)
	asked := 0
	transport := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		asked++
		return address, nil
	}}
	defer transport.CloseIdleConnections()
	clients := NewClients(&http.Client{Transport: transport}, nil)
	_, failure := clients.Send(request(t, t.Context(), "https://example.com/"))
	require.EqualError(t, failure, "proxy "+address.Host+": Forbidden")
	require.True(t, failure.NotSent)
	require.Equal(t, 1, asked)

	transport.Proxy = nil
	proxy.Close()
	for _, target := range []string{"http://" + address.Host, "https://" + address.Host, "http://localhost:" + address.Port()} {
		_, failure = clients.Send(request(t, t.Context(), target))
		require.NotContains(t, failure.Error(), "proxy")
	}
}

// requested returns a quiet connection over which a request was sent, and the server's
// end of it.
func requested(t *testing.T, request string) (c *quietConn, server net.Conn) {
	t.Helper()
	server, ours := net.Pipe()
	conn, err := quiet(ours, nil)
	require.NoError(t, err)
	c = conn.(*quietConn)
	go io.Copy(io.Discard, server)
	c.announced.Store(true)
	_, err = c.Write([]byte(request))
	require.NoError(t, err)
	return c, server
}

// A quiet connection hands out lines of a header and single bytes of a body to a short
// buffer, and nothing while no request is under way.
func TestQuietConnections(t *testing.T) {
	c, server := requested(t, "request")
	_, err := c.Write([]byte("request"))
	require.NoError(t, err)
	require.EqualValues(t, 1, c.underWay.Load())
	go io.WriteString(server, "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("a", 3*readAhead))
	for _, want := range []int{len("HTTP/1.1 200 OK\r\n"), len("\r\n"), 1, 1} {
		n, err := c.Read(make([]byte, readAhead))
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	n, err := c.Read(make([]byte, readAhead+1))
	require.NoError(t, err)
	require.Greater(t, n, 1)
	n, err = c.Read(nil)
	require.NoError(t, err)
	require.Zero(t, n)
	c.underWay.Store(0)
	_, err = c.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	require.NoError(t, c.Close())
	_, err = quiet(nil, io.ErrNoProgress)
	require.Equal(t, io.ErrNoProgress, err)
}

// However a response arrives, net/http's buffer gets nothing of what follows it.
func TestNothingBeyondAResponse(t *testing.T) {
	const body, next = "a body\r\n\r\nwith lines\n\n", "HTTP/1.1 200 OK\r\n\r\n"
	long := "Long: " + strings.Repeat("x", 2*readAhead) + "\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	for _, row := range []struct{ method, header, body string }{
		{"GET", "HTTP/1.1 200 OK\r\n" + long + length + "\r\n", body},
		{"GET", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", body},
		{"GET", "HTTP/1.1 200 OK\ncontent-length:" + fmt.Sprint(len(body)) + "\n\n", body},
		{"GET", "HTTP/1.1 200 OK\r\n" + length + "Transfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n"},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + length + "\r\n", "0\r\n\r\n"},
		{"GET", "HTTP/1.1 204 No Content\r\n" + length + "\r\n", ""},
		{"GET", "HTTP/1.1 103 Early Hints\r\n" + length + "\r\n", "HTTP/1.1 204 No Content\r\n\r\n"},
		{"HEAD", "HTTP/1.1 200 OK\r\n" + length + "\r\n", ""},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", ""},
		{"GET", "HTTP/1.1 200 OK\r\n\r\r\n\r\n", body},
	} {
		for seed := range uint64(30) {
			ours, theirs := rand.New(rand.NewPCG(seed, 0)), rand.New(rand.NewPCG(seed, 1))
			c, server := requested(t, row.method+" /")
			whole := row.header + row.body
			go func() {
				for rest := whole + next; rest != ""; {
					n := 1 + theirs.IntN(1+theirs.IntN(len(rest)))
					io.WriteString(server, rest[:n])
					rest = rest[n:]
				}
			}()
			var read []byte
			for len(read) < len(whole) {
				p := make([]byte, 1+ours.IntN(readAhead))
				n, err := c.Read(p)
				require.NoError(t, err)
				read = append(read, p[:n]...)
			}
			require.Equal(t, whole, string(read), "no more than that")
			n, err := c.Read(make([]byte, readAhead))
			require.NoError(t, err)
			require.Equal(t, 1, n, "of what follows: %s", row.header)
			require.NoError(t, c.Close())
		}
	}
}

// Why a connection broke is told once.
func TestErrorsOfConnections(t *testing.T) {
	conn, err := quiet(&brokenConn{errs: []error{errors.New("reset"), io.EOF}}, nil)
	require.NoError(t, err)
	c := conn.(*quietConn)
	c.underWay.Store(1)
	_, err = c.Read(make([]byte, 1))
	require.EqualError(t, err, "reset")
}

// brokenConn is a connection whose reads fail.
type brokenConn struct {
	net.Conn
	errs []error
}

func (c *brokenConn) Read([]byte) (int, error) {
	err := c.errs[0]
	c.errs = c.errs[1:]
	return 0, err
}

// Whatever came after a response is not taken for the response to the next request, even
// if that begins before anything was read again.
func TestRequestsDoNotFollowUnsolicitedBytes(t *testing.T) {
	for _, unsolicited := range []string{"", "x", "HTTP/1.1 200 OK"} {
		c, server := requested(t, "request")
		go io.WriteString(server, "ab"+unsolicited)
		for range 2 {
			_, err := c.Read(make([]byte, 1))
			require.NoError(t, err)
		}
		c.underWay.Add(-1)
		if unsolicited != "" {
			_, err := c.Read(make([]byte, 1)) // net/http closes the connection, but a request may have it already
			require.Equal(t, io.EOF, err)
		}
		c.announced.Store(true)
		_, err := c.Write([]byte("request"))
		require.Equal(t, unsolicited != "", err != nil)
		require.NoError(t, c.Close())
	}
}

// Reads share a connection, whatever their responses; each mutating call has its own.
func TestConnections(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		for _, size := range []int{0, 1, readAhead - 1, 10 * readAhead} {
			var opened atomic.Int32
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if !chunked {
					w.Header().Set("Content-Length", strconv.Itoa(size))
				}
				io.WriteString(w, strings.Repeat("x", size))
				if chunked {
					http.NewResponseController(w).Flush()
				}
			}))
			server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateNew {
					opened.Add(1)
				}
			}
			server.Start()
			for _, mutating := range []bool{false, true} {
				opened.Store(0)
				clients := NewClients(nil, &url.URL{Scheme: "http"})
				for range 5 {
					r := request(t, t.Context(), server.URL)
					r.Mutating, r.MaxBytes = mutating, 1<<20
					response, failure := clients.Send(r)
					require.Nil(t, failure)
					require.Len(t, response.Body, size)
				}
				clients.CloseIdle()
				require.EqualValues(t, map[bool]int{false: 1, true: 5}[mutating], opened.Load())
			}
			server.Close()
		}
	}
}

// What a server sends unasked ends the connection, is not logged, and the next read
// works.
func TestUnsolicitedResponses(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	ended := make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			_, err = io.Copy(io.Discard, conn)
			conn.Close()
		}
		ended <- err
	}))
	defer server.Close()
	clients := NewClients(nil, &url.URL{Scheme: "http"})
	for range 3 {
		r := request(t, t.Context(), server.URL)
		r.Mutating = false
		response, failure := clients.Send(r)
		require.Nil(t, failure)
		require.Equal(t, "body", string(response.Body))
		<-ended
		require.Empty(t, logged.String())
	}
}

// A request may get a connection before it is noticed that the server sent more than its
// response. It is not sent over that one, and the next is.
func TestSecondResponsesAreNotTheNextRequests(t *testing.T) {
	var logged bytes.Buffer
	log.SetOutput(&logged)
	defer log.SetOutput(os.Stderr)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}))
	defer server.Close()
	clients := NewClients(nil, &url.URL{Scheme: "http"})
	read := func(trace *httptrace.ClientTrace) (string, *Error) {
		r := request(t, httptrace.WithClientTrace(t.Context(), trace), server.URL)
		r.Mutating = false
		response, failure := clients.Send(r)
		if failure != nil {
			return "", failure
		}
		return string(response.Body), nil
	}
	failures := make(chan *Error, 1)
	body, failure := read(&httptrace.ClientTrace{PutIdleConn: func(error) {
		got := make(chan *quietConn, 1)
		go func() {
			_, failure := read(&httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { got <- info.Conn.(*quietConn) }})
			failures <- failure
		}()
		for conn := <-got; conn.announced.Load(); { // until it writes
			runtime.Gosched()
		}
	}})
	require.Nil(t, failure)
	require.Equal(t, "body", body)
	require.NotNil(t, <-failures)
	body, failure = read(&httptrace.ClientTrace{})
	require.Nil(t, failure)
	require.Equal(t, "body", body)
	require.Empty(t, logged.String())
}

// A caller can ask for a connection that is not used again.
func TestRequestsThatCloseTheirConnection(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	clients := NewClients(nil, &url.URL{Scheme: "http"})
	for range 3 {
		r := request(t, t.Context(), server.URL)
		r.Mutating, r.Close = false, true
		_, failure := clients.Send(r)
		require.Nil(t, failure)
	}
	require.EqualValues(t, 3, opened.Load())
}

// The narrowest reading of the server's clock counts, until another contradicts it.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c Clients
		_, _, measured := c.ClockOffset()
		require.False(t, measured)
		// read a Date that is so far ahead of now, in a response that took so long.
		read := func(ahead, took time.Duration) {
			c.clock.read(time.Now().Add(ahead).UTC().Format(http.TimeFormat), time.Now().Add(-took))
		}
		offset := func() [2]time.Duration {
			ahead, uncertainty, measured := c.ClockOffset()
			require.True(t, measured)
			return [2]time.Duration{ahead - uncertainty, ahead + uncertainty}
		}
		const s = time.Second
		for _, row := range []struct {
			ahead, took time.Duration
			want        [2]time.Duration // at least, at most
		}{
			{10 * s, 5 * s, [2]time.Duration{10 * s, 16 * s}},
			{12 * s, 9 * s, [2]time.Duration{10 * s, 16 * s}}, // wider
			{12 * s, 5 * s, [2]time.Duration{12 * s, 18 * s}}, // as narrow, and newer
			{13 * s, 1 * s, [2]time.Duration{13 * s, 15 * s}}, // narrower
			{5 * s, 7 * s, [2]time.Duration{13 * s, 15 * s}},  // touches it
			{15 * s, 7 * s, [2]time.Duration{13 * s, 15 * s}}, // touches it
			{5 * s, 6 * s, [2]time.Duration{5 * s, 12 * s}},   // contradicts it: earlier
			{13 * s, 9 * s, [2]time.Duration{13 * s, 23 * s}}, // contradicts it: later
		} {
			read(row.ahead, row.took)
			require.Equal(t, row.want, offset(), row)
		}
		c.clock.read("yesterday", time.Now())
		require.Equal(t, [2]time.Duration{13 * s, 23 * s}, offset())
	})
}

// What is from a cache or a gateway shows no clock of the service.
func TestOtherClocks(t *testing.T) {
	date := time.Now().UTC().Format(http.TimeFormat)
	for _, row := range []struct {
		status   int
		header   http.Header
		measured bool
	}{
		{http.StatusOK, http.Header{"Date": {date}}, true},
		{http.StatusOK, http.Header{}, false},
		{http.StatusOK, http.Header{"Date": {date}, "Age": {"600"}}, false},
		{http.StatusOK, http.Header{"Date": {date}, "Age": {"0"}}, false},
		{http.StatusNoContent, http.Header{"Date": {date}}, false},
		{http.StatusNotFound, http.Header{"Date": {date}}, false},
		{http.StatusBadGateway, http.Header{"Date": {date}}, false},
	} {
		clients := through(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: row.status, Header: row.header, Body: http.NoBody}, nil
		})
		_, failure := clients.Send(request(t, t.Context(), "http://host/"))
		require.Nil(t, failure)
		_, _, measured := clients.ClockOffset()
		require.Equal(t, row.measured, measured, row)
	}
}

// Redirects are responses like others.
func TestRedirects(t *testing.T) {
	server := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusTemporaryRedirect))
	defer server.Close()
	for _, clients := range []*Clients{NewClients(nil, &url.URL{Scheme: "http"}), NewClients(http.DefaultClient, nil)} {
		for _, mutating := range []bool{false, true} {
			r := request(t, t.Context(), server.URL)
			r.Mutating = mutating
			response, failure := clients.Send(r)
			require.Nil(t, failure)
			require.Equal(t, http.StatusTemporaryRedirect, response.Status)
		}
		clients.CloseIdle()
	}
	require.Nil(t, http.DefaultClient.CheckRedirect, "it is the caller's")
}

func ExampleClients_Send() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	defer server.Close()
	req, err := http.NewRequest(http.MethodPost, server.URL, http.NoBody)
	if err != nil {
		panic(err)
	}
	clients := NewClients(nil, req.URL)
	response, failure := clients.Send(Request{Request: req, Content: []byte("hello"), Mutating: true, Limit: time.Minute, MaxBytes: 1 << 20})
	fmt.Println(response.Status, string(response.Body), failure == nil)
	// Output: 200 hello true
}
