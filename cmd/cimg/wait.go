package main

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/journal"
	"github.com/cimg-go/cimg/wrapper"
)

func waitCommand() *cli.Command {
	var s settings
	var resume bool
	var file string
	return &cli.Command{
		Name:      "wait",
		Usage:     "wait for jobs that were started earlier",
		ArgsUsage: "[REF...]",
		Description: `A ref is what create, import, rename and delete print with --no-wait. For instance:

  cimg create --no-wait --region gz --snapshot 3fd352092a3f553cb124223f6a7f09b4 web-01 | cimg wait --file -
  cimg wait --resume`,
		Flags: s.jobFlags(
			&cli.StringFlag{Name: "file", Usage: "read refs from `FILE`, one a line; - is stdin", Destination: &file},
			&cli.BoolFlag{Name: "resume", Usage: "wait for all jobs that the journal has as unfinished, and find out about calls whose outcome is unknown", Destination: &resume},
		),
		Action: s.inSession(func(ctx context.Context, cmd *cli.Command, run *session) error {
			refs, err := readRefs(cmd, file)
			if err != nil {
				return err
			}
			if !resume && len(refs) == 0 {
				if file == "" {
					return commandline.UsageErrorf("nothing to wait for: give refs, --file or --resume; see cimg wait --help")
				}
				fmt.Fprintf(cmd.Root().ErrWriter, "cimg: nothing to wait for: no ref in %s\n", file)
				return nil
			}
			left, err := run.leftBehind(cmd, resume, func(e journal.Entry) bool {
				return slices.ContainsFunc(refs, func(ref wrapper.JobRef) bool { return isOf(ref)(e) })
			})
			if err != nil {
				return err
			}
			var work []func(context.Context) error
			for _, ref := range refs {
				if !slices.ContainsFunc(left, isOf(ref)) {
					work = append(work, run.waitFor(ref))
				}
			}
			for _, e := range left {
				work = append(work, run.resume(e))
			}
			return all(ctx, work)
		}),
	}
}

// isOf returns a function that reports whether an entry is of a job.
func isOf(ref wrapper.JobRef) func(journal.Entry) bool {
	return func(e journal.Entry) bool {
		return e.Job != nil && e.Job.Region == ref.Region && e.Job.JobUUID == ref.JobUUID
	}
}

// waitFor returns a function that waits for a job.
func (s *session) waitFor(ref wrapper.JobRef) func(context.Context) error {
	i := s.image(ref.Region, "")
	i.UUID = ref.ResourceUUID
	return func(ctx context.Context) error {
		job, err := s.client.Resume(ref)
		if err != nil {
			return i.fails(stateUnmade, err)
		}
		return i.follow(ctx, made{job: job})
	}
}

// resume returns a function that continues a call that another process left unfinished.
func (s *session) resume(left journal.Entry) func(context.Context) error {
	i := s.image(left.Call.Region, left.Name())
	i.UUID = left.Target()
	return func(ctx context.Context) error { return i.resume(ctx, left) }
}

// readRefs reads refs from arguments and a file.
func readRefs(cmd *cli.Command, file string) ([]wrapper.JobRef, error) {
	var refs []wrapper.JobRef
	read := func(where, text string) error {
		var ref wrapper.JobRef
		if err := ref.UnmarshalText([]byte(text)); err != nil {
			return commandline.UsageErrorf("%s is no ref of a job, such as create --no-wait prints: %w", where, err)
		}
		refs = append(refs, ref)
		return nil
	}
	for n, text := range cmd.Args().Slice() {
		if err := read(fmt.Sprintf("argument %d", n+1), text); err != nil {
			return nil, err
		}
	}
	if file == "" {
		return refs, nil
	}
	in := cmd.Root().Reader
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, commandline.UsageErrorf("%w", err)
		}
		defer f.Close()
		in = f
	}
	scanner := bufio.NewScanner(in)
	for n := 1; scanner.Scan(); n++ {
		if text := strings.TrimSpace(scanner.Text()); text != "" {
			if err := read(fmt.Sprintf("line %d of %s", n, file), text); err != nil {
				return nil, err
			}
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, commandline.UsageErrorf("%w", err)
	}
	return refs, nil
}

// leftBehind takes over what other processes left unfinished: what is wanted, or if
// that was asked for, all. Then it tells of what is not for this process.
func (s *session) leftBehind(cmd *cli.Command, asked bool, isWanted func(journal.Entry) bool) ([]journal.Entry, error) {
	left, err := s.journal.TakeOver(func(e journal.Entry) bool { return asked || isWanted(e) })
	if err != nil && !asked { // a ref has all that a wait needs
		fmt.Fprintln(cmd.Root().ErrWriter, "cimg: going on without the journal:", strings.TrimPrefix(commandline.Plain(err.Error()), "journal: "))
		return nil, nil
	}
	if err != nil || !asked {
		return left, err
	}
	all, err := s.journal.Entries()
	if err != nil {
		return nil, err
	}
	elsewhere, living := make(map[string]int), 0
	for _, e := range all {
		switch {
		case e.End != "":
		case e.Service != s.client.BaseURL():
			elsewhere[e.Service]++
		case e.Live:
			living++
		}
	}
	for _, service := range slices.Sorted(maps.Keys(elsewhere)) {
		fmt.Fprintf(cmd.Root().ErrWriter, "cimg: %s of another service, %s; see cimg jobs%s\n",
			count(elsewhere[service], "unfinished call is", "unfinished calls are"), service, s.settings.journalFlags())
	}
	if living > 0 {
		fmt.Fprintf(cmd.Root().ErrWriter, "cimg: %s to processes that still run\n", count(living, "unfinished call belongs", "unfinished calls belong"))
	}
	var commands []string
	for _, e := range left {
		if command := commandLine(e.Command); slices.Contains(e.Command, "replicate") && !slices.Contains(commands, command) {
			commands = append(commands, command)
			fmt.Fprintf(cmd.Root().ErrWriter, "cimg: an earlier command was cut short; afterwards, run it again for what it had not started: %s\n", command)
		}
	}
	if len(left) == 0 {
		fmt.Fprintln(cmd.Root().ErrWriter, "cimg: nothing to resume")
	}
	return left, nil
}
