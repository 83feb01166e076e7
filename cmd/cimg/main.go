// Command cimg creates, copies and manages custom images, and serves an emulator
// of the service for clients in any language.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/version"
)

func main() {
	err, unwritten, interrupted := commandline.Run(command())
	if err = ended(err, interrupted, unwritten); err != nil {
		complain(os.Stderr, err)
		os.Exit(int(exitCodeOf(err, interrupted)))
	}
}

// ended returns what to report of how a command ended, and of its results that could
// not be written. What an interruption cut short is no news.
func ended(err error, interrupted bool, unwritten error) error {
	if unwritten == nil && !interrupted {
		return err
	}
	end := new(ending)
	if err != nil && (interrupted || !errors.Is(err, errors.Unwrap(unwritten))) {
		*end = *endingOf(err)
	}
	if interrupted {
		end.errs = slices.DeleteFunc(end.errs, func(err error) bool { return errors.Is(err, context.Canceled) })
		end.errs = slices.Insert(end.errs, 0, errInterrupted)
	}
	if unwritten != nil {
		end.errs = append(end.errs, unwritten)
	}
	return end
}

// complain writes a line for each error, and below them what to do next.
func complain(w io.Writer, err error) {
	end := endingOf(err)
	for _, err := range end.errs {
		fmt.Fprintln(w, "cimg:", commandline.Plain(err.Error())+advice(err))
	}
	for _, line := range end.next {
		fmt.Fprintln(w, "cimg:", line)
	}
}

const help = `Configuration: --base-url, --region and --token-file, or DIDIYUN_BASE_URL, DIDIYUN_REGION and DIDIYUN_TOKEN_FILE; the
token itself only in DIDIYUN_ACCESS_TOKEN or in that file. Without a base URL, commands talk to the service, which charges
for images. Try them against an emulator first ("kill %1" stops it):

  cimg mock --quiet &
  export DIDIYUN_BASE_URL=http://127.0.0.1:8080 DIDIYUN_ACCESS_TOKEN=` + emulator.DefaultToken + `

An image from a snapshot, copied to another region:

  cimg replicate --from gz --snapshot ` + snapshotUUID + ` --to bj web-01
  cimg list --region bj

Each call that changes anything is noted on the disk before it is sent. After Ctrl-C, a crash or kill -9, continue with

  cimg wait --resume

and run the same replicate again: it makes what is missing, and nothing twice. "cimg jobs" shows what is noted.

Results are on stdout, as a table or with --output json as one object a line; progress and errors are on stderr.

Exit codes: 0 done; 1 another error; 2 wrong usage or configuration; 3 the service rejected a call; 4 a job failed; 5 the
outcome is unknown: run cimg reconcile --resume; 6 timed out; 130 interrupted.`

// command returns the command line.
func command() *cli.Command {
	root := commandline.Prepare(&cli.Command{
		Name:        "cimg",
		Version:     version.Version(),
		Usage:       "DiDi Cloud custom images: create, copy and manage them, or try it on an emulator",
		Description: help,
		Commands: []*cli.Command{
			createCommand(), importCommand(), replicateCommand(), listCommand(), renameCommand(), deleteCommand(),
			jobsCommand(), waitCommand(), reconcileCommand(), doctorCommand(), mockCommand(), demoCommand(), specCommand(), versionCommand(),
		},
		EnableShellCompletion:           true,
		ConfigureShellCompletionCommand: describeCompletion,
	})
	commandline.Each(root, func(cmd *cli.Command) { cmd.ShellComplete = complete })
	return root
}
