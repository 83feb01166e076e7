package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
	"go.yaml.in/yaml/v3"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/emulator"
)

// withPages serves what a browser reads beside an emulator: an interactive page
// at /, the contract at /openapi.yaml and /openapi.json. Every address on the page
// is relative, so that it works behind a proxy with a path. The emulator handles
// every other request, unchanged: an http.ServeMux would redirect a path like
// //dicloud, which the service would not.
func withPages(cloud http.Handler, token string) (http.Handler, error) {
	contractJSON, err := toJSON(cimg.Spec)
	if err != nil {
		return nil, err
	}
	shown, err := forSwaggerUI(cimg.Spec, token)
	if err != nil {
		return nil, err
	}
	const base = "/swagger-ui/"
	config := swgui.Config{
		Title:            "cimg mock",
		SwaggerJSON:      "." + base + "openapi.yaml",
		BasePath:         "." + base,
		InternalBasePath: base,
		SettingsUI: map[string]string{
			"tryItOutEnabled":        "true",
			"displayRequestDuration": "true",
			"responseInterceptor":    curlToTheMock,
		},
		AppendHead: template.HTML(swaggerUIHead), //nolint:gosec // it is ours
	}
	if isPublic(token) {
		config.PreAuthorizeApiKey = map[string]string{"bearerAuth": token}
	}
	ui := confined(v5emb.NewHandlerWithConfig(config))
	pages := map[string]http.Handler{
		"/openapi.yaml":       static("application/yaml", cimg.Spec),
		"/openapi.json":       static("application/json", contractJSON),
		base + "openapi.yaml": static("application/yaml", shown),
		"/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.URL.Path = base // the only path that the handler serves the page at
			ui.ServeHTTP(w, r)
		}),
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, found := pages[r.URL.Path]
		if !found && strings.HasPrefix(r.URL.Path, base) {
			page, found = ui, true
		}
		if !found || r.Method != http.MethodGet && r.Method != http.MethodHead {
			page = cloud
		}
		page.ServeHTTP(w, r)
	}), nil
}

// swaggerUIHead makes the page fit a phone, and dark where the browser asks for
// that.
//
//go:embed pages.html
var swaggerUIHead string

// curlToTheMock makes the call in the description one to the mock, at the address
// that the browser has of it.
const curlToTheMock = `(response) => {
	if (response.url.endsWith("/openapi.yaml")) response.text = response.text.replaceAll("https://open.didiyunapi.com/", new URL(".", location));
	return response;
}`

// isPublic reports whether a token can be shown: the emulator's own. Another may be
// a real one.
func isPublic(token string) bool { return token == emulator.DefaultToken }

// toJSON returns the contract for tools that read JSON only.
func toJSON(contract []byte) ([]byte, error) {
	document, err := openapi3.NewLoader().LoadFromData(contract)
	if err != nil {
		return nil, err
	}
	return json.MarshalIndent(document, "", "  ")
}

// forSwaggerUI returns the contract as the interactive page shows it: the mock
// is its only server, and its description starts with a note about the mock. It
// edits YAML nodes because they keep the order of operations, properties and
// examples, which kin-openapi's maps lose.
func forSwaggerUI(contract []byte, token string) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(contract, &document); err != nil {
		return nil, err
	}
	if err := replaceServers(&document); err != nil {
		return nil, err
	}
	description := field(field(document.Content[0], "info"), "description")
	if isPublic(token) {
		description.Value = strings.ReplaceAll(description.Value, "<token>", token)
	}
	description.Value = noteAbout(token) + foldSections(description.Value)
	return yaml.Marshal(&document)
}

// replaceServers makes the mock the only server, also that of paths and
// operations: with the contract's own, a browser would send what is typed into
// the page, the token included, to production.
func replaceServers(node *yaml.Node) error {
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 && node.Content[i-1].Value == "servers" {
			if err := child.Encode([]map[string]string{{"url": "..", "description": "This mock"}}); err != nil {
				return err
			}
		} else if err := replaceServers(child); err != nil {
			return err
		}
	}
	return nil
}

// field returns a field of an object, an empty one if there is none.
func field(object *yaml.Node, name string) *yaml.Node {
	for i := 1; i < len(object.Content); i += 2 {
		if object.Content[i-1].Value == name {
			return object.Content[i]
		}
	}
	return new(yaml.Node)
}

// noteAbout returns the Markdown about the mock, for the top of the page.
func noteAbout(token string) string {
	authorized := "Authorize with the token given by `--token`."
	if isPublic(token) {
		authorized = "This page is authorized; elsewhere, use the token `" + token + "`."
	}
	return "This is **cimg mock**: nothing sent from here reaches DiDi Cloud. " + authorized +
		" For tools, the contract is at [openapi.yaml](openapi.yaml) and [openapi.json](openapi.json)." +
		" To make the mock fail (lost responses, failed jobs, outages), see [its control API](_emulator/).\n\n"
}

// foldSections returns Markdown whose sections open with a click, so that the
// operations come within the first screen.
func foldSections(markdown string) string {
	parts := strings.Split(markdown, "\n## ")
	for i, part := range parts[1:] {
		title, body, _ := strings.Cut(part, "\n")
		parts[i+1] = "<details><summary>" + title + "</summary>\n" + body + "\n</details>\n"
	}
	return strings.Join(parts, "\n")
}

// static serves content that does not change.
func static(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

// confined keeps a page out of the frames of other pages, which could trick a user
// into clicking, and lets it send requests to the mock only.
func confined(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "connect-src 'self'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		page.ServeHTTP(w, r)
	})
}
