package wrapper_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

func TestJobResultsAreInTheOrderOfTheIDs(t *testing.T) {
	s := serve(t, respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":[
		{"jobUuid":"c","type":"T","progress":3,"done":false,"success":false},
		{"jobUuid":"a","type":"T","progress":1,"done":false,"success":false}]}`))
	jobs, err := clientOf(t, s).JobResults(t.Context(), "gz", "a", "b", "c")
	require.NoError(t, err)
	require.Len(t, jobs, 2, "b is unknown")
	require.Equal(t, "a", jobs[0].JobUUID)
	require.Equal(t, "c", jobs[1].JobUUID)
	require.Len(t, s.received(), 1)
}

func TestHandlesDescribeTheirJobs(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	before := time.Now().Truncate(time.Millisecond)
	created, err := clientOf(t, s).CreateImage(t.Context(), "gz", webImage)
	require.NoError(t, err)
	require.WithinRange(t, created.Ref.StartedAt, before, time.Now())
	require.Equal(t, wrapper.JobRef{
		Region: "gz", JobUUID: "j1", Type: "CreateCIMG", ResourceUUID: "i1", StartedAt: created.Ref.StartedAt,
	}, created.Ref)
}

func TestJobRefAsText(t *testing.T) {
	started := time.Date(2026, 11, 21, 20, 4, 5, 678_000_000, time.UTC)
	refs := map[string]wrapper.JobRef{
		"cimg-job:v1?job=j1&region=gz": {Region: "gz", JobUUID: "j1"},
		"cimg-job:v1?job=j1&region=gz&resource=i1&started=2026-11-21T20%3A04%3A05.678Z&type=CreateCIMG": {
			Region: "gz", JobUUID: "j1", Type: "CreateCIMG", ResourceUUID: "i1", StartedAt: started},
		"cimg-job:v1?job=a%26b%3D%E4%BB%BB&region=gz&type=x%0Ay": {Region: "gz", JobUUID: "a&b=任", Type: "x\ny"},
	}
	for text, ref := range refs {
		require.Equal(t, text, ref.String())

		encoded, err := json.Marshal(ref)
		require.NoError(t, err)
		var decoded wrapper.JobRef
		require.NoError(t, json.Unmarshal(encoded, &decoded))
		require.Equal(t, ref, decoded)
	}

	for _, year := range []int{0, 9999} {
		ref := wrapper.JobRef{Region: "gz", JobUUID: "j1", StartedAt: time.Date(year, 12, 31, 23, 59, 59, 0, time.UTC)}
		text, err := ref.MarshalText()
		require.NoError(t, err)
		var read wrapper.JobRef
		require.NoError(t, read.UnmarshalText(text))
		require.Equal(t, ref, read)
	}
	for _, bad := range []wrapper.JobRef{
		{Region: "gz"}, {JobUUID: "j1"},
		{Region: "gz", JobUUID: "j1", StartedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Region: "gz", JobUUID: "j1", StartedAt: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		_, err := bad.MarshalText()
		require.ErrorAs(t, err, new(*wrapper.InputError))
	}
}

func TestJobRefRejectsOtherText(t *testing.T) {
	for _, text := range []string{
		"",
		"j1",
		"cimg-job:v1?",
		"cimg-job:v2?job=j1&region=gz",
		"cimg-job:v1?job=j1",
		"cimg-job:v1?region=gz",
		"cimg-job:v1?job=j1&region=gz&job=j2",
		"cimg-job:v1?job=a%2Cb&region=gz",
		"cimg-job:v1?job=%zz&region=gz",
		"cimg-job:v1?job=j1&region=gz&started=yesterday",
		"cimg-job:v1?job=j1;region=gz",
	} {
		ref := wrapper.JobRef{Region: "keep"}
		require.ErrorAs(t, ref.UnmarshalText([]byte(text)), new(*wrapper.InputError), text)
		require.Equal(t, wrapper.JobRef{Region: "keep"}, ref, "a failed read changed the reference")
	}

	var ref wrapper.JobRef
	require.NoError(t, ref.UnmarshalText([]byte("cimg-job:v1?job=j1&region=gz&later=x")), "a later version's field")
	require.Equal(t, wrapper.JobRef{Region: "gz", JobUUID: "j1"}, ref)
}
