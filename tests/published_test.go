package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
)

const production = "https://open.didiyunapi.com"

// example is the example of a provider's page: a command and its output.
type example struct{ command, output string }

func readExample(t *testing.T, file string) example {
	t.Helper()
	page, err := os.ReadFile("testdata/published/" + file)
	require.NoError(t, err)
	parts := regexp.MustCompile("(?s)```\n请求：\n(curl .*?)\n输出：\n(.*?)\n```").FindSubmatch(page)
	require.NotNil(t, parts, "the page has no example")
	return example{command: string(parts[1]), output: string(parts[2])}
}

// send sends a curl command to a server in place of production.
func send(t *testing.T, command, server string) map[string]any {
	t.Helper()
	require.Contains(t, command, production)
	r, err := requestOfCurl(strings.ReplaceAll(command, production, server))
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(r.WithContext(t.Context()))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	var response map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&response))
	return response
}

// shape describes a JSON value by its fields and their types.
func shape(v any) any {
	switch v := v.(type) {
	case map[string]any:
		fields := make(map[string]any)
		for name, field := range v {
			fields[name] = shape(field)
		}
		return fields
	case []any:
		items := make([]any, len(v))
		for i := range v {
			items[i] = shape(v[i])
		}
		return items
	}
	return fmt.Sprintf("%T", v)
}

// The emulator responds to the provider's own commands, with only the host
// replaced, as the pages show.
func TestThePublishedCommands(t *testing.T) {
	for _, file := range []string{"create-cimg.md", "import-cimg.md"} {
		t.Run(file, func(t *testing.T) {
			page := readExample(t, file)
			emu, err := emulator.New(emulator.Options{CheckResponses: true})
			require.NoError(t, err)
			server := httptest.NewServer(emu)
			t.Cleanup(server.Close)

			got := send(t, page.command, server.URL)
			var want map[string]any
			require.NoError(t, json.Unmarshal([]byte(page.output), &want))
			require.Equal(t, shape(want), shape(got))
			require.Equal(t, want["errno"], got["errno"])
			require.Equal(t, want["errmsg"], got["errmsg"])

			wantJob := want["data"].([]any)[0].(map[string]any)
			gotJob := got["data"].([]any)[0].(map[string]any)
			for _, field := range []string{"type", "status", "resourceType", "done", "success", "progress"} {
				require.Equal(t, wantJob[field], gotJob[field], field)
			}
			require.Equal(t, gotJob["jobUuid"], gotJob["uuid"])
			for _, id := range []any{gotJob["jobUuid"], gotJob["resourceUuid"], got["requestId"]} {
				require.Regexp(t, "^[0-9a-f]{32}$", id)
			}

			images := emu.Images("gz") // the default region
			require.Len(t, images, 1)
			require.Contains(t, page.command, images[0].Name)
			require.Contains(t, page.command, images[0].Description)
			require.Equal(t, gotJob["resourceUuid"], images[0].UUID)
			require.Empty(t, emu.Violations())
		})
	}
}

// A strict emulator accepts only the form in the tables.
func TestAStrictEmulatorRejectsThePublishedCommands(t *testing.T) {
	emu, err := emulator.New(emulator.Options{Strict: true})
	require.NoError(t, err)
	server := httptest.NewServer(emu)
	t.Cleanup(server.Close)
	for _, file := range []string{"create-cimg.md", "import-cimg.md"} {
		response := send(t, readExample(t, file).command, server.URL)
		require.Equal(t, 13.0, response["errno"], file)
	}
	require.Empty(t, emu.Images("gz"))
}
