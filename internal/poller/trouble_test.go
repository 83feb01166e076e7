package poller

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// fails is a service at which whatever contains one of the ids fails. Other jobs
// finish a minute after the start.
func fails(ids []string, err error, takes time.Duration) func(poll) ([]gen.Job, error) {
	return func(p poll) ([]gen.Job, error) {
		if slices.ContainsFunc(p.ids, func(id string) bool { return slices.Contains(ids, id) }) {
			if ended := p.take(takes); ended != nil {
				return nil, ended
			}
			return nil, err
		}
		return finishedAt(time.Minute)(p)
	}
}

// requirePace requires that no two polls began within a second.
func requirePace(t *testing.T, polls []poll) {
	t.Helper()
	for i := range polls[1:] {
		require.GreaterOrEqual(t, polls[i+1].at-polls[i].at, time.Second, "%v", polls[i:i+2])
	}
}

// Ids that make whatever request they are in fail, in whatever way, fail alone,
// and the other jobs finish.
func TestABadIDTakesNoOtherJobWithIt(t *testing.T) {
	type row struct {
		jobs int
		bad  []int
		late time.Duration // at most, of other jobs
	}
	for name, fault := range map[string]struct {
		err   error
		takes time.Duration
		rows  []row
	}{
		"transient": {errTransient, 0, []row{
			{1, []int{0}, 0}, {2, []int{0}, 15 * time.Second}, {2, []int{1}, 15 * time.Second}, {3, []int{0}, 15 * time.Second}, {3, []int{1}, 15 * time.Second}, {3, []int{2}, 15 * time.Second},
			{3, []int{0, 2}, 15 * time.Second}, {3, []int{0, 1}, 15 * time.Second}, {3, []int{0, 1, 2}, 0}, {10, []int{0, 2, 4, 6, 8}, 30 * time.Second},
			{100, []int{0}, 30 * time.Second}, {100, []int{99}, 30 * time.Second}, {100, []int{37}, 30 * time.Second}, {100, []int{0, 50}, 40 * time.Second}, {100, []int{1, 30, 60, 90}, 60 * time.Second},
		}},
		"permanent": {errPermanent, 0, []row{
			{2, []int{0}, 15 * time.Second}, {3, []int{1}, 15 * time.Second}, {3, []int{0, 2}, 15 * time.Second}, {100, []int{0, 50}, 40 * time.Second},
			{4, []int{0, 1, 2}, 30 * time.Second}, {100, []int{0, 25, 50}, 60 * time.Second},
		}},
		"announced": {pollError{Transient, time.Second}, 0, []row{
			{1, nil, 0}, {2, []int{0}, 15 * time.Second}, {3, []int{1}, 15 * time.Second}, {100, []int{0, 50}, 60 * time.Second},
		}},
		"rejected": {errBadID, 0, []row{
			{2, []int{0}, 15 * time.Second}, {3, []int{0, 1}, 15 * time.Second}, {3, []int{0, 1, 2}, 0}, {100, []int{0, 50}, 40 * time.Second},
		}},
		"refused": {errRefused, 0, []row{
			{1, []int{0}, 0}, {2, []int{0}, 15 * time.Second}, {3, []int{0, 1}, 15 * time.Second}, {3, []int{0, 1, 2}, 0}, {100, []int{0, 50}, 40 * time.Second},
		}},
		"no response": {errTransient, 30 * time.Second, []row{
			{3, []int{0}, 45 * time.Second}, {3, []int{1}, 45 * time.Second}, {3, []int{2}, 45 * time.Second},
			{100, []int{0}, 75 * time.Second}, {100, []int{99}, 75 * time.Second}, {100, []int{37}, 75 * time.Second}, {100, []int{0, 50}, 90 * time.Second},
			{20, []int{0, 2, 4, 6, 8, 10, 12, 14, 16, 18}, 4 * time.Minute},
		}},
	} {
		for _, row := range fault.rows {
			t.Run(fmt.Sprint(name, row), func(t *testing.T) {
				ids := names(row.jobs)
				var bad []string
				for _, i := range row.bad {
					bad = append(bad, ids[i])
				}
				inBubble(t, Config{}, fails(bad, fault.err, fault.takes), func(t *testing.T, s *service) {
					w := s.inTurn(t.Context(), every(10*time.Second), ids...)
					defer w.Leave()
					latest := time.Duration(0)
					for i := range ids {
						if name == "announced" && i == len(ids)-len(bad) {
							break // the others wait as long as they are told to
						}
						update, ok := w.Next(t.Context())
						for ok && !update.Finished {
							update, ok = w.Next(t.Context())
						}
						require.True(t, ok)
						if slices.Contains(bad, ids[update.Index]) {
							require.Error(t, update.Cause)
							continue
						}
						require.NoError(t, update.Cause)
						require.True(t, update.Job.Success)
						latest = s.elapsed()
					}
					require.LessOrEqual(t, latest, time.Minute+row.late)
					requirePace(t, s.newPolls())
				})
			})
		}
	}
}

// The parts of a batch that failed have less time than others. A service that has
// become slow gets as long as it takes nevertheless, after a few polls.
func TestAServiceThatBecomesSlow(t *testing.T) {
	for _, n := range []int{1, 3, 100} {
		for takes := 2 * time.Second; takes < 5*time.Minute; takes *= 2 {
			inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
				if p.at > 15*time.Second {
					if err := p.take(takes); err != nil {
						return nil, err
					}
				}
				if p.at > 15*time.Second && p.at < 25*time.Second {
					return nil, errTransient
				}
				return finishedAt(time.Minute)(p)
			}, func(t *testing.T, s *service) {
				w := s.inTurn(t.Context(), every(10*time.Second), names(n)...)
				for update, ok := w.Next(t.Context()); ok; update, ok = w.Next(t.Context()) {
					require.NoError(t, update.Cause)
				}
				require.Less(t, s.elapsed(), 2*time.Minute+7*takes)
				requirePace(t, s.newPolls())
			})
		}
	}
}

// However many ids are bad, and wherever: what fails alone again and again is not
// taken for an outage.
func TestManyBadIDs(t *testing.T) {
	for seed := range uint64(10) {
		ids := names(100)
		var bad []string
		for _, i := range rand.New(rand.NewPCG(seed, 1)).Perm(len(ids))[:20] {
			bad = append(bad, ids[i])
		}
		inBubble(t, Config{}, fails(bad, errTransient, 0), func(t *testing.T, s *service) {
			w := s.inTurn(t.Context(), every(10*time.Second), ids...)
			for update, ok := w.Next(t.Context()); ok; update, ok = w.Next(t.Context()) {
				if update.Finished {
					require.Equal(t, slices.Contains(bad, ids[update.Index]), update.Cause != nil, "%v %v", seed, update)
				}
			}
		})
	}
}

// A state that cannot be read is the trouble of its job alone.
func TestAStateThatCannotBeRead(t *testing.T) {
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
		states, _ := finishedAt(20 * time.Second)(p)
		for i := range states {
			if states[i].JobUUID == "b" && p.at < 60*time.Second {
				states[i].Type = garbled
			}
		}
		return states, nil
	}, func(t *testing.T, s *service) {
		impatient := every(10 * time.Second)
		impatient.MaxFailures = 2
		w := s.inTurn(t.Context(), impatient, "b")
		ends := slices.DeleteFunc(s.inTurn(t.Context(), every(10*time.Second), "a", "b", "c").rest(t.Context()), func(text string) bool {
			return strings.Contains(text, "%")
		})
		require.ElementsMatch(t, []string{"25s: a finished", "25s: c finished", "1m13s: b finished"}, ends)
		require.Equal(t, []string{"1m13s: b: unreadable"}, w.rest(t.Context()))
	})
}

// An outage looks like one: few requests, at pauses that double, and no wait ends
// before it has lasted three minutes. After it, all go on as before.
func TestAnOutage(t *testing.T) {
	for _, jobs := range []int{1, 2, 3, 100, 1000} {
		t.Run(fmt.Sprint(jobs), func(t *testing.T) {
			for i, lasts := range []time.Duration{2 * time.Second, 20 * time.Second, 3 * time.Minute, 3 * time.Minute} {
				inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
					if p.at < 10*time.Second+lasts {
						return nil, []error{errTransient, errRefused}[i%2]
					}
					return finishedAt(0)(p)
				}, func(t *testing.T, s *service) {
					w := s.inTurn(t.Context(), every(10*time.Second), names(jobs)...)
					for _, text := range w.rest(t.Context()) {
						require.Contains(t, text, "finished")
					}
					require.LessOrEqual(t, s.elapsed(), 10*time.Second+2*lasts+30*time.Second, "%v", lasts)
					polls := s.newPolls()
					requirePace(t, polls)
					during := 0
					for _, p := range polls {
						if p.at < 10*time.Second+lasts {
							during++
						}
					}
					require.LessOrEqual(t, during, 14)
					require.LessOrEqual(t, len(polls)-during, 14+jobs/50)
				})
			}
			inBubble(t, Config{}, func(p poll) ([]gen.Job, error) { return nil, errTransient }, func(t *testing.T, s *service) {
				w := s.inTurn(t.Context(), every(10*time.Second), names(jobs)...)
				w.rest(t.Context())
				require.GreaterOrEqual(t, s.elapsed(), 190*time.Second)
				require.LessOrEqual(t, s.elapsed(), 330*time.Second)
				require.LessOrEqual(t, len(s.newPolls()), 14)
			})
		})
	}
}

// In an outage, suspects are polled one at a time, and a failure ends the waits of
// all jobs in trouble that have no patience left: not of a job that is being polled
// or was fine when it was polled last.
func TestWhomAnOutageEnds(t *testing.T) {
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
		switch {
		case p.at < 5*time.Second:
			return running(p)
		case slices.Contains(p.ids, "slow") && p.at > 10*time.Second:
			time.Sleep(time.Minute)
			return finishedAt(0)(p)
		}
		return nil, errTransient
	}, func(t *testing.T, s *service) {
		fine := s.inTurn(t.Context(), every(time.Second), "a") // before the outage, by id the first
		s.sleepUntil(2 * time.Second)
		fine.Leave()
		impatient := every(time.Hour)
		impatient.MaxFailures = 0
		fine = s.follow(t.Context(), impatient, "a")
		defer fine.Leave()
		s.log()
		s.sleepUntil(9 * time.Second)
		impatient = every(500 * time.Millisecond)
		impatient.MaxFailures = 1
		slow := s.inTurn(t.Context(), impatient, "slow")
		settings := every(5 * time.Second)
		settings.MaxFailures = 2
		w := s.inTurn(t.Context(), settings, names(8)...)
		s.sleepUntil(10 * time.Second)
		require.Len(t, s.regions["gz"].jobs, 10)
		var ends []string
		for _, id := range names(8) {
			ends = append(ends, "22s: "+id+": transient")
		}
		require.ElementsMatch(t, ends, w.rest(t.Context()))
		require.Equal(t, []string{
			"3s: a", "9.5s: slow", "10.5s: slow", "14s: j000 j001 j002 j003 j004 j005 j006 j007", "15s: j000 j001 j002 j003", "16s: j004", "18s: j000", "22s: j002",
		}, s.log())
		require.Len(t, s.regions["gz"].jobs, 2, "the others were forgotten")
		require.Equal(t, len("a ")+len("slow "), s.regions["gz"].idSizes)
		require.Equal(t, []string{"1m10.5s: slow finished"}, slow.rest(t.Context()))
	})
}

// What is rejected for good, whatever the ids, ends the waits for all like an
// outage: that it is not about some of them is not known sooner.
func TestAllAreRejectedForGood(t *testing.T) {
	inBubble(t, Config{}, func(poll) ([]gen.Job, error) { return nil, errPermanent }, func(t *testing.T, s *service) {
		require.Len(t, s.inTurn(t.Context(), every(10*time.Second), names(100)...).rest(t.Context()), 100)
		require.Len(t, s.newPolls(), 12)
		require.LessOrEqual(t, s.elapsed(), 5*time.Minute)
	})
}

// A pause that the service asks for is kept, and no failure.
func TestAnAnnouncedOutage(t *testing.T) {
	for _, jobs := range []int{1, 3} {
		inBubble(t, Config{MaxRetryAfter: time.Hour}, func(p poll) ([]gen.Job, error) {
			if p.at < 2*time.Hour {
				return nil, pollError{Transient, 15 * time.Minute}
			}
			return finishedAt(0)(p)
		}, func(t *testing.T, s *service) {
			settings := every(10 * time.Second)
			settings.MaxFailures = 0
			w := s.inTurn(t.Context(), settings, names(jobs)...)
			s.sleepUntil(time.Hour)
			for _, update := range w.Leave() {
				require.Equal(t, pollError{Transient, 15 * time.Minute}, update.LastPoll)
			}
			w = s.follow(t.Context(), settings, names(jobs)...)
			rest := w.rest(t.Context())
			require.Len(t, rest, jobs)
			for _, text := range rest {
				require.Contains(t, text, "finished")
			}
			require.LessOrEqual(t, s.elapsed(), 2*time.Hour+20*time.Second)
			require.LessOrEqual(t, len(s.newPolls()), 14)
		})
	}
}

// Only failures that a wait met, at its own pauses, use up its patience: not the
// pauses that the service asks for, and not the time that requests take or queue.
func TestWhatUsesUpThePatience(t *testing.T) {
	announced, limited := pollError{Transient, 15 * time.Minute}, pollError{Limited, time.Minute}
	for name, row := range map[string]struct {
		errs  []error
		takes time.Duration
	}{
		"failures":          {errs: []error{errTransient, errTransient, errRefused, errTransient}},
		"announced pauses":  {errs: []error{errTransient, announced, errTransient, announced, announced, errTransient, announced, errTransient}},
		"too many requests": {errs: slices.Repeat([]error{limited}, 20)},
		"slow failures":     {errs: slices.Repeat([]error{errTransient}, 4), takes: 10 * time.Minute},
	} {
		for _, jobs := range []int{1, 2, 3} {
			t.Run(fmt.Sprint(name, jobs), func(t *testing.T) {
				var n atomic.Int32
				inBubble(t, Config{MaxRetryAfter: time.Hour}, func(p poll) ([]gen.Job, error) {
					i := int(n.Add(1)) - 1
					if i >= len(row.errs) {
						return finishedAt(0)(p)
					}
					return nil, cmp.Or(p.take(row.takes), row.errs[i])
				}, func(t *testing.T, s *service) {
					settings := every(10 * time.Second)
					settings.MaxFailures = 4
					for _, text := range s.inTurn(t.Context(), settings, names(jobs)...).rest(t.Context()) {
						require.Contains(t, text, "finished")
					}
				})
			})
		}
	}
}

// An outage that is long over counts for nobody.
func TestAnOutageThatIsOver(t *testing.T) {
	var isUp atomic.Bool
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
		if !isUp.Load() {
			return nil, errTransient
		}
		return finishedAt(0)(p)
	}, func(t *testing.T, s *service) {
		s.inTurn(t.Context(), every(10*time.Second), "a").rest(t.Context())
		time.Sleep(time.Hour)
		s.log()
		began := s.elapsed()
		w := s.inTurn(t.Context(), every(10*time.Second), "b")
		time.Sleep(11 * time.Second)
		isUp.Store(true)
		require.Len(t, w.rest(t.Context()), 1)
		require.LessOrEqual(t, s.elapsed(), began+15*time.Second)
		require.LessOrEqual(t, len(s.log()), 3)
	})
}

// Other waits for the same job, however often they begin, do not use up the patience
// of one that is there.
func TestWaitsThatBeginForTheSameJobInAnOutage(t *testing.T) {
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
		if p.at < 2*time.Minute {
			return nil, errTransient
		}
		return finishedAt(0)(p)
	}, func(t *testing.T, s *service) {
		w := s.follow(t.Context(), every(10*time.Second), "a")
		for range 40 {
			time.Sleep(3 * time.Second)
			s.follow(t.Context(), every(10*time.Second), "a").Leave()
		}
		rest := w.rest(t.Context())
		require.Len(t, rest, 1)
		require.Contains(t, rest[0], "finished")
	})
}

// An announced pause is a failure of a job that is known to be bad, unless there were
// too many requests; the rejection of an id is none, announced or not.
func TestAnAnnouncedPauseOfABadJob(t *testing.T) {
	for class, end := range map[ErrorClass]string{Transient: "bad: transient", Limited: "", BadID: "bad: the service does not know the job"} {
		inBubble(t, Config{MaxRetryAfter: time.Hour}, func(p poll) ([]gen.Job, error) {
			if slices.Contains(p.ids, "bad") {
				return nil, pollError{class, 5 * time.Minute}
			}
			return running(p)
		}, func(t *testing.T, s *service) {
			settings := every(10 * time.Second)
			settings.MaxFailures, settings.MissingGrace = 3, 5*time.Minute
			defer s.follow(t.Context(), every(10*time.Second), "good").Leave()
			w := s.follow(t.Context(), settings, "bad")
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
			defer cancel()
			text, ended := w.next(ctx)
			w.Leave()
			require.Equal(t, end != "", ended, "%v", class)
			require.Contains(t, text, end)
			if class == BadID {
				require.LessOrEqual(t, s.elapsed(), 11*time.Minute, "from the first rejection on")
			}
		})
	}
}

// What counted for all counts no more once the service responds, and only that.
func TestAResponseEndsAnOutage(t *testing.T) {
	for outage, want := range map[int]int32{freeFailures: 3, freeFailures + 1: 1} {
		s := &subscription{failures: 3}
		r := &region{outage: outage, jobs: map[string]*entry{"a": {job: job{failures: 1, subscriptions: []*subscription{s}}}}}
		r.onResponse()
		require.Equal(t, want, s.failures)
		require.Zero(t, r.outage)
	}
}

// What is rejected for good, whatever the job, and passes, ends no wait.
func TestARejectionOfAllThatPasses(t *testing.T) {
	for _, jobs := range []int{2, 10, 100} {
		inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
			if p.at > 10*time.Second && p.at < 70*time.Second {
				return nil, errPermanent
			}
			return finishedAt(time.Minute)(p)
		}, func(t *testing.T, s *service) {
			for _, text := range s.inTurn(t.Context(), every(10*time.Second), names(jobs)...).rest(t.Context()) {
				require.NotContains(t, text, "permanent")
			}
		})
	}
}

// A silent service has requests left for the jobs that are due.
func TestSuspectsLeaveARequestToOthers(t *testing.T) {
	bad := names(8)
	inBubble(t, Config{}, fails(bad, errTransient, 30*time.Second), func(t *testing.T, s *service) {
		settings := every(10 * time.Second)
		settings.MaxFailures = 100
		patient := s.follow(t.Context(), settings, bad...)
		s.sleepUntil(5 * time.Minute)
		s.log()
		w := s.follow(t.Context(), settings, "good")
		s.sleepUntil(5*time.Minute + 10*time.Second)
		w.Leave()
		found := false
		for _, p := range s.newPolls() {
			found = found || slices.Equal(p.ids, []string{"good"})
		}
		require.True(t, found)
		suspected := func() int {
			s.Poller.mu.Lock()
			defer s.Poller.mu.Unlock()
			return s.regions["gz"].suspectsUnderWay
		}
		require.LessOrEqual(t, suspected(), 3)
		patient.Leave()
		time.Sleep(time.Minute)
		require.Zero(t, suspected())
	})
}

// A pause that comes with the failure of a job that is known to be bad is kept for
// that job alone; one that comes with too many requests is everybody's.
func TestAnAnnouncedPauseOfOneJob(t *testing.T) {
	for class, isOfOne := range map[ErrorClass]bool{BadID: true, Refused: true, Transient: true, Limited: false} {
		inBubble(t, Config{MaxRetryAfter: time.Hour}, func(p poll) ([]gen.Job, error) {
			if slices.Contains(p.ids, "bad") {
				return nil, pollError{class, 5 * time.Minute}
			}
			return running(p)
		}, func(t *testing.T, s *service) {
			settings := every(10 * time.Second)
			settings.MissingGrace, settings.MaxFailures = time.Hour, 100
			defer s.inTurn(t.Context(), settings, "bad", "good").Leave()
			s.sleepUntil(10*time.Minute + 30*time.Second)
			next := "5m10s: bad"
			if class == Limited {
				next = "5m10s: bad good"
			}
			require.Equal(t, []string{"10s: bad good", next}, s.log()[:2], "neither is known to be about one job")
			s.sleepUntil(time.Hour)
			polls := map[string]int{}
			for _, p := range s.newPolls() {
				polls[p.ids[0]]++
			}
			require.InDelta(t, 10, polls["bad"], 1, "%v", class)
			require.Equal(t, isOfOne, polls["good"] > 240, "%v: %v", class, polls)
			require.Equal(t, isOfOne, polls["good"] > 30, "%v: %v", class, polls)
		})
	}
}

// A job that failed while others did not is known to be bad, however rarely the
// others are polled.
func TestABadIDIsNoOutage(t *testing.T) {
	inBubble(t, Config{}, fails([]string{"bad"}, errTransient, 0), func(t *testing.T, s *service) {
		patient := every(time.Hour)
		patient.MaxFailures = 1000
		defer s.follow(t.Context(), patient, "bad", "good").Leave()
		s.sleepUntil(10 * time.Minute)
		polls := s.newPolls()
		s.sleepUntil(polls[len(polls)-1].at + time.Minute + time.Second) // bad has been polled just now
		require.Equal(t, []string{"bad"}, s.newPolls()[0].ids)
		began := s.elapsed()
		defer s.follow(t.Context(), patient, "another").Leave()
		time.Sleep(time.Nanosecond)
		require.Equal(t, began, s.newPolls()[0].at)
	})
}

// A wait that begins during an outage gets a poll soon, and its own count of
// failures.
func TestAWaitThatBeginsInAnOutage(t *testing.T) {
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) { return nil, errTransient }, func(t *testing.T, s *service) {
		patient := every(time.Second)
		patient.MaxFailures = 100
		defer s.inTurn(t.Context(), patient, "a", "b").Leave()
		s.sleepUntil(2 * time.Minute)
		s.log()
		impatient := every(time.Second)
		impatient.MaxFailures = 2
		for _, id := range []string{"a", "c"} {
			began := s.elapsed()
			w := s.follow(t.Context(), impatient, id)
			time.Sleep(4*time.Second + 1)
			require.LessOrEqual(t, s.newPolls()[0].at, began+4*time.Second)
			w.rest(t.Context())
			require.LessOrEqual(t, len(s.newPolls()), 8)
		}
		require.LessOrEqual(t, s.elapsed(), 7*time.Minute)
	})
}

// However many begin, the service gets few polls.
func TestWaitsThatBeginInAnOutage(t *testing.T) {
	inBubble(t, Config{}, func(poll) ([]gen.Job, error) { return nil, errTransient }, func(t *testing.T, s *service) {
		for i := range 300 {
			defer s.follow(t.Context(), every(time.Second), fmt.Sprint(i)).Leave()
			time.Sleep(time.Second)
		}
		require.LessOrEqual(t, len(s.newPolls()), 300/4+freeFailures)
	})
}

// One that joins another in a long pause shortens it, too.
func TestAWaitThatJoinsAPause(t *testing.T) {
	inBubble(t, Config{}, func(p poll) ([]gen.Job, error) { return nil, errTransient }, func(t *testing.T, s *service) {
		patient := every(time.Second)
		patient.MaxFailures = 100
		defer s.follow(t.Context(), patient, "a").Leave()
		s.sleepUntil(70 * time.Second)
		defer s.follow(t.Context(), patient, "a").Leave()
		s.sleepUntil(80 * time.Second)
		require.Equal(t, []string{"0s: a", "1s: a", "3s: a", "7s: a", "15s: a", "31s: a", "1m3s: a", "1m14s: a"}, s.log())
	})
}

// moody is a policy that panics from some call on, or exits its goroutine.
type moody struct {
	calm *int
	exit bool
}

func (p moody) Pause(time.Duration, polling.History) time.Duration {
	switch *p.calm--; {
	case *p.calm >= 0:
		return time.Second
	case p.exit:
		runtime.Goexit()
	}
	panic("no idea")
}

// A policy that panics ends its own wait, for whatever poll it was asked.
func TestAPolicyThatPanics(t *testing.T) {
	for calm := range 4 {
		inBubble(t, Config{}, running, func(t *testing.T, s *service) {
			settings := every(0)
			settings.Policy = moody{&calm, false}
			other := s.follow(t.Context(), every(10*time.Second), "a", "b")
			defer other.Leave()
			for _, text := range s.inTurn(t.Context(), settings, "a", "b", "c").rest(t.Context()) {
				if strings.Contains(text, "%") {
					continue
				}
				require.Contains(t, text, ": the policy panicked: a value of type string")
			}
			at := s.elapsed()
			s.log()
			s.sleepUntil(at + 30*time.Second)
			require.Len(t, s.log(), 3, "others wait for a and b")
			after := s.follow(t.Context(), every(time.Second), "c")
			_, ok := after.next(t.Context())
			require.True(t, ok, "who waits for c later gets polls")
			after.Leave()
		})
	}
}

// So does one that exits the goroutine of a poll, as a failing test does.
// A policy that exits the goroutine which begins a wait takes no other wait with it.
func TestAPolicyThatExitsAtOnce(t *testing.T) {
	inBubble(t, Config{}, finishedAt(time.Minute), func(t *testing.T, s *service) {
		other := s.follow(t.Context(), every(10*time.Second), "a")
		s.sleepUntil(15 * time.Second)
		settings := every(0)
		settings.Policy = asked(func() time.Duration { runtime.Goexit(); return 0 })
		for _, id := range []string{"a", "b"} {
			go s.follow(t.Context(), settings, id)
		}
		require.Contains(t, other.rest(t.Context())[1], "a finished")
		other.Leave()
		s.mu.Lock()
		defer s.mu.Unlock()
		require.Empty(t, s.regions["gz"].jobs)
	})
}

func TestAPolicyThatExits(t *testing.T) {
	for i := range 3 {
		calm := 3 + i // the first three are asked of by the caller's goroutine
		inBubble(t, Config{}, running, func(t *testing.T, s *service) {
			settings := every(0)
			settings.Policy = moody{&calm, true}
			w := s.inTurn(t.Context(), settings, "a", "b", "c")
			defer s.follow(t.Context(), every(10*time.Second), "a", "b", "c").Leave()
			rest := strings.Join(w.rest(t.Context()), "\n")
			require.Equal(t, 3, strings.Count(rest, "the policy panicked"), rest)
			s.sleepUntil(20 * time.Second)
			s.log()
			s.sleepUntil(50 * time.Second)
			require.Equal(t, []string{"22s: a b c", "32s: a b c", "42s: a b c"}, s.log(), "others wait for all three")
		})
	}
}

// Of several waits with the same settings, each asks the policy.
func TestAPolicyThatPanicsOnce(t *testing.T) {
	inBubble(t, Config{}, running, func(t *testing.T, s *service) {
		calls := 0
		settings := every(0)
		settings.Policy = asked(func() time.Duration {
			if calls++; calls == 1 {
				panic("once")
			}
			return 3 * time.Second
		})
		one := s.follow(t.Context(), settings, "a")
		two := s.follow(t.Context(), settings, "a")
		defer two.Leave()
		s.sleepUntil(4 * time.Second)
		require.Equal(t, []string{"0s: a", "3s: a"}, s.log())
		require.Len(t, one.rest(t.Context()), 1)
	})
}

type asked func() time.Duration

func (f asked) Pause(time.Duration, polling.History) time.Duration { return f() }

// BenchmarkJoinAndLeave measures how long a wait takes to join and leave a job that others
// wait for, and that is polled already.
func BenchmarkJoinAndLeave(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 40_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				p := New(Config{
					Poll: func(context.Context, string, []string, time.Duration) ([]gen.Job, map[string]error, error) {
						return nil, nil, nil
					},
					Classify: classify,
					Size:     func(string, string) (int, int) { return 1, 1 },

					RequestInterval: time.Hour, MaxJobs: 100, MaxBytes: 4096,
				})
				waits := make([]*Wait, n)
				for i := range waits {
					waits[i] = p.Follow(b.Context(), []Job{{Region: "gz", ID: "a", StartedAt: time.Now()}}, every(time.Hour), false)
				}
				for _, w := range waits {
					w.Leave()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/wait")
		})
	}
}

// all returns what a wait learns until it ends: how late its jobs are that finish, the
// latest last, after they were done; and how many waits ended before.
func (f follower) all(ctx context.Context, done time.Duration) (late []time.Duration, lost int) {
	for update, ok := f.Next(ctx); ok; update, ok = f.Next(ctx) {
		switch {
		case update.Cause != nil:
			lost++
		case update.Finished:
			late = append(late, f.service.elapsed()-done)
		}
	}
	return late, lost
}

// A service that answers one request in some time, and rejects others, gets no more
// than it takes to find out, and all jobs finish.
func TestTooManyRequests(t *testing.T) {
	for _, interval := range []time.Duration{1500 * time.Millisecond, 2500 * time.Millisecond, 5 * time.Second, 12 * time.Second} {
		for _, pause := range []time.Duration{0, time.Second, 7 * time.Second} {
			for _, n := range []int{1, 10, 100, 300} {
				accepted, rejected := -time.Hour, 0
				inBubble(t, Config{MaxRetryAfter: time.Hour}, func(p poll) ([]gen.Job, error) {
					if p.at-accepted < interval {
						rejected++
						return nil, pollError{Limited, pause}
					}
					accepted = p.at
					return finishedAt(3 * time.Minute)(p)
				}, func(t *testing.T, s *service) {
					late, lost := s.inTurn(t.Context(), every(2*time.Second), names(n)...).all(t.Context(), 3*time.Minute)
					require.Zero(t, lost)
					requests := n/100 + 1
					require.Less(t, slices.Max(late), time.Duration(requests)*3*interval+16*time.Second, "%v %v %d", interval, pause, n)
					require.Less(t, rejected, len(s.newPolls())/3+8)
				})
			}
		}
	}
}

// One id whose polls get HTTP 429 does not hold up the others for good.
func TestOneIDWithTooManyRequests(t *testing.T) {
	inBubble(t, Config{}, fails([]string{"bad"}, pollError{class: Limited}, 0), func(t *testing.T, s *service) {
		late, lost := s.inTurn(t.Context(), every(10*time.Second), "a", "bad", "b").all(t.Context(), time.Minute)
		require.Len(t, late, 2)
		require.Equal(t, 1, lost)
		require.Less(t, slices.Max(late), 3*time.Minute)
	})
}

// While images are created one after the other, polls fail that name one which the
// service does not know yet. The waits for all are hardly late.
func TestSteadyCreates(t *testing.T) {
	const n, takes = 150, 2 * time.Minute
	for _, err := range []error{errBadID, errRefused} {
		for _, lag := range []time.Duration{0, 5 * time.Second, 20 * time.Second} {
			for step := 2 * time.Second; step < 16*time.Second; step *= 2 {
				createdAt := func(id string) time.Duration {
					i, err := strconv.Atoi(id[1:])
					require.NoError(t, err)
					return time.Duration(i) * step
				}
				inBubble(t, Config{}, func(p poll) (found []gen.Job, _ error) {
					for _, id := range p.ids {
						age := p.at - createdAt(id)
						if age < lag {
							return nil, err
						}
						found = append(found, gen.Job{JobUUID: id, Progress: float64(int(100 * age / takes)), Done: age >= takes, Success: age >= takes})
					}
					return found, nil
				}, func(t *testing.T, s *service) {
					settings := every(0)
					settings.Policy = polling.Adaptive{Min: time.Second}
					var waits sync.WaitGroup
					for _, id := range names(n) {
						w := follower{s.Follow(t.Context(), []Job{{Region: "gz", ID: id, StartedAt: time.Now()}}, settings, false), s, []string{id}}
						waits.Go(func() {
							late, lost := w.all(t.Context(), createdAt(id)+takes)
							assert.Zero(t, lost)
							assert.Less(t, late[0], time.Minute, "%v %v %v", err, lag, step)
						})
						time.Sleep(step)
					}
					waits.Wait()
				})
			}
		}
	}
}

// Jobs are found again soon after an outage, also if it was announced step by step.
func TestTheEndOfAnOutage(t *testing.T) {
	const ends = 3 * time.Minute
	for _, pause := range []time.Duration{0, time.Second, 5 * time.Second, 20 * time.Second} {
		for _, n := range []int{3, 100, 500} {
			inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
				if p.at >= 9*time.Second && p.at < ends {
					return nil, pollError{Transient, pause}
				}
				return finishedAt(time.Minute)(p)
			}, func(t *testing.T, s *service) {
				late, lost := s.inTurn(t.Context(), every(10*time.Second), names(n)...).all(t.Context(), ends)
				require.Zero(t, lost)
				require.LessOrEqual(t, slices.Max(late), 30*time.Second, "%v %d", pause, n)
			})
		}
	}
}

// Waits that end at any time of an outage, also while their job is being polled, leave
// the others as they are: each is polled in one request at a time, and finishes.
func TestLeavingInAnOutage(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		ends := 100 * time.Second >> random.IntN(6)
		var underWay sync.Map // ids
		inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
			for _, id := range p.ids {
				_, twice := underWay.LoadOrStore(id, true)
				assert.False(t, twice)
				defer underWay.Delete(id)
			}
			if err := p.take(400 * time.Millisecond); err != nil {
				return nil, err
			}
			if p.at < ends {
				return nil, errTransient
			}
			return finishedAt(0)(p)
		}, func(t *testing.T, s *service) {
			var stay []follower
			for _, id := range names(2 + random.IntN(1<<random.IntN(6))) {
				if w := s.follow(t.Context(), every(3*time.Second), id); random.IntN(2) == 0 {
					stay = append(stay, w)
				} else {
					time.AfterFunc(time.Duration(random.Int64N(int64(ends)+1)), func() { w.Leave() })
				}
			}
			for _, w := range stay {
				require.Contains(t, w.rest(t.Context())[0], "finished")
			}
			require.LessOrEqual(t, s.elapsed(), ends+90*time.Second)
			time.Sleep(ends + time.Second) // until all have left
			synctest.Wait()
		})
	}
}

// A wait's last poll is made in an outage, too, which may be over.
func TestTheLastPollInAnOutage(t *testing.T) {
	for _, n := range []int{1, 3, 30} {
		for deadline := 110 * time.Second; deadline < 180*time.Second; deadline += 5 * time.Second {
			inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
				if p.at < 100*time.Second {
					return nil, errTransient
				}
				return finishedAt(0)(p)
			}, func(t *testing.T, s *service) {
				ctx, cancel := context.WithTimeout(t.Context(), deadline)
				defer cancel()
				settings := every(10 * time.Second)
				settings.LastPoll = 2 * time.Second
				w := s.inTurn(ctx, settings, names(n)...)
				late, _ := w.all(ctx, 0)
				require.Len(t, late, n, "%v", deadline)
				w.Leave()
			})
		}
	}
}

// An id that makes the service leave out others ends no wait but its own.
func TestABadIDThatHidesOthers(t *testing.T) {
	for name, shown := range map[string]func(states []gen.Job, bad int) []gen.Job{
		"all":             func([]gen.Job, int) []gen.Job { return nil },
		"those after it":  func(states []gen.Job, bad int) []gen.Job { return states[:bad] },
		"those before it": func(states []gen.Job, bad int) []gen.Job { return states[bad+1:] },
	} {
		inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
			states, _ := finishedAt(2 * time.Minute)(p)
			if i := slices.Index(p.ids, "bad"); i >= 0 {
				return shown(states, i), nil
			}
			return states, nil
		}, func(t *testing.T, s *service) {
			ids := []string{"a", "b", "bad", "c", "d"}
			w := s.inTurn(t.Context(), every(10*time.Second), ids...)
			for update, ok := w.Next(t.Context()); ok; update, ok = w.Next(t.Context()) {
				if ids[update.Index] == "bad" {
					require.Equal(t, ErrMissing, update.Cause)
				} else {
					require.NoError(t, update.Cause, name)
				}
			}
			require.LessOrEqual(t, s.elapsed(), 2*time.Minute+10*time.Second, name)
		})
	}
}

// What the polls of a single job met says nothing of those that are waited for later.
func TestAGoodJobAfterABadOne(t *testing.T) {
	inBubble(t, Config{}, fails([]string{"bad", "worse"}, errTransient, 0), func(t *testing.T, s *service) {
		defer s.follow(t.Context(), every(5*time.Second), "bad").Leave()
		s.sleepUntil(70 * time.Second)
		w := s.follow(t.Context(), every(5*time.Second), "worse", "good")
		defer w.Leave()
		for update, ok := w.Next(t.Context()); !update.Job.Done; update, ok = w.Next(t.Context()) {
			require.True(t, ok)
		}
		require.LessOrEqual(t, s.elapsed(), 75*time.Second)
	})
}

// An id that is rejected with a pause is given up all the same.
func TestARejectedIDWithAPause(t *testing.T) {
	inBubble(t, Config{}, fails([]string{"bad"}, pollError{BadID, time.Second}, 0), func(t *testing.T, s *service) {
		require.Contains(t, s.inTurn(t.Context(), every(5*time.Second), "bad", "good").rest(t.Context()), "36s: bad: the service does not know the job")
	})
}

// A job that had trouble of its own is not the reason when all are rejected for good.
func TestAllAreRejectedAfterTroubleOfOne(t *testing.T) {
	for name, trouble := range map[string]error{"just created": errBadID, "just created, behind a gateway": errRefused, "transient": errTransient, "permanent": errPermanent} {
		inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
			switch {
			case p.at < 14*time.Second && p.at > 10*time.Second && slices.Contains(p.ids, "a"):
				return nil, trouble
			case p.at >= 14*time.Second && p.at < 29*time.Second:
				return nil, errPermanent
			}
			return finishedAt(time.Minute)(p)
		}, func(t *testing.T, s *service) {
			_, lost := s.inTurn(t.Context(), every(4*time.Second), "a", "b", "c").all(t.Context(), time.Minute)
			if name != "permanent" {
				require.Zero(t, lost, name)
			}
			require.LessOrEqual(t, lost, 1)
		})
	}
}
