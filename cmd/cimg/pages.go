package main

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
	"go.yaml.in/yaml/v3"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/internal/contract"
	"github.com/cimg-go/cimg/internal/docs"
)

// withPages puts what a browser reads beside an emulator: an interactive page
// at /, the documentation at /docs, the contract at /openapi.yaml. Whatever
// else is asked for, the emulator answers, as it is asked: an http.ServeMux would
// redirect a path like //dicloud, which the service would not.
func withPages(cloud http.Handler, token string) (http.Handler, error) {
	var page bytes.Buffer
	if err := docs.Write(&page, "openapi.yaml", cimg.Spec); err != nil {
		return nil, err
	}
	shown, err := forSwaggerUI(cimg.Spec, introductionFor(token))
	if err != nil {
		return nil, err
	}
	const base = "/swagger-ui/"
	ui := unframed(v5emb.NewWithConfig(swgui.Config{
		SettingsUI: map[string]string{"tryItOutEnabled": "true"},
		AppendHead: swaggerUIHead,
	})("cimg mock", base+"openapi.yaml", base))
	pages := map[string]http.Handler{
		"/openapi.yaml":       static("application/yaml", cimg.Spec),
		"/docs":               selfContained(static("text/html; charset=utf-8", page.Bytes())),
		"/docs/":              http.RedirectHandler("/docs", http.StatusMovedPermanently),
		base + "openapi.yaml": static("application/yaml", shown),
		"/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.URL.Path = base // the page knows no other address of its own
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

// swaggerUIHead hides the address under the title, which is that of the contract
// as it is shown, and breaks the provider's long addresses, which would push
// the buttons off a phone's screen.
const swaggerUIHead = `<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  .info hgroup .link { display: none }
  .swagger-ui .opblock-external-docs { display: block; overflow-wrap: anywhere }
</style>
`

// forSwaggerUI is the contract as the interactive page shows it. Its only server
// is the one that it is read from: a browser that followed the contract as it
// is would carry what is typed into the page, the token included, to
// production. Its introduction is a short one, so that the operations come
// first; the long one is at /docs.
func forSwaggerUI(spec []byte, introduction string) ([]byte, error) {
	root, err := contract.Parse("openapi.yaml", spec)
	if err != nil {
		return nil, err
	}
	dropServers(root)
	if err := set(root, "servers", []map[string]string{{"url": "/", "description": "This mock"}}); err != nil {
		return nil, err
	}
	if err := set(root.Member("info"), "description", introduction); err != nil {
		return nil, err
	}
	return yaml.Marshal(root.YAML())
}

// dropServers takes away the servers of paths and operations, too.
func dropServers(root contract.Node) {
	for _, path := range root.Member("paths").Members() {
		remove(path, "servers")
		for _, operation := range path.Members() {
			remove(operation, "servers")
		}
	}
}

func remove(object contract.Node, name string) {
	if !object.Member(name).Exists() {
		return
	}
	content := &object.YAML().Content
	for i := 0; i < len(*content); i += 2 {
		if (*content)[i].Value == name {
			*content = slices.Delete(*content, i, i+2)
			return
		}
	}
}

// set gives a member of an object a value, whatever it had.
func set(object contract.Node, name string, value any) error {
	var node yaml.Node
	if err := node.Encode(value); err != nil {
		return err
	}
	remove(object, name)
	object.YAML().Content = append(object.YAML().Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, &node)
	return nil
}

// introductionFor says on the interactive page what it talks to, in Markdown.
// A token that somebody chose may be a real one, so only the emulator's own is
// shown.
func introductionFor(token string) string {
	use := "the token given by `--token`"
	if token == emulator.DefaultToken {
		use = "`" + token + "`"
	}
	return "This is **cimg mock**: nothing sent from here reaches DiDi Cloud. Authorize with " + use +
		".\n\nThe rules that all operations follow, \"Errors\" and \"Two request forms\" among them, are in the [documentation](/docs); the [contract](/openapi.yaml) is for tools."
}

// static serves what never changes while the program runs.
func static(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
	})
}

// selfContained keeps a page from loading and running anything.
func selfContained(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy",
			"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		page.ServeHTTP(w, r)
	})
}

// unframed keeps a page out of other pages, where a click may not mean what it
// seems to.
func unframed(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		page.ServeHTTP(w, r)
	})
}
