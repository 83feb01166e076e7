// Command cimg creates, copies and manages custom images, and serves an emulator
// of the service for clients in any language.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	root := command()
	results := resultsOf(root)
	begun := false
	root.Before = func(ctx context.Context, _ *cli.Command) (context.Context, error) {
		begun = true
		return ctx, nil
	}
	err := root.Run(ctx, os.Args)
	// The library has no hook for what it finds wrong before it runs a command, nor for
	// an unknown topic of help.
	byLibrary := !begun || errors.As(err, new(cli.ExitCoder)) && results.err == nil
	if err != nil && byLibrary && !errors.As(err, new(usageError)) {
		err = wrongUsage(ctx, root, err, false)
	}
	interrupted := err != nil && ctx.Err() != nil
	if err = ended(err, interrupted, results.err); err != nil {
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
		fmt.Fprintln(w, "cimg:", plainText(err)+advice(err))
	}
	for _, line := range end.next {
		fmt.Fprintln(w, "cimg:", line)
	}
}

// plainText returns the text of an error without the prefixes of the packages that
// it comes from.
func plainText(err error) string {
	return strings.NewReplacer(": cimg: ", ": ", "; cimg: ", "; ").Replace(strings.TrimPrefix(err.Error(), "cimg: "))
}

// unknownCommand runs without a command, or with an unknown one.
func unknownCommand(_ context.Context, cmd *cli.Command) error {
	if cmd.Args().Present() {
		return usageErrorf("no command %q; see %s --help", cmd.Args().First(), cmd.FullName())
	}
	if cmd != cmd.Root() {
		return cli.ShowSubcommandHelp(cmd)
	}
	return cli.ShowRootCommandHelp(cmd)
}

// noArguments rejects arguments that a command would silently ignore.
func noArguments(ctx context.Context, cmd *cli.Command) (context.Context, error) {
	if cmd.Args().Present() {
		return ctx, usageErrorf("%s takes no argument, got %q", cmd.Name, cmd.Args().First())
	}
	return ctx, nil
}

// wrongUsage reports what is wrong with a flag; the library would report it twice,
// above and below the whole help.
func wrongUsage(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return usageErrorf("%s; see %s --help", goWords.ReplaceAllString(err.Error(), ""), cmd.FullName())
}

// goWords are what the library and Go's parsers say of themselves.
var goWords = regexp.MustCompile(`strconv\.\w+: parsing "([^"\\]|\\.)*": |\btime: | as \S+ value\b`)

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
	root := &cli.Command{
		Name:        "cimg",
		Version:     version.Version(),
		Usage:       "DiDi Cloud custom images: create, copy and manage them, or try it on an emulator",
		Description: help,
		Flags:       []cli.Flag{outputFlag()},
		Writer:      &stdout{Writer: os.Stdout},
		Commands: []*cli.Command{
			createCommand(), importCommand(), replicateCommand(), listCommand(), renameCommand(), deleteCommand(),
			jobsCommand(), waitCommand(), reconcileCommand(), doctorCommand(), mockCommand(), demoCommand(), specCommand(), versionCommand(),
		},
		Action:                          unknownCommand,
		EnableShellCompletion:           true,
		ConfigureShellCompletionCommand: describeCompletion,
		ExitErrHandler:                  func(context.Context, *cli.Command, error) {}, // main reports errors
		OnUsageError:                    wrongUsage,
		ShellComplete:                   complete,
	}
	for _, sub := range root.Commands {
		sub.OnUsageError, sub.ShellComplete = wrongUsage, complete
	}
	return root
}
