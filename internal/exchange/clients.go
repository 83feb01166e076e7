package exchange

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
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
	proxy := proxyFromEnvironment
	if base.Scheme == "http" { // loopback; a proxy would read the token
		proxy = nil
	}
	// Over HTTP/2 net/http repeats requests that the server did not process.
	http1 := new(http.Protocols)
	http1.SetHTTP1(true)
	const handshake = 10 * time.Second
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	dial := dialer.DialContext // for https, of proxies alone
	if base.Scheme == "http" {
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return quiet(dialer.DialContext(ctx, network, address))
		}
	}
	return &http.Transport{
		Proxy:       proxy,
		DialContext: dial,
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialer.Timeout+handshake)
			defer cancel()
			return quiet((&tls.Dialer{NetDialer: dialer}).DialContext(ctx, network, address))
		},
		TLSHandshakeTimeout: handshake, // over a proxy
		ReadBufferSize:      readAhead,
		// An excessive header is an error before it is held in memory.
		MaxResponseHeaderBytes: 256 << 10,
		IdleConnTimeout:        30 * time.Second, // before a server is likely to close it
		Protocols:              http1,
	}
}

// proxyFromEnvironment returns no error that shows the password of a proxy's URL.
func proxyFromEnvironment(r *http.Request) (*url.URL, error) {
	proxy, err := http.ProxyFromEnvironment(r)
	if err != nil {
		err = errors.New("the address of the proxy (HTTPS_PROXY) is invalid")
	}
	return proxy, err
}
