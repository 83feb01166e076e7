package faults

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"
)

// endpoint is a broken server, or an address without one.
type endpoint struct {
	baseURL string
	client  *http.Client // how to reach it; nil: with the wrapper's own client
	before  http.Client  // a copy of client, from before the wrapper had it

	requests  atomic.Int32 // complete requests that reached it
	open      atomic.Int32 // connections
	elsewhere atomic.Int32 // requests that followed redirects
	stop      func()
}

// responding is a server that reads each request and then calls handler for the
// broken response.
func responding(handler http.HandlerFunc) func(*testing.T) *endpoint {
	return func(t *testing.T) *endpoint {
		p := &endpoint{}
		server := httptest.NewUnstartedServer(p.counting(handler))
		server.Listener = &countingListener{TCPListener: server.Listener.(*net.TCPListener), open: &p.open}
		server.Start()
		p.baseURL, p.stop = server.URL, server.Close
		return p
	}
}

func (p *endpoint) counting(handler http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // it was incomplete
		}
		p.requests.Add(1)
		r.Body = io.NopCloser(bytes.NewReader(body))
		handler(w, r)
	})
}

// countingListener counts the open connections.
type countingListener struct {
	*net.TCPListener
	open *atomic.Int32
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return &countedConn{TCPConn: conn, closed: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
}

type countedConn struct {
	*net.TCPConn
	closed func()
}

func (c *countedConn) Close() error {
	c.closed()
	return c.TCPConn.Close()
}

// response responds with a body.
func response(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func respondJSON(body string) http.HandlerFunc {
	return response(http.StatusOK, "application/json", body)
}

// takeOver hands the connection to f, which closes it.
func takeOver(f func(conn net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		f(conn)
	}
}

// raw responds with bytes that may not be HTTP.
func raw(response string) http.HandlerFunc {
	return takeOver(func(conn net.Conn) {
		defer conn.Close()
		io.WriteString(conn, response)
	})
}

// hangUp closes the connection, with FIN or with RST.
func hangUp(reset bool) http.HandlerFunc {
	return takeOver(func(conn net.Conn) {
		if reset {
			conn.(*countedConn).SetLinger(0)
		}
		conn.Close()
	})
}

// redirecting redirects to a second server.
func redirecting(status int) func(*testing.T) *endpoint {
	return func(t *testing.T) *endpoint {
		var p *endpoint
		target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { p.elsewhere.Add(1) }))
		p = responding(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL, status)
		})(t)
		stop := p.stop
		p.stop = func() { stop(); target.Close() }
		return p
	}
}

// redirectingHome redirects to itself, where a second request would be counted.
func redirectingHome(status int) func(*testing.T) *endpoint {
	return responding(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.String(), status)
	})
}

// silent never responds. It notices when the client hangs up.
func silent(t *testing.T) *endpoint {
	return responding(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })(t)
}

// trickling sends a response that never ends, byte by byte.
func trickling(t *testing.T) *endpoint {
	return responding(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			io.WriteString(w, " ")
			http.NewResponseController(w).Flush()
			time.Sleep(time.Millisecond) // the rate of the fault; no test waits for it
		}
	})(t)
}

// closedPort is an address where nothing listens.
func closedPort(t *testing.T) *endpoint {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener.Close()
	return &endpoint{baseURL: "http://" + listener.Addr().String(), stop: func() {}}
}

// unresolvable is a host whose name does not resolve: the DNS server, on the
// loopback, knows no names.
func unresolvable(t *testing.T) *endpoint {
	dns, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() {
		query := make([]byte, 512)
		for {
			n, from, err := dns.ReadFrom(query)
			if err != nil {
				return
			}
			query[2], query[3] = 0x81, 0x83 // a response: no such name
			dns.WriteTo(query[:n], from)
		}
	}()
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", dns.LocalAddr().String())
	}}
	transport := &http.Transport{DialContext: (&net.Dialer{Resolver: resolver}).DialContext}
	return &endpoint{
		baseURL: "https://images.invalid",
		client:  &http.Client{Transport: transport},
		stop:    func() { dns.Close() },
	}
}

// undialable is a server that cannot be dialled in time.
func undialable(t *testing.T) *endpoint {
	p := closedPort(t)
	p.client = &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{
		Timeout: 10 * time.Millisecond,
		ControlContext: func(ctx context.Context, _, _ string, _ syscall.RawConn) error {
			<-ctx.Done() // as if all packets were lost
			return ctx.Err()
		},
	}).DialContext}}
	return p
}

// listening is a server that hands each connection to serve.
func listening(t *testing.T, serve func(p *endpoint, conn *countedConn)) *endpoint {
	p := &endpoint{}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	listener := &countingListener{TCPListener: inner.(*net.TCPListener), open: &p.open}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(p, conn.(*countedConn))
		}
	}()
	p.baseURL, p.stop = "http://"+listener.Addr().String(), func() { listener.Close() }
	return p
}

// resetting resets each connection before it reads anything. There may have
// been as many requests as connections.
func resetting(t *testing.T) *endpoint {
	return listening(t, func(p *endpoint, conn *countedConn) {
		p.requests.Add(1)
		conn.SetLinger(0)
		conn.Close()
	})
}

// overHTTP2 is a server that reads each request and then responds with the
// frames that respond writes, and a client that reaches it over HTTP/2.
func overHTTP2(respond func(framer *http2.Framer, stream uint32)) func(*testing.T) *endpoint {
	return func(t *testing.T) *endpoint {
		p := listening(t, func(p *endpoint, conn *countedConn) { p.serveHTTP2(conn, respond) })
		transport := &http.Transport{Protocols: new(http.Protocols)}
		transport.Protocols.SetUnencryptedHTTP2(true)
		p.client = &http.Client{Transport: transport}
		return p
	}
}

func (p *endpoint) serveHTTP2(conn net.Conn, respond func(*http2.Framer, uint32)) {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	framer := http2.NewFramer(conn, conn)
	if framer.WriteSettings() != nil {
		return
	}
	for {
		frame, err := framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() && framer.WriteSettingsAck() != nil {
				return
			}
		case *http2.HeadersFrame, *http2.DataFrame:
			if frame.Header().Flags.Has(http2.FlagDataEndStream) { // the same flag for both frame types
				p.requests.Add(1)
				respond(framer, frame.Header().StreamID)
			}
		}
	}
}

// overTLS is a server like responding, reached over HTTP/2 with TLS.
func overTLS(handler http.HandlerFunc) func(*testing.T) *endpoint {
	return func(t *testing.T) *endpoint {
		p := &endpoint{}
		server := httptest.NewUnstartedServer(p.counting(handler))
		server.Listener = &countingListener{TCPListener: server.Listener.(*net.TCPListener), open: &p.open}
		server.EnableHTTP2 = true
		server.StartTLS()
		p.baseURL, p.client, p.stop = server.URL, server.Client(), server.Close
		return p
	}
}
