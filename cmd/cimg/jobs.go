package main

import (
	"cmp"
	"context"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/journal"
	"github.com/cimg-go/cimg/wrapper"
)

func jobsCommand() *cli.Command {
	var s settings
	var all bool
	var forget string
	return &cli.Command{
		Name:  "jobs",
		Usage: "show what the journal has as unfinished; sends nothing",
		Description: `For instance:

  cimg jobs --all

An entry whose outcome stays unknown, or whose job the service has forgotten, keeps cimg from making an image of the same
name. When you have looked what became of it, --forget ends it.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "show also what is finished", Destination: &all},
			&cli.StringFlag{Name: "forget", Usage: "end `ENTRY`: nothing more is done about it", Destination: &forget},
			s.journalFlag(),
		},
		Before: commandline.NoArguments,
		Action: func(_ context.Context, cmd *cli.Command) error {
			notes, err := s.journal("")
			if err != nil {
				return err
			}
			defer notes.Close()
			if cmd.IsSet("forget") {
				return forgetEntry(notes, forget)
			}
			entries, readErr := notes.Entries()
			if readErr == nil || len(entries) > 0 { // an empty table would say that nothing is unfinished
				showEntries(cmd, entries, all)
			}
			return readErr
		},
	}
}

// forgetEntry ends an unfinished entry that no living process is at work on.
func forgetEntry(notes *journal.Journal, id string) error {
	if _, err := notes.TakeOver(func(e journal.Entry) bool { return e.ID == id }); err != nil {
		return err
	}
	entries, err := notes.Entries()
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case e.ID != id:
		case e.End != "":
			return commandline.UsageErrorf("entry %s is finished already: %s", id, e.End)
		case e.Live:
			return commandline.UsageErrorf("the process of entry %s still runs; wait for it, or stop it", id)
		default:
			return notes.End(id, "forgotten", "")
		}
	}
	return commandline.UsageErrorf("no entry %q; cimg jobs shows those that are unfinished", id)
}

// entry is what a user sees of an entry of the journal.
type entry struct {
	ID        string                       `json:"entry"`
	Time      time.Time                    `json:"time"`
	Service   string                       `json:"service"`
	Command   string                       `json:"command"`
	Operation string                       `json:"operation"`
	Region    string                       `json:"region"`
	Name      string                       `json:"name,omitempty"`
	UUID      string                       `json:"cimgUuid,omitempty"`
	State     string                       `json:"state"`
	Job       *wrapper.JobRef              `json:"job,omitempty"`
	Call      *wrapper.OutcomeUnknownError `json:"call,omitempty"`
}

func newEntry(e journal.Entry) entry {
	shown := entry{
		e.ID, e.Time, e.Service, commandLine(e.Command), e.Call.Op, e.Call.Region, e.Name(), e.Target(), e.End, e.Job, nil,
	}
	switch {
	case e.End != "":
		shown.UUID = e.Result
	case e.Live:
		shown.State = "under way"
	case e.Job != nil:
		shown.State = "accepted"
	default:
		shown.State, shown.Call = "unknown", e.Call
	}
	return shown
}

func showEntries(cmd *cli.Command, entries []journal.Entry, all bool) {
	var shown []entry
	for _, e := range entries {
		if e.End == "" || all {
			shown = append(shown, newEntry(e))
		}
	}
	commandline.Print(cmd, shown, []string{"ENTRY", "TIME", "OPERATION", "REGION", "STATE", "IMAGE"}, func(e entry) []string {
		return []string{e.ID, e.Time.Local().Format(time.DateTime), e.Operation, e.Region, e.State, cmp.Or(e.Name, e.UUID)}
	})
}
