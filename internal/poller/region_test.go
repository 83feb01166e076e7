package poller

import (
	"cmp"
	"errors"
	"fmt"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
)

// A region gets one request per interval, and with more than 20 full batches to
// poll as many as their intervals ask for.
func TestPace(t *testing.T) {
	for _, row := range []struct {
		interval time.Duration
		jobs     int
		pause    time.Duration
		spacing  time.Duration
	}{
		{time.Second, 1, 100 * time.Millisecond, time.Second},
		{time.Second, 20, time.Second, time.Second},
		{time.Second, 21, time.Second, time.Second / 2},
		{time.Second, 40, time.Second, time.Second / 2},
		{time.Second, 41, time.Second, time.Second / 3},
		{time.Second, 41, 40 * time.Second, time.Second / 2},
		{time.Second, 41, 41 * time.Second, time.Second},
		{3 * time.Second, 20, time.Second, 3 * time.Second},
		{3 * time.Second, 41, time.Second, time.Second},
	} {
		t.Run(fmt.Sprintf("%d jobs every %v by %v", row.jobs, row.pause, row.interval), func(t *testing.T) {
			inBubble(t, Config{RequestInterval: row.interval, MaxJobs: 1}, running, func(t *testing.T, s *service) {
				defer s.follow(t.Context(), every(row.pause), names(row.jobs)...).Leave()
				s.sleepUntil(5 * time.Minute)
				spacing, polls := time.Hour, s.newPolls()
				for i := range polls[1:] {
					if polls[i].at > 3*time.Minute {
						spacing = min(spacing, polls[i+1].at-polls[i].at)
					}
				}
				require.Equal(t, row.spacing.Round(time.Millisecond), spacing.Round(time.Millisecond))
			})
		})
	}
}

// Regions do not share their pace.
func TestRegionsHaveTheirOwnPace(t *testing.T) {
	inBubble(t, Config{}, finishedAt(0), func(t *testing.T, s *service) {
		w := follower{s.Follow(t.Context(), []Job{{Region: "gz", ID: "a"}, {Region: "bj", ID: "a"}}, every(time.Second), true), s, []string{"a in gz", "a in bj"}}
		require.ElementsMatch(t, []string{"0s: a in gz finished", "0s: a in bj finished"}, w.rest(t.Context()))
		require.ElementsMatch(t, []string{"0s: a", "bj, 0s: a"}, s.log())
	})
}

// Whatever the intervals, no job waits for its next poll more than twice as long.
func TestEachJobIsPolledWithinTwiceItsInterval(t *testing.T) {
	inBubble(t, Config{MaxJobs: 1}, running, func(t *testing.T, s *service) {
		pauses := make(map[string]time.Duration)
		for i, id := range names(100) {
			pauses[id] = max(time.Duration(i)*time.Second, 20*time.Second)
			defer s.follow(t.Context(), every(time.Duration(i)*time.Second), id).Leave()
		}
		s.sleepUntil(20 * time.Minute)
		last := make(map[string]time.Duration)
		for _, p := range s.newPolls() {
			id := p.ids[0]
			require.LessOrEqual(t, p.at-last[id], 2*pauses[id], id)
			last[id] = p.at
		}
		require.Len(t, last, 100)
		for id, at := range last {
			require.LessOrEqual(t, s.elapsed()-at, 2*pauses[id], id)
		}
	})
}

// When many jobs are gone, the others have waited already: the pace goes down only
// when no more is left to be polled than one request carries.
func TestThePaceGoesDownWhenAllHadTheirTurn(t *testing.T) {
	inBubble(t, Config{MaxJobs: 1}, running, func(t *testing.T, s *service) {
		ids := names(60)
		left := s.inTurn(t.Context(), every(40*time.Second), ids[:30]...)
		time.Sleep(time.Microsecond)
		defer s.inTurn(t.Context(), every(40*time.Second), ids[30:]...).Leave()
		s.sleepUntil(45100 * time.Millisecond)
		left.Leave()
		require.Len(t, s.log(), 11, "two a second")
		s.sleepUntil(61 * time.Second)
		polls := s.log()
		require.Len(t, polls, 30)
		require.Equal(t, "45.5s: j030", polls[0])
		require.Equal(t, "59.5s: j058", polls[28], "two a second")
		require.Equal(t, "1m0.5s: j059", polls[29], "one a second")
	})
}

// The minimum interval is the time in which one request at a time goes round all
// jobs, within limits.
func TestRound(t *testing.T) {
	for jobs, intervals := range map[int]time.Duration{0: 1, 1: 1, 100: 1, 101: 2, 200: 2, 201: 3, 1901: 20, 2001: 20, 100_000: 20} {
		inBubble(t, Config{RequestInterval: 3 * time.Second}, running, func(t *testing.T, s *service) {
			r := s.region("gz")
			for i := range jobs {
				r.jobs[fmt.Sprint(i)] = nil
			}
			require.Equal(t, intervals*3*time.Second, r.round(), jobs)
		})
	}
}

// A timer that fires although its time was put off meanwhile starts no request.
func TestATimerThatFiresTooEarly(t *testing.T) {
	inBubble(t, Config{MaxJobs: 1}, func(p poll) ([]gen.Job, error) {
		return nil, p.take(time.Hour)
	}, func(t *testing.T, s *service) {
		defer s.inTurn(t.Context(), every(time.Second), names(10)...).Leave()
		s.sleepUntil(1500 * time.Millisecond)
		s.regions["gz"].tick()
		require.Len(t, s.log(), 1, "a request started a moment ago")
		s.sleepUntil(6500 * time.Millisecond)
		s.regions["gz"].tick()
		require.Len(t, s.log(), 3, "four are under way")
	})
}

// A request that hangs holds no other up, but no more than four hang at once.
func TestRequestsUnderWayAreLimited(t *testing.T) {
	inBubble(t, Config{MaxJobs: 1}, func(p poll) ([]gen.Job, error) {
		return nil, errors.Join(p.take(30*time.Second), errTransient)
	}, func(t *testing.T, s *service) {
		defer s.inTurn(t.Context(), every(time.Second), names(10)...).Leave()
		s.sleepUntil(33500 * time.Millisecond)
		require.Equal(t, []string{"1s: j000", "2s: j001", "3s: j002", "4s: j003", "31s: j004", "32s: j000", "33s: j005"}, s.log())
	})
}

// A region is left alone for as long as a response asks for, within a limit. One
// that asks for less takes nothing back.
func TestRetryAfter(t *testing.T) {
	for retryAfter, next := range map[time.Duration]string{
		0:                "2s: a",
		40 * time.Second: "41s: a",
		time.Minute:      "1m1s: a",
		time.Hour:        "1m1s: a",
	} {
		for _, class := range []ErrorClass{Transient, BadID} {
			inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
				if p.at == time.Second {
					return nil, pollError{class, retryAfter}
				}
				return running(p)
			}, func(t *testing.T, s *service) {
				w := every(time.Second)
				w.MissingGrace = time.Hour
				defer s.inTurn(t.Context(), w, "a").Leave()
				s.sleepUntil(61500 * time.Millisecond)
				require.Equal(t, next, s.log()[1])
			})
		}
	}
	inBubble(t, Config{MaxJobs: 1}, func(p poll) ([]gen.Job, error) {
		if p.ids[0] == "a" {
			return nil, cmp.Or[error](p.take(4*time.Second), pollError{Transient, 10 * time.Second})
		}
		return nil, pollError{Transient, 40 * time.Second}
	}, func(t *testing.T, s *service) {
		defer s.inTurn(t.Context(), every(time.Second), "a", "b").Leave()
		s.sleepUntil(42500 * time.Millisecond)
		require.Equal(t, []string{"1s: a", "2s: b", "42s: a"}, s.log())
	})
}

// A pause that the service asks for is kept if everybody has left meanwhile, unless it
// may be about the one job.
func TestRetryAfterForThoseThatLeft(t *testing.T) {
	for name, want := range map[string]struct {
		class ErrorClass
		ids   []string
		next  string
	}{
		"too many requests": {Limited, []string{"a"}, "42s: a"},
		"an outage":         {Transient, []string{"a", "b"}, "42s: a b"},
		"of one job":        {Transient, []string{"a"}, "4s: a"},
	} {
		inBubble(t, Config{}, func(p poll) ([]gen.Job, error) {
			if p.at < 2*time.Second {
				time.Sleep(time.Second) // canceled or not
			}
			return nil, pollError{want.class, 40 * time.Second}
		}, func(t *testing.T, s *service) {
			w := s.inTurn(t.Context(), every(time.Second), want.ids...)
			s.sleepUntil(1500 * time.Millisecond)
			w.Leave()
			s.sleepUntil(3 * time.Second)
			defer s.inTurn(t.Context(), every(time.Second), want.ids...).Leave()
			s.sleepUntil(42500 * time.Millisecond)
			require.Equal(t, want.next, s.log()[1], name)
		})
	}
}

// A new wait may bring the next poll of a job forward, and never puts it off.
func TestANewWaitMayWantToKnowSooner(t *testing.T) {
	for name, row := range map[string]struct {
		joins time.Duration
		pause time.Duration
		polls []string
	}{
		"sooner than the first poll": {time.Second, 4 * time.Second, []string{"4s: a", "8s: a", "12s: a"}},
		"later than the first poll":  {time.Second, 20 * time.Second, []string{"10s: a", "20s: a", "30s: a"}},
		"sooner than the next poll":  {12 * time.Second, 4 * time.Second, []string{"10s: a", "14s: a", "18s: a"}},
		"overdue":                    {19 * time.Second, 4 * time.Second, []string{"10s: a", "19s: a", "23s: a"}},
		"later than the next poll":   {12 * time.Second, 20 * time.Second, []string{"10s: a", "20s: a", "30s: a"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{}, running, func(t *testing.T, s *service) {
				defer s.inTurn(t.Context(), every(10*time.Second), "a").Leave()
				s.sleepUntil(row.joins)
				defer s.follow(t.Context(), every(row.pause), "a").Leave()
				s.sleepUntil(30500 * time.Millisecond)
				require.Equal(t, row.polls, s.log()[:3])
			})
		})
	}
}

// Who joins while a job is being polled, or is about to be, shares that poll.
func TestANewWaitSharesThePollUnderWay(t *testing.T) {
	inBubble(t, Config{MaxJobs: 1}, func(p poll) ([]gen.Job, error) {
		if err := p.take(5 * time.Second); err != nil {
			return nil, err
		}
		return finishedAt(0)(p)
	}, func(t *testing.T, s *service) {
		one := s.inTurn(t.Context(), every(time.Second), "a", "b", "c")
		s.sleepUntil(2500 * time.Millisecond) // c is due, but its turn comes later
		other := s.follow(t.Context(), every(time.Second), "a", "b", "c")
		require.Equal(t, []string{"6s: a finished", "7s: b finished", "8s: c finished"}, one.rest(t.Context()))
		require.Len(t, other.rest(t.Context()), 3)
		require.Equal(t, "8s", s.elapsed().String())
		require.Equal(t, []string{"1s: a", "2s: b", "3s: c"}, s.log())
	})
}

// When nobody waits for a job any more, wherever it stands, it is not polled, and
// nothing of it is left.
func TestNothingIsLeft(t *testing.T) {
	for name, row := range map[string]struct {
		at      time.Duration
		respond func(poll) ([]gen.Job, error)
	}{
		"waiting":    {500 * time.Millisecond, running},
		"ready":      {1500 * time.Millisecond, running},
		"suspect":    {1500 * time.Millisecond, func(poll) ([]gen.Job, error) { return nil, errBadID }},
		"in request": {1500 * time.Millisecond, func(p poll) ([]gen.Job, error) { return nil, p.take(time.Hour) }},
		"finished":   {9500 * time.Millisecond, finishedAt(0)},
		"given up":   {9500 * time.Millisecond, func(poll) ([]gen.Job, error) { return nil, errPermanent }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, Config{MaxJobs: 2}, row.respond, func(t *testing.T, s *service) {
				w := s.inTurn(t.Context(), every(time.Second), names(7)...)
				s.sleepUntil(row.at)
				w.Leave()
				s.log()
				time.Sleep(time.Hour)
				require.Empty(t, s.log())
				r := s.regions["gz"]
				require.Empty(t, r.jobs)
				require.Zero(t, r.waiting.Len())
				require.Zero(t, r.ready.Len())
				require.Empty(t, r.suspects)
				require.Zero(t, r.idSizes)
				require.Zero(t, r.underWay)
				require.Zero(t, r.demand)
				require.False(t, r.timer.Stop(), "a timer is left")
			})
		})
	}
}

// Waits that leave take their jobs only, and the timer goes on for the others.
func TestTheOthersGoOn(t *testing.T) {
	inBubble(t, Config{}, running, func(t *testing.T, s *service) {
		defer s.inTurn(t.Context(), every(10*time.Second), "a").Leave()
		b := s.inTurn(t.Context(), every(6*time.Second), "a", "b")
		s.sleepUntil(7 * time.Second)
		b.Leave()
		s.sleepUntil(35 * time.Second)
		require.Equal(t, []string{"6s: a b", "12s: a", "22s: a", "32s: a"}, s.log())
	})
}

// The demand of a region is that of the jobs that it has.
func TestDemand(t *testing.T) {
	inBubble(t, Config{}, running, func(t *testing.T, s *service) {
		defer s.follow(t.Context(), every(10*time.Second), "a").Leave()
		b := s.follow(t.Context(), every(40*time.Second), "b")
		s.log()
		r := s.regions["gz"]
		require.InDelta(t, 0.125, r.demand, 1e-9)
		b.Leave()
		require.InDelta(t, 0.1, r.demand, 1e-9)
	})
}

// Go allocates 320 bytes for a job, and 352 for one with a field more.
func TestSizeOfAJob(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(entry{}), uintptr(320))
}
