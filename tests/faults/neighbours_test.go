package faults

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// Row 47: another image of the region is oddly written. The list, EnsureImage and
// Reconcile work beside it.
func TestOddNeighbours(t *testing.T) {
	for name, fields := range map[string]string{
		"text that is cut":     "\"description\":\"\xe5\xa5\"",
		"half a character":     `"description":"a\ud83d","name":"\ud83d\ud83d"`,
		"a time with exponent": `"createTime":1.60379947E12`,
		"precise tags":         `"cimgTags":[9007199254740993]`,
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, s *transport, client *wrapper.Client) {
				s.instead = func(r *http.Request) (*http.Response, error) {
					if !strings.HasSuffix(r.URL.Path, "/list") {
						return nil, nil
					}
					request, err := io.ReadAll(r.Body)
					require.NoError(t, err)
					r.Body = io.NopCloser(bytes.NewReader(request))
					response, err := s.Transport().RoundTrip(r)
					if !bytes.Contains(request, []byte(`"start":0`)) {
						return response, err // the neighbour is on the first page
					}
					require.NoError(t, err)
					body, err := io.ReadAll(response.Body)
					require.NoError(t, err)
					body = bytes.Replace(body, []byte(`"items":[`), []byte(`"items":[{"cimgUuid":"neighbour",`+fields+`},`), 1)
					response.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, []byte(`},]`), []byte(`}]`), 1)))
					return response, nil
				}
				recovery, err := reconcile.New(client)
				require.NoError(t, err)
				image, err := recovery.EnsureImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
				require.NoError(t, err)
				_, err = image.Wait(t.Context())
				require.NoError(t, err)
				require.NoError(t, s.Inject(emulator.Fault{Operation: "createCIMG", Reset: true, After: true}))
				image, err = recovery.EnsureImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "web-02", SnapUUID: snapshot})
				require.NoError(t, err, "which reconciles")
				require.True(t, image.Created)
				var seen []string
				for image, err := range client.Images(t.Context(), "gz") {
					require.NoError(t, err)
					seen = append(seen, image.UUID)
				}
				require.Contains(t, seen, "neighbour")
				require.Len(t, seen, 3)
			})
		})
	}
}
