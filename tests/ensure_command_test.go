package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ensureWeb = createWeb + "--ensure --visibility-window 1h "

// scenario writes a scenario for a mock.
func scenario(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "scenario.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text+"\n"), 0o600))
	return path
}

// sent returns how many requests of an operation the mock got.
func (u *user) sent(t *testing.T, operation string) string {
	t.Helper()
	_, counts := fetch(t, u.url(t, "/_emulator/requests"))
	return regexp.MustCompile(`"` + operation + `":(\d+)`).FindStringSubmatch(counts)[1]
}

// A command reads the list while another one begins and ends: it does not act on what
// it has read.
func TestImageThatIsMadeMeanwhile(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.inject(t, `{operation: listCIMG, skip: 2, after: true, delay: 3s}`)
	slow := u.command(t, strings.Fields(ensureWeb+"web-01")...)
	var stdout strings.Builder
	slow.Stdout = &stdout
	require.NoError(t, slow.Start())
	require.Eventually(t, func() bool { return u.sent(t, "listCIMG") == "3" }, 10*time.Second, time.Millisecond)
	fast := u.run(t, ensureWeb+"web-01")
	require.Zero(t, fast.code, fast.stderr)
	require.Contains(t, fast.stdout, "succeeded")
	require.NoError(t, slow.Wait())
	require.Contains(t, stdout.String(), "exists")
	require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
	require.Equal(t, "1", u.sent(t, "createCIMG"))
}

// Nothing is unknown while another process is at work, and a person is told what to do.
func TestImageThatAnotherProcessMakes(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.inject(t, `{operation: createCIMG, delay: 30s}`)
	living := u.command(t, strings.Fields(createWeb+"web-01")...)
	require.NoError(t, living.Start())
	require.Eventually(t, func() bool { return u.sent(t, "createCIMG") == "1" }, 10*time.Second, time.Millisecond)
	for _, ensure := range []string{"", "--ensure "} {
		second := u.run(t, createWeb+ensure+"web-01")
		require.Equal(t, 1, second.code, second.stderr)
		require.Contains(t, second.stderr, "nothing was sent")
		require.Contains(t, second.stderr, "wait for it, then run this again")
	}
	require.NoError(t, living.Process.Kill())
	require.Error(t, living.Wait())
}

// The journal has an image as made a moment ago, and it is gone: then it does not exist.
func TestEnsureAfterADelete(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]func(t *testing.T, u *user){
		"deleted, and not waited for": func(t *testing.T, u *user) {
			require.Zero(t, u.run(t, "delete --yes --no-wait --region gz web-01").code)
		},
		"deleted by a process that was killed": func(t *testing.T, u *user) {
			u.inject(t, `{operation: deleteCIMG, after: true, delay: 30s}`)
			killed := u.command(t, strings.Fields("delete --yes --region gz web-01")...)
			require.NoError(t, killed.Start())
			require.Eventually(t, func() bool { return u.sent(t, "deleteCIMG") == "1" && len(u.images(t, "gz")) == 0 }, 10*time.Second, time.Millisecond)
			require.NoError(t, killed.Process.Kill())
			require.Error(t, killed.Wait())
		},
		"deleted from elsewhere": func(t *testing.T, u *user) {
			require.Zero(t, u.run(t, "delete --yes --region gz --journal "+t.TempDir()+" web-01").code)
		},
		"renamed, and not waited for": func(t *testing.T, u *user) {
			require.Zero(t, u.run(t, "rename --no-wait --region gz web-01 other").code)
		},
		"renamed from elsewhere": func(t *testing.T, u *user) {
			require.Zero(t, u.run(t, "rename --region gz --journal "+t.TempDir()+" web-01 other").code)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := newUser(t)
			require.Zero(t, u.run(t, createWeb+"web-01").code)
			gone(t, u)
			ensured := u.run(t, ensureWeb+"web-01")
			require.Zero(t, ensured.code, ensured.stderr)
			require.Contains(t, ensured.stdout, "succeeded")
			require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
		})
	}
}

// --no-wait prints the ref of the job, also of a call that is found after all.
func TestRefAfterALostResponse(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--job-duration", "5s")
	u.inject(t, `{operation: createCIMG, after: true, reset: true}`)
	require.Equal(t, 5, u.run(t, createWeb+"web-01").code)
	r := u.run(t, createWeb+"--ensure --no-wait web-01")
	require.Zero(t, r.code, r.stderr)
	require.Regexp(t, `^cimg-job:v1\?\S+\n$`, r.stdout)
}

// What a command has made after a lost response did not exist before.
func TestMadeAfterALostResponse(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--job-duration", "0s")
	u.inject(t, `{operation: createCIMG, after: true, reset: true}`)
	r := u.run(t, createWeb+"--ensure --visibility-window 5s web-01")
	require.Zero(t, r.code, r.stderr)
	require.Regexp(t, `found +web-01`, r.stdout)
}

// Nothing was sent, and no reconcile can help.
func TestExitCodeOfAnAmbiguousName(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for range 2 {
		require.Zero(t, u.run(t, createWeb+"web-01").code)
	}
	r := u.run(t, createWeb+"--ensure web-01")
	require.Equal(t, 1, r.code, r.stderr)
	require.Contains(t, r.stderr, "not sent")
	ids := regexp.MustCompile(`\w{32}`).FindAllString(u.run(t, "list --region gz web-01").stdout, -1)
	require.Len(t, ids, 2)
	for _, id := range ids {
		require.Contains(t, r.stderr, id)
	}
}

// What the list showed once is no longer believed to be on its way: also if that was
// seen by a later command than the one that made the image.
func TestEnsureAfterALateListing(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--scenario", scenario(t, "listLag: 1s"))
	require.Zero(t, u.run(t, createWeb+"web-01").code)
	require.Contains(t, u.run(t, ensureWeb+"web-01").stdout, "exists")
	require.Eventually(t, func() bool { return strings.Contains(u.run(t, "list --region gz").stdout, "web-01") }, 30*time.Second, 10*time.Millisecond)
	require.Contains(t, u.run(t, ensureWeb+"web-01").stdout, "exists")
	require.Zero(t, u.run(t, "delete --yes --region gz --journal "+t.TempDir()+" web-01").code)
	require.Contains(t, u.run(t, ensureWeb+"web-01").stdout, "succeeded")
	require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
}

// A service that stores names altered gets one image, however late one asks again.
func TestEnsureWithNamesThatAreStoredAltered(t *testing.T) {
	t.Parallel()
	requireAltered := func(t *testing.T, r ran) {
		t.Helper()
		require.Equal(t, 1, r.code, r.stderr)
		require.Regexp(t, `image \w{32} in gz is listed as "web-acct-web-01", but was requested as "web-01"; from now on, request it as "web-acct-web-01"`, r.stderr)
	}
	for _, line := range []string{createWeb + "--ensure web-01", "replicate --from gz --to bj --snapshot " + snapshot + " web-01"} {
		t.Run(strings.Fields(line)[0], func(t *testing.T) {
			t.Parallel()
			u := newUser(t, "--scenario", scenario(t, `storeName: "web-acct-*"`))
			for _, window := range []string{"1s", "1h", "1ms"} {
				requireAltered(t, u.run(t, strings.Replace(line, " ", " --visibility-window "+window+" ", 1)))
			}
			require.Equal(t, "1", u.sent(t, "createCIMG"))
			require.Equal(t, "0", u.sent(t, "importCIMG"))
			// Once it is gone, it is made again.
			require.Zero(t, u.run(t, "delete --yes --region gz web-acct-web-01").code)
			requireAltered(t, u.run(t, line))
			require.Equal(t, "2", u.sent(t, "createCIMG"))
			// As stored it is found.
			stored := u.run(t, createWeb+"--ensure web-acct-web-01")
			require.Zero(t, stored.code, stored.stderr)
			require.Contains(t, stored.stdout, "exists")
		})
	}
	t.Run("resumed", func(t *testing.T) {
		t.Parallel()
		u := newUser(t, "--scenario", scenario(t, `storeName: "web-acct-*"`))
		require.Zero(t, u.run(t, createWeb+"--no-wait web-01").code)
		requireAltered(t, u.run(t, "wait --resume"))
		for range 2 {
			requireAltered(t, u.run(t, createWeb+"--ensure web-01"))
		}
		require.Equal(t, "1", u.sent(t, "createCIMG"))
	})
}

// The response is lost, too: what the list has since by a similar name may be the
// image.
func TestLostResponseAndAlteredName(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--scenario", scenario(t, `storeName: "web-acct-*"`))
	u.inject(t, `{operation: createCIMG, after: true, reset: true}`)
	require.Equal(t, 5, u.run(t, createWeb+"--ensure web-01").code)
	for _, line := range []string{"wait --resume", "reconcile --resume", createWeb + "--ensure web-01", "replicate --from gz --to bj --snapshot " + snapshot + " web-01"} {
		r := u.run(t, line)
		require.Equal(t, 5, r.code, line+": "+r.stderr)
		require.Contains(t, r.stderr, `"web-acct-web-01"`, line)
		require.Contains(t, r.stderr, "run: cimg jobs --forget", line)
		require.NotContains(t, r.stderr, "reconcile --resume", line)
	}
	require.Equal(t, "1", u.sent(t, "createCIMG"))

	// One that was made before is not.
	u.inject(t, `{operation: createCIMG, reset: true}`)
	require.Equal(t, 5, u.run(t, createWeb+"--ensure 广州02-new").code)
	require.Contains(t, u.run(t, "wait --resume").stderr, "广州02-new in gz: it was not carried out")
}

// The journal keeps what may not be listed yet, however much else was made since.
func TestEnsureAfterManyOthers(t *testing.T) {
	t.Parallel()
	u := newUser(t, "--scenario", scenario(t, "listLag: 1h"))
	require.Zero(t, u.run(t, createWeb+"web-01").code)
	other := u.run(t, createWeb+"other")
	require.Zero(t, other.code, other.stderr)
	files, err := filepath.Glob(filepath.Join(u.state, "cimg", "*.jsonl"))
	require.NoError(t, err)
	content, err := os.ReadFile(files[1])
	require.NoError(t, err)
	for n := range 101 {
		require.NoError(t, os.WriteFile(files[1][:len(files[1])-len(".jsonl")]+fmt.Sprintf("%03d.jsonl", n), content, 0o600))
	}
	require.Zero(t, u.run(t, createWeb+"another").code)
	require.Contains(t, u.run(t, ensureWeb+"web-01").stdout, "exists")
	require.Equal(t, []string{"web-01"}, u.images(t, "gz"))
}

// That a region does not exist is the same to all commands, and known before anything is made.
func TestUnknownRegion(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	for _, line := range []string{
		"list --region nowhere",
		"create --region nowhere --snapshot " + snapshot + " web-01",
		"create --ensure --region nowhere --snapshot " + snapshot + " web-01",
		"replicate --from nowhere --to bj --snapshot " + snapshot + " web-01",
		"replicate --from gz --to bj,nowhere --snapshot " + snapshot + " web-01",
		"replicate --from bj --to nowhere 北京02",
	} {
		r := u.run(t, line)
		require.Equal(t, 3, r.code, line+": "+r.stderr)
		require.Contains(t, r.stderr, "check the id of the region", line)
		require.NotContains(t, r.stderr, "not sent", line)
	}
	for _, to := range []string{"bj,,gz", ",", "bj,g\x01z"} {
		r := u.run(t, "replicate --from gz --to "+to+" --snapshot "+snapshot+" web-01")
		require.Equal(t, 2, r.code, to+": "+r.stderr)
	}
	require.Empty(t, u.images(t, "gz"))
	require.Empty(t, u.images(t, "bj"))

	blanks := outcomeOf(t, u.command(t, "replicate", "--from", "gz", "--to", " bj,bj , gz", "--snapshot", snapshot, "web-01"))
	require.Zero(t, blanks.code, blanks.stderr)
	for _, region := range []string{"gz", "bj"} {
		require.Equal(t, []string{"web-01"}, u.images(t, region))
	}

	require.Zero(t, u.run(t, createWeb+"web-01").code)
	ids := regexp.MustCompile(`\w{32}`).FindAllString(u.run(t, "list --region gz web-01").stdout, -1)
	twice := u.run(t, "replicate --from gz --to bj "+strings.Join(ids, " "))
	require.Equal(t, 2, twice.code, twice.stderr)
	require.Contains(t, twice.stderr, `two of the images have the name "web-01"`)
}
