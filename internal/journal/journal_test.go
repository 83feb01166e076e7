package journal_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/internal/journal"
	"github.com/cimg-go/cimg/wrapper"
)

const service = "http://127.0.0.1:8080"

func open(t *testing.T, dir string) *journal.Journal {
	t.Helper()
	j := journal.New(dir, service, []string{"cimg", "create", "web-01"})
	t.Cleanup(j.Close)
	return j
}

func all(journal.Entry) bool { return true }

func create(t *testing.T, name string) *wrapper.OutcomeUnknownError {
	t.Helper()
	call, err := wrapper.CreateIntent("gz", wrapper.CreateImageInput{Name: name, SnapUUID: "s"})
	require.NoError(t, err)
	return call
}

func intend(t *testing.T, j *journal.Journal, name string) (id string) {
	t.Helper()
	id, err := j.Intend(create(t, name), nil)
	require.NoError(t, err)
	return id
}

// files returns the journal's files, the oldest first.
func files(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(t, err)
	return found
}

func TestNextProcessContinuesWhatIsUnfinished(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "cimg")
	killed := open(t, dir)
	intend(t, killed, "intended")
	accepted := intend(t, killed, "accepted")
	require.NoError(t, killed.Accepted(accepted, wrapper.JobRef{Region: "gz", JobUUID: "j"}))
	ended := intend(t, killed, "ended")
	require.NoError(t, killed.End(ended, "rejected", ""))
	killed.Close() // as the operating system would

	next := open(t, dir)
	left, err := next.TakeOver(all)
	require.NoError(t, err)
	require.Len(t, left, 2)
	require.Equal(t, "intended", left[0].Name())
	require.Nil(t, left[0].Job)
	require.Equal(t, "j", left[1].Job.JobUUID)
	require.Equal(t, []string{"cimg", "create", "web-01"}, left[0].Command)
	require.Equal(t, service, left[0].Service)

	require.NoError(t, next.End(left[0].ID, "not observed", ""))
	require.NoError(t, next.End(left[1].ID, "succeeded", ""))
	next.Close()
	left, err = open(t, dir).TakeOver(all)
	require.NoError(t, err)
	require.Empty(t, left)
	entries, err := open(t, dir).Entries()
	require.NoError(t, err)
	require.Len(t, entries, 3)
}

func TestLivingProcessKeepsItsCalls(t *testing.T) {
	dir := t.TempDir()
	living, other := open(t, dir), open(t, dir)
	id := intend(t, living, "web-01")
	left, err := other.TakeOver(all)
	require.NoError(t, err)
	require.Empty(t, left)
	entries, err := other.Entries()
	require.NoError(t, err)
	require.True(t, entries[0].Live)
	require.ErrorContains(t, other.End(id, "forgotten", ""), id)

	living.Close()
	left, err = other.TakeOver(all)
	require.NoError(t, err)
	require.Len(t, left, 1)
	third, err := open(t, dir).TakeOver(all)
	require.NoError(t, err)
	require.Empty(t, third, "the second process has them")
}

// What is left behind by a process, and not wanted, stays for others.
func TestWhatIsNotWantedIsLeft(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"web-01", "web-02"} {
		killed := open(t, dir)
		intend(t, killed, name)
		killed.Close()
	}
	first, second := open(t, dir), open(t, dir)
	left, err := first.TakeOver(func(e journal.Entry) bool { return e.Name() == "web-01" })
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, "web-01", left[0].Name())
	left, err = second.TakeOver(all)
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, "web-02", left[0].Name())
}

// What a process takes over it may change, also if others end meanwhile.
func TestWhatIsTakenOverCanBeChanged(t *testing.T) {
	dir := t.TempDir()
	var group sync.WaitGroup
	defer group.Wait()
	done := make(chan struct{})
	defer close(done)
	for _, name := range []string{"web-01", "web-02", "web-03", "web-04"} {
		call := create(t, name)
		group.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				killed := journal.New(dir, service, nil)
				killed.Intend(call, nil) // or an earlier one is unfinished
				killed.Close()
			}
		})
	}
	for changed := 0; changed < 60; {
		j := open(t, dir)
		left, err := j.TakeOver(all)
		changed += len(left)
		require.NoError(t, err)
		for _, e := range left {
			require.NoError(t, j.End(e.ID, "succeeded", ""))
		}
		j.Close()
	}
}

func TestNothingIsIntendedTwice(t *testing.T) {
	dir := t.TempDir()
	first, second := open(t, dir), open(t, dir)
	id := intend(t, first, "web-01")
	intend(t, second, "web-02")
	for _, j := range []*journal.Journal{first, second} {
		var unfinished *journal.EarlierError
		_, err := j.Intend(create(t, "web-01"), nil)
		require.ErrorAs(t, err, &unfinished)
		require.Equal(t, id, unfinished.Entry.ID)
	}
	copied, err := wrapper.ImportIntent("gz", wrapper.ImportImageInput{Name: "web-01", OriginImageUUID: "i", OriginRegionID: "bj"})
	require.NoError(t, err)
	_, err = second.Intend(copied, nil)
	require.Error(t, err, "it would have the same name")

	elsewhere := journal.New(dir, "https://other.example", nil)
	t.Cleanup(elsewhere.Close)
	intend(t, elsewhere, "web-01")
	left, err := elsewhere.TakeOver(all)
	require.NoError(t, err)
	require.Len(t, left, 1, "those of another service are not its own")

	require.NoError(t, first.End(id, "succeeded", ""))
	intend(t, second, "web-01")
}

// A process decides to make an image by what it has read of the journal. Meanwhile
// another one may have begun and ended.
func TestNothingIsIntendedAfterNews(t *testing.T) {
	dir := t.TempDir()
	first, second := open(t, dir), open(t, dir)
	needless := func(e journal.Entry) bool { return e.Result == "i" }
	require.NoError(t, first.End(intend(t, first, "web-01"), "rejected", ""))
	require.NoError(t, first.End(intend(t, first, "web-02"), "succeeded", "i"))
	rejected, err := second.Intend(create(t, "web-01"), needless)
	require.NoError(t, err)
	require.NoError(t, second.End(rejected, "rejected", ""))
	var earlier *journal.EarlierError
	_, err = second.Intend(create(t, "web-02"), needless)
	require.ErrorAs(t, err, &earlier)
	require.Equal(t, "i", earlier.Entry.Result)
	intend(t, second, "web-02")
}

// What the list shows is recorded by the command that sees it, also after the end.
func TestListed(t *testing.T) {
	dir := t.TempDir()
	first, second := open(t, dir), open(t, dir)
	id := intend(t, first, "web-01")
	require.NoError(t, second.Listed(id, "another process is at work on it"))
	require.NoError(t, first.End(id, "succeeded", "i"))
	listed := func() string {
		entries, err := open(t, dir).Entries()
		require.NoError(t, err)
		return entries[0].Listed
	}
	require.Empty(t, listed())
	require.NoError(t, first.Listed(id, "web-01"))
	require.Equal(t, "web-01", listed())
	first.Close()
	require.NoError(t, second.Listed(id, "web-02"))
	require.Equal(t, "web-02", listed())
	require.Error(t, second.Listed(id+"0", "web-02"))
	require.NoError(t, second.Listed("removed-1", "web-02"))
}

// A process may be killed in the middle of a write.
func TestLineThatWasNotFinished(t *testing.T) {
	dir := t.TempDir()
	killed := open(t, dir)
	intend(t, killed, "web-01")
	intend(t, killed, "web-02")
	killed.Close()
	path := files(t, dir)[0]
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	second := strings.LastIndex(strings.TrimSuffix(string(whole), "\n"), "\n") + 1
	for _, cut := range []int{second, second + 1, second + 40, len(whole) - 1} {
		require.NoError(t, os.WriteFile(path, whole[:cut], 0o600))
		j := open(t, dir)
		left, err := j.TakeOver(all)
		require.NoError(t, err)
		require.Len(t, left, 1, "the second call was not made yet")
		require.NoError(t, j.Accepted(left[0].ID, wrapper.JobRef{Region: "gz", JobUUID: "j"}))
		j.Close()
		j = open(t, dir)
		left, err = j.TakeOver(all)
		require.NoError(t, err)
		require.Equal(t, "j", left[0].Job.JobUUID, "what was written after it can be read")
		j.Close()
	}
}

func TestBrokenLine(t *testing.T) {
	for _, broken := range []string{"{", `{"entry":7,"end":"succeeded"}`, `{"entry":1}`, `{"entry":1,"job":"cimg-job:v2?"}`} {
		dir := t.TempDir()
		j := open(t, dir)
		intend(t, j, "web-01")
		j.Close()
		path := files(t, dir)[0]
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = f.WriteString(broken + "\n" + `{"entry":1,"end":"succeeded"}` + "\n")
		require.NoError(t, err)
		require.NoError(t, f.Close())
		before, err := os.ReadFile(path)
		require.NoError(t, err)

		_, err = open(t, dir).TakeOver(all)
		require.ErrorContains(t, err, path+", line 3")
		require.NotContains(t, err.Error(), "\n")
		_, err = open(t, dir).Intend(create(t, "web-02"), nil)
		require.ErrorContains(t, err, "line 3")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, string(before), string(after))
	}
}

func TestOldFilesAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		j := open(t, dir)
		intend(t, j, "unfinished")
		j.Close()
		create120 := func() {
			for range 120 {
				time.Sleep(time.Minute)
				j := open(t, dir)
				require.NoError(t, j.End(intend(t, j, "web-01"), "succeeded", ""))
				j.Close()
			}
		}
		create120()
		require.Len(t, files(t, dir), 121, "what was made lately may not be listed yet")
		time.Sleep(24 * time.Hour)
		create120()
		require.Len(t, files(t, dir), 121)
		left, err := open(t, dir).TakeOver(all)
		require.NoError(t, err)
		require.Equal(t, "unfinished", left[0].Name())
	})
}

func TestOnlyEntriesThatExistAreChanged(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	id := intend(t, j, "web-01")
	for _, wrong := range []string{id + "0", id[:len(id)-1] + "0", id[:len(id)-1] + "2", id[:len(id)-2], "x-1", "", "-1"} {
		require.Error(t, j.End(wrong, "forgotten", ""), wrong)
	}
	entries, err := j.Entries()
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Empty(t, entries[0].End)
}

func TestFileModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cimg")
	intend(t, open(t, dir), "web-01")
	for _, path := range append(files(t, dir), dir) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, path)
	}
}

func TestDefaultDir(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	dir, err := journal.DefaultDir()
	require.NoError(t, err)
	require.Equal(t, filepath.Join("/state", "cimg"), dir)
	t.Setenv("XDG_STATE_HOME", "relative") // the convention: ignore it
	dir, err = journal.DefaultDir()
	require.NoError(t, err)
	require.True(t, filepath.IsAbs(dir))
}
