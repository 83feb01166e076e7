package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/journal"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// session is one run of a command that starts jobs or waits for them.
type session struct {
	settings *settings
	client   *wrapper.Client
	recovery *reconcile.Reconciler
	journal  *journal.Journal
	report   reporter
	wait     bool // for the jobs that are started

	again  string        // what to do about what was not started, if anything
	lost   string        // why nothing can be continued; empty if it can
	turns  chan struct{} // mutating calls that may be under way at once
	images atomic.Int64  // so far

	journalFailed atomic.Pointer[journalError] // the first time
}

// image returns an image to work on; reports are in the order of these calls.
func (s *session) image(region, name string) *image {
	return &image{session: s, order: int(s.images.Add(1)), Region: region, Name: name}
}

// all does work at the same time, whatever becomes of the rest.
func all(ctx context.Context, work []func(context.Context) error) error {
	errs := make([]error, len(work))
	var group sync.WaitGroup
	for n, do := range work {
		group.Go(func() { errs[n] = do(ctx) })
	}
	group.Wait()
	return joined(errs)
}

// joined returns errors as one that has a line for each, nil if there are none.
func joined(errs []error) error {
	var end ending
	for _, err := range errs {
		if err == nil {
			continue
		}
		for _, err := range endingOf(err).errs {
			if !isShared(err) || !slices.Contains(end.errs, err) {
				end.errs = append(end.errs, err)
			}
		}
	}
	if len(end.errs) == 0 {
		return nil
	}
	return &end
}

// isShared reports whether an error is the same for all images.
func isShared(err error) bool {
	_, shared := err.(*journalError) //nolint:errorlint // as this program made it, the outermost
	return shared
}

// inSession returns an action that runs in a session, until its time limit. After
// it, the user reads what is unfinished and how to continue.
func (s *settings) inSession(action func(context.Context, *cli.Command, *session) error) cli.ActionFunc {
	return func(ctx context.Context, cmd *cli.Command) error {
		if s.timeLimit < 0 {
			return commandline.UsageErrorf("--timeout: %v is negative", s.timeLimit)
		}
		run := &session{
			settings: s, wait: !s.noWait, report: newReporter(cmd, !s.noWait), turns: make(chan struct{}, 8),
		}
		client, err := s.client(wrapper.WithHooks(wrapper.Hooks{Begin: run.intend}))
		if err != nil {
			return err
		}
		defer client.CloseIdleConnections()
		notes, err := s.journal(client.BaseURL())
		if err != nil {
			return err
		}
		defer notes.Close()
		recovery, err := reconcile.New(client, reconcile.WithVisibilityWindow(s.VisibilityWindow))
		if err != nil {
			return commandline.UsageErrorf("%w", err)
		}
		run.client, run.recovery, run.journal = client, recovery, notes
		limited, cancel := s.limit(ctx)
		defer cancel()
		err = action(limited, cmd, run)
		run.report.close()
		unwritten := commandline.ResultsOf(cmd).Err != nil
		if err == nil && !unwritten {
			return nil
		}
		end := run.continuation(err, limited.Err() != nil)
		if unwritten && run.lost == "" {
			end.next = append(end.next, "see what the journal has of it with: cimg jobs --all"+s.journalFlags())
		}
		return end
	}
}

// continuation returns an error, or none, with how to continue.
func (s *session) continuation(err error, cutShort bool) *ending {
	end := new(ending)
	if err != nil {
		end = endingOf(err)
	}
	left, _ := s.journal.Unfinished() // if it cannot be read, nothing was begun, and err says why
	if s.lost != "" && len(left) > 0 {
		end.next = append(end.next, s.lost)
		return end
	}
	isUnresolved := func(e journal.Entry) bool { // then its error says what to do
		return slices.ContainsFunc(end.errs, func(err error) bool {
			unresolved, is := errors.AsType[*unresolvedError](err)
			return is && unresolved.entry == e.ID
		})
	}
	left = slices.DeleteFunc(left, isUnresolved)
	running := slices.DeleteFunc(slices.Clone(left), func(e journal.Entry) bool { return e.Job == nil })
	if len(running) > 0 {
		end.next = append(end.next, fmt.Sprintf("%s unfinished; continue with: cimg wait --resume%s", count(len(running), "job is", "jobs are"), s.settings.where()))
	}
	if unknown := len(left) - len(running); unknown > 0 {
		end.next = append(end.next, fmt.Sprintf("the outcome of %s not known; find out with: cimg reconcile --resume%s", count(unknown, "call is", "calls are"), s.settings.where()))
	}
	if s.again != "" && (len(end.next) > 0 || cutShort) {
		end.next = append(end.next, s.again)
	}
	return end
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// intent is a mutating call that is about to be made.
type intent struct {
	call  *wrapper.OutcomeUnknownError
	entry string // of the journal, once it is there
	err   error  // of the journal

	isNeedlessAfter func(journal.Entry) bool // a finished call for the same image; nil: none
}

type intentKey struct{}

// intend records a mutating call in the journal before it is sent. What cannot be
// recorded is not sent: its context has ended.
func (s *session) intend(ctx context.Context, call wrapper.Call) context.Context {
	if call.Op == "listCIMG" || call.Op == "getJobResult" {
		return nil
	}
	intended, _ := ctx.Value(intentKey{}).(*intent)
	if intended == nil {
		intended = &intent{err: fmt.Errorf("%s is not journalled", call.Op)}
	} else {
		intended.call.SentAt = time.Now()
		intended.entry, intended.err = s.journal.Intend(intended.call, intended.isNeedlessAfter)
		intended.err = s.unjournalled(intended.err)
	}
	if intended.err == nil {
		return nil
	}
	ended, cancel := context.WithCancelCause(ctx)
	cancel(intended.err)
	return ended
}

// journalError says why the journal cannot be used, and so nothing is sent. All
// images of a session share the first one.
type journalError struct{ error }

func (e *journalError) Unwrap() error { return e.error }

// unjournalled returns what to report of an error of the journal; nil for nil.
func (s *session) unjournalled(err error) error {
	earlier, isEarlier := errors.AsType[*journal.EarlierError](err)
	switch {
	case err == nil:
		return nil
	case isEarlier && earlier.Entry.Live:
		return fmt.Errorf("%w, which is under way in another process: wait for it, then run this again", err)
	case isEarlier:
		return fmt.Errorf("%w, which is unfinished: run cimg wait --resume%s", err, s.settings.where())
	}
	if errors.As(err, new(syscall.Errno)) {
		err = fmt.Errorf("nothing was sent: %w; free space or permit writing there, or choose another directory with --journal", err)
	}
	s.journalFailed.CompareAndSwap(nil, &journalError{err})
	return s.journalFailed.Load()
}
