package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"
)

// stdout is where results go. It keeps the first error, which main reports, so that
// nothing that writes results has to.
type stdout struct {
	io.Writer
	mayClose bool // whether the reader may go without an error
	err      error
}

func (s *stdout) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if err != nil && s.err == nil && !(s.mayClose && errors.Is(err, syscall.EPIPE)) {
		s.err = fmt.Errorf("results could not be written: %w", err)
	}
	return n, err
}
