package tests

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/cimg-go/cimg"
)

func fetch(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(url) //nolint:noctx // it ends with the mock
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

// What the pages do in a browser, tests/contract/browser tries.
func TestMockServesPages(t *testing.T) {
	m := startMock(t)
	defer m.stop(t, os.Interrupt)
	r, err := requestOfCurl(m.curl)
	require.NoError(t, err)
	url := "http://" + r.URL.Host
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")

	resp, contract := fetch(t, url+"/openapi.yaml")
	require.Equal(t, "application/yaml", resp.Header.Get("Content-Type"))
	require.Equal(t, string(cimg.Spec), contract)

	resp, asJSON := fetch(t, url+"/openapi.json")
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	var fromYAML map[string]any
	require.NoError(t, yaml.Unmarshal(cimg.Spec, &fromYAML))
	want, err := json.Marshal(fromYAML)
	require.NoError(t, err)
	require.JSONEq(t, string(want), asJSON)

	resp, ui := fetch(t, url+"/")
	require.Contains(t, resp.Header.Get("Content-Type"), "text/html")
	require.Contains(t, ui, "/swagger-ui/openapi.yaml")
	require.NotRegexp(t, `(src|href)="(https?:|/)`, ui, "it works behind a path prefix")
	require.Equal(t, "connect-src 'self'; frame-ancestors 'none'", resp.Header.Get("Content-Security-Policy"))
	for _, asset := range []string{"swagger-ui-bundle.js", "swagger-ui-standalone-preset.js", "swagger-ui.css"} {
		require.Contains(t, ui, "/swagger-ui/"+asset)
		resp, _ := fetch(t, url+"/swagger-ui/"+asset)
		require.Equal(t, http.StatusOK, resp.StatusCode, asset)
	}

	// The interactive page must not send to production what is typed into it.
	_, shown := fetch(t, url+"/swagger-ui/openapi.yaml")
	document, err := openapi3.NewLoader().LoadFromData([]byte(shown))
	require.NoError(t, err)
	require.Equal(t, "..", document.Servers[0].URL)
	require.Len(t, document.Servers, 1)
	require.Len(t, operationsOf(document), 6)
	require.Contains(t, document.Info.Description, token)
	// The whole description is there, its sections folded, with the mock's token.
	for line := range strings.Lines(strings.ReplaceAll(loadContract(t).Info.Description, "<token>", token)) {
		require.Contains(t, document.Info.Description, strings.TrimSpace(strings.TrimPrefix(line, "## ")))
	}

	head, err := http.Head(url + "/openapi.yaml") //nolint:noctx // it ends with the mock
	require.NoError(t, err)
	defer head.Body.Close()
	require.EqualValues(t, len(cimg.Spec), head.ContentLength)

	// All else is the emulator's, which redirects nobody.
	resp, body := fetch(t, url+"/dicloud/i/result?regionId=gz&jobUuids=a")
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Contains(t, body, `"errno":4`)
	for _, path := range []string{"/no-such-page", "//dicloud/i/result", "/swagger-ui", "/docs", "/openapi.yaml/../openapi.yaml"} {
		resp, _ = fetch(t, url+path)
		require.Equal(t, http.StatusNotFound, resp.StatusCode, path)
		require.Equal(t, path, resp.Request.URL.Path)
	}
	resp, err = http.Post(url+"/openapi.yaml", "text/plain", nil) //nolint:noctx // it ends with the mock
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusNotFound, resp.StatusCode)
}

// On the interactive page, and in other tools, a person sends the contract's
// examples as they are.
func TestTheMockAcceptsEveryExampleOfTheContract(t *testing.T) {
	m := startMock(t, "--strict")
	defer m.stop(t, os.Interrupt)
	r, err := requestOfCurl(m.curl)
	require.NoError(t, err)
	send := func(method, target string, body []byte) string {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.URL.Host+target, bytes.NewReader(body))
		require.NoError(t, err)
		request.Header = r.Header.Clone()
		resp, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer resp.Body.Close()
		response, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return string(response)
	}
	sent := 0
	for path, item := range loadContract(t).Paths.Map() {
		if item.Post == nil {
			query := url.Values{}
			for _, parameter := range item.Get.Parameters {
				query.Set(parameter.Value.Name, parameter.Value.Example.(string))
			}
			require.Equal(t, 2, strings.Count(send(http.MethodGet, path+"?"+query.Encode(), nil), `"done":true`), "two jobs for two ids")
			continue
		}
		for name, example := range item.Post.RequestBody.Value.Content.Get("application/json").Examples {
			body, err := json.Marshal(example.Value.Value)
			require.NoError(t, err)
			require.Contains(t, send(http.MethodPost, path, body), `"errno":0,`, "%s, %s", item.Post.OperationID, name)
			sent++
		}
	}
	require.Equal(t, 7, sent)
}

// A token that somebody chose may be a real one, and the mock may listen on
// all addresses.
func TestAChosenTokenIsOnNoPage(t *testing.T) {
	const token = "a-token-of-somebodys-own"
	m := startMock(t, "--token", token)
	defer m.stop(t, os.Interrupt)
	r, err := requestOfCurl(m.curl)
	require.NoError(t, err)
	for _, path := range []string{"/", "/openapi.yaml", "/openapi.json", "/swagger-ui/openapi.yaml"} {
		resp, body := fetch(t, "http://"+r.URL.Host+path)
		require.Equal(t, http.StatusOK, resp.StatusCode, path)
		require.NotContains(t, body, token, path)
	}
}
