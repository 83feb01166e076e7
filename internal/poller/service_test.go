package poller

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// Pauses are exact in these tests, but for those of the jitter itself.
func TestMain(m *testing.M) {
	random = func() float64 { return 0 }
	goleak.VerifyTestMain(m)
}

// service responds to the polls of a test, in virtual time, and records them.
type service struct {
	*Poller
	start   time.Time
	respond func(poll) ([]gen.Job, error)

	mu    sync.Mutex
	polls []poll
}

// poll is one request that reached the service.
type poll struct {
	ctx    context.Context
	at     time.Duration // since the start
	region string
	ids    []string // sorted
	limit  time.Duration
}

func (p poll) String() string {
	text := fmt.Sprintf("%v: %s", p.at, strings.Join(p.ids, " "))
	if p.region != "gz" {
		text = p.region + ", " + text
	}
	return text
}

// take lets time pass, unless the request is canceled or over its limit before.
func (p poll) take(d time.Duration) error {
	var limit <-chan time.Time
	if p.limit > 0 {
		limit = time.After(p.limit)
	}
	select {
	case <-p.ctx.Done():
		return context.Cause(p.ctx)
	case <-time.After(d):
		return nil
	case <-limit:
		return errTransient
	}
}

// inBubble runs a test against a service. The test may set RequestInterval, MaxJobs
// and MaxBytes; otherwise they are as in the wrapper. A request takes 100 bytes,
// and each id one more than its length.
func inBubble(t *testing.T, config Config, respond func(poll) ([]gen.Job, error), test func(*testing.T, *service)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &service{start: time.Now(), respond: respond}
		s.Poller = New(Config{
			Poll:     s.poll,
			Classify: classify,
			Size:     func(_, id string) (request, perID int) { return 100, len(id) + 1 },

			RequestInterval: cmp.Or(config.RequestInterval, time.Second),
			MaxJobs:         cmp.Or(config.MaxJobs, 100),
			MaxBytes:        cmp.Or(config.MaxBytes, 4096),
			MaxRetryAfter:   cmp.Or(config.MaxRetryAfter, time.Minute),
		})
		test(t, s)
	})
}

func (s *service) poll(ctx context.Context, region string, ids []string, limit time.Duration) (states []gen.Job, unreadable map[string]error, err error) {
	p := poll{ctx, s.elapsed(), region, slices.Sorted(slices.Values(ids)), limit}
	s.mu.Lock()
	s.polls = append(s.polls, p)
	if len(s.polls) > 10_000 {
		panic("the polls never end")
	}
	s.mu.Unlock()
	states, err = s.respond(p)
	for _, state := range states {
		if state.Type == garbled {
			unreadable = map[string]error{state.JobUUID: errUnreadable}
		}
	}
	return slices.DeleteFunc(states, func(state gen.Job) bool { return state.Type == garbled }), unreadable, err
}

// garbled is the type of a job whose state cannot be read.
const garbled = "garbled"

// newPolls returns the polls since it, or log, was called last.
func (s *service) newPolls() (polls []poll) {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	polls, s.polls = s.polls, nil
	return polls
}

// log returns them as text.
func (s *service) log() (polls []string) {
	for _, p := range s.newPolls() {
		polls = append(polls, p.String())
	}
	return polls
}

// elapsed is the time since the start, without the nanoseconds of inTurn.
func (s *service) elapsed() time.Duration { return time.Since(s.start).Round(time.Millisecond) }

// sleepUntil sleeps until some time after the start.
func (s *service) sleepUntil(at time.Duration) { time.Sleep(at - s.elapsed()) }

// pollError is an error of a class.
type pollError struct {
	class      ErrorClass
	retryAfter time.Duration
}

func (e pollError) Error() string {
	return []string{"transient", "limited", "refused", "bad id", "permanent", "fatal"}[e.class]
}

var (
	errTransient = pollError{class: Transient}
	errBadID     = pollError{class: BadID}
	errRefused   = pollError{class: Refused}
	errPermanent = pollError{class: Permanent}
	errFatal     = pollError{class: Fatal}

	errUnreadable = errors.New("unreadable")
)

func classify(err error) (class ErrorClass, retryAfter time.Duration) {
	var classified pollError
	errors.As(err, &classified)
	return classified.class, classified.retryAfter
}

// running reports jobs in progress.
func running(p poll) ([]gen.Job, error) { return states(p.ids, gen.Job{Progress: 50}), nil }

// finishedAt reports jobs as succeeded from some time on.
func finishedAt(at time.Duration) func(poll) ([]gen.Job, error) {
	return func(p poll) ([]gen.Job, error) {
		if p.at < at {
			return running(p)
		}
		return states(p.ids, gen.Job{Progress: 100, Done: true, Success: true}), nil
	}
}

func states(ids []string, state gen.Job) (all []gen.Job) {
	for _, id := range ids {
		state.JobUUID = id
		all = append(all, state)
	}
	return all
}

// every is the settings of a wait with a constant pause.
func every(pause time.Duration) *Settings {
	return &Settings{Policy: polling.Constant(pause), MaxFailures: 8, MissingGrace: 30 * time.Second}
}

// follower is a wait that says which job an update is about.
type follower struct {
	*Wait
	service *service
	ids     []string
}

// follow waits for jobs in region gz whose start is not known.
func (s *service) follow(ctx context.Context, settings *Settings, ids ...string) follower {
	jobs := make([]Job, len(ids))
	for i, id := range ids {
		jobs[i] = Job{Region: "gz", ID: id}
	}
	return follower{s.Follow(ctx, jobs, settings, true), s, ids}
}

// inTurn waits for jobs that become due one shortly before the other, so that
// their order in batches is known. The first poll comes after one pause.
func (s *service) inTurn(ctx context.Context, settings *Settings, ids ...string) follower {
	jobs := make([]Job, len(ids))
	for i, id := range ids {
		jobs[i] = Job{Region: "gz", ID: id, StartedAt: time.Now().Add(time.Duration(i - len(ids)))}
	}
	return follower{s.Follow(ctx, jobs, settings, true), s, ids}
}

// next returns the next update as text: when it came, and what it says.
func (f follower) next(ctx context.Context) (text string, ok bool) {
	update, ok := f.Next(ctx)
	if !ok {
		return "", false
	}
	return fmt.Sprintf("%v: %s", f.service.elapsed(), f.text(update)), true
}

func (f follower) text(u Update) string {
	switch id := f.ids[u.Index]; {
	case !u.Finished:
		return fmt.Sprintf("%s %v %%", id, u.Job.Progress)
	case u.Cause == nil:
		return id + " finished"
	default:
		return fmt.Sprintf("%s: %v", id, u.Cause)
	}
}

// rest returns all updates that are still to come.
func (f follower) rest(ctx context.Context) (all []string) {
	for {
		text, ok := f.next(ctx)
		if !ok {
			return all
		}
		all = append(all, text)
	}
}

// names returns n ids of the same length.
func names(n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("j%03d", i))
	}
	return ids
}
