package wrapper_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestClockOffset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var header http.Header
		took := 2 * time.Second
		client := clientThrough(t, func(*http.Request) (*http.Response, error) {
			time.Sleep(took)
			resp, err := respond(`{"errno":0,"errmsg":"ok","requestId":"r1","data":[]}`)
			resp.Header = header
			return resp, err
		})
		list := func(date string) {
			header = http.Header{"Date": {date}}
			for _, err := range client.Images(t.Context(), "gz") {
				require.NoError(t, err)
			}
		}
		list("yesterday")
		_, _, measured := client.ClockOffset()
		require.False(t, measured)

		time.Sleep(700 * time.Millisecond)
		list(time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
		ahead, uncertainty, measured := client.ClockOffset()
		require.True(t, measured)
		require.Equal(t, time.Hour-1200*time.Millisecond, ahead, "from 2.7 s less to 0.3 s more")
		require.Equal(t, 1500*time.Millisecond, uncertainty)

		list("yesterday") // without a Date that can be read, the last one counts
		again, _, _ := client.ClockOffset()
		require.Equal(t, ahead, again)

		// Of two that agree, the one that shows more counts, and else the last.
		shown := time.Hour
		listAfter := func(d time.Duration) (ahead, uncertainty time.Duration) {
			took = d
			list(time.Now().Add(shown).UTC().Truncate(time.Second).Format(http.TimeFormat))
			ahead, uncertainty, _ = client.ClockOffset()
			require.LessOrEqual(t, (ahead - shown).Abs(), uncertainty)
			return ahead, uncertainty
		}
		ahead, uncertainty = listAfter(0)
		require.Equal(t, 500*time.Millisecond, uncertainty)
		again, uncertainty = listAfter(time.Minute)
		require.Equal(t, 500*time.Millisecond, uncertainty, "a slow response shows less")
		require.Equal(t, ahead, again)
		for _, shown = range []time.Duration{2 * time.Hour, -time.Hour} { // a clock was set
			_, uncertainty = listAfter(time.Minute)
			require.Equal(t, 30500*time.Millisecond, uncertainty)
		}
	})
}
