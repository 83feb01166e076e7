package tests

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

var intendedImage = wrapper.CreateImageInput{Name: "web-01", SnapUUID: "3fd352092a3f553cb124223f6a7f09b4"}

// A process is killed after its create reached the service, and before it saved the
// handle. The next one finds the image by what was saved before the call, and
// nothing is created twice.
func TestIntentOutlivesAKill(t *testing.T) {
	if url := os.Getenv("CIMG_TEST_URL"); url != "" {
		createAndSave(t, url, os.Getenv("CIMG_TEST_FILE"))
		return
	}
	for name, carriedOut := range map[string]bool{"carried out": true, "not carried out": false} {
		t.Run(name, func(t *testing.T) {
			var later atomic.Int64 // how far the service's clock was advanced
			cloud, err := emulator.New(emulator.Options{Strict: true, Now: func() time.Time { return time.Now().Add(time.Duration(later.Load())) }})
			require.NoError(t, err)
			arrived := make(chan struct{}, 2)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, "/create") {
					cloud.ServeHTTP(w, r)
					return
				}
				if carriedOut {
					cloud.ServeHTTP(httptest.NewRecorder(), r)
				} else {
					_, _ = r.Body.Read(make([]byte, 1<<10)) // to notice that the client has gone
				}
				arrived <- struct{}{}
				<-r.Context().Done()
				panic(http.ErrAbortHandler)
			}))
			t.Cleanup(server.Close)
			file := filepath.Join(t.TempDir(), "intent")

			killed := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestIntentOutlivesAKill$")
			killed.Env = append(os.Environ(), "CIMG_TEST_URL="+server.URL, "CIMG_TEST_FILE="+file)
			var output bytes.Buffer
			killed.Stdout, killed.Stderr = &output, &output
			require.NoError(t, killed.Start())
			ended := make(chan error, 1)
			go func() { ended <- killed.Wait() }()
			select {
			case <-arrived:
			case err := <-ended:
				t.Fatalf("it ended before its create arrived: %v: %s", err, output.String())
			}
			require.NoError(t, killed.Process.Kill()) // SIGKILL
			require.Error(t, <-ended)

			saved, err := os.ReadFile(file)
			require.NoError(t, err)
			var intent wrapper.OutcomeUnknownError
			require.NoError(t, intent.UnmarshalText(saved), "nothing but the intent was saved")
			client := clientOfIntents(t, server.URL)
			recovery, err := reconcile.New(client, reconcile.WithVisibilityWindow(time.Millisecond))
			require.NoError(t, err)
			findings, err := recovery.Reconcile(t.Context(), &intent)
			require.NoError(t, err)
			require.Len(t, findings, 1)
			require.Empty(t, arrived, "the create was repeated")
			if !carriedOut {
				require.Equal(t, reconcile.NotObserved, findings[0].Verdict)
				return
			}
			require.Equal(t, reconcile.Found, findings[0].Verdict)
			require.Equal(t, cloud.Jobs("gz")[0].JobUUID, findings[0].Job.Ref.JobUUID)
			later.Store(int64(time.Hour))
			uuid, err := findings[0].Wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, cloud.Images("gz")[0].UUID, uuid)
			ensured, err := recovery.EnsureImage(t.Context(), "gz", intendedImage)
			require.NoError(t, err)
			require.False(t, ensured.Created)
			require.Len(t, cloud.Images("gz"), 1)
			require.Equal(t, 1, cloud.Requests("createCIMG"))
		})
	}
}

// createAndSave is the process that is killed.
func createAndSave(t *testing.T, url, file string) {
	save := func(text []byte, err error) {
		require.NoError(t, err)
		f, err := os.Create(file)
		require.NoError(t, err)
		_, err = f.Write(text)
		require.NoError(t, err)
		require.NoError(t, f.Sync())
		require.NoError(t, f.Close())
	}
	intent, err := wrapper.CreateIntent("gz", intendedImage)
	require.NoError(t, err)
	save(intent.MarshalText())
	handle, err := clientOfIntents(t, url).CreateImage(t.Context(), "gz", intendedImage)
	require.NoError(t, err)
	save(handle.Ref.MarshalText())
}

func clientOfIntents(t *testing.T, url string) *wrapper.Client {
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithBaseURL(url),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: time.Millisecond}))
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	return client
}
