package main

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/wrapper"
)

func reconcileCommand() *cli.Command {
	var s settings
	var resume bool
	return &cli.Command{
		Name:      "reconcile",
		Usage:     "find out what became of calls whose outcome is unknown; sends reads only",
		ArgsUsage: "[TEXT...]",
		Description: `An unknown outcome has a text form, which the client library prints, too: cimg-unknown:v1?... For instance:

  cimg reconcile --resume
  cimg reconcile 'cimg-unknown:v1?name=web-01&op=createCIMG&region=gz&sent=2026-01-02T03%3A04%3A05Z'

It does not wait for jobs that it finds: cimg wait --resume does.`,
		Flags: s.jobFlags(
			&cli.BoolFlag{Name: "resume", Usage: "look for all calls that the journal has without an outcome", Destination: &resume},
		),
		Action: s.inSession(func(ctx context.Context, cmd *cli.Command, run *session) error {
			run.wait = false
			var tasks []task
			for n, text := range cmd.Args().Slice() {
				call := new(wrapper.OutcomeUnknownError)
				if err := call.UnmarshalText([]byte(text)); err != nil {
					return usageErrorf("argument %d is no unknown outcome: %w", n+1, err)
				}
				i := run.image(call.Region, "")
				tasks = append(tasks, task{i, func(ctx context.Context) error { return run.lookFor(ctx, i, call) }})
			}
			if !resume && len(tasks) == 0 {
				return usageErrorf("nothing to look for: give unknown outcomes or --resume; see cimg reconcile --help")
			}
			if resume {
				left, err := run.leftBehind(cmd, true, nil)
				if err != nil {
					return err
				}
				accepted := 0
				for _, e := range left {
					if e.Job == nil {
						tasks = append(tasks, run.resume(e))
					} else {
						accepted++
					}
				}
				if accepted > 0 {
					fmt.Fprintf(cmd.Root().ErrWriter, "cimg: %s known to be accepted; wait with: cimg wait --resume%s\n", count(accepted, "call is", "calls are"), run.where)
				}
			}
			return run.all(ctx, tasks...)
		}),
	}
}

// lookFor finds out what became of the items of a call. The first one is i.
func (s *session) lookFor(ctx context.Context, i *image, call *wrapper.OutcomeUnknownError) error {
	findings, err := s.recovery.Reconcile(ctx, call)
	if err != nil {
		return i.fails(stateUnended, fmt.Errorf("%w; %w", call, err))
	}
	var errs []error
	for n, found := range findings {
		if n > 0 {
			i = s.image(call.Region, "")
		}
		i.Operation, i.Name = call.Op, found.Name
		errs = append(errs, i.settle(ctx, found))
	}
	return joined(errs)
}
