package commandline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server serves a handler in the background.
type Server struct {
	URL    string     // where to reach it
	Failed chan error // why it stopped unexpectedly
	http   *http.Server
}

// Serve listens on addr, so that the address is known when it returns.
func Serve(addr string, handler http.Handler) (*Server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w; choose another address with --addr; port 0 takes a free one", addr, err)
	}
	s := &Server{
		URL:    "http://" + reachable(listener.Addr().(*net.TCPAddr)),
		Failed: make(chan error, 1),
		http:   &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
	}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.Failed <- err
		}
	}()
	return s, nil
}

// reachable returns an address that a client on this machine can use: the
// loopback address for a server that listens on all.
func reachable(addr *net.TCPAddr) string {
	if addr.IP.IsUnspecified() {
		return fmt.Sprintf("127.0.0.1:%d", addr.Port)
	}
	return addr.String()
}

// Stop shuts the server down, after 3 s whatever is in progress.
func (s *Server) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
}
