package wrapper

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// The settings of the client's own transports that no loopback server shows.
func TestOwnTransports(t *testing.T) {
	for _, raw := range []string{DefaultBaseURL, "http://LOCALHOST:8080"} {
		base, err := parseBaseURL(raw)
		require.NoError(t, err)
		clients := newHTTPClients(nil, base)
		for _, client := range []*http.Client{clients.reads, clients.changes} {
			transport := client.Transport.(*http.Transport)
			require.Positive(t, client.Timeout)
			require.Positive(t, transport.TLSHandshakeTimeout)
			require.Positive(t, transport.ResponseHeaderTimeout)
			require.Positive(t, transport.IdleConnTimeout)
			require.NotNil(t, transport.DialContext, "net.Dialer's own default has no time limit")
			// net/http exempts the loopback from proxies by its spelling.
			require.Equal(t, base.Scheme == "https", transport.Proxy != nil)
		}
		changes := clients.changes.Transport.(*http.Transport)
		require.True(t, changes.DisableKeepAlives)
		require.True(t, changes.Protocols.HTTP1())
		require.False(t, changes.Protocols.HTTP2() || changes.Protocols.UnencryptedHTTP2())
	}
}
