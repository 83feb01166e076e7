package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v3"
	"go.temporal.io/sdk/worker"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/wrapper"
)

// stopTimeout is how long a worker that stops waits for the calls that it has sent.
const stopTimeout = 10 * time.Second

func workerCommand() *cli.Command {
	var service commandline.Service
	var rateLimit float64
	var maxActivities int
	var options fleet.Options
	return &cli.Command{
		Name:  "worker",
		Usage: "carry out workflows until interrupted",
		Description: `Run as many as you like, on as many machines; what one leaves, another continues. All workers of a task queue use the token
of one account. For instance, against an emulator that "cimg mock" serves:

  DIDIYUN_BASE_URL=http://127.0.0.1:8080 DIDIYUN_ACCESS_TOKEN=9a609744ad675e8fbfcdbf14511b24e6ddd6b427b4d256969534a81d0773f4d7 cimg-fleet worker`,
		Flags: append(service.JobFlags(),
			&cli.IntFlag{Name: "max-activities", Usage: "call and wait for at most `N` images at a time; a wait costs a few kilobytes, and all share the polls", Value: 10_000, Sources: cli.EnvVars("CIMG_MAX_ACTIVITIES"), Destination: &maxActivities, Validator: positive},
			&cli.StringFlag{Name: "ready-status", Category: commandline.ServiceFlags, Usage: "take an image of this `STATUS` for ready: which there are is not published", Value: fleet.DefaultReadyStatus, Sources: cli.EnvVars("CIMG_READY_STATUS"), Destination: &options.ReadyStatus},
			&cli.FloatFlag{Name: "rate-limit", Category: commandline.ServiceFlags, Usage: "send at most `N` requests a second, of whatever kind; divide the account's limit by the workers", DefaultText: "no limit", Sources: cli.EnvVars("CIMG_RATE_LIMIT"), Destination: &rateLimit},
		),
		Before: commandline.NoArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			settings := []wrapper.Option{wrapper.WithUserAgent("cimg-fleet")}
			if rateLimit != 0 {
				settings = append(settings, wrapper.WithRateLimit(rateLimit, max(1, int(rateLimit))))
			}
			cimg, err := service.Client(settings...)
			if err != nil {
				return err
			}
			c, err := connect(ctx)
			if err != nil {
				return err
			}
			defer c.Close()
			if err := c.checkAttributes(ctx); err != nil {
				return err
			}
			options.VisibilityWindow = service.VisibilityWindow
			activities, err := fleet.NewActivities(cimg, c, options)
			if err != nil {
				return err
			}
			fatal := make(chan error, 1)
			w := worker.New(c.Client, cmd.String("task-queue"), worker.Options{
				MaxConcurrentActivityExecutionSize: maxActivities,
				WorkerStopTimeout:                  stopTimeout,
				OnFatalError:                       func(err error) { fatal <- err },
			})
			fleet.Register(w, activities)
			if err := w.Start(); err != nil {
				return err
			}
			defer w.Stop()
			fmt.Fprintf(cmd.Root().Writer, "Task queue  %s\nNamespace   %s\nTemporal    %s\nService     %s\n\nWorking. Stop with Ctrl-C.\n",
				cmd.String("task-queue"), c.namespace, c.address, cimg.BaseURL())
			select {
			case err := <-fatal:
				return err
			case <-ctx.Done():
				return nil
			}
		},
	}
}

func positive(n int) error {
	if n < 1 {
		return errors.New("it is not positive")
	}
	return nil
}
