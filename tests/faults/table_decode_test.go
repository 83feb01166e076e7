package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

// escapedToken is the token as JSON may spell it.
var escapedToken = func() (escaped string) {
	for _, b := range []byte(token) {
		escaped += fmt.Sprintf(`\u%04X`, b)
	}
	return escaped
}()

// neighbour is an image of somebody else, listed as row 47 says.
const neighbour = "{\"cimgUuid\":\"i0\",\"name\":\"half \\ud83d\",\"description\":\"half \xe5\x8c\",\"createTime\":1.60379947E12," +
	"\"size\":2e0,\"cimgTags\":[9007199254740993,{\"a\":[0.10000000000000000001,null,\"x\"]}]}"

// decodeRows are faults of what a response holds.
func decodeRows() []fault {
	spelled := func(w http.ResponseWriter, r *http.Request) {
		const envelope = "{\"errno\":%s,\"errmsg\":\"\xff\\ude00\",\"requestId\":\"r\\ud83d\",\"data\":%s}"
		var request struct {
			CIMG []any `json:"cimg"`
		}
		json.NewDecoder(r.Body).Decode(&request)
		data := `[{"jobUuid":"j0","type":"T\ud83d","progress":5e1},{"jobUuid":"j1","type":"\u0054","result":"` + "\xff" + `","progress":0.0}]`
		switch {
		case strings.HasSuffix(r.URL.Path, "/list"):
			data = `{"count":2.0,"items":[` + neighbour + `,{"cimgUuid":"i1","name":"n","createTime":0e0}]}`
		case len(request.CIMG) == 1:
			data = `[{"jobUuid":"j0","type":"T\ud83d","progress":-0}]`
		}
		respondJSON(fmt.Sprintf(envelope, "0.0e-1", data))(w, r)
	}
	unreadable := func(w http.ResponseWriter, r *http.Request) {
		data := `[{"jobUuid":"j1","done":true},{"jobUuid":"j2","done":"half"},{"jobUuid":"j3","type":"T"}]`
		if strings.HasSuffix(r.URL.Path, "/list") { // what cannot be read must not look as if it were not there
			data = `{"count":2,"items":[{"cimgUuid":5,"name":"n"},{"cimgUuid":"i1","name":"n"}]}`
		}
		respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":`+data+`}`)(w, r)
	}
	echo := rejected(200, wrapper.ErrAuth).and(func(t *testing.T, err error) {
		require.ErrorContains(t, err, "denied [token]\ufffd")
	})
	return []fault{
		{row: 39, name: "states that cannot be read", endpoint: responding(unreadable), readOnly: once.with(wrapper.ErrMalformedResponse)},
		{row: 47, name: "text that is not Unicode, integers with exponents", endpoint: responding(spelled), mutating: accepted, readOnly: accepted},
		{row: 47, name: "the token beside half a character", mutating: echo, readOnly: echo,
			endpoint: responding(respondJSON("{\"errno\":4.0,\"errmsg\":\"\xff denied " + escapedToken + "\\ud83d\",\"requestId\":\"" + escapedToken + "\xe5\"}"))},
	}
}

// Row 39: the jobs that can be read finish with the first response.
func TestReadableStatesCountAtOnce(t *testing.T) {
	inVirtualTime(t, emulator.Options{}, func(t *testing.T, s *transport, client *wrapper.Client) {
		jobs := createAll(t, client, 3)
		s.instead = func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodGet {
				return nil, nil
			}
			return reply(200, fmt.Sprintf(`{"errno":0,"data":[{"jobUuid":"%s","done":true},{"jobUuid":"%s","done":true,"success":true},{"jobUuid":"%s","done":true,"success":false}]}`,
				jobs[0].Ref.JobUUID, jobs[1].Ref.JobUUID, jobs[2].Ref.JobUUID))(r)
		}
		polls := make(map[int]int)
		for i, outcome := range client.WatchAll(t.Context(), jobs) {
			if polls[i] == 0 {
				polls[i] = len(s.polls)
			}
			if i == 0 {
				require.ErrorIs(t, outcome.Err, wrapper.ErrMalformedResponse)
				require.ErrorContains(t, outcome.Err, jobs[0].Ref.JobUUID)
			}
		}
		require.Equal(t, 1, polls[1])
		require.Equal(t, 1, polls[2])
		require.Greater(t, polls[0], 1, "it may become readable")
	})
}
