package instant_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/internal/instant"
)

// A clock counts like package time, whatever the time is when it is made.
func TestClock(t *testing.T) {
	var clock instant.Clock
	synctest.Test(t, func(t *testing.T) {
		began := clock.Now()
		require.Positive(t, began)
		require.Equal(t, began, clock.At(time.Now()))
		time.Sleep(time.Minute)
		require.Equal(t, time.Minute, clock.Now().Sub(began))
		require.Equal(t, began.Add(time.Second), clock.At(time.Now().Add(time.Second-time.Minute)))
		require.Zero(t, clock.At(time.Time{}))
		for _, past := range []time.Duration{time.Nanosecond, time.Hour, time.Hour + time.Minute, 1000 * time.Hour} {
			require.NotZero(t, clock.At(time.Now().Add(-past)))
			require.InDelta(t, past, clock.Now().Sub(clock.At(time.Now().Add(-past))), 1)
		}
	})
}

// Times that are far away are still before or after others.
func TestFarTimes(t *testing.T) {
	var clock instant.Clock
	now := clock.Now()
	ancient, last := clock.At(time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC)), clock.At(time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))
	require.Equal(t, instant.Time(math.MaxInt64), last)
	require.Equal(t, last, now.Add(math.MaxInt64))
	require.Equal(t, last, last.Add(1))
	require.Less(t, last.Add(-1), last)
	require.Less(t, ancient, instant.Time(0))
	require.Greater(t, clock.Now().Sub(ancient), 100*365*24*time.Hour)
	require.Greater(t, last.Sub(now), 200*365*24*time.Hour)
	require.Less(t, ancient.Add(math.MaxInt64), last)
	require.Greater(t, ancient.Add(math.MaxInt64), now)
}
