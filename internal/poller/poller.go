// Package poller polls jobs for all waits of a client: many in a request, each as
// often as its policy says, and no more requests than the pace of a region allows.
// It knows nothing of HTTP.
//
// Data flows one way. A region starts a request for the jobs that are due. What it
// brings goes to the jobs: each records it, tells the waits that subscribed to it,
// and says when to poll it next. Then the region queues it again, or drops it.
package poller

import (
	"context"
	"sync"
	"time"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/instant"
	"github.com/cimg-go/cimg/internal/queue"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// Config is how a [Poller] polls. All fields must be set.
type Config struct {
	// Poll polls jobs of a region in one request, within a limit if that is not 0. It
	// may find some unreadable.
	Poll func(ctx context.Context, region string, ids []string, limit time.Duration) (states []gen.Job, unreadable map[string]error, err error)
	// Classify says what an error of Poll means for the jobs that were polled,
	// and for how long the service asks to be left alone.
	Classify func(error) (class ErrorClass, retryAfter time.Duration)
	// Size returns the bytes that a request takes, and those of one more id.
	Size func(region, id string) (request, perID int)

	RequestInterval time.Duration // between two requests of a region
	MaxJobs         int           // of a request
	MaxBytes        int           // of a request; a single id may exceed it
	MaxRetryAfter   time.Duration // the longest pause that a response can ask for
}

// ErrorClass is what an error means for the jobs that were polled.
type ErrorClass uint8

// The classes of errors. After the first four, a later poll may succeed. All but Fatal
// may be the trouble of one of the jobs.
const (
	Transient ErrorClass = iota // something broke
	Limited                     // there were too many requests
	Refused                     // a gateway rejects an id, their number, or whatever it gets
	BadID                       // the service rejects an id, or their number
	Permanent                   // a later poll of these jobs would fail as well
	Fatal                       // a later poll of any job would fail as well
)

// Job names a job to wait for.
type Job struct {
	Region, ID string
	StartedAt  time.Time // may be zero
}

// Settings are those of one wait.
type Settings struct {
	Policy       polling.Policy
	MaxFailures  int           // failed polls in a row that are tolerated
	MissingGrace time.Duration // how long a job may be unknown to the service
	StallTimeout time.Duration // how long a job may stay as it is; 0: for ever
	LastPoll     time.Duration // before a deadline, when a last poll is made; 0: none is
}

// Poller polls the jobs of all regions. It has no goroutine but those of
// requests under way, and no timer without a wait.
type Poller struct {
	config Config

	mu      sync.Mutex // guards all that follows, down to the jobs
	regions map[string]*region
	clock   instant.Clock
}

// New returns a poller without waits.
func New(config Config) *Poller {
	return &Poller{config: config, regions: make(map[string]*region)}
}

// Follow begins to poll jobs, each of which must be listed once. Until
// [Wait.Leave] is called, each is polled until it finishes. The wait learns of
// that, and if it wants to, of changes. The values of ctx accompany polls that
// are for this wait alone.
func (p *Poller) Follow(ctx context.Context, jobs []Job, settings *Settings, changes bool) *Wait {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.clock.Now()
	w := &Wait{
		poller:        p,
		settings:      settings,
		changes:       changes,
		joined:        now,
		values:        context.WithoutCancel(ctx),
		subscriptions: make([]subscription, len(jobs)),
		left:          len(jobs),
		news:          make(chan struct{}, 1),
	}
	if deadline, limited := ctx.Deadline(); limited && settings.LastPoll > 0 {
		batches := (len(jobs) + p.config.MaxJobs - 1) / p.config.MaxJobs
		early := settings.LastPoll + time.Duration(batches-1)*p.config.RequestInterval
		w.lastPoll = p.clock.At(deadline.Add(-min(early, time.Until(deadline)/2)))
	}
	for i, job := range jobs {
		w.subscriptions[i] = subscription{wait: w, index: int32(i)}
		p.region(job.Region).join(job, &w.subscriptions[i], now)
	}
	return w
}

// region returns a region, which is new if nobody waited for a job of it.
func (p *Poller) region(name string) *region {
	r := p.regions[name]
	if r == nil {
		overhead, _ := p.config.Size(name, "")
		move := func(e *entry, index int) { e.index = int32(index) }
		r = &region{
			Poller: p, name: name, overhead: overhead, jobs: make(map[string]*entry),
			maxJobs: p.config.MaxJobs, perInterval: 1, spacing: p.config.RequestInterval,
			waiting: queue.New(func(e *entry) int64 { return int64(e.due) }, move),
			// By twice its interval, a job should have been polled.
			ready: queue.New(func(e *entry) int64 { return int64(e.due.Add(time.Duration(float64(time.Second) / e.demand))) }, move),
		}
		r.timer = time.AfterFunc(time.Hour, r.tick)
		r.timer.Stop() // until it is armed
		p.regions[name] = r
	}
	return r
}
