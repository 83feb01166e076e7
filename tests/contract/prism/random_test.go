package prism

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/wrapper"
)

// Whatever the contract allows a reply to be: a change ends in exactly one of
// the four outcomes, and nothing hangs.
func TestRandomReplies(t *testing.T) {
	p := startPrism(t, "mock", "--dynamic", withFewErrnos(t))
	client, _ := newClient(t, p, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()

	// Replies are random, so it goes on until each outcome was seen.
	seen := map[string]int{}
	for sent := 0; sent < 100 || len(seen) < 3; {
		for operation, call := range calls {
			_, err := call(ctx, client)
			sent++
			require.NoError(t, ctx.Err(), "after %d calls: %v", sent, seen)
			if changes(operation) {
				seen[outcome(t, err)]++
			}
		}
	}
	t.Log(seen)
	require.NotContains(t, seen, "not sent")

	handle, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: jobUUID})
	require.NoError(t, err)
	for range 5 {
		_, err := handle.Wait(ctx, wrapper.MissingGrace(20*time.Millisecond), wrapper.MaxFailures(3))
		var waited *wrapper.WaitError
		require.ErrorAs(t, err, &waited, "no random job has that id")
		require.NoError(t, ctx.Err())
	}
}

// outcome says which of the four outcomes an error of a change is.
func outcome(t *testing.T, err error) string {
	t.Helper()
	var unknown *wrapper.OutcomeUnknownError
	var refused *wrapper.APIError
	isUnknown := errors.As(err, &unknown)
	outcomes := map[string]bool{
		"accepted": err == nil,
		"unknown":  isUnknown,
		"rejected": errors.As(err, &refused) && !isUnknown,
		"not sent": errors.Is(err, wrapper.ErrNotSent),
	}
	var found []string
	for name, is := range outcomes {
		if is {
			found = append(found, name)
		}
	}
	require.Len(t, found, 1, "%v", err)
	return found[0]
}

// withFewErrnos writes a copy of the contract that knows few errnos: a number at
// random is never 0.
func withFewErrnos(t *testing.T) string {
	t.Helper()
	const errno = "\n    Errno:\n      type: integer\n"
	require.Contains(t, string(cimg.Spec), errno)
	narrowed := strings.Replace(string(cimg.Spec), errno, errno+"      enum: [0, 2, 4, 41017]\n", 1)
	path := filepath.Join(t.TempDir(), "openapi.yaml")
	require.NoError(t, os.WriteFile(path, []byte(narrowed), 0o600))
	return path
}
