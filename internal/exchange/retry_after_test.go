package exchange

import (
	"math"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
	rows := []struct {
		value, date string
		want        time.Duration
	}{
		{"", "", 0},
		{"0", "", 0},
		{"1", "", time.Second},
		{" 120 ", "", 2 * time.Minute},
		{"3600", "", time.Hour},
		{"-1", "", 0},
		{"1.5", "", 0},
		{"soon", "", 0},
		{"9223372036", "", 9223372036 * time.Second},
		{"9223372037", "", 9223372036 * time.Second},
		{"99999999999999999999999999", "", 9223372036 * time.Second},
		{"Sat, 21 Nov 2026 20:00:30 GMT", "", 30 * time.Second},
		{"Sat, 21 Nov 2026 19:59:59 GMT", "", 0},
		{"Fri, 31 Dec 9999 23:59:59 GMT", "", math.MaxInt64},
		{"Sat, 21 Nov 2026 20:00:30 GMT", "Sat, 21 Nov 2026 20:00:10 GMT", 20 * time.Second},
		{"Sat, 21 Nov 2026 20:00:30 GMT", "today", 30 * time.Second},
		{"120", "Sat, 21 Nov 2026 20:00:10 GMT", 2 * time.Minute},
	}
	for _, row := range rows {
		header := http.Header{"Retry-After": {row.value}, "Date": {row.date}}
		require.Equal(t, row.want, RetryAfter(header, now), row)
	}
	require.Zero(t, RetryAfter(http.Header{}, now))
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{
		"", "0", "120", "-1", "1.5", " 7 ", "soon", "99999999999999999999999999", "9223372036", "9223372037", "18446744073709551615",
		"Sat, 21 Nov 2026 20:00:30 GMT", "Saturday, 21-Nov-26 20:00:30 GMT", "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT",
	} {
		f.Add(seed, "Sat, 21 Nov 2026 20:00:00 GMT")
	}
	f.Fuzz(func(t *testing.T, value, date string) {
		now := time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)
		delay := RetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}, now)
		require.GreaterOrEqual(t, delay, time.Duration(0))
		require.Equal(t, delay, RetryAfter(http.Header{"Retry-After": {" " + value + " "}, "Date": {date}}, now))
		if seconds, err := strconv.Atoi(value); err == nil && seconds >= 0 && seconds < 1e9 && value[0] != '+' && value[0] != '-' {
			require.Equal(t, time.Duration(seconds)*time.Second, delay)
		}
	})
}
