package poller

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cimg-go/cimg/gen"
)

// request is a poll under way.
type request struct {
	region  *region
	batch   batch
	ids     []string
	started time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	awaited int // jobs that a wait still needs
}

// errExited is reported to the waits when a transport, hook or token source ends
// the goroutine of its request, as a test that fails does.
var errExited = errors.New("the request ended without a result")

// tick makes the request whose time has come, in the timer's goroutine.
func (r *region) tick() {
	q := r.start()
	if q == nil {
		return
	}
	var states []gen.Job
	var unreadable map[string]error
	err := errExited
	defer func() { q.finish(states, unreadable, err) }()
	states, unreadable, err = r.config.Poll(q.ctx, r.name, q.ids)
}

// start begins a request, or returns nil if it is not time for one.
func (r *region) start() *request {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	defer r.arm(now)
	if now.Before(latest(r.next, r.backoffEnds)) || r.underWay >= r.maxUnderWay() {
		return nil
	}
	b := r.choose(now)
	if len(b.jobs) == 0 {
		return nil
	}
	q := &request{region: r, batch: b, ids: make([]string, 0, len(b.jobs)), started: now, awaited: len(b.jobs)}
	q.ctx, q.cancel = context.WithCancel(b.values())
	for _, e := range b.jobs {
		e.place, e.request = inRequest, q
		q.ids = append(q.ids, e.id)
	}
	r.underWay++
	r.setPace()
	r.next = now.Add(r.config.RequestInterval / time.Duration(r.perInterval))
	return q
}

// values returns a context with the values of the single wait that the jobs are
// polled for. Several waits have none in common.
func (b batch) values() context.Context {
	single := b.jobs[0].subscriptions[0].wait
	for _, e := range b.jobs {
		if slices.ContainsFunc(e.subscriptions, func(s *subscription) bool { return s.wait != single }) {
			return context.Background()
		}
	}
	return single.values
}

// abandon notes that no wait needs one of the jobs any more. When none is
// awaited, the request is canceled.
func (q *request) abandon() {
	if q.awaited--; q.awaited == 0 {
		q.cancel()
	}
}

// finish hands each job what the request brought, and settles it.
func (q *request) finish(states []gen.Job, unreadable map[string]error, err error) {
	r := q.region
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	q.cancel()
	r.underWay--
	jobs := q.batch.live()
	for _, e := range jobs {
		e.place, e.request = nowhere, nil
		e.polledAt, e.wasPolled = now, true
	}
	switch {
	case len(jobs) == 0: // everybody left, which may be why it failed
	case err == nil:
		r.onAccepted(q.batch)
		onStates(jobs, states, unreadable, q.started, now)
	default:
		r.onError(q.batch, jobs, err, q.started, now)
	}
	for _, e := range jobs {
		r.settle(e, q.started, now)
	}
	r.arm(now)
}

// onStates hands jobs the states that a response reported, the final ones first.
// Of several states of one job a final one counts, otherwise the last.
func onStates(jobs []*entry, states []gen.Job, unreadable map[string]error, began, now time.Time) {
	byID := make(map[string]gen.Job, len(states))
	for _, state := range states {
		if !byID[state.JobUUID].Done {
			byID[state.JobUUID] = state
		}
	}
	for _, final := range []bool{true, false} {
		for _, e := range jobs {
			state, found := byID[e.id]
			switch {
			case state.Done != final:
			case found:
				e.onState(state, now)
			case unreadable[e.id] != nil:
				e.onFailure(unreadable[e.id], false)
			default:
				e.onMissing(nil, began, now)
			}
		}
	}
}

// onError decides what a failed request counts for. A batch is halved, until the
// failure is that of one job. But if whatever is polled fails, see outage.
func (r *region) onError(b batch, jobs []*entry, err error, began, now time.Time) {
	class, retryAfter := r.config.Classify(err)
	r.next = latest(r.next, now.Add(min(retryAfter, r.config.MaxRetryAfter)))
	for _, e := range jobs {
		e.lastPoll = err
	}
	announced := class == Transient && retryAfter > 0
	switch {
	case class == BadID:
		r.onResponse()
	case !announced && !(jobs[0].alone && r.hasOthers()): // that a job fails alone again is no news of others
		r.onFailure(err, now)
	}
	switch {
	case class == Fatal:
		for _, e := range jobs {
			e.onFailure(err, true)
		}
	case len(b.jobs) > 1: // a job that left may have been the reason
		r.split(jobs, class == BadID && len(jobs) == len(b.jobs))
	case announced: // it uses up none of the failures that its waits tolerate
		jobs[0].alone = true
		jobs[0].failures++
	case class == BadID:
		// It may still become known, like an id that a response lacks: what the
		// service does with unknown ids is not published.
		jobs[0].onMissing(err, began, now)
	default:
		jobs[0].alone = true
		jobs[0].onFailure(err, class == Permanent)
	}
}
