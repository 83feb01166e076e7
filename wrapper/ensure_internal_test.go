package wrapper

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// A name is kept while a call has its turn, waits for it, or left something to
// remember; and no longer.
func TestTurnsKeepNoNamesForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turns turns
		kept := func() int {
			turns.leave(turns.join(imageName{"gz", "probe"})) // as each call does
			return len(turns.names) - 1
		}
		first, err := turns.take(t.Context(), imageName{"gz", "a"})
		require.NoError(t, err)
		second := make(chan *turn)
		go func() {
			mine, err := turns.take(context.Background(), imageName{"gz", "a"})
			if err != nil {
				t.Error(err)
			}
			second <- mine
		}()
		synctest.Wait()
		require.Equal(t, 1, kept())
		turns.giveBack(first)
		mine := <-second
		require.Same(t, first, mine, "they take turns at the same")
		require.Equal(t, 1, kept())

		mine.remember(&JobHandle{}, nil)
		turns.giveBack(mine)
		require.Equal(t, 1, kept())
		for _, lost := range []*OutcomeUnknownError{{}, nil} {
			mine, err = turns.take(t.Context(), imageName{"gz", "a"})
			require.NoError(t, err)
			mine.remember(nil, lost)
			turns.giveBack(mine)
			require.Equal(t, lost != nil, kept() == 1)
		}

		_, err = turns.take(t.Context(), imageName{"gz", "b"})
		require.NoError(t, err)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = turns.take(ended, imageName{"gz", "b"})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, kept())
	})
}
