package prism

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

func TestMock(t *testing.T) {
	p := startPrism(t, "mock", contract)

	t.Run("changes start the jobs of the examples", func(t *testing.T) {
		client, _ := newClient(t, p, nil)
		for operation, want := range map[string]wrapper.JobRef{
			"createCIMG":     {Region: "gz", JobUUID: "3fd352092a3f553cb124223f6a7f09b4", Type: "CreateCIMG", ResourceUUID: "14eebc3af5ac42bd88c6444dc56f9e15"},
			"importCIMG":     {Region: "gz", JobUUID: "051f6d7688df5542be1a91123473d0df", Type: "ImportCIMG", ResourceUUID: "cbdba09c4ad4475f9f3d399947aaa99e"},
			"changeNameCIMG": {Region: "gz", JobUUID: "72e3500c85675df7b59a025e5e784426", Type: "ChangeCIMGName", ResourceUUID: "cbdba09c4ad4475f9f3d399947aaa99e"},
			"deleteCIMG":     {Region: "bj", JobUUID: "7b78be0bd59e5938bf149f60f0958b09", Type: "DeleteCIMG", ResourceUUID: imageUUID},
		} {
			got, err := calls[operation](t.Context(), client)
			require.NoError(t, err, operation)
			require.Equal(t, want, got, operation)
		}
	})

	t.Run("one job for two images leaves the outcome unknown", func(t *testing.T) {
		client, _ := newClient(t, p, nil)
		_, err := client.CreateImages(t.Context(), "gz", []wrapper.CreateImageInput{
			{Name: "web-01", SnapUUID: snapshotUUID}, {Name: "web-02", SnapUUID: snapshotUUID},
		})
		var unknown *wrapper.OutcomeUnknownError
		require.ErrorAs(t, err, &unknown)
		require.Len(t, unknown.Jobs, 1)
	})

	t.Run("a list ends although each page is the first", func(t *testing.T) {
		client, recorded := newClient(t, p, nil)
		images, err := imagesOf(t.Context(), client, "bj")
		require.NoError(t, err)
		require.Len(t, images, 1)
		require.Equal(t, listedUUID, images[0].UUID)
		require.Equal(t, []int{200, 200}, recorded.statuses)
	})

	// The contract's ids have no commas: had Prism not split the parameter, it
	// would refuse it.
	t.Run("many ids are one array", func(t *testing.T) {
		client, recorded := newClient(t, p, nil)
		jobs, err := client.JobResults(t.Context(), "gz", "a", jobUUID, "b")
		require.NoError(t, err)
		require.Len(t, jobs, 1) // of the example's two, that which was asked for
		require.Equal(t, 42.0, jobs[0].Progress)
		require.Empty(t, recorded.violations)

		empty := func(req *http.Request) { req.URL.RawQuery = "regionId=gz&jobUuids=a,,b" }
		client, recorded = newClient(t, p, empty)
		_, err = client.JobResults(t.Context(), "gz", "a", "b")
		require.Error(t, err)
		require.Contains(t, strings.Join(recorded.violations, ""), "jobuuids")
	})

	waits := map[string]struct {
		example string
		options []wrapper.WaitOption
		check   func(*testing.T, wrapper.Job, error)
	}{
		"to the end": {example: "finished", check: func(t *testing.T, job wrapper.Job, err error) {
			require.NoError(t, err)
			require.True(t, job.Done && job.Success)
		}},
		"to the failure": {example: "failed", check: func(t *testing.T, _ wrapper.Job, err error) {
			var failed *wrapper.JobFailedError
			require.ErrorAs(t, err, &failed)
			require.Equal(t, "快照数据读取失败", failed.Job.Result)
		}},
		"for a job that stalls": {
			example: "running", options: []wrapper.WaitOption{wrapper.StallTimeout(100 * time.Millisecond)},
			check: func(t *testing.T, _ wrapper.Job, err error) { require.ErrorIs(t, err, wrapper.ErrStalled) },
		},
		"through trouble that does not pass": {
			example: "systemError", options: []wrapper.WaitOption{wrapper.MaxFailures(2)},
			check: func(t *testing.T, _ wrapper.Job, err error) {
				var waited *wrapper.WaitError
				require.ErrorAs(t, err, &waited)
				require.ErrorIs(t, err, wrapper.ErrServer)
			},
		},
	}
	for name, wait := range waits {
		t.Run("waiting "+name, func(t *testing.T) {
			client, _ := newClient(t, p, prefer("example="+wait.example))
			handle, err := client.Resume(wrapper.JobRef{Region: "gz", JobUUID: jobUUID})
			require.NoError(t, err)
			ended, err := handle.Wait(t.Context(), wait.options...)
			wait.check(t, ended, err)
		})
	}
}

// What Prism refuses by itself comes without an envelope, as from a gateway.
func TestRefusals(t *testing.T) {
	p := startPrism(t, "mock", contract)
	create := calls["createCIMG"]

	t.Run("no token", func(t *testing.T) {
		client, recorded := newClient(t, p, func(req *http.Request) { req.Header.Del("Authorization") })
		for _, operation := range slices.Sorted(maps.Keys(calls)) {
			_, err := calls[operation](t.Context(), client)
			var refused *wrapper.APIError
			require.ErrorAs(t, err, &refused, operation)
			require.Equal(t, http.StatusUnauthorized, refused.HTTPStatus)
			require.ErrorIs(t, err, wrapper.ErrAuth)
			var unknown *wrapper.OutcomeUnknownError
			require.NotErrorAs(t, err, &unknown)
			require.NotContains(t, err.Error(), emulator.DefaultToken)
		}
		require.NotEmpty(t, recorded.violations)
	})

	for name, test := range map[string]struct {
		edit   func(*http.Request)
		option wrapper.Option
		status int
	}{
		"the form of the published examples": {option: wrapper.WithObjectBody(), status: http.StatusUnprocessableEntity},
		"a gateway's 503":                    {edit: prefer("code=503"), status: http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			options := []wrapper.Option{}
			if test.option != nil {
				options = append(options, test.option)
			}
			client, recorded := newClient(t, p, test.edit, options...)
			_, err := create(t.Context(), client)
			var unknown *wrapper.OutcomeUnknownError
			require.ErrorAs(t, err, &unknown)
			require.Equal(t, []int{test.status}, recorded.statuses, "it is sent once")
			require.NotContains(t, err.Error(), emulator.DefaultToken)
		})
	}

	t.Run("a query that is not valid", func(t *testing.T) {
		client, _ := newClient(t, p, func(req *http.Request) { req.URL.RawQuery = "regionId=gz" })
		_, err := client.JobResults(t.Context(), "gz", jobUUID)
		var refused *wrapper.APIError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, http.StatusUnprocessableEntity, refused.HTTPStatus)
		require.NotContains(t, err.Error(), emulator.DefaultToken)
	})
}
