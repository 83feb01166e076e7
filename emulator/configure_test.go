package emulator_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
)

func TestConfigure(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{
		Now:    clock.Now,
		Plan:   always(emulator.Plan{Duration: time.Minute}),
		Faults: []emulator.Fault{{Operation: "listCIMG", Errno: 2}, {Operation: "deleteCIMG", Errno: 2}},
	})
	require.EqualValues(t, 2, s.post(listPath, `{"regionId":"gz","limit":9}`).Errno)
	before := s.create("before")

	require.NoError(t, s.Configure(emulator.Options{
		Token: "another", Stock: &emulator.Stock{}, Strict: true,
		Plan:        always(emulator.Plan{}),
		StoreName:   func(name string) string { return name + "!" },
		ListLag:     time.Second,
		ListAsArray: true,
		Faults:      []emulator.Fault{{Operation: "getJobResult", Errno: 3}},
	}))
	require.Equal(t, []emulator.Fault{{Operation: "getJobResult", Errno: 3}}, s.UnmetFaults())
	require.EqualValues(t, 3, s.call(http.MethodGet, resultTarget("gz", before.JobUUID), "").Errno)
	after := s.create("after") // the token, the stock and the published form are as before
	jobs := s.results("gz", before.JobUUID, after.JobUUID)
	require.False(t, jobs[0].Done, "a running job keeps its plan")
	require.True(t, jobs[1].Done)
	require.ElementsMatch(t, []string{"before", "after!"}, names(s.Images("gz")))
	require.NotContains(t, string(s.post(listPath, `{"regionId":"gz","limit":9}`).Data), "after!")
	require.Regexp(t, `^\[`, string(s.post(listPath, `{"limit":9}`).Data))
}

func TestConfigureChangesEverythingOrNothing(t *testing.T) {
	s := newEmulator(t, emulator.Options{Faults: []emulator.Fault{{Errno: 2}}})
	for message, options := range map[string]emulator.Options{
		"ListLag: -1ns":      {ListLag: -1, MaxJobUUIDs: 1},
		"Faults[1]: skip -1": {MaxJobUUIDs: 1, Faults: []emulator.Fault{{Errno: 2}, {Errno: 2, Skip: -1}}},
	} {
		require.ErrorContains(t, s.Configure(options), message)
		_, err := emulator.New(options)
		require.ErrorContains(t, err, message)
	}
	require.Equal(t, []emulator.Fault{{Errno: 2}}, s.UnmetFaults())
	s.post(createPath, createExample)
	require.Empty(t, s.results("gz", "a", "b"))
}
