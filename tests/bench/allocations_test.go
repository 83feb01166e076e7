//go:build !race

package bench

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allocationsFile has the allocations of the wrapper's calls: those over the loopback are
// of its own transports, and of the server. They depend on the Go version, but not on
// the machine.
const allocationsFile = "allocations.txt"

// `make bench-check` runs this. A few calls allocate more, when a pool is empty or the
// runtime does, and a few less; most take the same number, which is the median. Nothing
// is collected meanwhile, because that would empty the pools.
func TestAllocations(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	known, err := os.ReadFile(allocationsFile)
	require.NoError(t, err)
	now := fmt.Appendf(nil, "Counted with %s.\n", runtime.Version())
	for _, r := range rows {
		call := r.call(t, connectWrapper)
		counts := make([]float64, 101)
		for i := range counts {
			counts[i] = testing.AllocsPerRun(1, func() { // which calls once before it counts
				jobs, err := call(t.Context())
				require.NoError(t, err)
				require.Equal(t, r.items, jobs)
			})
		}
		count := quantile(counts, 0.5)
		now = fmt.Appendf(now, "%s: %.0f\n", r, count)

		_, rest, _ := strings.Cut(string(known), r.String()+":")
		var before float64
		_, err := fmt.Sscan(rest, &before)
		if !*update && assert.NoError(t, err, r) {
			assert.LessOrEqual(t, count, before, "%s allocates more than %s has, with %s. If it must: make bench-check ARGS=-update", r, allocationsFile, runtime.Version())
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(allocationsFile, now, 0o644))
	} else if string(now) != string(known) {
		t.Logf("%s differs (make bench-check ARGS=-update):\n%s", allocationsFile, now)
	}
}
