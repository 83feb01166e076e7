package poller

import (
	"slices"
	"time"
)

// refusal is a group that the service refused, and what became of its halves.
type refusal struct {
	accepted int // halves
	size     int // of the larger half
}

// refuse halves what is left of a group that was refused when so many ids were
// asked for. An id that was refused alone may still become known, as one that a
// reply lacks: what the service does with unknown ids is not published.
func (r *region) refuse(g group, ids int, err error, now time.Time) {
	if ids == 1 {
		for _, j := range g.jobs {
			j.miss(err, now)
		}
		return
	}
	half := (len(g.jobs) + 1) / 2
	parent := &refusal{size: half}
	if slices.ContainsFunc(g.jobs, func(j *job) bool { return !j.reported }) {
		parent.accepted = -2 // no proof: an id that was not known yet may have been the reason
	}
	for _, jobs := range [][]*job{g.jobs[:half], g.jobs[half:]} {
		if len(jobs) == 0 { // somebody left
			continue
		}
		for _, j := range jobs {
			j.place = suspect
			j.lastPoll = err
		}
		r.suspects = append(r.suspects, group{jobs: jobs, parent: parent})
	}
}

// batchLimit is how many jobs the service was found to accept in a request.
// The finding may be wrong, because an unknown id became known meanwhile, so it
// is put to the test: after some full batches, the next may be twice as large.
type batchLimit struct {
	jobs     int // 0: none was found
	accepted int // full batches since it was set
	patience int // full batches before it is put to the test
}

const (
	leastPatience = 8
	mostPatience  = 1024
)

// accepted draws the conclusion from a group that was not refused: if both
// halves of a refused one are accepted, it was their number.
func (r *region) accepted(g group) {
	if g.parent != nil {
		if g.parent.accepted++; g.parent.accepted == 2 {
			patience := min(max(2*r.limit.patience, leastPatience), mostPatience)
			r.limit = batchLimit{jobs: g.parent.size, patience: patience}
		}
		return
	}
	if r.limit.jobs == 0 || len(g.jobs) < r.limit.jobs {
		return
	}
	if r.limit.accepted++; r.limit.accepted >= r.limit.patience {
		r.limit.jobs, r.limit.accepted = 2*r.limit.jobs, 0
	}
	if r.limit.jobs >= r.config.MaxJobs {
		r.limit.jobs = 0
	}
}

// maxJobs is the most jobs that a request may carry now.
func (r *region) maxJobs() int {
	if r.limit.jobs > 0 {
		return r.limit.jobs
	}
	return r.config.MaxJobs
}
