// Command cimg-fleet copies custom images on Temporal: it runs the workers, and starts
// and controls the workflows of package fleet.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/version"
)

func main() {
	err, unwritten, interrupted := commandline.Run(command())
	if interrupted {
		err = errors.New("interrupted; workflows go on: cimg-fleet status")
	}
	if err = errors.Join(err, unwritten); err != nil {
		fmt.Fprintln(os.Stderr, "cimg-fleet:", text(err))
		os.Exit(exitCodeOf(err, interrupted))
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
	return commandline.Prepare(&cli.Command{
		Name:        "cimg-fleet",
		Version:     version.Version(),
		Usage:       "copy custom images on Temporal, on several machines, through crashes and outages",
		Description: help,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "task-queue", Usage: "work on the task `QUEUE`; each account of the service needs one of its own", Value: "cimg", Sources: cli.EnvVars("CIMG_TASK_QUEUE")},
		},
		Commands: []*cli.Command{
			setupCommand(), workerCommand(), startCommand(), statusCommand(),
			pauseCommand(), resumeCommand(), cancelCommand(), demoCommand(),
		},
	})
}
