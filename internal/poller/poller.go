// Package poller asks for jobs on behalf of everybody who waits for one: many
// jobs in a request, each as often as its policy says, and no more requests
// than the pace of a region allows. It knows nothing of HTTP.
package poller

import (
	"context"
	"sync"
	"time"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// Config is how a [Poller] asks. All members must be set.
type Config struct {
	// Ask asks for jobs of a region in one request.
	Ask func(ctx context.Context, region string, ids []string) ([]gen.Job, error)
	// Judge says what an error of Ask means.
	Judge func(error) Verdict
	// Size returns the bytes that a request takes, and those of one more id.
	Size func(region, id string) (request, perID int)

	Gap           time.Duration // between two requests of a region
	Timeout       time.Duration // of a request
	MaxJobs       int           // of a request
	MaxBytes      int           // of a request; a single id may exceed it
	MaxRetryAfter time.Duration // the longest pause that a reply can ask for
}

// Verdict is what an error means for the jobs that were asked for.
type Verdict struct {
	Blame      Blame
	RetryAfter time.Duration // for how long the service asks to be left alone
}

// Blame is what was wrong with a request.
type Blame int

// What can be wrong with a request.
const (
	Passing Blame = iota // nothing: it may succeed later
	IDs                  // one of its ids, or their number
	Final                // something that will be wrong the next time, too
)

// Job names a job that is waited for.
type Job struct {
	Region, ID string
	StartedAt  time.Time // may be zero
}

// Settings are those of one wait.
type Settings struct {
	Policy       polling.Policy
	MaxFailures  int           // failed polls in a row that are borne
	MissingGrace time.Duration // how long a job may be unknown to the service
	StallTimeout time.Duration // how long a job may stay as it is; 0: for ever
	LastPoll     time.Duration // before a deadline, when a last poll is made; 0: none is
}

// Poller polls for the jobs of all regions. It has no goroutine but those of
// requests under way, and no timer unless somebody waits.
type Poller struct {
	config Config

	mu      sync.Mutex // guards all that follows, down to the jobs
	regions map[string]*region
}

// New returns a poller that nobody waits for yet.
func New(config Config) *Poller {
	return &Poller{config: config, regions: make(map[string]*region)}
}

// Follow begins to poll for jobs, each of which must be listed once. Until
// [Wait.Leave] is called, the jobs are polled for as long as they have not
// ended. The wait learns of their ends, and if it wants to of changes. The values
// of ctx accompany polls that are for this wait alone.
func (p *Poller) Follow(ctx context.Context, jobs []Job, settings *Settings, changes bool) *Wait {
	now := time.Now()
	w := &Wait{
		poller:    p,
		settings:  settings,
		changes:   changes,
		joined:    now,
		values:    context.WithoutCancel(ctx),
		interests: make([]interest, len(jobs)),
		left:      len(jobs),
		news:      make(chan struct{}, 1),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.lastPoll = p.lastPoll(ctx, now, len(jobs), settings)
	touched := make(map[*region]bool)
	for i, job := range jobs {
		r := p.region(job.Region)
		touched[r] = true
		w.interests[i] = interest{wait: w, index: i}
		r.join(job, &w.interests[i], now)
	}
	for r := range touched {
		r.arm(now)
	}
	return w
}

// lastPoll returns when a wait's last poll should be, early enough for all of
// its batches; zero if there is none.
func (p *Poller) lastPoll(ctx context.Context, now time.Time, jobs int, settings *Settings) time.Time {
	deadline, limited := ctx.Deadline()
	if !limited || settings.LastPoll <= 0 {
		return time.Time{}
	}
	lead := settings.LastPoll + time.Duration((jobs-1)/p.config.MaxJobs)*p.config.Gap
	return deadline.Add(-min(lead, deadline.Sub(now)/2))
}

func (p *Poller) region(name string) *region {
	r := p.regions[name]
	if r == nil {
		r = newRegion(p, name)
		p.regions[name] = r
	}
	return r
}
