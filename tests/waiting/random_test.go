package waiting

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cimg-go/cimg/wrapper"
)

// inBubble runs one case in virtual time. Rapid ends cases with panics, which
// must not escape the goroutine of the bubble unnoticed.
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

// Whatever the service does and whichever waits leave: each job's end is delivered
// once to each of its waits, at the moment at which the service reports it and
// never before; a wait ends exactly with its context; and requests stay within
// their rate.
func TestRandomWaits(t *testing.T) {
	var first sync.Once // failed case
	rapid.Check(t, func(r *rapid.T) {
		inBubble(t, func() {
			s := newService(r)
			client, err := wrapper.New(wrapper.StaticToken(strings.Repeat("ab", 32)), wrapper.WithBaseURL("http://127.0.0.1"),
				wrapper.WithHTTPClient(&http.Client{Transport: s}), wrapper.WithPolling(s.polling))
			require.NoError(r, err)
			ids := slices.Sorted(maps.Keys(s.jobs))
			waiters := make([]*waiter, rapid.IntRange(1, 8).Draw(r, "waits"))
			var group sync.WaitGroup
			for i := range waiters {
				waiters[i] = newWaiter(r, s, client, ids, fmt.Sprint("wait ", i))
				waiters[i].alone = len(waiters) == 1
			}
			// A bubble whose timers continue would never end: report which
			// waits hang.
			watchdog := time.AfterFunc(8*time.Hour, func() { s.hang() })
			for _, w := range waiters {
				group.Go(w.run)
			}
			group.Wait()
			watchdog.Stop()
			synctest.Wait()
			requests := s.requests
			if s.underWay > 0 {
				s.errorf("%d requests in progress although nobody waits", s.underWay)
			}
			time.Sleep(3 * time.Hour)
			if s.requests != requests {
				s.errorf("%d requests after all waits", s.requests-requests)
			}
			if len(s.violations) > 0 {
				// The poller's pauses are random, so rapid may not be able to
				// reproduce it.
				first.Do(func() { t.Logf("%s\n%s", s, strings.Join(s.violations, "\n")) })
			}
			require.Empty(r, s.violations)
		})
	})
}

func newService(r *rapid.T) *service {
	seed := rapid.Uint64().Draw(r, "seed")
	chance := rapid.SampledFrom([]float64{0, 0, 0.05, 0.4})
	gap := rapid.SampledFrom([]time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second}).Draw(r, "gap")
	s := &service{
		polling: wrapper.Polling{
			RequestInterval: gap,
			MaxJobs:         rapid.IntRange(1, 25).Draw(r, "max jobs"),
			MaxURLBytes:     rapid.IntRange(60, 300).Draw(r, "max URL bytes"),
			MaxRetryAfter:   40 * time.Second,
			Timeout:         rapid.SampledFrom([]time.Duration{7 * time.Second, 0}).Draw(r, "timeout"),
		},
		fails:          chance.Draw(r, "fails"),
		omits:          chance.Draw(r, "omits"),
		repeats:        chance.Draw(r, "repeats"),
		denies:         rapid.SampledFrom([]float64{0, 0, 0, 0.01}).Draw(r, "denies"),
		rejectsUnknown: rapid.Bool().Draw(r, "rejects unknown ids"),
		limit:          rapid.SampledFrom([]int{0, 0, 1, 3}).Draw(r, "limit"),
		random:         rand.New(rand.NewPCG(seed, 0)),
		jobs:           make(map[string]*truth),
		waiters:        make(map[*waiter]bool),
		last:           make(map[string]time.Time),
		pausedAt:       make(map[string]time.Time),
		leftAt:         make(map[time.Time]bool),
		pausedUntil:    make(map[string]time.Time),
		outages:        make(map[string][]outage),
	}
	s.plain = s.limit == 0
	inRegion := make(map[string]int)
	for i := range rapid.IntRange(1, 40).Draw(r, "jobs") {
		region := rapid.SampledFrom([]string{"gz", "gz", "bj", "cn-north-01"}).Draw(r, "region")
		if inRegion[region] == maxInRegion {
			continue
		}
		inRegion[region]++
		j := newTruth(r, s.random, wrapper.JobRef{Region: region, JobUUID: fmt.Sprintf("job-%02d", i)})
		s.plain = s.plain && j.poison == "" && j.knownFrom.IsZero()
		s.jobs[j.ref.JobUUID] = j
	}
	return s
}

// maxInRegion jobs need at most one request per interval, even if each needs a
// request of its own.
const maxInRegion = 20

func newTruth(r *rapid.T, random *rand.Rand, ref wrapper.JobRef) *truth {
	now := time.Now()
	j := &truth{
		ref: ref,
		// Some start after the waits for them, as if by another clock.
		started:  now.Add(10*time.Second - time.Duration(random.Int64N(int64(time.Minute)))),
		duration: time.Duration(rapid.SampledFrom([]float64{0, 5, 5.5, 30, 70, 600, 3600}).Draw(r, "seconds") * float64(time.Second)),
		succeeds: rapid.Bool().Draw(r, "succeeds"),
		progress: rapid.SampledFrom(progresses).Draw(r, "progress"),
		reported: make(map[wrapper.Job]time.Time),
		strayed:  make(map[wrapper.Job]time.Time),
	}
	if rapid.IntRange(0, 30).Draw(r, "poisoned") == 30 {
		j.poison = rapid.SampledFrom(poisons).Draw(r, "poison")
	}
	if rapid.IntRange(0, 15).Draw(r, "unknown") == 15 {
		j.knownFrom = now.Add(rapid.SampledFrom([]time.Duration{10 * time.Second, never + time.Hour}).Draw(r, "for"))
	}
	if rapid.Bool().Draw(r, "start is known") {
		j.ref.StartedAt = j.started
	}
	return j
}
