package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/journal"
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
			calls := make([]*wrapper.OutcomeUnknownError, cmd.Args().Len())
			for n, text := range cmd.Args().Slice() {
				calls[n] = new(wrapper.OutcomeUnknownError)
				if err := calls[n].UnmarshalText([]byte(text)); err != nil {
					return commandline.UsageErrorf("argument %d is no unknown outcome: %w", n+1, err)
				}
			}
			if !resume && len(calls) == 0 {
				return commandline.UsageErrorf("nothing to look for: give unknown outcomes or --resume; see cimg reconcile --help")
			}
			left, err := run.leftBehind(cmd, resume, func(e journal.Entry) bool {
				return slices.ContainsFunc(calls, func(call *wrapper.OutcomeUnknownError) bool { return isOfCall(call)(e) })
			})
			if err != nil {
				return err
			}
			var work []func(context.Context) error
			for _, call := range calls {
				if !slices.ContainsFunc(left, isOfCall(call)) {
					work = append(work, run.lookFor(call))
				}
			}
			accepted := 0
			for _, e := range left {
				if e.Job == nil {
					work = append(work, run.resume(e))
				} else {
					accepted++
				}
			}
			if accepted > 0 {
				fmt.Fprintf(cmd.Root().ErrWriter, "cimg: %s known to be accepted; wait with: cimg wait --resume%s\n", count(accepted, "call is", "calls are"), s.where())
			}
			return all(ctx, work)
		}),
	}
}

// isOfCall returns a function that reports whether an entry is of a call whose outcome
// is unknown.
func isOfCall(call *wrapper.OutcomeUnknownError) func(journal.Entry) bool {
	return func(e journal.Entry) bool {
		return e.Job == nil && e.IsAbout(call) && e.Call.Op == call.Op && e.Call.SentAt.Equal(call.SentAt)
	}
}

// lookFor returns a function that finds out what became of the items of a call.
func (s *session) lookFor(call *wrapper.OutcomeUnknownError) func(context.Context) error {
	items := make([]*image, max(len(call.Names), len(call.ImageUUIDs)))
	for n, name := range slices.Concat(call.Names, call.ImageUUIDs)[:len(items)] {
		items[n] = s.image(call.Region, name)
		items[n].Operation, items[n].call = call.Op, call
	}
	return func(ctx context.Context) error {
		findings, err := s.recovery.Reconcile(ctx, call)
		if err != nil {
			return items[0].fails(stateUnended, fmt.Errorf("%w; %w", call, err))
		}
		errs := make([]error, len(items))
		for n, found := range findings {
			items[n].Name = found.Name
			errs[n] = items[n].settle(ctx, found)
		}
		return joined(errs)
	}
}
