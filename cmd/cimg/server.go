package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// server serves a handler in the background.
type server struct {
	url    string     // where to reach it
	failed chan error // why it stopped unexpectedly
	http   *http.Server
}

// serve listens on addr, so that the address is known when it returns.
func serve(addr string, handler http.Handler) (*server, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %q: %w; choose another address with --addr; port 0 takes a free one", addr, err)
	}
	s := &server{
		url:    "http://" + reachable(listener.Addr().(*net.TCPAddr)),
		failed: make(chan error, 1),
		http:   &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second},
	}
	go func() {
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
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

// stop shuts the server down, after 3 s whatever is in progress.
func (s *server) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		s.http.Close()
	}
}
