package exchange

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Clients send requests. Mutating ones have a client of their own: it opens a new
// connection for each, because a connection that the server closed while it was
// idle is the commonest cause of a needless unknown outcome, and mutating calls
// are rare enough to pay for a handshake.
type Clients struct {
	readOnly, mutating *http.Client
	borrowed           bool // the transport is the caller's
	clock              clock
}

// NewClients copies the caller's client; if it is nil, it makes its own, for the
// host of a base URL.
func NewClients(callers *http.Client, base *url.URL) *Clients {
	if callers != nil {
		own := *callers
		own.CheckRedirect = rejectRedirects
		return &Clients{readOnly: &own, mutating: &own, borrowed: true}
	}
	readOnly := newTransport(base)
	mutating := newTransport(base)
	mutating.DisableKeepAlives = true
	return &Clients{
		readOnly: &http.Client{Transport: readOnly, CheckRedirect: rejectRedirects},
		mutating: &http.Client{Transport: mutating, CheckRedirect: rejectRedirects},
	}
}

func (c *Clients) client(mutating bool) *http.Client {
	if mutating {
		return c.mutating
	}
	return c.readOnly
}

// CloseIdle closes idle connections, unless the transport is the caller's.
func (c *Clients) CloseIdle() {
	if c.borrowed {
		return
	}
	c.readOnly.CloseIdleConnections()
	c.mutating.CloseIdleConnections()
}

// rejectRedirects makes a redirect an ordinary response: following it would send
// the token, and maybe a mutating call, somewhere else.
func rejectRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func newTransport(base *url.URL) *http.Transport {
	proxy := http.ProxyFromEnvironment
	if base.Scheme == "http" { // loopback; a proxy would read the token
		proxy = nil
	}
	// Over HTTP/2 net/http repeats requests that the server did not process.
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	const handshake = 10 * time.Second
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy: proxy,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return discreet(dialer.DialContext(ctx, network, address))
		},
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialer.Timeout+handshake)
			defer cancel()
			return discreet((&tls.Dialer{NetDialer: dialer}).DialContext(ctx, network, address))
		},
		TLSHandshakeTimeout: handshake, // over a proxy
		// An excessive header is an error before it is held in memory.
		MaxResponseHeaderBytes: 256 << 10,
		IdleConnTimeout:        30 * time.Second, // before a server is likely to close it
		Protocols:              http1,
	}
}

// proxyOf returns the host of the proxy that a request goes through; empty if it
// does not, or if a caller's RoundTripper decides.
func proxyOf(client *http.Client, req *http.Request) string {
	transport, plain := client.Transport.(*http.Transport)
	if client.Transport == nil {
		transport, plain = http.DefaultTransport.(*http.Transport)
	}
	if !plain || transport.Proxy == nil {
		return ""
	}
	proxy, err := transport.Proxy(req)
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.Host
}

// discreetConn hides the token in whatever a server sends: if that is more than a
// response, net/http writes it to the standard logger.
type discreetConn struct {
	net.Conn
	token atomic.Pointer[string] // of the last request
}

func discreet(conn net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return &discreetConn{Conn: conn}, nil
}

// hide hides the token of the request that gets a connection, if the connection
// is our own.
func hide(token string, conn net.Conn) {
	if own, ok := conn.(*discreetConn); ok && token != "" {
		own.token.Store(&token)
	}
}

func (c *discreetConn) Read(p []byte) (n int, err error) {
	n, err = c.Conn.Read(p)
	if token := c.token.Load(); token != nil {
		for rest := p[:n]; ; {
			i := bytes.Index(rest, []byte(*token))
			if i < 0 {
				break
			}
			copy(rest[i:], bytes.Repeat([]byte("*"), len(*token))) // as long, for Content-Length
			rest = rest[i+len(*token):]
		}
	}
	return n, err
}
