package reconcile

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

// A name is stored only while a call holds its lock, waits for it, or left
// something to remember.
func TestNameLocksDropUnusedNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		locks := nameLocks{names: make(map[imageName]*nameMemory)}
		stored := func() int {
			locks.mu.Lock()
			defer locks.mu.Unlock()
			return len(locks.names)
		}
		first, err := locks.lock(t.Context(), imageName{"gz", "a"})
		require.NoError(t, err)
		second := make(chan *nameMemory)
		go func() {
			mine, err := locks.lock(context.Background(), imageName{"gz", "a"})
			if err != nil {
				t.Error(err)
			}
			second <- mine
		}()
		synctest.Wait()
		require.Equal(t, 1, stored())
		locks.unlock(imageName{"gz", "a"}, first)
		mine := <-second
		require.Same(t, first, mine, "they share one lock")
		require.Equal(t, 1, stored())

		mine.remember(&wrapper.JobHandle{}, nil)
		locks.unlock(imageName{"gz", "a"}, mine)
		require.Equal(t, 1, stored())
		for _, lost := range []*wrapper.OutcomeUnknownError{{}, nil} {
			mine, err = locks.lock(t.Context(), imageName{"gz", "a"})
			require.NoError(t, err)
			mine.remember(nil, lost)
			locks.unlock(imageName{"gz", "a"}, mine)
			require.Equal(t, lost != nil, stored() == 1)
		}

		_, err = locks.lock(t.Context(), imageName{"gz", "b"})
		require.NoError(t, err)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = locks.lock(ended, imageName{"gz", "b"})
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, stored())
	})
}
