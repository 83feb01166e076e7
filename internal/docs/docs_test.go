package docs_test

import (
	"bytes"
	"errors"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/internal/docs"
)

func pageOf(t *testing.T, spec string) string {
	t.Helper()
	var page bytes.Buffer
	require.NoError(t, docs.Write(&page, "openapi.yaml", []byte(spec)))
	return page.String()
}

var (
	tags    = regexp.MustCompile(`<[^>]*>`)
	marks   = regexp.MustCompile("[`*|#\\s]|^- |---")
	spacing = regexp.MustCompile(`\s+`)
)

// bare is text without markup, Markdown and white space, so that what stands in
// the contract can be looked for in the page.
func bare(text string) string { return marks.ReplaceAllString(text, "") }

// Whatever the contract says to people is on the page: names, texts, examples.
func TestEverythingIsOnThePage(t *testing.T) {
	page := pageOf(t, string(cimg.Spec))
	shown := bare(html.UnescapeString(tags.ReplaceAllString(page, "")))

	var contract yaml.Node
	require.NoError(t, yaml.Unmarshal(cimg.Spec, &contract))
	checked := 0
	var look func(path []string, node *yaml.Node)
	look = func(path []string, node *yaml.Node) {
		for i := 0; node.Kind == yaml.MappingNode && i < len(node.Content); i += 2 {
			key, value := node.Content[i].Value, node.Content[i+1]
			parent := ""
			if len(path) > 0 {
				parent = path[len(path)-1]
			}
			switch {
			case key == "externalDocs" || parent == "examples" || parent == "value":
			case parent == "properties", parent == "schemas", parent == "paths":
				require.Contains(t, shown, bare(key))
				checked++
			case value.Kind == yaml.ScalarNode && (key == "description" || key == "summary" || key == "operationId" || key == "title" || key == "version"):
				for paragraph := range strings.SplitSeq(value.Value, "\n") {
					if strings.HasPrefix(paragraph, "| ---") {
						continue
					}
					paragraph = strings.TrimPrefix(strings.TrimSpace(paragraph), "- ")
					require.Contains(t, shown, bare(paragraph), "%s.%s", strings.Join(path, "."), key)
					checked++
				}
			}
			look(append(path, key), value)
		}
		for _, item := range node.Content {
			if node.Kind != yaml.MappingNode {
				look(path, item)
			}
		}
	}
	look(nil, &contract)
	require.Greater(t, checked, 250)

	for _, text := range []string{
		`"requestId": "0a59922a5f97c29e19616af503057902"`, // an example, as it travels
		"1 character or more", "at least 0; at most 100", "matches ^[^,]+$", "may be null",
		"each: 1 character or more", "array of CreateCIMGInput", "integer (int64)", "in query", "required",
		"https://open.didiyunapi.com", "http bearer", "Any other status", "array of anything",
	} {
		require.Contains(t, spacing.ReplaceAllString(html.UnescapeString(tags.ReplaceAllString(page, "")), " "), text)
	}
}

// The page is whole: it loads nothing, runs nothing, and each link within it
// leads somewhere.
func TestThePageIsSelfContained(t *testing.T) {
	page := pageOf(t, string(cimg.Spec))
	require.NotContains(t, page, "<script")
	require.NotRegexp(t, `(?i)\bsrc=|@import|url\(|<iframe|<object`, page)
	for _, tag := range regexp.MustCompile(`<link [^>]*>`).FindAllString(page, -1) {
		require.Equal(t, `<link rel="icon" href="data:,">`, tag)
	}
	ids := make(map[string]bool)
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.False(t, ids[id[1]], "two elements are called %q", id[1])
		ids[id[1]] = true
	}
	targets := regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1)
	require.Greater(t, len(targets), 50)
	for _, target := range targets {
		require.True(t, ids[target[1]], "a link leads to #%s", target[1])
	}
	require.Less(t, len(page), 100<<10)
}

// What a contract contains is text, also where it looks like markup.
func TestTheContractCannotScript(t *testing.T) {
	spec := strings.NewReplacer(
		"title: DiDi", "title: <script>1</script>DiDi",
		"summary: Rename images", "summary: <img src=x onerror=1> Rename images",
		"description: Its name (镜像名称).", "description: <script>2</script> [x](javascript:alert(1))",
		"name: web-01\n", "name: </pre><script>3</script>\n",
		"      scheme: bearer", "      scheme: bearer\n      x-note: <b>",
		"        cimgUuid:\n          type: string\n          minLength: 1\n          description", "        cimg<b>Uuid:\n          type: string\n          minLength: 1\n          description",
		"required: [cimgUuid, name]\n      properties:\n        cimgUuid:\n          type: string\n          minLength: 1\n          description: The image's", "required: [name]\n      properties:\n        cimg<b>Uuid:\n          type: string\n          minLength: 1\n          description: The image's",
	).Replace(string(cimg.Spec))
	page := pageOf(t, spec)
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, "<img")
	require.NotContains(t, page, "<b>Uuid")
	require.NotContains(t, page, `href="javascript:`)
	require.Contains(t, page, "&lt;script&gt;1")
	require.Contains(t, page, "&lt;script&gt;3")
}

// Forms that the contract of today does not use are shown, too.
func TestOtherSchemas(t *testing.T) {
	page := pageOf(t, `
openapi: 3.0.3
info: {title: T, version: '1'}
paths:
  /a:
    parameters: [{name: X-Trace, in: header, description: of the path, schema: {type: string}}]
    get:
      operationId: a
      tags: [unlisted]
      responses: {'200': {description: d, content: {application/json: {example: [x], schema: {type: array, items: {$ref: '#/components/schemas/B'}}}}}}
components:
  schemas:
    B: {oneOf: [{$ref: '#/components/schemas/C'}, {type: string, enum: [x, y]}]}
    C: {type: object, maxProperties: 1, properties: {d: {type: integer, default: 5, readOnly: true, deprecated: true}}}
`)
	text := spacing.ReplaceAllString(tags.ReplaceAllString(page, ""), " ")
	for _, want := range []string{"one of C, string", "array of B", "1 member or fewer", "default 5", "only in replies", "deprecated", "unlisted", "X-Trace in header", "of the path", "An example", "&#34;x&#34;"} {
		require.Contains(t, text, want)
	}
}

func TestABrokenContractMakesNoPage(t *testing.T) {
	var page bytes.Buffer
	err := docs.Write(&page, "openapi.yaml", []byte("openapi: 3.0.3\npaths: []\n"))
	require.ErrorContains(t, err, "openapi.yaml:2: ")
	require.Zero(t, page.Len())
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestTheErrorOfTheWriterIsTold(t *testing.T) {
	require.EqualError(t, docs.Write(full{}, "openapi.yaml", cimg.Spec), "no space left")
}
