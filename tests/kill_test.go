package tests

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// kills is how many times the test kills a command. .ci/check asks for more.
func kills(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("CIMG_KILLS"), "6"))
	require.NoError(t, err)
	return n
}

// A command that brings 20 images to two regions is killed at a random moment, at
// times its successor, too. The last one ends with exactly these images: also if
// the list shows them late, and responses to creates are lost now and then.
func TestReplicateSurvivesKills(t *testing.T) {
	t.Parallel()
	t.Run("a good service", func(t *testing.T) {
		t.Parallel()
		surviveKills(t, kills(t), "300ms", "listLag: 0s\n")
	})
	t.Run("a bad service", func(t *testing.T) {
		t.Parallel()
		surviveKills(t, max(kills(t)/5, 1), "1s", "listLag: 200ms\nfaults: [{operation: createCIMG, skip: 7, after: true, reset: true}, {operation: importCIMG, skip: 3, reset: true}]\n")
	})
}

func surviveKills(t *testing.T, kills int, window, faults string) {
	t.Helper()
	u := newUser(t, "--job-duration", "60ms", "--scenario", scenario(t, faults))
	u.env = append(u.env, "CIMG_VISIBILITY_WINDOW="+window)
	var names []string
	for n := range 20 {
		names = append(names, fmt.Sprintf("web-%02d", n+1))
	}
	replicate := append(strings.Fields("replicate --from gz --to bj --snapshot "+snapshot), names...)

	began := time.Now()
	outcomeOf(t, u.command(t, replicate...))
	took := time.Since(began)

	seed := rand.Uint64()
	t.Logf("a whole run took %v; seed %d", took, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	figures := map[string]int{}
	for figures["killed"] < kills {
		figures["rounds"]++
		resp, err := http.Post(u.url(t, "/_emulator/reset"), "", nil) //nolint:noctx // it ends with the mock
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		u.env = append(u.env, "XDG_STATE_HOME="+t.TempDir())

		next := replicate
		for range 1 + random.IntN(3) {
			if killed := kill(t, u.command(t, next...), time.Duration(random.Int64N(int64(took)))); !killed {
				break
			}
			figures["killed"]++
			left := u.run(t, "jobs --output json")
			require.Zero(t, left.code, left.stderr)
			unknown, accepted := strings.Count(left.stdout, `"state":"unknown"`), strings.Count(left.stdout, `"state":"accepted"`)
			figures["calls without an outcome"] += unknown
			figures["jobs left running"] += accepted
			if unknown+accepted > 0 {
				figures["killed with something to resume"]++
			}
			next = [][]string{replicate, {"wait", "--resume"}, {"reconcile", "--resume"}}[random.IntN(3)]
		}
		if random.IntN(2) == 0 {
			resumed := u.run(t, "wait --resume") // 1: a call was not carried out
			require.Contains(t, []int{0, 1}, resumed.code, resumed.stderr)
		}
		last := outcomeOf(t, u.command(t, replicate...))
		if last.code == 5 && strings.Contains(faults, "faults") { // a response was lost, and nothing came of the call
			last = outcomeOf(t, u.command(t, replicate...))
		}
		require.Zero(t, last.code, last.stderr)
		for _, region := range []string{"gz", "bj"} {
			got := u.images(t, region)
			slices.Sort(got)
			require.Equal(t, names, got, "in %s, after seed %d", region, seed)
		}
		require.Equal(t, 1, strings.Count(u.run(t, "jobs").stdout, "\n"), "nothing is unfinished")
	}
	if kills >= 100 {
		require.Positive(t, figures["killed with something to resume"])
	}
	for _, what := range slices.Sorted(maps.Keys(figures)) {
		t.Logf("%s: %d", what, figures[what])
	}
}

// kill starts a command and kills it after a time, unless it has ended.
func kill(t *testing.T, cmd *exec.Cmd, after time.Duration) (killed bool) {
	t.Helper()
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
		return false
	case <-time.After(after):
		if err := cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) { // it may just have ended
			require.NoError(t, err)
		}
		<-ended
		return cmd.ProcessState.ExitCode() == -1
	}
}
