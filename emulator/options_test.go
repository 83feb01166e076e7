package emulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
)

// Date is from the clock that createTime is from, in process and over a socket,
// unless a fault sets it.
func TestDate(t *testing.T) {
	clock := newClock()
	s := newEmulator(t, emulator.Options{Now: clock.Now})
	clock.Advance(time.Hour)
	want := clock.Now().Format(http.TimeFormat)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	for _, client := range []*http.Client{s.client, server.Client()} {
		for _, fault := range []emulator.Fault{{Delay: 1}, {Status: 503}} {
			fault.Operation = "getJobResult"
			s.InjectFor(t, fault)
			resp, err := client.Get(server.URL + resultPath + "?regionId=gz&jobUuids=a")
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, want, resp.Header.Get("Date"))
		}
		s.InjectFor(t, emulator.Fault{Operation: "getJobResult", Header: http.Header{"Date": nil}})
		resp, err := client.Get(server.URL + resultPath + "?regionId=gz&jobUuids=a")
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Empty(t, resp.Header.Get("Date"))
	}
}

func TestStoreName(t *testing.T) {
	s := newEmulator(t, emulator.Options{StoreName: strings.ToUpper, Plan: func(emulator.JobStart) emulator.Plan { return emulator.Plan{} }})
	for path, body := range map[string]string{
		createPath:     `{"regionId":"gz","cimg":[{"name":"web-01","snapUuid":"` + snapshot + `"}]}`,
		importPath:     `{"regionId":"gz","cimg":[{"name":"web-01","originRegionId":"bj","originImageUuid":"` + originImage + `"}]}`,
		changeNamePath: `{"regionId":"bj","cimg":[{"name":"web-01","cimgUuid":"` + originImage + `"}]}`,
	} {
		resp, err := s.do(http.MethodPost, path, body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.Equal(t, []string{"WEB-01", "WEB-01"}, names(s.Images("gz")))
	require.Equal(t, "WEB-01", s.Images("bj")[0].Name)
}
