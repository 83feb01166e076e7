//go:build slow

package tests

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The service has forgotten the job of an accepted call, but lists its image, by the
// id that the journal has: it is not made again, and nothing is ambiguous. A command
// believes for half a minute that a job may not be known yet, which is too long for
// `make test`.
func TestForgottenJobOfAListedImage(t *testing.T) {
	t.Parallel()
	const forgotten = "jobs: [{operation: createCIMG, name: \"*web-01\", missingFor: 1h}]"
	requireFound := func(t *testing.T, u *user) {
		t.Helper()
		started := u.run(t, createWeb+"--no-wait web-01")
		require.Zero(t, started.code, started.stderr)
		uuid := regexp.MustCompile(`resource=(\w{32})`).FindStringSubmatch(started.stdout)[1]
		require.Regexp(t, `gz +`+uuid+` +found +web-01`, u.run(t, "wait --resume").stdout)
		require.Equal(t, 1, strings.Count(u.run(t, "jobs").stdout, "\n"), "nothing is unfinished")
	}
	t.Run("stored by another name", func(t *testing.T) {
		t.Parallel()
		u := newUser(t, "--scenario", scenario(t, "storeName: acct-*\n"+forgotten))
		requireFound(t, u)
		again := u.run(t, createWeb+"--ensure web-01")
		require.Contains(t, again.stderr, `is listed as "acct-web-01"`)
		require.Equal(t, "1", u.sent(t, "createCIMG"))
	})
	t.Run("one of two", func(t *testing.T) {
		t.Parallel()
		u := newUser(t, "--scenario", scenario(t, forgotten))
		require.Zero(t, u.run(t, createWeb+"other").code)
		require.Zero(t, u.run(t, "rename --region gz other web-01").code)
		requireFound(t, u)
	})
}
