package emulator_test

import (
	"context"
	"errors"
	"io"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
)

// closeCounter is a request body that counts how often it is closed.
type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error {
	c.closed++
	return nil
}

// As the documentation of http.RoundTripper demands, the body is always closed and
// the request is not modified.
func TestTransportFollowsTheRulesOfRoundTripper(t *testing.T) {
	cancelled, cancel := context.WithCancelCause(t.Context())
	reason := errors.New("changed my mind")
	cancel(reason)
	for name, test := range map[string]struct {
		ctx   context.Context
		fault *emulator.Fault
		err   error
	}{
		"answered":  {ctx: t.Context()},
		"refused":   {ctx: t.Context(), fault: &emulator.Fault{Refuse: true}, err: syscall.ECONNREFUSED},
		"reset":     {ctx: t.Context(), fault: &emulator.Fault{Reset: true}, err: syscall.ECONNRESET},
		"cancelled": {ctx: cancelled, err: reason},
	} {
		t.Run(name, func(t *testing.T) {
			s := newEmulator(t, emulator.Options{})
			if test.fault != nil {
				s.InjectFor(t, *test.fault)
			}
			request := s.exampleRequest(test.ctx)
			body := &closeCounter{Reader: request.Body}
			request.Body = body
			before := request.Clone(test.ctx)

			response, err := s.Transport().RoundTrip(request)
			require.ErrorIs(t, err, test.err)
			require.Equal(t, 1, body.closed)
			require.Equal(t, before.URL, request.URL)
			require.Equal(t, before.Header, request.Header)
			require.Same(t, body, request.Body)
			if test.err != nil {
				require.Nil(t, response)
				return
			}
			require.Same(t, request, response.Request)
			require.Equal(t, "200 OK", response.Status)
			require.Equal(t, "HTTP/1.1", response.Proto)
			require.Zero(t, readEnvelope(t, response).Errno)
		})
	}
}

func TestTransportWithoutBody(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	request := s.exampleRequest(t.Context())
	request.Body = nil
	response, err := s.Transport().RoundTrip(request)
	require.NoError(t, err)
	require.EqualValues(t, 1, readEnvelope(t, response).Errno)
}

// The hooks report how far a request got, as they do over a socket.
func TestTransportCallsHooks(t *testing.T) {
	for name, test := range map[string]struct {
		fault emulator.Fault
		want  string
	}{
		"answered": {emulator.Fault{Delay: 1}, "GetConn GotConn WroteRequest GotFirstResponseByte"},
		"reset":    {emulator.Fault{Reset: true}, "GetConn GotConn WroteRequest"},
		"refused":  {emulator.Fault{Refuse: true}, "GetConn"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newEmulator(t, emulator.Options{})
			s.InjectFor(t, test.fault)
			var called []string
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				GetConn: func(hostPort string) {
					require.Equal(t, "emulator.test", hostPort)
					called = append(called, "GetConn")
				},
				GotConn: func(info httptrace.GotConnInfo) {
					require.NotEmpty(t, info.Conn.RemoteAddr().String())
					called = append(called, "GotConn")
				},
				WroteRequest: func(info httptrace.WroteRequestInfo) {
					require.NoError(t, info.Err)
					called = append(called, "WroteRequest")
				},
				GotFirstResponseByte: func() { called = append(called, "GotFirstResponseByte") },
			})
			_, _ = s.client.Do(s.exampleRequest(ctx))
			require.Equal(t, test.want, strings.Join(called, " "))
		})
	}
}

func TestTransportAndServerShareTheState(t *testing.T) {
	s := newEmulator(t, emulator.Options{})
	inProcess := s.create("in process")
	s.overSocket()
	require.Equal(t, inProcess.ResourceUUID, s.result("gz", inProcess.JobUUID).ResourceUUID)
	s.create("over a socket")
	require.Equal(t, 2, s.Requests("createCIMG"))
	require.Len(t, s.Images("gz"), 2)

	require.Len(t, s.Jobs("gz"), 2)
}
