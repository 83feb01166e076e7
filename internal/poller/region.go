package poller

import (
	"container/heap"
	"context"
	"errors"
	"math"
	"time"

	"github.com/cimg-go/cimg/gen"
)

// region is the jobs of a region that are waited for, and the pace at which
// they may be asked for.
type region struct {
	*Poller
	name     string
	overhead int // bytes of a request without ids

	jobs     map[string]*job
	idSizes  int // of all jobs
	waiting  queue
	ready    queue
	suspects []group
	limit    batchLimit

	timer       *time.Timer // nil: nothing is to come
	next        time.Time   // before that, no request may begin
	flights     int         // requests under way
	demand      float64     // polls a second that the jobs' intervals ask for
	perGap      int         // requests that may begin within a gap
	lastSuspect bool        // the last request was for suspects
}

func newRegion(p *Poller, name string) *region {
	overhead, _ := p.config.Size(name, "")
	return &region{
		Poller:   p,
		name:     name,
		overhead: overhead,
		jobs:     make(map[string]*job),
		perGap:   1,
		waiting:  queue{before: func(a, b *job) bool { return a.due.Before(b.due) }},
		ready:    queue{before: func(a, b *job) bool { return a.deadline().Before(b.deadline()) }},
	}
}

// join adds a wait for a job.
func (r *region) join(named Job, i *interest, now time.Time) {
	j := r.jobs[named.ID]
	isNew := j == nil
	if isNew {
		_, size := r.config.Size(r.name, named.ID)
		j = &job{region: r, id: named.ID, size: int32(size), since: now, asked: now}
		r.jobs[named.ID] = j
		r.idSizes += size
	}
	j.startedAt(named.StartedAt, now)
	i.job = j
	j.interests = append(j.interests, i)
	if j.reported {
		i.notice()
	}
	switch {
	case isNew:
		j.planFirst(i, now)
		r.wait(j)
	case j.place == waiting: // the new wait may want to know sooner
		heap.Remove(&r.waiting, int(j.index))
		due := j.due
		if j.wasAsked {
			j.plan(j.asked, j.asked)
		} else {
			j.planFirst(i, now)
		}
		j.due = earliest(due, j.due)
		r.wait(j)
	}
}

// wait lets a job wait until it is due.
func (r *region) wait(j *job) {
	j.place = waiting
	j.interval = max(j.due.Sub(j.asked), r.round())
	rate := 1 / j.interval.Seconds()
	r.demand += rate - j.share
	j.share = rate
	heap.Push(&r.waiting, j)
}

// leave takes the job out of its region.
func (j *job) leave() {
	r := j.region
	if r.jobs[j.id] != j {
		return
	}
	delete(r.jobs, j.id)
	r.idSizes -= int(j.size)
	j.interests = nil
	switch j.place {
	case waiting:
		heap.Remove(&r.waiting, int(j.index))
	case ready:
		heap.Remove(&r.ready, int(j.index))
	case inFlight:
		j.flight.abandon()
	}
	j.place = nowhere
	r.demand -= j.share
	if len(r.jobs) == 0 {
		r.suspects, r.demand = nil, 0 // without the errors of many sums
	}
}

// The pace of a region: one request a gap, or as many as the intervals of its
// jobs ask for. An interval counts as no shorter than the time in which one
// request a gap goes round all jobs, up to mostGaps: it takes thousands of jobs to
// get several requests. At that rate, and the earliest deadline first, a job waits
// for its turn at most as long again as its interval.
const mostGaps = 20

// round is the least that an interval counts as.
func (r *region) round() time.Duration {
	turns := (len(r.jobs) + r.batchSize() - 1) / r.batchSize()
	return time.Duration(min(max(turns, 1), mostGaps)) * r.config.Gap
}

// pace says how many requests a gap may begin, for the next one. It does not
// slow down while there are more jobs to be asked for than one request carries:
// when many jobs end, those that are left have waited for their turn already.
func (r *region) pace() {
	demand := min(r.demand, float64(len(r.jobs))/r.round().Seconds())
	const noise = 1e-6 // of the sum
	perGap := int(math.Ceil(demand*r.config.Gap.Seconds()/float64(r.batchSize()) - noise))
	if r.ready.Len() > r.batchSize() {
		perGap = max(perGap, r.perGap)
	}
	r.perGap = max(perGap, 1)
}

// spacing is the time between two requests.
func (r *region) spacing() time.Duration { return r.config.Gap / time.Duration(r.perGap) }

// maxFlights is how many requests may be under way at once, so that one that
// hangs does not hold the others up, nor a service that hangs collects them.
func (r *region) maxFlights() int { return 4 * r.perGap }

// arm sets the timer for the next request, if there is one to come.
func (r *region) arm(now time.Time) {
	at := r.next
	switch {
	case r.flights >= r.maxFlights() || len(r.jobs) == 0:
		if r.timer != nil {
			r.timer.Stop()
		}
		return
	case len(r.suspects) > 0 || r.ready.Len() > 0:
	case r.waiting.Len() > 0:
		at = latest(at, r.waiting.jobs[0].due)
	default: // all are in flight
		return
	}
	pause := max(at.Sub(now), 0)
	if r.timer == nil {
		r.timer = time.AfterFunc(pause, r.tick)
		return
	}
	r.timer.Reset(pause)
}

// tick makes the request whose time has come, in the timer's goroutine.
func (r *region) tick() {
	f := r.takeOff()
	if f == nil {
		return
	}
	ctx, cancel := context.WithTimeout(f.ctx, r.config.Timeout)
	defer cancel()
	var states []gen.Job
	err := errExited
	defer func() { f.land(states, err) }()
	states, err = r.config.Ask(ctx, r.name, f.ids)
}

// A transport, hook or token source may end the goroutine of its request, as a
// test that fails does. Whoever waits must learn of it.
var errExited = errors.New("the request ended without a result")

// takeOff begins a request, or returns nil if it is not time for one.
func (r *region) takeOff() *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Before(r.next) || r.flights >= r.maxFlights() {
		r.arm(now)
		return nil
	}
	batch := r.choose(now)
	if len(batch.jobs) == 0 {
		r.arm(now)
		return nil
	}
	f := newFlight(r, batch, now)
	r.flights++
	r.pace()
	r.next = now.Add(r.spacing())
	r.arm(now)
	return f
}

// flight is a request under way.
type flight struct {
	region *region
	group  group
	ids    []string
	began  time.Time
	ctx    context.Context
	cancel context.CancelFunc
	awaits int // jobs that somebody still waits for
}

func newFlight(r *region, batch group, now time.Time) *flight {
	f := &flight{region: r, group: batch, began: now, awaits: len(batch.jobs)}
	f.ctx, f.cancel = context.WithCancel(batch.values())
	for _, j := range batch.jobs {
		j.place, j.flight = inFlight, f
		f.ids = append(f.ids, j.id)
	}
	return f
}

// values returns a context with the values of the only wait that the jobs are
// polled for. Several waits have none in common.
func (g group) values() context.Context {
	only := g.jobs[0].interests[0].wait
	for _, j := range g.jobs {
		for _, i := range j.interests {
			if i.wait != only {
				return context.Background()
			}
		}
	}
	return only.values
}

// abandon ends the request when nobody waits for it any more.
func (f *flight) abandon() {
	if f.awaits--; f.awaits == 0 {
		f.cancel()
	}
}

// land hands out what the request brought.
func (f *flight) land(states []gen.Job, err error) {
	r := f.region
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	defer f.cancel()
	r.flights--
	f.group.jobs = f.group.live()
	for _, j := range f.group.jobs {
		j.place, j.flight = nowhere, nil
		j.asked, j.wasAsked = now, true
	}
	var verdict Verdict
	if err != nil {
		verdict = r.config.Judge(err)
		r.next = latest(r.next, now.Add(min(verdict.RetryAfter, r.config.MaxRetryAfter)))
	}
	switch {
	case err == nil:
		r.observe(f.group, states, now)
	case verdict.Blame == IDs:
		r.refuse(f.group, len(f.ids), err, now)
	case verdict.Blame == Final:
		for _, j := range f.group.jobs {
			j.lastPoll = err
			j.endWhere(err, func(*interest) bool { return true })
		}
	default:
		for _, j := range f.group.jobs {
			j.fail(err)
		}
	}
	for _, j := range f.group.jobs {
		if j.place == nowhere && len(j.interests) > 0 {
			j.plan(now, f.began)
			r.wait(j)
		}
	}
	r.arm(now)
}

// observe hands out what the service told of the jobs, the ends first.
func (r *region) observe(g group, states []gen.Job, now time.Time) {
	r.accepted(g)
	byID := make(map[string]gen.Job, len(states))
	for _, state := range states {
		if told, twice := byID[state.JobUUID]; !twice || !told.Done {
			byID[state.JobUUID] = state
		}
	}
	for _, ends := range []bool{true, false} {
		for _, j := range g.jobs {
			state, found := byID[j.id]
			switch {
			case state.Done != ends || len(j.interests) == 0:
			case found:
				j.see(state, now)
			default:
				j.miss(nil, now)
			}
		}
	}
}
