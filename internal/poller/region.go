package poller

import (
	"math"
	"slices"
	"time"

	"github.com/cimg-go/cimg/internal/instant"
	"github.com/cimg-go/cimg/internal/queue"
)

// region is the jobs of a region that waits need, and the pace at which
// they may be polled. It decides what happens to a job after a poll.
type region struct {
	*Poller
	name     string
	overhead int // bytes of a request without ids

	jobs         map[string]*entry
	idSizes      int                 // of all jobs, in bytes of a request
	waiting      queue.Queue[*entry] // until they are due
	ready        queue.Queue[*entry] // due
	suspects     []batch             // parts of those that failed
	maxJobs      int                 // of a request, as far as the service accepts them
	mostAccepted int                 // jobs of one request
	newApart     bool                // jobs that were never reported are not polled with others
	responses    int32               // to requests, from the service
	slowest      time.Duration       // of those that were accepted
	spacing      time.Duration       // of requests: RequestInterval, or longer if that is too quick for the service
	outage       int                 // requests in a row that failed, whatever their jobs
	backoffEnds  instant.Time        // before that, no request may start

	timer            *time.Timer  // for the next request
	next             instant.Time // before that, no request may start
	underWay         int          // requests
	suspectsUnderWay int          // requests of suspects
	lastOfSuspects   bool         // the last request is one
	demand           float64      // polls a second that the jobs' intervals ask for
	perInterval      int          // requests that may start within a RequestInterval
}

// entry is a job in the queues of its region. There may be a hundred thousand,
// so the size of its fields counts.
type entry struct {
	job
	region *region

	polledAt        instant.Time // last; before the first poll, when it came
	due             instant.Time
	demand          float64  // polls a second that its interval asks for, as that counts for the pace
	request         *request // if it is inRequest
	index           int32    // in its queue, if it is waiting or ready
	size            int32    // of the id in a request
	responsesBefore int32    // of the region: before its polls began to fail as they do
	stage           stage
	trouble         ErrorClass // of its last poll, if that failed
}

// stage is where a job stands between two polls.
type stage uint8

const (
	nowhere   stage = iota
	waiting         // until it is due
	ready           // to be polled with others
	suspect         // to be polled in a batch of its own
	inRequest       // its poll is under way
)

// join adds a wait for a job.
func (r *region) join(named Job, s *subscription, now instant.Time) {
	e := r.jobs[named.ID]
	if e == nil {
		_, size := r.config.Size(r.name, named.ID)
		e = &entry{job: job{id: named.ID, since: now}, region: r, size: int32(size), polledAt: now}
		r.jobs[named.ID] = e
		r.idSizes += size
		if len(r.jobs) == 2 { // what the polls of one met says nothing of others
			r.outage, r.backoffEnds = min(r.outage, 1), 0
		}
	}
	s.entry = e
	e.subscribe(s, r.clock.At(named.StartedAt), now)
	r.backoffEnds = min(r.backoffEnds, now.Add(4*r.config.RequestInterval)) // it need not wait for long
	defer r.arm(now)
	due := now
	switch e.stage {
	case nowhere: // it is new
		defer func() { r.enqueue(e, due, s) }()
		due = e.firstPoll(s, now)
	case waiting: // the new wait may want to know sooner
		r.waiting.Remove(int(e.index))
		e.stage = nowhere
		defer func() { r.enqueue(e, min(e.due, due), s) }()
		due = e.firstPoll(s, now)
		if e.failures == 0 && (e.reported || e.missingSince != 0) {
			due = e.nextPoll([]*subscription{s}, e.polledAt, e.polledAt, r.config.RequestInterval)
		}
		e.failures = 0
	}
}

// settle decides what happens to a job after a poll.
func (r *region) settle(e *entry, began, now instant.Time, pause time.Duration) {
	switch {
	case len(e.subscriptions) == 0:
		r.drop(e)
	case e.stage == nowhere:
		due := now
		defer func() { r.enqueue(e, due, e.subscriptions...) }() // also if a policy calls runtime.Goexit
		due = max(e.nextPoll(e.subscriptions, began, now, r.config.RequestInterval), now.Add(pause))
	}
}

// enqueue lets a job wait until it is due, unless the policies that were asked for it
// panicked and no other wait is left.
func (r *region) enqueue(e *entry, due instant.Time, asked ...*subscription) {
	hasPanicked := func(s *subscription) bool { return s.wait.panicked != nil }
	if slices.ContainsFunc(asked, hasPanicked) {
		if e.finish(nil, hasPanicked); len(e.subscriptions) == 0 {
			r.drop(e)
			return
		}
	}
	e.stage, e.due = waiting, due
	r.demand -= e.demand
	e.demand = 1 / max(due.Sub(e.polledAt), r.round()).Seconds()
	r.demand += e.demand
	r.waiting.Add(e)
}

// drop forgets a job that no wait needs.
func (r *region) drop(e *entry) {
	delete(r.jobs, e.id)
	r.idSizes -= int(e.size)
	r.demand -= e.demand
	switch e.stage {
	case waiting:
		r.waiting.Remove(int(e.index))
	case ready:
		r.ready.Remove(int(e.index))
	case inRequest:
		if e.request.awaited--; e.request.awaited == 0 {
			e.request.cancel()
		}
	}
	if len(r.jobs) == 0 {
		r.suspects, r.outage, r.demand = nil, 0, 0 // without the errors of many sums
	}
}

// freeFailures are how many requests in a row may fail because of one bad id: its
// batch, a half and itself. More look like an outage: pauses double, one job at a time
// is polled, and the failure is that of all jobs in trouble.
const freeFailures = 3

// noteFailure takes note of a request that failed, maybe whatever its jobs. If its
// pause was announced, it uses up no patience.
func (r *region) noteFailure(class ErrorClass, err error, now instant.Time, announced bool) {
	if r.outage++; r.outage <= freeFailures || announced {
		return
	}
	r.backoffEnds = now.Add(backoff(r.outage-freeFailures+1, r.config.RequestInterval))
	for _, e := range r.jobs {
		for _, s := range e.subscriptions {
			if s.wait.lastPoll > now {
				r.backoffEnds = min(r.backoffEnds, s.wait.lastPoll)
			}
		}
		if e.stage == nowhere || e.stage == inRequest || e.stage == waiting && e.lastPoll == nil {
			continue // it is or was being polled itself, or was fine when it was
		}
		if e.fail(class, err, now, r.config.RequestInterval); len(e.subscriptions) == 0 {
			r.drop(e)
		}
	}
}

// onResponse takes note that the service works.
func (r *region) onResponse() {
	r.responses++
	if r.outage > freeFailures { // what counted for all does not count any more
		for _, e := range r.jobs {
			for _, s := range e.subscriptions {
				s.failures = min(s.failures, e.failures)
			}
			if e.stage == suspect && r.outage > 2*freeFailures { // it failed with everything
				e.stage = ready
				r.ready.Add(e)
			}
		}
		if r.outage > 2*freeFailures {
			r.suspects = nil
		}
	}
	r.outage, r.backoffEnds = 0, 0
}

// The pace of a region: one request per RequestInterval, or as many as the
// intervals of its jobs ask for. An interval counts as no shorter than the time
// in which one request at a time goes round all jobs, up to maxTurns: it takes
// thousands of jobs to get several requests. At that rate, and the earliest
// deadline first, a job waits for its turn at most as long again as its interval.
const maxTurns = 20

// round is the minimum that an interval counts as.
func (r *region) round() time.Duration {
	turns := (len(r.jobs) + r.batchSize() - 1) / r.batchSize()
	return time.Duration(min(max(turns, 1), maxTurns)) * r.config.RequestInterval
}

// setPace sets how many requests may start within the next RequestInterval. It
// does not slow down while there are more jobs to be polled than one request
// carries: when many jobs finish, the others have waited for their turn already.
func (r *region) setPace() {
	demand := min(r.demand, float64(len(r.jobs))/r.round().Seconds())
	const noise = 1e-6 // of the sum
	wanted := int(math.Ceil(demand*r.config.RequestInterval.Seconds()/float64(r.batchSize()) - noise))
	if r.ready.Len() > r.batchSize() {
		wanted = max(wanted, r.perInterval)
	}
	r.perInterval = max(wanted, 1)
}

// maxUnderWay is how many requests may be under way at once, since some may hang.
func (r *region) maxUnderWay() int { return 4 * r.perInterval }

// maySuspect reports whether suspects may be polled: one request is for others.
func (r *region) maySuspect() bool {
	return len(r.suspects) > 0 && r.suspectsUnderWay < r.maxUnderWay()-1
}

// arm sets the timer for the next request, if there is one to come.
func (r *region) arm(now instant.Time) {
	at := max(r.next, r.backoffEnds)
	switch {
	case r.underWay >= r.maxUnderWay() || len(r.jobs) == 0:
		r.timer.Stop()
		return
	case r.maySuspect() || r.ready.Len() > 0:
	case r.waiting.Len() > 0:
		at = max(at, r.waiting.First().due)
	default: // all are being polled
		return
	}
	r.timer.Reset(max(at.Sub(now), 0))
}
