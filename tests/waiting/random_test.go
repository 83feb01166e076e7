package waiting

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/cimg-go/cimg/wrapper"
)

// inBubble runs one case in virtual time. Rapid ends cases by panics, which must
// not leave the goroutine of the bubble unseen.
func inBubble(t *testing.T, run func()) {
	var ended any
	synctest.Test(t, func(*testing.T) {
		defer func() { ended = recover() }()
		run()
	})
	if ended != nil {
		panic(ended)
	}
}

// Whatever the service does and whoever leaves: each end is delivered once to
// each who waits for it, at the moment the service says it and never before; a
// wait ends with its context, to the moment; and requests keep to their pace.
func TestRandomWaits(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		inBubble(t, func() {
			s := newService(r)
			client, err := wrapper.New(wrapper.StaticToken(strings.Repeat("ab", 32)), wrapper.WithBaseURL("http://127.0.0.1"),
				wrapper.WithHTTPClient(&http.Client{Transport: s}), wrapper.WithPolling(s.polling))
			if err != nil {
				r.Fatal(err)
			}
			var refs []wrapper.JobRef
			for _, j := range s.jobs {
				refs = append(refs, j.ref)
			}
			var group sync.WaitGroup
			for i := range rapid.IntRange(1, 6).Draw(r, "waits") {
				w := newWaiter(r, s, client, refs, fmt.Sprint("wait ", i))
				group.Go(w.run)
			}
			group.Wait()
			synctest.Wait()
			requests := s.requests
			if s.underWay > 0 {
				s.blame("%d requests under way although nobody waits", s.underWay)
			}
			time.Sleep(3 * time.Hour)
			if s.requests != requests {
				s.blame("%d requests after all waits", s.requests-requests)
			}
			if len(s.broken) > 0 {
				r.Fatal(strings.Join(s.broken, "\n"))
			}
		})
	})
}

func newService(r *rapid.T) *service {
	seed := rapid.Uint64().Draw(r, "seed")
	chance := rapid.SampledFrom([]float64{0, 0, 0.05, 0.4})
	s := &service{
		polling: wrapper.Polling{
			Gap:           rapid.SampledFrom([]time.Duration{100 * time.Millisecond, time.Second}).Draw(r, "gap"),
			MaxJobs:       rapid.IntRange(1, 25).Draw(r, "max jobs"),
			MaxURLBytes:   rapid.IntRange(60, 300).Draw(r, "max URL bytes"),
			MaxRetryAfter: 40 * time.Second,
		},
		trouble:        chance.Draw(r, "trouble"),
		omits:          chance.Draw(r, "omits"),
		repeats:        chance.Draw(r, "repeats"),
		refusesUnknown: rapid.Bool().Draw(r, "refuses unknown ids"),
		limit:          rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(r, "limit"),
		random:         rand.New(rand.NewPCG(seed, 0)),
		jobs:           make(map[string]*truth),
		last:           make(map[string]time.Time),
		pausedUntil:    make(map[string]time.Time),
	}
	for i := range rapid.IntRange(1, 20).Draw(r, "jobs") { // few enough for one request a gap
		j := &truth{
			ref: wrapper.JobRef{
				Region:  rapid.SampledFrom([]string{"gz", "gz", "bj"}).Draw(r, "region"),
				JobUUID: fmt.Sprintf("job-%02d", i),
			},
			started:  time.Now().Add(-time.Duration(s.random.Int64N(int64(time.Minute)))),
			duration: time.Duration(rapid.SampledFrom([]int{0, 5, 70, 600, 3600}).Draw(r, "seconds")) * time.Second,
			succeeds: rapid.Bool().Draw(r, "succeeds"),
			poison:   rapid.IntRange(0, 15).Draw(r, "poison") == 15,
		}
		if rapid.IntRange(0, 7).Draw(r, "unknown") == 7 {
			j.knownFrom = time.Now().Add(rapid.SampledFrom([]time.Duration{10 * time.Second, 1000 * time.Hour}).Draw(r, "for"))
		}
		if rapid.Bool().Draw(r, "start is known") {
			j.ref.StartedAt = j.started
		}
		s.jobs[j.ref.JobUUID] = j
	}
	return s
}
