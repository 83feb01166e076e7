package poller

import (
	"slices"

	"github.com/cimg-go/cimg/internal/instant"
	"github.com/cimg-go/cimg/internal/queue"
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
	var proof *int
	if rejected && len(jobs) > r.mostAccepted && !slices.ContainsFunc(jobs, func(e *entry) bool { return !e.reported }) { // it may not know those yet
		proof = new(int)
	}
	r.newApart = r.newApart || slices.ContainsFunc(jobs, func(e *entry) bool { return e.reported != jobs[0].reported })
	r.suspect(batch{jobs: jobs[:half], halvesAccepted: proof})
	r.suspect(batch{jobs: jobs[half:], halvesAccepted: proof})
}

// suspect lets jobs be polled in a batch of their own.
func (r *region) suspect(b batch) {
	for _, e := range b.jobs {
		e.stage = suspect
	}
	r.suspects = append(r.suspects, b)
}

// onAccepted draws the conclusion from a batch that was accepted: if both halves
// of a rejected one are, there were too many jobs in it, and no request carries more
// than were ever accepted.
func (r *region) onAccepted(b batch) {
	r.onResponse()
	r.mostAccepted = max(r.mostAccepted, len(b.jobs))
	if b.halvesAccepted != nil {
		if *b.halvesAccepted++; *b.halvesAccepted == 2 {
			r.maxJobs = min(r.maxJobs, r.mostAccepted)
		}
	}
}

// choose takes the jobs of the next request: suspects, at most every other
// time; otherwise those that are due, the most urgent first, and if there is
// room those that are at least half way to their next poll.
func (r *region) choose(now instant.Time) batch {
	for r.waiting.Len() > 0 && r.waiting.First().due <= now {
		if e := r.waiting.Remove(0); e.alone {
			r.suspect(batch{jobs: []*entry{e}})
		} else {
			e.stage = ready
			r.ready.Add(e)
		}
	}
	for r.maySuspect() && (!r.lastOfSuspects || r.ready.Len() == 0) {
		b := r.suspects[0]
		r.suspects = slices.Delete(r.suspects, 0, 1)
		jobs := b.live()
		if len(jobs) < len(b.jobs) {
			b = batch{jobs: jobs} // a job that left may have been the reason, so it proves nothing
		}
		if len(jobs) > 0 {
			r.lastOfSuspects = true
			return r.probe(b)
		}
	}
	if r.lastOfSuspects = false; r.ready.Len() == 0 {
		return batch{}
	}
	return r.probe(batch{jobs: r.fill(now)})
}

// probe returns one job of a batch if the service may be down: that is the lightest
// question, and any of them, since the bad ones may come first.
func (r *region) probe(b batch) batch {
	if len(b.jobs) == 1 || r.outage < freeFailures {
		return b
	}
	i := int(random() * float64(len(b.jobs)))
	b.jobs[0], b.jobs[i] = b.jobs[i], b.jobs[0]
	r.suspect(batch{jobs: b.jobs[1:]})
	return batch{jobs: b.jobs[:1]}
}

// fill takes as many jobs as one request may carry, those that are due first.
func (r *region) fill(now instant.Time) (jobs []*entry) {
	bytes := r.overhead
	fits := func(e *entry) bool {
		halfWay := !e.alone && e.failures == 0 && now.Sub(e.polledAt) >= e.due.Sub(e.polledAt)/2
		return (e.stage == ready || halfWay) && (len(jobs) == 0 ||
			len(jobs) < r.maxJobs && bytes+int(e.size) <= r.config.MaxBytes && (e.reported == jobs[0].reported || !r.newApart))
	}
	for _, q := range []*queue.Queue[*entry]{&r.ready, &r.waiting} {
		for q.Len() > 0 && fits(q.First()) {
			jobs = append(jobs, q.Remove(0))
			bytes += int(jobs[len(jobs)-1].size)
		}
	}
	return jobs
}

// batchSize is about how many jobs a request carries at most.
func (r *region) batchSize() int {
	idSize := max(r.idSizes/max(len(r.jobs), 1), 1) // the mean
	return max(min(r.maxJobs, (r.config.MaxBytes-r.overhead)/idSize), 1)
}
