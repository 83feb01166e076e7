package exchange

import (
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The settings of the client's own transports that a test over the loopback
// cannot observe.
func TestOwnTransports(t *testing.T) {
	for _, raw := range []string{"https://open.didiyunapi.com", "http://LOCALHOST:8080"} {
		base, err := url.Parse(raw)
		require.NoError(t, err)
		clients := NewClients(nil, base)
		for _, client := range []*http.Client{clients.readOnly, clients.mutating} {
			transport := client.Transport.(*http.Transport)
			require.Zero(t, client.Timeout, "Send has a limit")
			require.Equal(t, 10*time.Second, transport.TLSHandshakeTimeout)
			require.Zero(t, transport.ResponseHeaderTimeout)
			require.Equal(t, 30*time.Second, transport.IdleConnTimeout)
			require.EqualValues(t, 256<<10, transport.MaxResponseHeaderBytes)
			require.True(t, transport.Protocols.HTTP1())
			require.False(t, transport.Protocols.HTTP2() || transport.Protocols.UnencryptedHTTP2(), "net/http repeats requests over HTTP/2")
			require.NotNil(t, transport.DialContext, "the zero net.Dialer has no timeout")
			// net/http bypasses proxies for loopback hosts, which it recognizes
			// by their spelling.
			require.Equal(t, base.Scheme == "https", transport.Proxy != nil)
		}
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer listener.Close()
		conn, err := clients.readOnly.Transport.(*http.Transport).DialContext(t.Context(), "tcp", listener.Addr().String())
		require.NoError(t, err)
		defer conn.Close()
		_, isQuiet := conn.(*quietConn)
		require.Equal(t, base.Scheme == "http", isQuiet, "of https, only those of DialTLSContext are")
		_, err = proxyFromEnvironment(&http.Request{URL: &url.URL{Scheme: "http", Host: "127.0.0.1"}})
		require.NoError(t, err)
		require.True(t, clients.mutating.Transport.(*http.Transport).DisableKeepAlives)
		require.False(t, clients.readOnly.Transport.(*http.Transport).DisableKeepAlives)
	}
}
