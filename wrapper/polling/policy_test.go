package polling_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/cimg-go/cimg/wrapper/polling"
)

// seen returns a history in which progress changed at the given times.
func seen(unchanged int, changes ...polling.Change) polling.History {
	return polling.History{Changes: changes, Unchanged: unchanged, Polls: len(changes) + unchanged}
}

func at(elapsed time.Duration, progress float64) polling.Change {
	return polling.Change{Elapsed: elapsed, Progress: progress}
}

// steady returns the first n minutes of progress that rises by 10 % per minute.
func steady(n int) []polling.Change {
	var changes []polling.Change
	for i := range n + 1 {
		changes = append(changes, at(time.Duration(i)*time.Minute, 10*float64(i)))
	}
	return changes
}

func TestAdaptive(t *testing.T) {
	start := at(0, 0)
	for name, row := range map[string]struct {
		policy  polling.Adaptive
		elapsed time.Duration
		seen    polling.History
		pause   time.Duration
	}{
		"the first poll":                        {elapsed: 0, pause: time.Second},
		"a quarter of the time, while silent":   {elapsed: 100 * time.Second, seen: seen(9, start), pause: 25 * time.Second},
		"not less than Min":                     {elapsed: 2 * time.Second, seen: seen(1, start), pause: time.Second},
		"another Min":                           {policy: polling.Adaptive{Min: 5 * time.Second}, elapsed: time.Second, pause: 5 * time.Second},
		"not more than Max":                     {elapsed: time.Hour, seen: seen(50, start), pause: time.Minute},
		"another Max":                           {policy: polling.Adaptive{Max: 9 * time.Second}, elapsed: time.Hour, pause: 9 * time.Second},
		"Min beyond Max":                        {policy: polling.Adaptive{Min: time.Hour}, elapsed: time.Hour, pause: time.Hour},
		"one change, nothing known before":      {elapsed: 100 * time.Second, seen: seen(0, at(0, 40)), pause: 25 * time.Second},
		"two changes are not trusted":           {elapsed: 100 * time.Second, seen: seen(0, start, at(100*time.Second, 10)), pause: 25 * time.Second},
		"but make it sooner":                    {elapsed: 100 * time.Second, seen: seen(0, start, at(100*time.Second, 90)), pause: 7777777777},
		"the smaller estimate counts":           {elapsed: 100 * time.Second, seen: seen(0, start, at(90*time.Second, 10), at(100*time.Second, 60)), pause: 5600 * time.Millisecond},
		"trusted, beyond the blind pause":       {elapsed: 3 * time.Minute, seen: seen(0, steady(3)...), pause: 108 * time.Second},
		"most of what remains":                  {elapsed: 8 * time.Minute, seen: seen(0, steady(8)[1:]...), pause: 84 * time.Second},
		"trusted, not beyond MaxTrusted":        {policy: polling.Adaptive{MaxTrusted: 70 * time.Second}, elapsed: 3 * time.Minute, seen: seen(0, steady(3)...), pause: 70 * time.Second},
		"trusted: one estimate twice the other": {elapsed: 100 * time.Second, seen: seen(0, start, at(60*time.Second, 36), at(80*time.Second, 45), at(100*time.Second, 50)), pause: time.Minute},
		"ends that disagree are not trusted":    {elapsed: 4 * time.Minute, seen: seen(0, start, at(time.Minute, 30), at(2*time.Minute, 35), at(4*time.Minute, 40)), pause: time.Minute},
		"an earlier end disagrees: not trusted": {elapsed: 120 * time.Second, seen: seen(0, start, at(10*time.Second, 40), at(60*time.Second, 45), at(120*time.Second, 65)), pause: 30 * time.Second},
		"the end is near":                       {elapsed: 1000 * time.Second, seen: seen(0, start, at(500*time.Second, 50), at(1000*time.Second, 98)), pause: 30 * time.Second},
		"near 100, but much time remains":       {elapsed: 100 * time.Second, seen: seen(0, at(0, 98), at(100*time.Second, 99)), pause: 25 * time.Second},
		"stuck near 100, though time remains":   {elapsed: 110 * time.Second, seen: seen(1, at(0, 98), at(100*time.Second, 99)), pause: 6600 * time.Millisecond},
		"stuck near 100: twice as long":         {elapsed: 1000 * time.Second, seen: seen(1, start, at(500*time.Second, 50), at(990*time.Second, 99)), pause: time.Minute},
		"unchanged, but not due yet":            {elapsed: 5 * time.Minute, seen: seen(1, steady(4)...), pause: 3 * time.Minute},
		"due within the shortest pause":         {elapsed: 100 * time.Second, seen: seen(1, start, at(51500*time.Millisecond, 50)), pause: 6 * time.Second},
		"overdue: twice as long":                {elapsed: 200 * time.Second, seen: seen(1, start, at(50*time.Second, 40), at(100*time.Second, 80)), pause: 12 * time.Second},
		"overdue again: up to the blind pause":  {elapsed: 200 * time.Second, seen: seen(9, start, at(50*time.Second, 40), at(100*time.Second, 80)), pause: 50 * time.Second},
		"progress that falls says nothing":      {elapsed: 100 * time.Second, seen: seen(0, start, at(50*time.Second, 90), at(100*time.Second, 30)), pause: 25 * time.Second},
		"progress that fell below the first":    {elapsed: 100 * time.Second, seen: seen(0, at(0, 50), at(100*time.Second, 30)), pause: 25 * time.Second},
		"progress that is back at its first":    {elapsed: 100 * time.Second, seen: seen(0, at(0, 100), at(50*time.Second, 50), at(100*time.Second, 100)), pause: 25 * time.Second},
		"progress without time says nothing":    {elapsed: 100 * time.Second, seen: seen(0, start, at(0, 30)), pause: 25 * time.Second},
		"progress that is no number":            {elapsed: 100 * time.Second, seen: seen(0, start, at(time.Second, math.NaN())), pause: 25 * time.Second},
		"progress so slow that it overflows":    {elapsed: time.Hour, seen: seen(0, start, at(time.Hour, 1e-300)), pause: time.Minute},
		"progress that predicts an overflow":    {elapsed: 100 * time.Second, seen: seen(0, start, at(100*time.Second, 1e-6)), pause: 25 * time.Second},
		"progress beyond 100 is not its end":    {elapsed: 100 * time.Second, seen: seen(0, start, at(100*time.Second, 250)), pause: 3 * time.Second},
		"an elapsed time of many years is fine": {elapsed: math.MaxInt64, seen: seen(0, start, at(math.MaxInt64, 50)), pause: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.pause, row.policy.Pause(row.elapsed, row.seen))
		})
	}
}

// Pause stays within its bounds for any history, and does not modify it.
func TestAdaptiveBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h polling.History
		elapsed := time.Duration(0)
		for range rapid.IntRange(0, polling.MaxChanges).Draw(t, "changes") {
			h.Changes = append(h.Changes, at(elapsed, rapid.Float64().Draw(t, "progress")))
			elapsed += time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "step"))
		}
		h.Unchanged = rapid.IntRange(0, 1000).Draw(t, "unchanged")
		before := slices.Clone(h.Changes)
		pause := polling.Adaptive{}.Pause(elapsed, h)
		blind := min(max(elapsed/4, time.Second), time.Minute)
		if pause < time.Second || pause > max(blind, elapsed*6/10) || pause > 10*time.Minute {
			t.Fatalf("%v after %v", pause, elapsed)
		}
		if fmt.Sprint(before) != fmt.Sprint(h.Changes) {
			t.Fatal("the history was changed")
		}
	})
}

func TestConstant(t *testing.T) {
	for _, h := range []polling.History{{}, seen(3, steady(5)...)} {
		require.Equal(t, 7*time.Second, polling.Constant(7*time.Second).Pause(time.Hour, h))
	}
}

func TestExponential(t *testing.T) {
	for _, row := range []struct {
		policy polling.Exponential
		polls  int
		pause  time.Duration
	}{
		{polling.Exponential{}, 0, time.Second},
		{polling.Exponential{}, 1, 2 * time.Second},
		{polling.Exponential{}, 5, 32 * time.Second},
		{polling.Exponential{}, 6, time.Minute},
		{polling.Exponential{}, math.MaxInt, time.Minute},
		{polling.Exponential{First: time.Hour}, 0, time.Hour},
		{polling.Exponential{First: 2 * time.Second, Max: 20 * time.Second, Factor: 1.5}, 2, 4500 * time.Millisecond},
		{polling.Exponential{First: 2 * time.Second, Max: 20 * time.Second, Factor: 1.5}, 9, 20 * time.Second},
	} {
		require.Equal(t, row.pause, row.policy.Pause(0, polling.History{Polls: row.polls}), row)
	}
}

// A history keeps the first change and the newest, and counts polls.
func TestHistory(t *testing.T) {
	var h polling.History
	for i, progress := range []float64{0, 0, 10, 10, 10} {
		h.Add(time.Duration(i)*time.Second, progress)
	}
	require.Equal(t, polling.History{
		Changes: []polling.Change{{Elapsed: 0, Progress: 0}, {Elapsed: 2 * time.Second, Progress: 10}}, Unchanged: 2, Polls: 5,
	}, h)

	h = polling.History{}
	for i := range 12 {
		h.Add(time.Duration(i)*time.Second, float64(i))
	}
	require.Len(t, h.Changes, polling.MaxChanges)
	require.Zero(t, h.Unchanged)
	require.Zero(t, h.Changes[0].Progress)
	for i, change := range h.Changes[1:] {
		require.InDelta(t, 12-polling.MaxChanges+1+i, change.Progress, 0)
	}
}
