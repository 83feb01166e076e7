package waiting

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/cimg-go/cimg/polling"
	"github.com/cimg-go/cimg/wrapper"
)

// waiter is one caller, and what it holds the client to.
type waiter struct {
	*service
	client   *wrapper.Client
	name     string
	jobs     []*wrapper.JobHandle
	kind     string
	begins   time.Duration
	lasts    time.Duration
	cancels  bool          // instead of having a deadline
	slow     time.Duration // between two reads
	leaves   int           // after so many reads; 0: does not
	grace    time.Duration
	stall    time.Duration
	failures int
	failFast bool
	policy   polling.Policy

	began, ends time.Time // the context
}

func newWaiter(r *rapid.T, s *service, client *wrapper.Client, refs []wrapper.JobRef, name string) *waiter {
	seconds := func(label string, choices ...float64) time.Duration {
		return time.Duration(rapid.SampledFrom(choices).Draw(r, label) * float64(time.Second))
	}
	w := &waiter{
		service:  s,
		client:   client,
		name:     name,
		kind:     rapid.SampledFrom([]string{"Wait", "WaitAll", "Watch", "WatchAll"}).Draw(r, "kind"),
		begins:   seconds("begins", 0, 0, 0.5, 17, 300),
		lasts:    seconds("lasts", 0, 1.5, 30.2, 400, 7200),
		cancels:  rapid.Bool().Draw(r, "cancels"),
		slow:     seconds("slow", 0, 0, 3, 100),
		leaves:   rapid.SampledFrom([]int{0, 0, 0, 1, 3}).Draw(r, "leaves"),
		grace:    seconds("grace", 0, 5, 30, 60),
		stall:    seconds("stall", 0, 0, 60),
		failures: rapid.IntRange(0, 9).Draw(r, "failures"),
		failFast: rapid.IntRange(0, 4).Draw(r, "fail fast") == 4,
		policy: rapid.SampledFrom([]polling.Policy{
			polling.Adaptive{}, polling.Constant(time.Second), polling.Constant(0), polling.Constant(-1), polling.Exponential{}, polling.Constant(time.Hour),
		}).Draw(r, "policy"),
	}
	many := 1
	if strings.HasSuffix(w.kind, "All") {
		many = rapid.IntRange(0, 25).Draw(r, "how many") // some of them twice
	} else {
		w.failFast = false
	}
	for range many {
		// The order of refs is that of a map: choose by name.
		id := fmt.Sprintf("job-%02d", rapid.IntRange(0, len(refs)-1).Draw(r, "job"))
		job, err := client.Resume(s.jobs[id].ref)
		if err != nil {
			r.Fatal(err)
		}
		w.jobs = append(w.jobs, job)
	}
	return w
}

func (w *waiter) options() []wrapper.WaitOption {
	options := []wrapper.WaitOption{
		wrapper.MissingGrace(w.grace), wrapper.StallTimeout(w.stall), wrapper.MaxFailures(w.failures), wrapper.PollPolicy(w.policy),
	}
	if w.failFast {
		options = append(options, wrapper.FailFast())
	}
	return options
}

func (w *waiter) run() {
	time.Sleep(w.begins)
	w.began = time.Now()
	w.ends = w.began.Add(w.lasts)
	ctx, cancel := context.WithCancel(context.Background())
	if w.cancels {
		time.AfterFunc(w.lasts, cancel)
	} else {
		cancel()
		ctx, cancel = context.WithDeadline(context.Background(), w.ends)
	}
	defer cancel()
	w.enter(1)
	defer w.enter(-1)
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

func (w *waiter) enter(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waits += n
}

func (w *waiter) blame(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.service.blame(w.name+" ("+w.kind+"): "+format, args...)
}

// waitAll holds WaitAll to one outcome for each job, and to end with the last.
func (w *waiter) waitAll(ctx context.Context) {
	outcomes, err := w.client.WaitAll(ctx, w.jobs, w.options()...)
	now := time.Now()
	if len(outcomes) != len(w.jobs) {
		w.blame("%d outcomes for %d jobs", len(outcomes), len(w.jobs))
		return
	}
	last, allEnded, failed := w.began, true, false
	for i, outcome := range outcomes {
		if outcome.Ref != w.jobs[i].Ref {
			w.blame("outcome %d is that of %s", i, outcome.Ref)
		}
		w.end(outcome, false)
		failed = failed || outcome.Err != nil
		if said, found := w.firstSaidAfter(outcome.Ref); outcome.Job.Done && found {
			last = later(last, said)
		} else {
			allEnded = false
		}
	}
	if failed != (err != nil) {
		w.blame("the joined error is %v", err)
	}
	if allEnded && now.After(last) {
		w.blame("it ended %v after the last job did", now.Sub(last))
	}
}

// watch holds Watch and WatchAll to yield each end once, and nothing after it.
func (w *waiter) watch(updates iter.Seq2[int, wrapper.JobOutcome]) {
	ended := make([]bool, len(w.jobs))
	reads := 0
	for i, outcome := range updates {
		if ended[i] {
			w.blame("%s came after its end", outcome.Ref.JobUUID)
		}
		switch {
		case outcome.Ref != w.jobs[i].Ref:
			w.blame("update %d is that of %s", i, outcome.Ref)
		case outcome.Err != nil || outcome.Job.Done:
			ended[i] = true
			w.end(outcome, w.slow == 0)
		case outcome.Job.JobUUID != outcome.Ref.JobUUID:
			w.blame("%s is said to be %s", outcome.Ref.JobUUID, outcome.Job.JobUUID)
		}
		if reads++; reads == w.leaves {
			return
		}
		time.Sleep(w.slow)
	}
	if i := slices.Index(ended, false); i >= 0 {
		w.blame("%s never ended", w.jobs[i].Ref.JobUUID)
	}
}

// end checks how the wait for a job ended. A prompt one ended now.
func (w *waiter) end(outcome wrapper.JobOutcome, prompt bool) {
	now := time.Now()
	j := w.service.jobs[outcome.Ref.JobUUID]
	var failed *wrapper.JobFailedError
	var wait *wrapper.WaitError
	switch {
	case errors.As(outcome.Err, &wait):
		w.giveUp(j, wait, now)
		return
	case outcome.Err == nil && !(outcome.Job.Success && j.succeeds):
		w.blame("%s succeeded without success", outcome.Ref.JobUUID)
	case outcome.Err != nil && (!errors.As(outcome.Err, &failed) || j.succeeds || failed.Job.Result != j.result()):
		w.blame("%s: %v", outcome.Ref.JobUUID, outcome.Err)
	case !outcome.Job.Done:
		w.blame("%s ended, but is not done", outcome.Ref.JobUUID)
	}
	said, found := w.firstSaid(outcome.Ref)
	switch {
	case !found:
		w.blame("%s ended before the service said so", outcome.Ref.JobUUID)
	case prompt && !said.Equal(now):
		// What was said at the moment at which the wait began may have been said
		// to another, just before.
		if said, found = w.firstSaidAfter(outcome.Ref); !found || !said.Equal(now) {
			w.blame("%s ended %v after the service said so", outcome.Ref.JobUUID, now.Sub(said))
		}
	}
}

// giveUp checks why a wait ended before its job did.
func (w *waiter) giveUp(j *truth, wait *wrapper.WaitError, now time.Time) {
	id := j.ref.JobUUID
	if !slices.Equal(wait.Refs, []wrapper.JobRef{j.ref}) {
		w.blame("the error of %s names %v", id, wait.Refs)
	}
	graceIsOver := !now.Before(w.began.Add(w.grace))
	said, found := w.firstSaid(j.ref)
	switch wait.Cause {
	case context.Canceled, context.DeadlineExceeded: //nolint:errorlint // these very errors, not a poll that timed out
		if found && said.Before(w.ends) && said.After(w.began) {
			w.blame("the end of %s was said %v before the context's, and lost", id, w.ends.Sub(said))
		}
		if now.Before(w.ends) || w.slow == 0 && !now.Equal(w.ends) {
			w.blame("%s: %v, %v after the context's end", id, wait, now.Sub(w.ends))
		}
		return
	case wrapper.ErrOtherFailed:
		if !w.failFast {
			w.blame("%s: %v", id, wait)
		}
		return
	case wrapper.ErrStalled:
		if w.stall == 0 || now.Before(w.began.Add(w.stall)) {
			w.blame("%s stalled after %v", id, now.Sub(w.began))
		}
		return
	case wrapper.ErrJobUnknown:
		if !graceIsOver || w.omits == 0 && !w.began.Before(j.knownFrom) {
			w.blame("%s unknown after %v", id, now.Sub(w.began))
		}
		return
	}
	var refused *wrapper.APIError
	switch refusal := errors.As(wait.Cause, &refused) &&
		(errors.Is(refused, wrapper.ErrBadParameter) || refused.HTTPStatus/100 == 4 && refused.HTTPStatus != http.StatusTooManyRequests); {
	case refusal && (!graceIsOver || !j.poison && !(w.refusesUnknown && w.began.Before(j.knownFrom))):
		w.blame("%s refused after %v: %v", id, now.Sub(w.began), wait)
	case !refusal && w.trouble == 0:
		w.blame("%s: %v", id, wait)
	}
}

// firstSaid returns when the service first said the end of a job during this
// wait.
func (w *waiter) firstSaid(ref wrapper.JobRef) (at time.Time, found bool) {
	return w.saidFrom(ref, w.began)
}

// firstSaidAfter leaves out the moment at which the wait began.
func (w *waiter) firstSaidAfter(ref wrapper.JobRef) (at time.Time, found bool) {
	return w.saidFrom(ref, w.began.Add(1))
}

func (w *waiter) saidFrom(ref wrapper.JobRef, from time.Time) (at time.Time, found bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	said := w.service.jobs[ref.JobUUID].said
	i := slices.IndexFunc(said, func(at time.Time) bool { return !at.Before(from) })
	if i < 0 {
		return at, false
	}
	return said[i], true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
