package poller

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/instant"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// A job is tested without a poller: it only takes what polls show. These tests
// count time from now.
const now = instant.Time(time.Hour)

func after(seconds float64) instant.Time {
	return now.Add(time.Duration(seconds * float64(time.Second)))
}

// subscribe adds the subscription of a wait that begins after some seconds.
func subscribe(j *job, seconds float64, settings *Settings) *subscription {
	return subscribeStarted(j, seconds, 0, settings)
}

// subscribeStarted adds that of a wait that knows when the job was started.
func subscribeStarted(j *job, seconds float64, startedAt instant.Time, settings *Settings) *subscription {
	w := &Wait{settings: settings, joined: after(seconds), changes: true, news: make(chan struct{}, 1)}
	s := &subscription{wait: w, entry: &entry{job: job{id: j.id}}}
	j.subscribe(s, startedAt, after(seconds))
	return s
}

func newJob() *job { return &job{id: "a", since: now} }

func progress(percent float64) gen.Job { return gen.Job{JobUUID: "a", Progress: percent} }

// The history begins with the start of the job, if that is known, and has the
// first and the latest changes.
func TestHistory(t *testing.T) {
	j := newJob()
	require.Equal(t, polling.History{}, j.seen)
	subscribeStarted(j, 0, after(-10), every(time.Second))
	require.Equal(t, polling.History{Changes: []polling.Change{{}}}, j.seen)
	j.onState(progress(0), after(1))
	j.onState(progress(0), after(2))
	require.Equal(t, polling.History{Changes: []polling.Change{{}}, Unchanged: 2, Polls: 2}, j.seen)
	want := []polling.Change{{}}
	for i := range polling.MaxChanges - 1 {
		j.onState(progress(float64(1+i)), after(float64(10*i)))
		want = append(want, polling.Change{Elapsed: time.Duration(10+10*i) * time.Second, Progress: float64(1 + i)})
	}
	require.Equal(t, polling.History{Changes: want, Polls: 2 + len(want) - 1}, j.seen)
	j.onState(progress(5), after(1000))
	want = append(slices.Delete(want, 1, 2), polling.Change{Elapsed: 1010 * time.Second, Progress: 5})
	require.Equal(t, polling.History{Changes: want, Polls: 2 + len(want)}, j.seen)
	require.Len(t, want, polling.MaxChanges)
}

// Without a start, it begins with the first state, and so it does if the start
// becomes known only then.
func TestHistoryWithoutAStart(t *testing.T) {
	j := newJob()
	j.onState(progress(40), after(3))
	subscribeStarted(j, 4, after(-10), every(time.Second))
	j.onState(progress(40), after(5))
	require.Equal(t, polling.History{Changes: []polling.Change{{Elapsed: 3 * time.Second, Progress: 40}}, Unchanged: 1, Polls: 2}, j.seen)
}

// The clock of the process that started a job may be ahead.
func TestAStartInTheFuture(t *testing.T) {
	j := newJob()
	subscribeStarted(j, 2, after(3600), every(time.Second))
	require.Equal(t, after(2), j.since)
	require.Len(t, j.seen.Changes, 1)
	subscribeStarted(j, 3, after(-3600), every(time.Second))
	require.Equal(t, after(2), j.since, "the first start counts")
}

// A job does not keep the whole body of each response in memory.
func TestStatesShareStrings(t *testing.T) {
	j := newJob()
	fresh := func(text string) string { return string([]byte(text)) }
	state := func() gen.Job { return gen.Job{JobUUID: fresh("a"), UUID: fresh("a"), Status: fresh("Processing")} }
	j.onState(state(), now)
	require.Same(t, unsafe.StringData(j.id), unsafe.StringData(j.state.JobUUID))
	require.Same(t, unsafe.StringData(j.id), unsafe.StringData(j.state.UUID))
	status := unsafe.StringData(j.state.Status)
	j.onState(state(), after(1))
	require.Same(t, status, unsafe.StringData(j.state.Status))
	j.onState(gen.Job{JobUUID: "a", UUID: "other"}, after(2))
	require.Equal(t, gen.Job{JobUUID: "a", UUID: "other"}, j.state)
}

// A wait hears of a change, and not of a state that it knows.
func TestOnStateReportsChanges(t *testing.T) {
	j := newJob()
	s := subscribe(j, 0, every(time.Second))
	for i, row := range []struct {
		state   gen.Job
		changed bool
	}{
		{gen.Job{JobUUID: "a"}, true}, // the first
		{gen.Job{JobUUID: "a"}, false},
		{progress(1), true},
		{progress(1), false},
		{gen.Job{JobUUID: "a", Progress: 1, Status: "Processing"}, true},
	} {
		j.onState(row.state, after(float64(i)))
		require.Equal(t, row.changed, s.changed, i)
		require.Equal(t, row.changed, j.changedAt == after(float64(i)), i)
		s.changed = false
	}
	j.onState(gen.Job{JobUUID: "a", Done: true}, after(9))
	require.True(t, s.finished)
	require.False(t, s.changed)
	require.Nil(t, s.final)
	require.Empty(t, j.subscriptions)
}

// A job that stays as it is is given up after a while, counted for each wait from
// when it began at the earliest.
func TestStall(t *testing.T) {
	j := newJob()
	patient := subscribe(j, 0, every(time.Second))
	settings := every(time.Second)
	settings.StallTimeout = 10 * time.Second
	early := subscribe(j, 0, settings)
	late := subscribe(j, 5, settings)
	j.onState(progress(1), after(2))
	j.onState(progress(1), after(11.9))
	require.Len(t, j.subscriptions, 3)
	j.onState(progress(1), after(12))
	require.Equal(t, ErrStalled, early.final.Cause)
	require.False(t, late.finished)
	j.onState(progress(1), after(14.9))
	require.False(t, late.finished)
	j.onState(progress(1), after(15))
	require.Equal(t, ErrStalled, late.final.Cause)
	require.Equal(t, []*subscription{patient}, j.subscriptions)
}

// A job that is missing is given up after a time of grace, counted for each wait
// from when it began at the earliest.
func TestGrace(t *testing.T) {
	for _, rejection := range []error{nil, errBadID} {
		j := newJob()
		settings := every(time.Second)
		settings.MissingGrace = 10 * time.Second
		early := subscribe(j, 0, settings)
		late := subscribe(j, 5, settings)
		j.onMissing(rejection, after(1), after(1), true)
		require.Equal(t, rejection, j.lastPoll)
		j.onMissing(rejection, after(10.9), after(10.9), true)
		require.Len(t, j.subscriptions, 2)
		j.onMissing(rejection, after(11), after(11), true)
		require.Equal(t, ErrMissing, early.final.Cause)
		require.Equal(t, []*subscription{late}, j.subscriptions)
		j.onMissing(rejection, after(14.9), after(14.9), true)
		require.False(t, late.finished)
		j.onMissing(rejection, after(4.9), after(15), true)
		require.False(t, late.finished, "the poll began before the wait")
		j.onMissing(rejection, after(5), after(15), true)
		require.Equal(t, ErrMissing, late.final.Cause)
		require.Empty(t, j.subscriptions)
	}
}

// A job that was reported again has all its grace before it, and may be polled
// with others.
func TestGraceBeginsAnew(t *testing.T) {
	j := newJob()
	s := subscribe(j, 0, every(time.Second)) // 30 s
	j.onMissing(errBadID, after(1), after(1), true)
	j.onState(progress(1), after(2))
	require.False(t, j.alone)
	require.NoError(t, j.lastPoll)
	j.onMissing(nil, after(20), after(20), true)
	j.onMissing(nil, after(49.9), after(49.9), true)
	require.False(t, s.finished)
	j.onMissing(nil, after(50), after(50), true)
	require.True(t, s.finished)
}

// Failures in a row are counted for each wait since it began.
func TestMaxFailures(t *testing.T) {
	j := newJob()
	settings := every(time.Second)
	settings.MaxFailures = 2
	early := subscribe(j, 0, settings)
	j.fail(Transient, errTransient, after(0), time.Second)
	late := subscribe(j, 1, settings)
	j.fail(Transient, errTransient, after(1), time.Second)
	j.fail(Transient, errTransient, after(2.9), time.Second)
	require.Len(t, j.subscriptions, 2, "the third came sooner than the early wait itself would have polled")
	j.fail(Transient, errTransient, after(3), time.Second)
	require.Equal(t, errTransient, early.final.Cause)
	require.Equal(t, []*subscription{late}, j.subscriptions)
	j.fail(Transient, errTransient, after(4.8), time.Second)
	require.False(t, late.finished)
	j.fail(Transient, errTransient, after(4.9), time.Second)
	require.True(t, late.finished)
}

// A gateway's rejection counts as a failure, but ends no wait before its grace.
func TestRefusals(t *testing.T) {
	j := newJob()
	settings := every(time.Second)
	settings.MaxFailures, settings.MissingGrace = 0, 10*time.Second
	s := subscribe(j, 5, settings)
	j.fail(Refused, errRefused, after(14.9), time.Second)
	require.False(t, s.finished)
	j.fail(Refused, errRefused, after(15), time.Second)
	require.Equal(t, errRefused, s.final.Cause)
}

// A poll that brings anything, even that the job is missing, ends the row.
func TestFailuresThatAreNotInARow(t *testing.T) {
	for name, brings := range map[string]func(*job){
		"a state": func(j *job) { j.onState(progress(1), after(1)) },
		"no job":  func(j *job) { j.onMissing(nil, after(1), after(1), true) },
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob()
			settings := every(time.Second)
			settings.MaxFailures = 1
			s := subscribe(j, 0, settings)
			for range 3 {
				j.failures, j.lastPoll = 1, errTransient
				j.fail(Transient, errTransient, after(1), time.Second)
				brings(j)
				require.Zero(t, j.failures)
				require.NoError(t, j.lastPoll)
			}
			require.False(t, s.finished)
		})
	}
}

// After a permanent error nobody waits on.
func TestAPermanentFailure(t *testing.T) {
	j := newJob()
	s := subscribe(j, 0, every(time.Second))
	j.fail(Permanent, errPermanent, after(1), time.Second)
	require.Equal(t, errPermanent, s.final.Cause)
	require.Empty(t, j.subscriptions)
}

// The first poll comes at once, or when a job that was started just now may have
// finished.
func TestFirstPoll(t *testing.T) {
	for name, row := range map[string]struct {
		started instant.Time
		want    instant.Time
	}{
		"not known": {0, after(2)},
		"just now":  {after(2), after(7)},
		"recently":  {after(-1), after(4)},
		"long ago":  {after(-10), after(2)},
	} {
		t.Run(name, func(t *testing.T) {
			j := newJob()
			s := subscribeStarted(j, 2, row.started, every(5*time.Second))
			require.Equal(t, row.want, j.firstPoll(s, after(2)))
			s.wait.lastPoll = after(3)
			require.Equal(t, min(row.want, after(3)), j.firstPoll(s, after(2)))
		})
	}
}

// The shortest pause of the policies counts, but no shorter one than between two
// requests. A policy learns how long the job has been running, and its history.
func TestNextPoll(t *testing.T) {
	j := newJob()
	subscribe(j, 0, every(20*time.Second))
	require.Equal(t, after(30), j.nextPoll(j.subscriptions, after(9), after(10), time.Second))
	subscribe(j, 0, every(5*time.Second))
	subscribe(j, 0, every(20*time.Second))
	require.Equal(t, after(15), j.nextPoll(j.subscriptions, after(9), after(10), time.Second))
	subscribe(j, 0, every(-1))
	require.Equal(t, after(11), j.nextPoll(j.subscriptions, after(9), after(10), time.Second))
	require.Equal(t, after(13), j.nextPoll(j.subscriptions, after(9), after(10), 3*time.Second))

	var elapsed time.Duration
	var seen polling.History
	j = newJob()
	subscribe(j, 0, &Settings{Policy: policyFunc(func(e time.Duration, h polling.History) time.Duration {
		elapsed, seen = e, h
		return time.Minute
	})})
	j.onState(progress(3), after(10))
	require.Equal(t, after(70), j.nextPoll(j.subscriptions, after(9), after(10), time.Second))
	require.Equal(t, 10*time.Second, elapsed)
	require.Equal(t, polling.History{Changes: []polling.Change{{Elapsed: 10 * time.Second, Progress: 3}}, Polls: 1}, seen)
}

type policyFunc func(time.Duration, polling.History) time.Duration

func (f policyFunc) Pause(elapsed time.Duration, seen polling.History) time.Duration {
	return f(elapsed, seen)
}

// A pause is cut by up to a tenth, at random, but never below the interval
// between requests; one after a failure stays whole.
func TestJitter(t *testing.T) {
	defer func() { random = func() float64 { return 0 } }()
	j := newJob()
	subscribe(j, 0, every(11*time.Second))
	next := func() instant.Time { return j.nextPoll(j.subscriptions, now, now, time.Second) }
	for drawn, want := range map[float64]float64{0: 11, 0.5: 10.5, 1: 10} {
		random = func() float64 { return drawn }
		require.Equal(t, after(want), next())
	}
	require.Equal(t, after(11), j.nextPoll(j.subscriptions, now, now, 11*time.Second))
	j.failures++
	require.Equal(t, after(1), next())
	j.failures++
	require.Equal(t, after(2), next())

	j.failures, random = 0, rand.Float64
	seen := make(map[instant.Time]bool)
	for range 100 {
		due := next()
		require.GreaterOrEqual(t, due, after(10))
		require.LessOrEqual(t, due, after(11))
		seen[due] = true
	}
	require.Greater(t, len(seen), 50)
}

// Pauses after failures double from one interval between requests to 60 of them.
func TestPausesAfterFailures(t *testing.T) {
	j := newJob()
	settings := every(time.Hour)
	settings.MaxFailures, settings.StallTimeout = 100, time.Second
	subscribe(j, 0, settings)
	j.onState(progress(1), now)
	for _, intervals := range []float64{1, 2, 4, 8, 16, 32, 60, 60, 60} {
		j.failures++
		require.Equal(t, after(100+3*intervals), j.nextPoll(j.subscriptions, after(99), after(100), 3*time.Second), "only a poll that succeeds can tell of a stall")
	}
	for range 90 {
		j.failures++
	}
	require.Equal(t, after(180), j.nextPoll(j.subscriptions, now, now, 3*time.Second))
}

// A job is polled in time for a wait to give it up, and for its last poll.
func TestNextPollComesInTime(t *testing.T) {
	settings := &Settings{Policy: polling.Constant(time.Minute), MissingGrace: 20 * time.Second, StallTimeout: 30 * time.Second}
	j := newJob()
	subscribe(j, 0, settings)
	next := func() instant.Time { return j.nextPoll(j.subscriptions, after(9), after(10), time.Second) }
	j.onState(progress(1), after(10))
	require.Equal(t, after(40), next(), "the end of its stall")
	j.onMissing(nil, after(10), after(10), true)
	require.Equal(t, after(30), next(), "the end of its grace")
	j.missingSince = 0
	late := subscribe(j, 1, every(time.Minute))
	late.wait.lastPoll = after(25)
	require.Equal(t, after(25), next(), "the last poll")
	late.wait.lastPoll = after(9.5)
	require.Equal(t, after(9.5), next(), "began too early to be the last poll")
	late.wait.lastPoll = after(9)
	require.Equal(t, after(40), next(), "was the last poll")
	j.failures = 1
	late.wait.lastPoll = after(10.5)
	require.Equal(t, after(10.5), next(), "a failure does not put off the last poll")
}

// Waits leave a job in any order, also after others have ended.
func TestUnsubscribe(t *testing.T) {
	j := newJob()
	j.id = "a"
	impatient := every(time.Second)
	impatient.MaxFailures = 0
	one, two := subscribe(j, 0, every(time.Second)), subscribe(j, 0, every(time.Second))
	ended := subscribe(j, 0, impatient)
	three, four := subscribe(j, 0, every(time.Second)), subscribe(j, 0, every(time.Second))
	j.fail(Transient, errTransient, now, time.Second)
	require.True(t, ended.finished)
	left := []*subscription{one, two, three, four}
	for _, gone := range []*subscription{two, four, one, three} {
		j.unsubscribe(gone)
		left = slices.DeleteFunc(left, func(s *subscription) bool { return s == gone })
		require.ElementsMatch(t, left, j.subscriptions)
	}
}

// A wait learns at once what was reported before it began.
func TestSubscribeReportsWhatIsKnown(t *testing.T) {
	j := newJob()
	require.False(t, subscribe(j, 0, every(time.Second)).changed)
	j.onState(progress(1), now)
	require.True(t, subscribe(j, 1, every(time.Second)).changed)
}
