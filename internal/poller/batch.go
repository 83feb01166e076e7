package poller

import (
	"container/heap"
	"slices"
	"time"
)

// group is jobs that are asked for in one request. Those that the service
// refused are halved until what it refuses stands alone.
type group struct {
	jobs   []*job
	parent *refusal // nil: it is no half of a refused one
}

// live returns the jobs that somebody waits for.
func (g group) live() []*job {
	return slices.DeleteFunc(slices.Clone(g.jobs), func(j *job) bool { return len(j.interests) == 0 })
}

// choose takes the jobs of the next request: suspects, at most every other
// time; otherwise those that are due, the most urgent first, and if there is
// room those that are at least half way to their next poll.
func (r *region) choose(now time.Time) group {
	for r.waiting.Len() > 0 && !r.waiting.jobs[0].due.After(now) {
		j := heap.Pop(&r.waiting).(*job)
		if j.lone { // it must not spoil a batch again
			j.place = suspect
			r.suspects = append(r.suspects, group{jobs: []*job{j}})
			continue
		}
		j.place = ready
		heap.Push(&r.ready, j)
	}
	if !r.lastSuspect || r.ready.Len() == 0 {
		for len(r.suspects) > 0 {
			g := r.suspects[0]
			r.suspects = r.suspects[1:]
			if g.jobs = g.live(); len(g.jobs) > 0 {
				r.lastSuspect = true
				return g
			}
		}
	}
	r.lastSuspect = false
	if r.ready.Len() == 0 {
		return group{}
	}
	return group{jobs: r.fill(now)}
}

// fill takes as many jobs as one request may carry.
func (r *region) fill(now time.Time) (batch []*job) {
	bytes := r.overhead
	fits := func(j *job) bool {
		return len(batch) == 0 || len(batch) < r.maxJobs() && bytes+int(j.size) <= r.config.MaxBytes
	}
	for r.ready.Len() > 0 && fits(r.ready.jobs[0]) {
		j := heap.Pop(&r.ready).(*job)
		batch = append(batch, j)
		bytes += int(j.size)
	}
	if r.ready.Len() > 0 || len(batch) == r.maxJobs() {
		return batch
	}
	var early []*job
	for _, j := range r.waiting.jobs {
		if !j.lone && j.failures == 0 && j.halfWay(now) {
			early = append(early, j)
		}
	}
	slices.SortFunc(early, func(a, b *job) int { return a.due.Compare(b.due) })
	for _, j := range early {
		if !fits(j) {
			break
		}
		heap.Remove(&r.waiting, int(j.index))
		batch = append(batch, j)
		bytes += int(j.size)
	}
	return batch
}

// batchSize is about how many jobs a request carries at most.
func (r *region) batchSize() int {
	size := r.maxJobs()
	if r.idSizes > 0 {
		perJob := max(r.idSizes/len(r.jobs), 1)
		size = min(size, (r.config.MaxBytes-r.overhead)/perJob)
	}
	return max(size, 1)
}

// queue is a heap of jobs.
type queue struct {
	jobs   []*job
	before func(a, b *job) bool
}

func (q queue) Len() int           { return len(q.jobs) }
func (q queue) Less(a, b int) bool { return q.before(q.jobs[a], q.jobs[b]) }

func (q queue) Swap(a, b int) {
	q.jobs[a], q.jobs[b] = q.jobs[b], q.jobs[a]
	q.jobs[a].index, q.jobs[b].index = int32(a), int32(b)
}

func (q *queue) Push(x any) {
	j := x.(*job)
	j.index = int32(len(q.jobs))
	q.jobs = append(q.jobs, j)
}

func (q *queue) Pop() any {
	n := len(q.jobs) - 1
	j := q.jobs[n]
	q.jobs[n] = nil
	q.jobs = q.jobs[:n]
	return j
}
