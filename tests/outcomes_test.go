package tests

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

// The wrapper classifies the responses to a create of two images like the
// examples in other languages: tests/contract/clients tests them with the same
// table.
func TestOutcomesOfAllLanguages(t *testing.T) {
	text, err := os.ReadFile("contract/clients/outcomes.json")
	require.NoError(t, err)
	var outcomes []struct {
		Name, Kind, ContentType, Location, Body string
		Status                                  int
		JSON                                    json.RawMessage
	}
	require.NoError(t, json.Unmarshal(text, &outcomes))
	require.Greater(t, len(outcomes), 50)
	for _, o := range outcomes {
		t.Run(o.Name, func(t *testing.T) {
			sent := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent++
				_, _ = io.Copy(io.Discard, r.Body)
				if o.Location != "" {
					w.Header().Set("Location", o.Location)
				}
				w.Header().Set("Content-Type", cmp.Or(o.ContentType, "application/json"))
				w.WriteHeader(cmp.Or(o.Status, http.StatusOK))
				_, _ = io.WriteString(w, cmp.Or(string(o.JSON), o.Body))
			}))
			defer server.Close()
			client, err := wrapper.New(wrapper.StaticToken("a-token-of-this-test"), wrapper.WithBaseURL(server.URL))
			require.NoError(t, err)
			_, err = client.CreateImages(t.Context(), "gz", []wrapper.CreateImageInput{{Name: "one", SnapUUID: "s"}, {Name: "two", SnapUUID: "s"}})

			var apiErr *wrapper.APIError
			var unknown *wrapper.OutcomeUnknownError
			kind := "neither"
			switch {
			case err == nil:
				kind = "accepted"
			case errors.As(err, &unknown):
				kind = "unknown"
			case errors.As(err, &apiErr):
				kind = "rejected"
			}
			require.Equal(t, o.Kind, kind, err)
			require.Equal(t, 1, sent)
		})
	}
}

// Users copy the list of errnos that mean "nothing was changed" with an
// example, or from the page. With one number too many, an image is created
// twice.
func TestRejectionsAreTheSameEverywhere(t *testing.T) {
	want := []string{}
	for _, row := range regexp.MustCompile(`(?m)^\s*\| (\d+) \| [^|]+ \| no \|`).FindAllStringSubmatch(read(t, "openapi.yaml"), -1) {
		want = append(want, row[1])
	}
	require.Len(t, want, 9)
	number := regexp.MustCompile(`\b\d+\b`)
	for file, list := range map[string]string{
		"docs/other-languages.md":                         "(?m)^\\| rejected \\| `errno` (.*?), with a status",
		"docs/other-languages.zh-CN.md":                   "(?m)^\\| 被拒绝 \\| `errno` 为 (.*?)，且状态码",
		"tests/contract/clients/rules/response.ts":        `rejections = new Set\(\[(.*)\]\)`,
		"tests/contract/clients/postman/scripts/rules.js": `rejections = \[(.*)\]`,
	} {
		found := regexp.MustCompile(list).FindStringSubmatch(read(t, file))
		require.NotNil(t, found, file)
		got := number.FindAllString(found[1], -1)
		slices.SortFunc(got, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		require.Equal(t, want, got, file)
	}
}
