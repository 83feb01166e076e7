package commandline

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/urfave/cli/v3"
)

// Stdout is where results go. It keeps the first error, which [Run] returns, so that
// nothing that writes results has to.
type Stdout struct {
	io.Writer
	MayClose bool // whether the reader may go without an error
	Err      error
}

// ResultsOf returns where the results of a command go.
func ResultsOf(cmd *cli.Command) *Stdout { return cmd.Root().Writer.(*Stdout) }

func (s *Stdout) Write(p []byte) (int, error) {
	n, err := s.Writer.Write(p)
	if err != nil && s.Err == nil && !(s.MayClose && errors.Is(err, syscall.EPIPE)) {
		s.Err = fmt.Errorf("results could not be written: %w", err)
	}
	return n, err
}
