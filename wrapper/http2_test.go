package wrapper_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/http2"

	"github.com/cimg-go/cimg/wrapper"
)

// brokenHTTP2 is a server that reads each request whole and then answers with
// what spoil writes. It counts the requests.
func brokenHTTP2(t *testing.T, spoil func(framer *http2.Framer, stream uint32)) (address string, requests *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	requests = new(atomic.Int32)
	serve := func(conn net.Conn) {
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
				if frame.Header().Flags.Has(http2.FlagDataEndStream) { // the same bit ends both
					requests.Add(1)
					spoil(framer, frame.Header().StreamID)
				}
			}
		}
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return listener.Addr().String(), requests
}

// net/http by itself sends one POST thousands of times to such servers
// (golang/go#52459): nothing of a request that the wrapper sends may let it.
func TestAChangeIsSentOnceOverHTTP2(t *testing.T) {
	answers := map[string]func(*http2.Framer, uint32){
		"RST_STREAM(PROTOCOL_ERROR)": func(f *http2.Framer, stream uint32) { f.WriteRSTStream(stream, http2.ErrCodeProtocol) },
		"RST_STREAM(REFUSED_STREAM)": func(f *http2.Framer, stream uint32) { f.WriteRSTStream(stream, http2.ErrCodeRefusedStream) },
		"GOAWAY(last=0)":             func(f *http2.Framer, _ uint32) { f.WriteGoAway(0, http2.ErrCodeNo, nil) },
	}
	calls := map[string]func(context.Context, *wrapper.Client) error{
		"by the generated client, without a body": func(ctx context.Context, c *wrapper.Client) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.BaseURL()+"/dicloud/i/storage/cimg/delete", nil)
			if err != nil {
				return err
			}
			resp, err := c.Do(req)
			if err == nil {
				resp.Body.Close()
			}
			return err
		},
	}
	for op, call := range changes {
		calls[op] = call
	}
	for fault, spoil := range answers {
		for name, call := range calls {
			t.Run(fmt.Sprintf("%s/%s", fault, name), func(t *testing.T) {
				address, requests := brokenHTTP2(t, spoil)
				transport := &http.Transport{Protocols: new(http.Protocols)}
				transport.Protocols.SetUnencryptedHTTP2(true)
				t.Cleanup(transport.CloseIdleConnections)
				client, err := wrapper.New(wrapper.StaticToken(token), wrapper.WithBaseURL("http://"+address),
					wrapper.WithHTTPClient(&http.Client{Transport: transport}))
				require.NoError(t, err)
				// A client that repeats goes on for ever: let it show.
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				require.ErrorAs(t, call(ctx, client), new(*wrapper.OutcomeUnknownError))
				require.EqualValues(t, 1, requests.Load())
			})
		}
	}
}
