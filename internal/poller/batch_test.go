package poller

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
)

// A request carries no more ids than it may, nor more bytes unless a single id
// does. Of the jobs that are due, those come first that were to be polled first.
func TestABatchKeepsToItsLimits(t *testing.T) {
	long := strings.Repeat("x", 50)
	for name, row := range map[string]struct {
		config Config
		ids    []string
		polls  []string
	}{
		"jobs":             {Config{MaxJobs: 2}, []string{"a", "b", "c", "d", "e"}, []string{"10s: a b", "11s: c d", "12s: e"}},
		"bytes, just":      {Config{MaxBytes: 106}, []string{"a", "b", "c", "d"}, []string{"10s: a b c", "11s: d"}},
		"bytes, one less":  {Config{MaxBytes: 105}, []string{"a", "b", "c", "d"}, []string{"10s: a b", "11s: c d"}},
		"an id is too big": {Config{MaxBytes: 110}, []string{"a", long, "b", "c"}, []string{"10s: a", "11s: " + long, "12s: b c"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, row.config, finishedAt(0), func(t *testing.T, s *service) {
				w := s.inTurn(t.Context(), every(10*time.Second), row.ids...)
				require.Len(t, w.rest(t.Context()), len(row.ids))
				require.Equal(t, row.polls, s.log())
			})
		})
	}
}

// Jobs half way to their next poll fill a request up, the first due first.
func TestABatchIsFilledWithJobsThatAreHalfWay(t *testing.T) {
	const second = time.Second
	for name, row := range map[string]struct {
		config Config
		pauses []time.Duration
		polls  []string
	}{
		"with room for all": {Config{}, []time.Duration{10 * second, 19 * second, 20 * second, 21 * second},
			[]string{"0s: a b c d", "10s: a b c", "20s: a b c d"}},
		"up to its jobs": {Config{MaxJobs: 2}, []time.Duration{10 * second, 19 * second, 20 * second},
			[]string{"0s: a b", "1s: c", "10s: a b", "20s: a c", "29s: a b"}},
		"up to its bytes": {Config{MaxBytes: 105}, []time.Duration{10 * second, 19 * second, 20 * second},
			[]string{"0s: a b", "1s: c", "10s: a b", "20s: a c", "29s: a b"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, row.config, running, func(t *testing.T, s *service) {
				for i, pause := range row.pauses {
					defer s.follow(t.Context(), every(pause), string(rune('a'+i))).Leave()
				}
				s.sleepUntil(29*second + 1)
				require.Equal(t, row.polls, s.log())
			})
		})
	}
}

// Nobody else's poll brings a job forward that failed or was rejected.
func TestABatchIsNotFilledWithJobsInTrouble(t *testing.T) {
	for err, polls := range map[error][]string{
		errTransient: {"0s: bad", "1s: bad", "3s: bad", "7s: bad", "8s: good", "10s: good", "12s: good", "14s: good"},
		errBadID:     {"0s: bad", "7.5s: good", "8.5s: bad", "9.5s: good", "11.5s: good", "13.5s: good"},
	} {
		t.Run(err.Error(), func(t *testing.T) {
			inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
				if slices.Contains(p.ids, "bad") {
					return nil, err
				}
				return running(p)
			}, func(t *testing.T, s *service) {
				defer s.follow(t.Context(), every(8*time.Second), "bad").Leave()
				s.sleepUntil(7500 * time.Millisecond)
				defer s.follow(t.Context(), every(2*time.Second), "good").Leave()
				s.sleepUntil(14500 * time.Millisecond)
				require.Equal(t, polls, s.log())
			})
		})
	}
}

// The search for jobs to fill a batch ends at the first that is too early: among
// very many, it would take longer than the request.
func TestTheSearchForJobsToFillABatchIsLimited(t *testing.T) {
	for tooEarlyIsDue, want := range map[time.Duration]int{9 * time.Second: 0, 11 * time.Second: 1} {
		inBubble(t, Config{}, running, func(t *testing.T, s *service) {
			r, now := s.region("gz"), s.clock.Now()
			subscribed := job{subscriptions: []*subscription{{wait: &Wait{}}}}
			r.jobs["a"] = &entry{job: subscribed, polledAt: now.Add(-10 * time.Second)}
			r.enqueue(r.jobs["a"], now.Add(10*time.Second))
			r.jobs["b"] = &entry{job: subscribed, polledAt: now}
			r.enqueue(r.jobs["b"], now.Add(tooEarlyIsDue))
			require.Len(t, r.fill(now), want)
			require.Equal(t, 2-want, r.waiting.Len(), "the others go on waiting")
		})
	}
}

// rejects is a service that rejects requests with more than so many ids, and
// those with a bad one.
func rejects(limit int, isBad func(id string, at time.Duration) bool) func(poll) ([]gen.Job, error) {
	return func(p poll) ([]gen.Job, error) {
		if len(p.ids) > limit || slices.ContainsFunc(p.ids, func(id string) bool { return isBad(id, p.at) }) {
			return nil, errBadID
		}
		return running(p)
	}
}

// A rejected batch is halved until the bad id stands alone. From then on it is
// polled alone, until its grace ends; the others go on as if nothing had been.
func TestHalving(t *testing.T) {
	inBubble(t, Config{}, rejects(100, func(id string, _ time.Duration) bool { return id == "f" }), func(t *testing.T, s *service) {
		w := s.inTurn(t.Context(), every(10*time.Second), "a", "b", "c", "d", "e", "f", "g", "h")
		defer w.Leave()
		s.sleepUntil(46*time.Second + 1)
		require.Equal(t, []string{
			"10s: a b c d e f g h",
			"11s: a b c d", "12s: e f g h",
			"13s: e f", "14s: g h",
			"15s: e", "16s: f",
			"21s: a b c d e g h", "26s: f",
			"31s: a b c d e g h", "36s: f",
			"41s: a b c d e g h", "46s: f",
		}, s.log())
		last, _ := w.next(t.Context())
		require.Equal(t, "46s: f: the service does not know the job", last)
	})
}

// The rejection of a batch shows as the last poll of its jobs, even before they
// are polled again.
func TestHalvingShowsAsTheLastPoll(t *testing.T) {
	inBubble(t, Config{}, rejects(1, func(string, time.Duration) bool { return false }), func(t *testing.T, s *service) {
		w := s.follow(t.Context(), every(time.Minute), "a", "b", "c")
		time.Sleep(500 * time.Millisecond)
		for _, update := range w.Leave() {
			require.Equal(t, errBadID, update.LastPoll)
			require.False(t, update.Finished)
		}
	})
}

// An id that was rejected goes with the others again once it is accepted.
func TestARejectedIDBecomesKnown(t *testing.T) {
	inBubble(t, Config{}, rejects(100, func(id string, at time.Duration) bool { return id == "b" && at < 20*time.Second }), func(t *testing.T, s *service) {
		defer s.inTurn(t.Context(), every(10*time.Second), "a", "b").Leave()
		s.sleepUntil(35 * time.Second)
		require.Equal(t, []string{"10s: a b", "11s: a", "12s: b", "21s: a", "22s: b", "31s: a b"}, s.log())
	})
}

// Suspects take at most every other request from jobs that are due.
func TestBadIDsHoldNobodyUp(t *testing.T) {
	inBubble(t, Config{}, rejects(100, func(id string, _ time.Duration) bool { return id != "good" }), func(t *testing.T, s *service) {
		defer s.inTurn(t.Context(), every(time.Second), "good", "bad-1", "bad-2", "bad-3").Leave()
		s.sleepUntil(10500 * time.Millisecond)
		s.log()
		s.sleepUntil(16500 * time.Millisecond)
		polls := s.log()
		require.Len(t, polls, 6)
		for i, poll := range polls {
			require.Equal(t, i%2 == 0, strings.HasSuffix(poll, ": good"), polls)
		}
	})
}

// A bad id does not keep a job that is due beside it from its turn.
func TestBadIDsThatAreDueWithOthers(t *testing.T) {
	inBubble(t, Config{}, running, func(t *testing.T, s *service) {
		r, now := s.region("gz"), s.clock.Now()
		r.lastOfSuspects = true
		subscribed := []*subscription{{wait: &Wait{}}}
		bad, good := &entry{job: job{alone: true, subscriptions: subscribed}}, &entry{job: job{subscriptions: subscribed}}
		r.enqueue(bad, now.Add(-2))
		r.enqueue(good, now.Add(-1))
		require.Equal(t, []*entry{good}, r.choose(now).jobs)
		require.Equal(t, []*entry{bad}, r.choose(now).jobs)
	})
}

// Suspects that everybody left take no request.
func TestSuspectsThatWereLeft(t *testing.T) {
	r := &region{perInterval: 1, suspects: []batch{{jobs: []*entry{{}}}, {jobs: []*entry{{job: job{subscriptions: []*subscription{nil}}}}}}}
	want := r.suspects[1].jobs
	require.Equal(t, want, r.choose(now).jobs)
	require.Empty(t, r.choose(now).jobs)
}

// sizes returns how many ids each of these polls had.
func sizes(polls []poll) (sizes []int) {
	for _, p := range polls {
		sizes = append(sizes, len(p.ids))
	}
	return sizes
}

// A rejected batch whose halves are accepted had too many ids: no request has
// more than were ever accepted from then on.
func TestTheLimitIsLoweredForGood(t *testing.T) {
	noID := func(string, time.Duration) bool { return false }
	inBubble(t, Config{}, rejects(3, noID), func(t *testing.T, s *service) {
		defer s.inTurn(t.Context(), every(10*time.Second), names(8)...).Leave()
		s.sleepUntil(22 * time.Second)
		require.Equal(t, []int{8, 4, 4, 2, 2, 2, 2}, sizes(s.newPolls()), "an id that was not known may have been the reason")
		s.sleepUntil(30 * time.Second)
		require.Equal(t, []int{8, 4, 4, 2, 2, 2, 2}, sizes(s.newPolls()), "now it was their number")
		s.sleepUntil(time.Hour)
		later := sizes(s.newPolls())
		require.Len(t, later, 357*4)
		require.Equal(t, []int{2}, slices.Compact(later))
	})
	for err, want := range map[error][]int{
		errBadID:     {5, 3, 2, 5, 3, 2, 3, 2}, // the larger half counts
		errRefused:   {5, 3, 2, 5, 3, 2, 3, 2},
		errTransient: {5, 3, 2, 5, 3, 2, 5, 3},
		errPermanent: {5, 3, 2, 5, 3, 2, 5, 3},
	} {
		inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
			if len(p.ids) > 3 {
				return nil, err
			}
			return running(p)
		}, func(t *testing.T, s *service) {
			defer s.inTurn(t.Context(), every(10*time.Second), names(5)...).Leave()
			s.sleepUntil(40 * time.Second)
			require.Equal(t, want, sizes(s.newPolls())[:len(want)], "%v", err)
		})
	}
}

func TestTheLimitIsNeverRaised(t *testing.T) {
	r, one := &region{maxJobs: 2, mostAccepted: 3}, 1
	r.onAccepted(batch{halvesAccepted: &one})
	require.Equal(t, 2, r.maxJobs)
}

// The limit is lowered only if the ids cannot have been the reason.
func TestTheLimitStays(t *testing.T) {
	ids := []string{"a", "b", "c", "d"}
	for name, row := range map[string]struct {
		isBad func(id string, at time.Duration) bool
		takes time.Duration // each request
		leave time.Duration // when d is left
		polls []string
	}{
		"an id was unknown": {
			isBad: func(id string, at time.Duration) bool { return id == "d" && at < 10500*time.Millisecond },
			polls: []string{"10s: a b c d", "11s: a b", "12s: c d", "21s: a b c d"},
		},
		"a job left after the rejection": {
			isBad: func(id string, at time.Duration) bool { return id == "d" && at > 15*time.Second },
			leave: 20500 * time.Millisecond,
			polls: []string{"10s: a b c d", "20s: a b c d", "21s: a b", "22s: c", "31s: a b c"},
		},
		"a job left before the rejection": {
			isBad: func(id string, at time.Duration) bool { return id == "d" && at > 15*time.Second },
			takes: time.Second,
			leave: 21500 * time.Millisecond,
			polls: []string{"10s: a b c d", "21s: a b c d", "22s: a b", "23s: c", "33s: a b c"},
		},
		"only one half was accepted": {
			isBad: func(id string, at time.Duration) bool { return id == "d" && at > 15*time.Second },
			polls: []string{"10s: a b c d", "20s: a b c d", "21s: a b", "22s: c d", "23s: c", "24s: d", "31s: a b c"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			respond := rejects(100, row.isBad)
			inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
				if err := p.take(row.takes); err != nil {
					return nil, err
				}
				return respond(p)
			}, func(t *testing.T, s *service) {
				defer s.inTurn(t.Context(), every(10*time.Second), ids[:3]...).Leave()
				d := s.inTurn(t.Context(), every(10*time.Second), "d")
				defer d.Leave()
				s.sleepUntil(16 * time.Second)
				s.Poller.mu.Lock()
				s.region("gz").mostAccepted = 0 // as if no four had been accepted, which would do alone
				s.Poller.mu.Unlock()
				if row.leave > 0 {
					s.sleepUntil(row.leave)
					d.Leave()
				}
				s.sleepUntil(33500 * time.Millisecond)
				require.Equal(t, row.polls, s.log()[:len(row.polls)])
			})
		})
	}
}

// One rejection of as many ids as were accepted before proves nothing lasting.
func TestTheLimitStaysIfAsManyWereAccepted(t *testing.T) {
	polls := 0
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
		if polls++; polls == 2 {
			return nil, errBadID
		}
		return running(p)
	}, func(t *testing.T, s *service) {
		defer s.inTurn(t.Context(), every(10*time.Second), "a", "b", "c", "d").Leave()
		s.sleepUntil(33500 * time.Millisecond)
		require.Equal(t, []string{"10s: a b c d", "20s: a b c d", "21s: a b", "22s: c d", "31s: a b c d"}, s.log()[:5])
		defer s.follow(t.Context(), every(10*time.Second), "e").Leave()
		s.sleepUntil(time.Minute)
		require.Contains(t, sizes(s.newPolls()), 5, "more than were ever accepted")
	})
}

// Jobs that the service may not know yet are polled apart from others once one of them
// has made a poll of both fail, and not before.
func TestNewJobsApart(t *testing.T) {
	for _, bad := range []string{"", "a", "c"} {
		inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
			if slices.Contains(p.ids, bad) && (p.at == 5*time.Second || bad == "c" && p.at < 15*time.Second) {
				return nil, errBadID
			}
			return running(p)
		}, func(t *testing.T, s *service) {
			defer s.inTurn(t.Context(), every(5*time.Second), "a", "b").Leave()
			s.sleepUntil(9 * time.Second)
			defer s.inTurn(t.Context(), every(time.Second), "c").Leave()
			s.sleepUntil(39 * time.Second)
			s.log()
			defer s.inTurn(t.Context(), every(time.Second), "d").Leave()
			s.sleepUntil(time.Minute)
			apart := !slices.ContainsFunc(s.newPolls(), func(p poll) bool {
				return slices.Contains(p.ids, "d") && len(p.ids) > 1 && p.at < 41*time.Second
			})
			require.Equal(t, bad == "c", apart, bad)
		})
	}
}

// Suspects that are not known to be bad come first, wherever they are.

// In an outage, any of the suspects is asked for.
func TestAnySuspectIsPolledInAnOutage(t *testing.T) {
	defer func(before func() float64) { random = before }(random)
	for drawn, want := range map[float64]string{0: "a", 0.5: "c", 0.99: "d"} {
		inBubble(t, Config{}, running, func(t *testing.T, s *service) {
			w := s.follow(t.Context(), every(time.Hour), "a", "b", "c", "d")
			defer w.Leave()
			r := s.region("gz")
			r.outage = freeFailures
			r.suspect(batch{jobs: []*entry{r.jobs["a"], r.jobs["b"], r.jobs["c"], r.jobs["d"]}})
			random = func() float64 { return drawn }
			b := r.choose(r.clock.Now().Add(-time.Second))
			require.Len(t, b.jobs, 1)
			require.Equal(t, want, b.jobs[0].id)
		})
	}
}

func TestBatchSize(t *testing.T) {
	for name, row := range map[string]struct {
		ids  []string
		size int
	}{
		"no jobs":             {nil, 100},
		"by the jobs":         {names(3), 100},
		"by the bytes":        {[]string{strings.Repeat("x", 399), strings.Repeat("y", 399)}, 9}, // 4096 - 100 by 400
		"by the mean of them": {[]string{strings.Repeat("x", 199), strings.Repeat("y", 599)}, 9},
		"at least one":        {[]string{strings.Repeat("x", 5000)}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, running, func(t *testing.T, s *service) {
				w := s.Follow(t.Context(), nil, every(time.Hour), false)
				defer w.Leave()
				if row.ids != nil {
					defer s.follow(t.Context(), every(time.Hour), row.ids...).Leave()
				}
				s.Poller.mu.Lock()
				defer s.Poller.mu.Unlock()
				require.Equal(t, row.size, s.region("gz").batchSize())
			})
		})
	}
}

// The queue stays in order whatever is taken out of its middle.
func TestQueuesStayInOrder(t *testing.T) {
	inBubble(t, Config{MaxJobs: 1}, running, func(t *testing.T, s *service) {
		const jobs = 30
		var want []string
		waits := make([]follower, jobs) // by their pauses
		for i := range jobs {
			at := (7 * i) % jobs
			waits[at] = s.inTurn(t.Context(), every(time.Duration(100+at)*time.Second), fmt.Sprint(at))
		}
		for at, w := range waits {
			defer w.Leave()
			if at%3 == 0 {
				w.Leave()
				continue
			}
			want = append(want, fmt.Sprintf("%v: %d", time.Duration(100+at)*time.Second, at))
		}
		s.sleepUntil(3 * time.Minute)
		require.Equal(t, want, s.log())
	})
}
