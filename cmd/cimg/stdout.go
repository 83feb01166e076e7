package main

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/urfave/cli/v3"
)

// stdout is where results go. It keeps the first error, which main reports, so that
// nothing that writes results has to.
type stdout struct {
	io.Writer
	mayClose bool // whether the reader may go without an error
	err      error
}

// resultsOf returns where the results of a command go.
func resultsOf(cmd *cli.Command) *stdout { return cmd.Root().Writer.(*stdout) }

func (s *stdout) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if err != nil && s.err == nil && !(s.mayClose && errors.Is(err, syscall.EPIPE)) {
		s.err = fmt.Errorf("results could not be written: %w", err)
	}
	return n, err
}
