package poller

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/instant"
)

// request is a poll under way.
type request struct {
	region     *region
	batch      batch
	ids        []string
	started    instant.Time
	ctx        context.Context
	cancel     context.CancelFunc
	limit      time.Duration // of the time it takes; 0: as long as Poll allows
	ofSuspects bool
	awaited    int // jobs that a wait still needs; when there is none, it is canceled
}

// tick makes the request whose time has come, in the timer's goroutine.
func (r *region) tick() {
	q := r.start()
	if q == nil {
		return
	}
	var states []gen.Job
	var unreadable map[string]error
	err := errors.New("the goroutine of the request was exited") // by a transport, hook or token source
	defer func() { q.finish(states, unreadable, err) }()
	states, unreadable, err = r.config.Poll(q.ctx, r.name, q.ids, q.limit)
}

// start begins a request, or returns nil if it is not time for one.
func (r *region) start() *request {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	defer r.arm(now)
	if now < max(r.next, r.backoffEnds) || r.underWay >= r.maxUnderWay() {
		return nil
	}
	b := r.choose(now)
	if len(b.jobs) == 0 {
		return nil
	}
	q := &request{region: r, batch: b, started: now, awaited: len(b.jobs), ofSuspects: r.lastOfSuspects}
	q.ctx, q.cancel = context.WithCancel(b.values())
	for _, e := range b.jobs {
		e.stage, e.request = inRequest, q
		q.ids = append(q.ids, e.id)
	}
	if r.underWay++; q.ofSuspects {
		r.suspectsUnderWay++
	}
	if q.ofSuspects && !b.jobs[0].alone {
		q.limit = 4 * max(r.slowest, r.config.RequestInterval) << min(r.outage, 10)
	}
	r.setPace()
	r.next = now.Add(r.spacing / time.Duration(r.perInterval))
	return q
}

// values returns a context with the values of the single wait that the jobs are
// polled for. Several waits have none in common.
func (b batch) values() context.Context {
	single := b.jobs[0].subscriptions[0].wait
	isOther := func(s *subscription) bool { return s.wait != single }
	if slices.ContainsFunc(b.jobs, func(e *entry) bool { return slices.ContainsFunc(e.subscriptions, isOther) }) {
		return context.Background()
	}
	return single.values
}

// finish hands each job what the request brought, and settles it.
func (q *request) finish(states []gen.Job, unreadable map[string]error, err error) {
	r := q.region
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.clock.Now()
	q.cancel()
	if r.underWay--; q.ofSuspects {
		r.suspectsUnderWay--
	}
	defer r.arm(now)
	var pause time.Duration
	jobs := q.batch.live()
	for _, e := range slices.Backward(jobs) {
		e.stage, e.request, e.polledAt = nowhere, nil, now
		defer func() { r.settle(e, q.started, now, pause) }() // whatever becomes of the others
	}
	switch {
	case len(jobs) == 0 && err != nil: // everybody left, which may be why it failed
		if class, asked := r.config.Classify(err); class == Limited || len(q.batch.jobs) > 1 {
			r.next = max(r.next, now.Add(min(asked, r.config.MaxRetryAfter)))
		}
	case err == nil:
		r.slowest = max(r.slowest, now.Sub(q.started))
		r.spacing = max(r.spacing-r.spacing/8, r.config.RequestInterval)
		r.onAccepted(q.batch)
		onStates(jobs, states, unreadable, q.started, now)
	default:
		pause = r.onError(q.batch, jobs, err, q.started, now)
	}
}

// onStates hands jobs the states that a response reported. Of several states of
// one job a final one counts, otherwise the last.
func onStates(jobs []*entry, states []gen.Job, unreadable map[string]error, began, now instant.Time) {
	byID := make(map[string]gen.Job, len(states))
	for _, state := range states {
		if !byID[state.JobUUID].Done {
			byID[state.JobUUID] = state
		}
	}
	for _, e := range jobs {
		switch state, found := byID[e.id]; {
		case found:
			e.onState(state, now)
		case unreadable[e.id] != nil:
			e.failures, e.lastPoll = e.failures+1, unreadable[e.id]
			e.fail(Transient, e.lastPoll, now, e.region.config.RequestInterval)
		default:
			e.onMissing(nil, began, now, len(jobs) == 1)
		}
	}
}

// onError decides what a failed request counts for: the job that is known to be the
// reason, since the service responded meanwhile; all jobs, if whatever is polled fails;
// otherwise nobody, and the batch is halved. It returns the pause that is asked for.
func (r *region) onError(b batch, jobs []*entry, err error, began, now instant.Time) time.Duration {
	class, pause := r.config.Classify(err)
	pause = min(pause, r.config.MaxRetryAfter)
	if class == BadID {
		r.onResponse()
	}
	first := jobs[0]
	for _, e := range jobs {
		if e.lastPoll == nil || e.trouble != class {
			e.responsesBefore, e.trouble = r.responses, class
		}
		e.lastPoll = err
	}
	responded := first.responsesBefore != r.responses // to others, since this trouble began
	itsOwn := len(b.jobs) == 1 && responded
	if class == Permanent && !(itsOwn && first.alone) && len(r.jobs) > 1 {
		class = Transient // until it is known to be the trouble of one
	}
	announced := pause > 0 && (class == Limited || class < BadID && !itsOwn)
	if class == Limited {
		r.spacing = min(2*r.spacing, 16*r.config.RequestInterval)
		pause = max(pause, r.spacing)
	}
	if !itsOwn || class == Limited {
		r.next = max(r.next, now.Add(pause))
	}
	if class != BadID && !itsOwn {
		r.noteFailure(class, err, now, announced)
	}
	switch {
	case len(b.jobs) > 1 && class != Fatal && (class != Limited || responded): // a job that left may have been the reason
		r.split(jobs, (class == BadID || class == Refused) && len(jobs) == len(b.jobs))
	case announced: // it uses up none of the failures that waits tolerate
	case class == BadID: // it may still become known, like one that a response lacks
		first.onMissing(err, began, now, true)
	default:
		for _, e := range jobs {
			e.failures++
			e.fail(class, err, now, r.config.RequestInterval)
		}
	}
	first.alone = len(b.jobs) == 1
	return pause
}
