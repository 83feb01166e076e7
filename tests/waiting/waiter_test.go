package waiting

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// waiter is one caller, and what it expects of the client.
type waiter struct {
	*service
	client   *wrapper.Client
	name     string
	jobs     []*wrapper.JobHandle
	kind     string
	begins   time.Duration
	lasts    time.Duration
	cancels  bool          // instead of having a deadline
	slow     time.Duration // pause between two reads
	leaves   int           // after this many reads; 0: never
	grace    time.Duration
	stall    time.Duration
	failures int
	failFast bool
	lastPoll time.Duration // negative: the default
	policy   policy
	alone    bool // no other waits

	cause       error     // of the context's end
	began, ends time.Time // of the context
	leaving     bool
	left        time.Time
	failedAt    time.Time // when a job was first seen to fail
}

// policy is a policy and its longest pause.
type policy struct {
	polling.Policy
	longest time.Duration
}

var policies = []policy{
	{polling.Adaptive{}, 10 * time.Minute},
	{polling.Exponential{Max: time.Minute}, time.Minute},
	{polling.Constant(time.Second), time.Second},
	{polling.Constant(time.Minute), time.Minute},
	{polling.Constant(time.Hour), time.Hour},
	{polling.Constant(0), 0},
	{polling.Constant(-1), 0},
}

func newWaiter(r *rapid.T, s *service, client *wrapper.Client, ids []string, name string) *waiter {
	seconds := func(label string, choices ...float64) time.Duration {
		return time.Duration(rapid.SampledFrom(choices).Draw(r, label) * float64(time.Second))
	}
	w := &waiter{
		service:  s,
		client:   client,
		name:     name,
		kind:     rapid.SampledFrom([]string{"Wait", "WaitAll", "Watch", "WatchAll"}).Draw(r, "kind"),
		begins:   seconds("begins", 0, 0, 0.5, 1, 7, 17, 300),
		lasts:    seconds("lasts", 0, 1.5, 7.3, 30.2, 400, 4*3600),
		cancels:  rapid.Bool().Draw(r, "cancels"),
		slow:     seconds("slow", 0, 0, 3, 100),
		leaves:   rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(r, "leaves"),
		grace:    seconds("grace", 0, 5, 30, 60),
		stall:    seconds("stall", 0, 0, 60),
		failures: rapid.IntRange(0, 9).Draw(r, "failures"),
		failFast: rapid.IntRange(0, 4).Draw(r, "fail fast") == 4,
		lastPoll: time.Duration(rapid.SampledFrom([]int{-1, 0, 2, 100}).Draw(r, "last poll")) * s.polling.RequestInterval,
		policy:   rapid.SampledFrom(policies).Draw(r, "policy"),
		cause:    errors.New("the end of " + name),
	}
	many := 1
	if strings.HasSuffix(w.kind, "All") {
		many = rapid.IntRange(0, 45).Draw(r, "how many") // possibly with duplicates
	} else {
		w.failFast = false
	}
	for range many {
		id := rapid.SampledFrom(ids).Draw(r, "job")
		job, err := client.Resume(s.jobs[id].ref)
		require.NoError(r, err)
		w.jobs = append(w.jobs, job)
	}
	return w
}

func (w *waiter) follows(j *truth) bool {
	return slices.ContainsFunc(w.jobs, func(h *wrapper.JobHandle) bool { return h.Ref == j.ref })
}

func (w *waiter) options() []wrapper.WaitOption {
	options := []wrapper.WaitOption{
		wrapper.MissingGrace(w.grace), wrapper.StallTimeout(w.stall), wrapper.MaxFailures(w.failures), wrapper.PollPolicy(w.policy.Policy),
	}
	if w.failFast {
		options = append(options, wrapper.FailFast())
	}
	if w.lastPoll >= 0 {
		options = append(options, wrapper.LastPoll(w.lastPoll))
	}
	return options
}

func (w *waiter) run() {
	time.Sleep(w.begins)
	w.began = time.Now()
	w.ends = w.began.Add(w.lasts)
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	if w.cancels {
		defer time.AfterFunc(w.lasts, func() { cancel(w.cause) }).Stop()
	} else {
		limited, free := context.WithDeadlineCause(ctx, w.ends, w.cause)
		defer free()
		ctx = limited
	}
	defer context.AfterFunc(ctx, w.mayLeave)()
	w.enter()
	defer w.exit()
	switch w.kind {
	case "Wait":
		job, err := w.jobs[0].Wait(ctx, w.options()...)
		w.end(wrapper.JobOutcome{Ref: w.jobs[0].Ref, Job: job, Err: err}, true)
	case "WaitAll":
		w.waitAll(ctx)
	case "Watch":
		w.watch(func(yield func(int, wrapper.JobOutcome) bool) {
			for job, err := range w.jobs[0].Watch(ctx, w.options()...) {
				if !yield(0, wrapper.JobOutcome{Ref: w.jobs[0].Ref, Job: job, Err: err}) {
					return
				}
			}
		})
	case "WatchAll":
		w.watch(w.client.WatchAll(ctx, w.jobs, w.options()...))
	}
}

func (w *waiter) enter() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiters[w] = true
}

func (w *waiter) exit() {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiters, w)
	w.left = time.Now()
	w.leftAt[w.left] = true
	w.leavers = append(w.leavers, w)
}

// mayLeave notes that the wait may leave now, although its reader takes longer.
func (w *waiter) mayLeave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.leaving = true
	w.leftAt[time.Now()] = true
}

// errorf records that a promise to this caller was broken.
func (w *waiter) errorf(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.service.errorf(w.name+" ("+w.kind+"): "+format, args...)
}

// waitAll checks that WaitAll returns one outcome per job, and ends with the
// last.
func (w *waiter) waitAll(ctx context.Context) {
	outcomes, err := w.client.WaitAll(ctx, w.jobs, w.options()...)
	now := time.Now()
	if len(outcomes) != len(w.jobs) {
		w.errorf("%d outcomes for %d jobs", len(outcomes), len(w.jobs))
		return
	}
	last, allEnded, failed := w.began, true, false
	for i, outcome := range outcomes {
		if outcome.Ref != w.jobs[i].Ref {
			w.errorf("outcome %d is that of %s", i, outcome.Ref)
		}
		w.end(outcome, false)
		failed = failed || outcome.Err != nil
		if at, found := w.reported(outcome.Ref, w.began.Add(1)); outcome.Job.Done && found {
			last = later(last, at)
		} else {
			allEnded = false
		}
	}
	if failed != (err != nil) {
		w.errorf("the joined error is %v", err)
	}
	if allEnded && now.After(last) {
		w.errorf("it ended %v after the last job did", now.Sub(last))
	}
	w.joined(outcomes, err)
}

// joined checks that the joined error has each unfinished job once.
func (w *waiter) joined(outcomes []wrapper.JobOutcome, err error) {
	var unfinished []wrapper.JobRef
	others, causes := 0, 0
	for _, outcome := range outcomes {
		var wait *wrapper.WaitError
		switch {
		case errors.As(outcome.Err, &wait):
			if !slices.Contains(unfinished, outcome.Ref) {
				unfinished = append(unfinished, outcome.Ref)
			}
			if errors.Is(wait.Cause, wrapper.ErrOtherFailed) {
				others++
			} else {
				causes++
			}
		case outcome.Err != nil:
			causes++
		}
	}
	if others > 0 && causes == 0 {
		w.errorf("ended because of others, but none failed")
	}
	var all *wrapper.WaitError
	switch found := errors.As(err, &all); {
	case found != (len(unfinished) > 0):
		w.errorf("%v, with %d unfinished jobs", err, len(unfinished))
	case found && !slices.Equal(all.Refs, unfinished):
		w.errorf("the joined error has %v, not %v", all.Refs, unfinished)
	}
}

// watch checks that Watch and WatchAll yield each end once, and nothing after
// it.
func (w *waiter) watch(updates iter.Seq2[int, wrapper.JobOutcome]) {
	ended := make([]bool, len(w.jobs))
	seen := make([]wrapper.Job, len(w.jobs))
	reads := 0
	for i, outcome := range updates {
		if ended[i] {
			w.errorf("%s was yielded after its end", outcome.Ref.JobUUID)
		}
		switch {
		case outcome.Ref != w.jobs[i].Ref:
			w.errorf("update %d is that of %s", i, outcome.Ref)
		case outcome.Err != nil || outcome.Job.Done:
			ended[i] = true
			w.failFastAt(outcome)
			w.end(outcome, w.slow == 0)
		default:
			w.change(outcome, seen[i])
			seen[i] = outcome.Job
		}
		if reads++; reads == w.leaves {
			return
		}
		time.Sleep(w.slow)
	}
	if i := slices.Index(ended, false); i >= 0 {
		w.errorf("%s never ended", w.jobs[i].Ref.JobUUID)
	}
}

// failFastAt checks that a wait that fails fast ends with the first failure.
func (w *waiter) failFastAt(outcome wrapper.JobOutcome) {
	now := time.Now()
	if w.failFast && outcome.Err != nil {
		w.mayLeave()
	}
	switch {
	case !w.failFast || w.slow > 0:
	case w.failedAt.IsZero() && outcome.Err != nil:
		w.failedAt = now
		if errors.Is(outcome.Err, wrapper.ErrOtherFailed) {
			w.errorf("%s ended because of others, but none failed", outcome.Ref.JobUUID)
		}
	case !w.failedAt.IsZero() && now.After(w.failedAt):
		w.errorf("%s ended %v after the first failure", outcome.Ref.JobUUID, now.Sub(w.failedAt))
	}
}

// change checks an intermediate state: a response reported it, and a reader
// that is not slow gets it at that moment.
func (w *waiter) change(outcome wrapper.JobOutcome, before wrapper.Job) {
	now, isFirst := time.Now(), before.JobUUID == ""
	w.mu.Lock()
	j := w.service.jobs[outcome.Ref.JobUUID]
	at, found := j.reported[outcome.Job]
	isThereAndBack := len(j.standings(now)) > 1
	w.mu.Unlock()
	switch {
	case !found:
		w.errorf("%s: no response reported %+v", outcome.Ref.JobUUID, outcome.Job)
	case w.slow > 0:
	case outcome.Job == before && !isThereAndBack:
		w.errorf("%s did not change, and was yielded", outcome.Ref.JobUUID)
	case !at.Equal(now) && !(isFirst && now.Equal(w.began)): // other waits had it earlier
		w.errorf("%s was yielded %v after it was reported", outcome.Ref.JobUUID, now.Sub(at))
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
