package prism

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

// validated starts an emulator, and a Prism in front of it that answers what
// breaks the contract with an error.
func validated(t *testing.T) (*prism, *emulator.Emulator) {
	t.Helper()
	cloud, err := emulator.New(emulator.Options{
		Strict:         true,
		CheckResponses: true,
		MaxPageSize:    50,
		Plan: func(start emulator.JobStart) emulator.Plan {
			plan := emulator.Plan{Duration: 50 * time.Millisecond}
			if strings.Contains(start.Name, "doomed") {
				plan.Failure, plan.FailAt = "the snapshot could not be read", 0.5
			}
			return plan
		},
	})
	require.NoError(t, err)
	server := httptest.NewServer(cloud)
	t.Cleanup(server.Close)
	return startPrism(t, "proxy", contract, server.URL, "--errors"), cloud
}

// Nothing that the wrapper sends and nothing that the emulator answers breaks
// the contract, in Prism's reading of it.
func TestNoViolation(t *testing.T) {
	p, cloud := validated(t)
	client, recorded := newClient(t, p, nil)
	ctx := t.Context()

	t.Run("the life of an image", func(t *testing.T) {
		created, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web & 镜像", SnapUUID: snapshotUUID, Description: "<one>"})
		require.NoError(t, err)
		built, err := created.Wait(ctx)
		require.NoError(t, err)

		copied, err := client.ImportImage(ctx, "bj", wrapper.ImportImageInput{
			Name: "web-02", OriginRegionID: "gz", OriginImageUUID: built.ResourceUUID,
		})
		require.NoError(t, err)
		listed, err := imagesOf(ctx, client, "bj") // with the job that copies
		require.NoError(t, err)
		require.Len(t, listed, 3)
		_, err = copied.Wait(ctx)
		require.NoError(t, err)

		renamed, err := client.RenameImage(ctx, "bj", wrapper.RenameImageInput{ImageUUID: copied.Ref.ResourceUUID, Name: "web-03"})
		require.NoError(t, err)
		_, err = renamed.Wait(ctx)
		require.NoError(t, err)
		for image, err := range client.Images(ctx, "bj", "web-03") {
			require.NoError(t, err)
			require.Equal(t, copied.Ref.ResourceUUID, image.UUID)
		}

		deleted, err := client.DeleteImage(ctx, "bj", copied.Ref.ResourceUUID)
		require.NoError(t, err)
		_, err = deleted.Wait(ctx)
		require.NoError(t, err)
		listed, err = imagesOf(ctx, client, "bj")
		require.NoError(t, err)
		require.Len(t, listed, 2)
	})

	t.Run("many at a time", func(t *testing.T) {
		inputs := make([]wrapper.CreateImageInput, 120)
		for i := range inputs {
			inputs[i] = wrapper.CreateImageInput{Name: fmt.Sprintf("many-%03d", i), SnapUUID: snapshotUUID}
		}
		inputs[7].Name = "doomed"
		created, err := client.CreateImages(ctx, "gz", inputs)
		require.NoError(t, err)
		outcomes, err := client.WaitAll(ctx, created)
		var failed *wrapper.JobFailedError
		require.ErrorAs(t, err, &failed)
		require.Len(t, outcomes, len(inputs))

		polled := make([]string, 0, 100)
		for _, handle := range created[:cap(polled)] {
			polled = append(polled, handle.Ref.JobUUID)
		}
		jobs, err := client.JobResults(ctx, "gz", polled...)
		require.NoError(t, err)
		require.Len(t, jobs, len(polled))
		for _, err := range client.Images(ctx, "gz") { // of three pages
			require.NoError(t, err)
		}
	})

	t.Run("refusals", func(t *testing.T) {
		_, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web", SnapUUID: "unknown"})
		require.ErrorIs(t, err, wrapper.ErrNotFound)
		_, err = client.ImportImage(ctx, "bj", wrapper.ImportImageInput{Name: "web", OriginRegionID: "gz", OriginImageUUID: "unknown"})
		require.ErrorIs(t, err, wrapper.ErrNotFound)
		_, err = imagesOf(ctx, client, "unknown")
		require.ErrorIs(t, err, wrapper.ErrNotFound)
		jobs, err := client.JobResults(ctx, "gz", "unknown")
		require.NoError(t, err)
		require.Empty(t, jobs)

		stranger, theirs := newClient(t, p, func(req *http.Request) { req.Header.Set("Authorization", "Bearer unknown") })
		for operation, call := range calls {
			_, err := call(ctx, stranger)
			require.ErrorIs(t, err, wrapper.ErrAuth, operation)
		}
		require.Empty(t, theirs.violations)
	})

	t.Run("trouble of the service and of a gateway", func(t *testing.T) {
		cloud.InjectFor(t, emulator.Fault{Operation: "createCIMG", Errno: 2})
		cloud.InjectFor(t, emulator.Fault{Operation: "createCIMG", Status: http.StatusBadGateway, Body: "<h1>Bad Gateway</h1>"})
		for range 2 {
			_, err := calls["createCIMG"](ctx, client)
			var unknown *wrapper.OutcomeUnknownError
			require.ErrorAs(t, err, &unknown)
			require.ErrorIs(t, err, wrapper.ErrServer)
		}
		cloud.InjectFor(t, emulator.Fault{Operation: "listCIMG", Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"0"}}})
		_, err := imagesOf(ctx, client, "bj")
		require.NoError(t, err)
	})

	require.NotEmpty(t, recorded.statuses)
	require.Empty(t, recorded.violations)
	require.Empty(t, p.complaints(t))
	require.Empty(t, cloud.Violations())
}

// What breaks the contract is reported: that nothing is, means something.
func TestViolations(t *testing.T) {
	p, cloud := validated(t)
	ask := func(method, path, body string) (status int, said string) {
		req, err := http.NewRequestWithContext(t.Context(), method, p.url+path, strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
		if method == http.MethodPost {
			req.Header.Set("Content-Type", "application/json")
		}
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		content, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(content) + strings.Join(resp.Header.Values("sl-violations"), "")
	}

	t.Run("of requests", func(t *testing.T) {
		for _, request := range []struct{ method, path, body, about string }{
			{"GET", "/dicloud/i/result?regionId=gz", "", "jobuuids"},
			{"GET", "/dicloud/i/result?regionId=gz&jobUuids=a,,b", "", "pattern"},
			{"POST", "/dicloud/i/storage/cimg/create", `{"regionId":"gz","cimg":{"name":"web","snapUuid":"` + snapshotUUID + `"}}`, "cimg must be array"},
			{"POST", "/dicloud/i/storage/cimg/list", `{"regionId":"gz","limit":1}`, "start"},
		} {
			status, said := ask(request.method, request.path, request.body)
			require.Equal(t, http.StatusUnprocessableEntity, status)
			require.Contains(t, said, request.about)
		}
		require.Zero(t, cloud.Requests(""), "nothing of it came through")
		require.Len(t, p.complaints(t), 4)
	})

	t.Run("of replies", func(t *testing.T) {
		for _, broken := range []struct{ body, about string }{
			{`{"errno":0,"errmsg":"ok","data":[]}`, "requestId"},
			{`{"errno":"0","errmsg":"ok","requestId":"1"}`, "errno"},
			{`{"errno":0,"errmsg":"ok","requestId":"1","data":[{"jobUuid":"1","type":"CreateCIMG","progress":101,"done":false,"success":false}]}`, "progress"},
			{`{"errno":0,"errmsg":"ok","requestId":"1","data":[{"jobUuid":"1","type":"CreateCIMG","progress":1,"success":false}]}`, "done"},
		} {
			cloud.InjectFor(t, emulator.Fault{Operation: "getJobResult", Body: broken.body, ContentType: "application/json"})
			status, said := ask(http.MethodGet, "/dicloud/i/result?regionId=gz&jobUuids=1", "")
			require.Equal(t, http.StatusInternalServerError, status)
			require.Contains(t, said, broken.about)
		}
		require.Len(t, p.complaints(t), 4+4, "with those of the requests")
	})
}
