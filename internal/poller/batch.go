package poller

import (
	"container/heap"
	"slices"
	"time"
)

// batch is jobs that are polled in one request. One that fails is halved until
// the id that makes it fail stands alone.
type batch struct {
	jobs           []*entry
	halvesAccepted *int // of the rejected batch that it is a half of; nil: they prove nothing
}

// live returns the jobs that a wait still needs.
func (b batch) live() []*entry {
	return slices.DeleteFunc(slices.Clone(b.jobs), func(e *entry) bool { return len(e.subscriptions) == 0 })
}

// split halves a batch that failed; the halves are polled apart from other jobs.
// If it was rejected as a whole and both are accepted, it had too many jobs.
func (r *region) split(jobs []*entry, rejected bool) {
	half := (len(jobs) + 1) / 2
	proof := new(int)
	if !rejected || len(jobs) <= r.mostAccepted || slices.ContainsFunc(jobs, func(e *entry) bool { return !e.reported }) {
		// An id that was not known yet may have been the reason; or nothing
		// lasting, if as many jobs were accepted before.
		proof = nil
	}
	r.suspect(batch{jobs: jobs[:half], halvesAccepted: proof})
	r.suspect(batch{jobs: jobs[half:], halvesAccepted: proof})
}

// suspect lets jobs be polled in a batch of their own.
func (r *region) suspect(b batch) {
	for _, e := range b.jobs {
		e.place = suspect
	}
	r.suspects = append(r.suspects, b)
}

// onAccepted draws the conclusion from a batch that was accepted: if both halves
// of a rejected one are, there were too many jobs in it, and no request carries more
// than were ever accepted.
func (r *region) onAccepted(b batch) {
	r.onResponse()
	r.mostAccepted = max(r.mostAccepted, len(b.jobs))
	if b.halvesAccepted == nil {
		return
	}
	if *b.halvesAccepted++; *b.halvesAccepted == 2 {
		r.maxJobs = min(r.maxJobs, r.mostAccepted)
	}
}

// choose takes the jobs of the next request: suspects, at most every other
// time; otherwise those that are due, the most urgent first, and if there is
// room those that are at least half way to their next poll.
func (r *region) choose(now time.Time) batch {
	for r.waiting.Len() > 0 && !r.waiting.jobs[0].due.After(now) {
		e := heap.Pop(&r.waiting).(*entry)
		if e.alone {
			r.suspect(batch{jobs: []*entry{e}})
			continue
		}
		e.place = ready
		heap.Push(&r.ready, e)
	}
	for r.maySuspect() && (r.lastSuspect == 0 || r.ready.Len() == 0) {
		// Those that are not known to be bad come first.
		i := max(slices.IndexFunc(r.suspects, func(b batch) bool { return len(b.jobs) > 0 && !b.jobs[0].alone }), 0)
		b := r.suspects[i]
		r.suspects = slices.Delete(r.suspects, i, i+1)
		jobs := b.live()
		if len(jobs) < len(b.jobs) {
			b = batch{jobs: jobs} // a job that left may have been the reason, so it proves nothing
		}
		if len(jobs) > 1 && r.outage >= freeFailures {
			// One id is the lightest question to a service that may be down, and any
			// of them, since the bad ones may come first.
			i := int(random() * float64(len(jobs)))
			jobs[0], jobs[i] = jobs[i], jobs[0]
			r.suspect(batch{jobs: jobs[1:]})
			b = batch{jobs: jobs[:1]}
		}
		if len(jobs) > 0 {
			r.lastSuspect = 1
			return b
		}
	}
	r.lastSuspect = 0
	if r.ready.Len() == 0 {
		return batch{}
	}
	return batch{jobs: r.fill(now)}
}

// fill takes as many jobs as one request may carry, those that are due first.
func (r *region) fill(now time.Time) (jobs []*entry) {
	bytes := r.overhead
	fits := func(e *entry) bool {
		halfWay := !e.alone && e.failures == 0 && now.Sub(e.polledAt) >= e.due.Sub(e.polledAt)/2
		return (e.place == ready || halfWay) &&
			(len(jobs) == 0 || len(jobs) < r.maxJobs && bytes+int(e.size) <= r.config.MaxBytes)
	}
	for _, q := range []*queue{&r.ready, &r.waiting} {
		for q.Len() > 0 && fits(q.jobs[0]) {
			e := heap.Pop(q).(*entry)
			jobs = append(jobs, e)
			bytes += int(e.size)
		}
	}
	return jobs
}

// batchSize is about how many jobs a request carries at most.
func (r *region) batchSize() int {
	idSize := max(r.idSizes/max(len(r.jobs), 1), 1) // the mean
	return max(min(r.maxJobs, (r.config.MaxBytes-r.overhead)/idSize), 1)
}

// queue is a heap of jobs.
type queue struct {
	jobs   []*entry
	before func(a, b *entry) bool
}

func (q queue) Len() int           { return len(q.jobs) }
func (q queue) Less(a, b int) bool { return q.before(q.jobs[a], q.jobs[b]) }

func (q queue) Swap(a, b int) {
	q.jobs[a], q.jobs[b] = q.jobs[b], q.jobs[a]
	q.jobs[a].index, q.jobs[b].index = int32(a), int32(b)
}

func (q *queue) Push(x any) {
	e := x.(*entry)
	e.index = int32(len(q.jobs))
	q.jobs = append(q.jobs, e)
}

func (q *queue) Pop() any {
	n := len(q.jobs) - 1
	e := q.jobs[n]
	q.jobs[n] = nil
	q.jobs = q.jobs[:n]
	return e
}
