package docs_test

import (
	"bytes"
	"errors"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/internal/contract"
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

// shownOf is what a person reads of a page.
func shownOf(page string) string { return html.UnescapeString(tags.ReplaceAllString(page, "")) }

// What the contract says is on the page, whatever it is: names, texts, limits,
// examples. A keyword that the page knows no words for fails here.
func TestEverythingIsOnThePage(t *testing.T) {
	page := pageOf(t, string(cimg.Spec))
	shown := bare(shownOf(page))
	root, err := contract.Parse("openapi.yaml", cimg.Spec)
	require.NoError(t, err)

	said := map[string]string{ // in other words
		"required": "required", "nullable": "may be null",
		"explode": "joined by commas", "style": "joined by commas", // which the parameter's description says
		"minItems": "item or more", "minLength": "character or more",
	}
	checked := 0
	var look func(path []string, n contract.Node)
	look = func(path []string, n contract.Node) {
		at := strings.Join(path, ".")
		for name, value := range n.Members() {
			look(append(path, name), value)
		}
		for _, item := range n.Items() {
			look(path, item)
		}
		if n.IsObject() || n.IsArray() {
			return
		}
		checked++
		switch name := path[len(path)-1]; {
		case name == "$ref":
		case name == "url":
			require.Contains(t, html.UnescapeString(page), n.Value(), at)
		case said[name] != "" && !slices.Contains(path, "value"):
			require.Contains(t, shown, bare(said[name]), at)
		default:
			for paragraph := range strings.SplitSeq(n.Value(), "\n") {
				if !strings.HasPrefix(paragraph, "| ---") {
					require.Contains(t, shown, bare(strings.TrimPrefix(strings.TrimSpace(paragraph), "- ")), at)
				}
			}
		}
	}
	look(nil, root)
	require.Greater(t, checked, 550)
	for name := range root.Get("components", "schemas").Members() {
		require.Contains(t, page, `id="schema-`+name+`"`)
		for property := range root.Get("components", "schemas", name, "properties").Members() {
			require.Contains(t, page, "<code>"+property+"</code>")
		}
	}

	for _, text := range []string{
		`"requestId": "0a59922a5f97c29e19616af503057902"`, // an example, as it travels
		"1 character or more", "at least 0; at most 100", "matches ^[^,]+$", "may be null",
		"each: 1 character or more", "array of CreateCIMGInput", "integer (int64)", "in query", "required",
		"https://open.didiyunapi.com", "http bearer", "Any other status", "array of anything", "RegionId (string)",
		"cimg[].snapUuid", "condition.names", "example 3fd352092a3f553cb124223f6a7f09b4,051f6d7688df5542be1a91123473d0df",
	} {
		require.Contains(t, spacing.ReplaceAllString(shownOf(page), " "), text)
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
	require.Greater(t, requireWhole(t, page), 50)
	require.Less(t, len(page), 100<<10)
}

// requireWhole holds each link within a page to lead somewhere, and each place to
// a name of its own. It returns the number of links.
func requireWhole(t *testing.T, page string) int {
	t.Helper()
	ids := make(map[string]bool)
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.False(t, ids[id[1]], "two elements are called %q", id[1])
		ids[id[1]] = true
	}
	targets := regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(page, -1)
	for _, target := range targets {
		require.True(t, ids[target[1]], "a link leads to #%s", target[1])
	}
	return len(targets)
}

// What a contract contains is text, also where it looks like markup.
func TestTheContractCannotScript(t *testing.T) {
	spec := string(cimg.Spec)
	for old, new := range map[string]string{
		"title: DiDi":             "title: <script>1</script>DiDi",
		"summary: Rename images":  "summary: <img src=x onerror=1> Rename images",
		"description: Its name (": "description: <script>2</script> [x](javascript:alert(1)) (",
		"name: web-01\n":          "name: </pre><script>3</script>\n",
		"    BackupStorage:\n      type: object\n      description: Captured; not explained by the provider.\n      properties:\n        bsUuid:": "    BackupStorage:\n      type: object\n      description: Captured; not explained by the provider.\n      properties:\n        bs<b>Uuid:",
	} {
		require.Positive(t, strings.Count(spec, old), "the contract has no %q any more", old)
		spec = strings.Replace(spec, old, new, 1)
	}
	page := pageOf(t, spec)
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, "<img")
	require.NotContains(t, page, "<b>Uuid")
	require.NotContains(t, page, `href="javascript:`)
	require.Contains(t, page, "&lt;script&gt;1")
	require.Contains(t, page, "&lt;script&gt;3")
}

// Forms that the contract of today does not use are shown, too.
func TestOtherContracts(t *testing.T) {
	page := pageOf(t, `
openapi: 3.0.3
info: {title: T, version: '1', license: {name: None}, description: "# Errors\n\n# `+"`errno`"+`"}
paths:
  /a:
    parameters:
      - {name: X-Trace, in: header, description: of the path, schema: {type: string}}
      - {name: X-Own, in: header, description: overridden, schema: {type: string}}
    get:
      operationId: Errors
      tags: [unlisted, second]
      deprecated: true
      description: "# Errors"
      parameters: [{name: X-Own, in: header, description: shown, example: {a: [b]}, schema: {type: object}}, {name: X-Id, in: header, schema: {$ref: '#/components/schemas/Id'}}]
      responses:
        '200':
          description: d
          content:
            application/json: {example: [x, {f: 2020-01-02}], schema: {type: array, items: {$ref: '#/components/schemas/B'}}}
            text/csv: {schema: {type: string, nullable: true}, examples: {far: {externalValue: 'http://127.0.0.1/far.csv'}}}
  /b:
    put:
      operationId: top
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/D'}}}}
      responses: {'204': {description: d}}
components:
  schemas:
    Id: {type: string, example: id-1}
    B: {oneOf: [{$ref: '#/components/schemas/C'}, {type: string, enum: [x, y]}]}
    C: {type: object, maxProperties: 1, properties: {d: {type: integer, default: 5, readOnly: true, deprecated: true}, e: {type: boolean, default: false}}}
    D:
      type: object
      additionalProperties: false
      allOf: [{type: object, properties: {part: {type: string}}}]
      properties: {self: {$ref: '#/components/schemas/D'}, list: {type: array, uniqueItems: true, items: {type: array, items: {$ref: '#/components/schemas/C'}}}}
`)
	text := spacing.ReplaceAllString(shownOf(page), " ")
	for _, want := range []string{
		"one of C, string", "array of B", "1 member or fewer", "default 5", "default false", "only in replies", "deprecated", "unlisted",
		"X-Trace in header", "of the path", "shown", `example {"a":["b"]}`, "An example", `"x"`, `"f": "2020-01-02"`, "Id (string)", "example id-1",
		"text/csv: string", "http://127.0.0.1/far.csv", "no further members", "no item twice", "part", "list[][].d", "PUT", "licence None",
	} {
		require.Positive(t, strings.Count(text, want), "the page lacks %q", want)
	}
	require.NotContains(t, text, "overridden")
	requireWhole(t, page)
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
