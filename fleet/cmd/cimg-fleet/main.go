// Command cimg-fleet copies custom images on Temporal: it runs the workers, and starts
// and controls the workflows of package fleet.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	signals "os/signal"
	"syscall"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/version"
)

func main() {
	ctx, stop := signals.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := command().Run(ctx, os.Args)
	if err != nil {
		code := exitCodeOf(ctx, err)
		if code == exitInterrupted && errors.Is(err, context.Cause(ctx)) {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "cimg-fleet:", text(err))
		os.Exit(int(code))
	}
}

const help = `Temporal is found as its own tools find it: by the environment variables TEMPORAL_ADDRESS (default localhost:7233),
TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS and TEMPORAL_TLS_..., or a profile (TEMPORAL_PROFILE) of TEMPORAL_CONFIG_FILE.
Only workers talk to the service: they have the token, in DIDIYUN_ACCESS_TOKEN or in the file of --token-file.

Once for a namespace, then on each machine that is to work:

  cimg-fleet setup
  cimg-fleet worker

and from anywhere:

  cimg-fleet start replicate --name web-01 --from gz --snapshot 3fd352092a3f553cb124223f6a7f09b4 --to gz,bj --wait
  cimg-fleet status --stuck

A start that is repeated finds the workflow that runs. Kill a worker, and another one continues its work, nothing twice.

Results are on stdout, as a table or with --output json as one object a line; progress and errors are on stderr.

Exit codes: 0 done; 1 another error; 2 wrong usage or configuration; 3 there is no such workflow; 4 the workflow failed or was
cancelled; 130 interrupted: workflows go on.`

// command returns the command line.
func command() *cli.Command {
	root := &cli.Command{
		Name:        "cimg-fleet",
		Version:     version.Version(),
		Usage:       "copy custom images on Temporal, on several machines, through crashes and outages",
		Description: help,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "task-queue", Usage: "work on the task `QUEUE`; each account of the service needs one of its own", Value: "cimg", Sources: cli.EnvVars("CIMG_TASK_QUEUE")},
			outputFlag(),
		},
		Commands: []*cli.Command{
			setupCommand(), workerCommand(), startCommand(), statusCommand(),
			pauseCommand(), resumeCommand(), cancelCommand(), demoCommand(),
		},
		Action:         unknownCommand,
		ExitErrHandler: func(context.Context, *cli.Command, error) {}, // main reports errors
	}
	eachCommand(root, func(cmd *cli.Command) { cmd.OnUsageError = wrongUsage })
	return root
}

func eachCommand(cmd *cli.Command, do func(*cli.Command)) {
	do(cmd)
	for _, sub := range cmd.Commands {
		eachCommand(sub, do)
	}
}

// unknownCommand runs without a command, or with an unknown one.
func unknownCommand(_ context.Context, cmd *cli.Command) error {
	if cmd.Args().Present() {
		return usageErrorf("no command %q; see %s --help", cmd.Args().First(), cmd.FullName())
	}
	if cmd == cmd.Root() {
		return cli.ShowRootCommandHelp(cmd)
	}
	return cli.ShowSubcommandHelp(cmd)
}

func wrongUsage(_ context.Context, cmd *cli.Command, err error, _ bool) error {
	return usageErrorf("%w; see %s --help", err, cmd.FullName())
}

// noArguments rejects arguments that a command would silently ignore.
func noArguments(ctx context.Context, cmd *cli.Command) (context.Context, error) {
	if cmd.Args().Present() {
		return ctx, usageErrorf("%s takes no argument, got %q", cmd.Name, cmd.Args().First())
	}
	return ctx, nil
}

const (
	table     = "table"
	jsonLines = "json"
)

func outputFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "output", Usage: "print results as a `FORMAT`: table, or json with one object a line", Value: table, Sources: cli.EnvVars("CIMG_OUTPUT"),
		Validator: func(value string) error {
			if value != table && value != jsonLines {
				return errors.New("it is neither table nor json")
			}
			return nil
		},
	}
}
