package queue_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/internal/queue"
)

// The queue stays in order, and its items know their place, whatever is taken out of
// its middle.
func TestQueue(t *testing.T) {
	type item struct{ rank, index int }
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 0))
		q := queue.New(func(i *item) int64 { return int64(i.rank) }, func(i *item, index int) { i.index = index })
		var within []*item
		for range 200 {
			if len(within) > 0 && rng.IntN(3) == 0 {
				i := rng.IntN(len(within))
				require.Same(t, within[i], q.Remove(within[i].index))
				within = slices.Delete(within, i, i+1)
			} else {
				added := &item{rank: rng.IntN(50) - 25}
				q.Add(added)
				within = append(within, added)
			}
			require.Equal(t, len(within), q.Len())
			if len(within) > 0 {
				first := slices.MinFunc(within, func(a, b *item) int { return a.rank - b.rank })
				require.Equal(t, first.rank, q.First().rank)
			}
		}
		for last := -25; q.Len() > 0; {
			first := q.Remove(0)
			require.LessOrEqual(t, last, first.rank)
			last = first.rank
		}
	}
}

// Items that are not before others do not move for them.
func TestEqualRanks(t *testing.T) {
	moves := 0
	q := queue.New(func(int) int64 { return 7 }, func(int, int) { moves++ })
	for i := range 100 {
		q.Add(i)
		require.Equal(t, i+1, moves)
	}
	for q.Len() > 1 {
		moves = 0
		q.Remove(0)
		require.Equal(t, 1, moves)
	}
}
