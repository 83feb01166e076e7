package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
	"go.yaml.in/yaml/v3"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/internal/docs"
)

// withPages puts what a browser reads beside an emulator: an interactive page
// at /, the documentation at /docs, the contract at /openapi.yaml. Whatever
// else is asked for, the emulator answers.
func withPages(cloud http.Handler, token string) (http.Handler, error) {
	var page bytes.Buffer
	if err := docs.Write(&page, "openapi.yaml", cimg.Spec); err != nil {
		return nil, err
	}
	shown, err := forThePage(cimg.Spec, introductionFor(token))
	if err != nil {
		return nil, fmt.Errorf("openapi.yaml: %w", err)
	}

	mux := http.NewServeMux()
	mux.Handle("/", cloud)
	mux.Handle("GET /openapi.yaml", static("application/yaml", cimg.Spec))
	mux.Handle("GET /docs", selfContained(static("text/html; charset=utf-8", page.Bytes())))

	const base = "/swagger-ui/"
	ui := v5emb.NewWithConfig(swgui.Config{
		SettingsUI: map[string]string{"tryItOutEnabled": "true"},
	})("cimg mock", base+"openapi.yaml", base)
	mux.Handle("GET "+base, ui)
	mux.Handle("GET "+base+"openapi.yaml", static("application/yaml", shown))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		r = r.Clone(r.Context())
		r.URL.Path = base // the page knows no other address of its own
		ui.ServeHTTP(w, r)
	})
	return mux, nil
}

// forThePage is the contract as the interactive page shows it. Its only server
// is the one that it is read from: a browser that followed the contract as it
// is would carry what is typed into the page, the token included, to
// production. Its introduction is a short one, so that the operations come
// first; the long one is at /docs.
func forThePage(spec []byte, introduction string) ([]byte, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(spec, &document); err != nil {
		return nil, err
	}
	root := document.Content[0]
	info, servers := member(root, "info"), member(root, "servers")
	if info == nil || servers == nil {
		return nil, errors.New("it has no info or names no servers")
	}
	if description := member(info, "description"); description != nil {
		*description = yaml.Node{Kind: yaml.ScalarNode, Value: introduction}
	}
	if err := servers.Encode([]map[string]string{{"url": "/", "description": "This mock"}}); err != nil {
		return nil, err
	}
	return yaml.Marshal(&document)
}

// member returns a member of an object, nil when there is none.
func member(object *yaml.Node, name string) *yaml.Node {
	for i := 0; i+1 < len(object.Content); i += 2 {
		if object.Content[i].Value == name {
			return object.Content[i+1]
		}
	}
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
		".\n\nThe rules that all operations follow are in the [documentation](/docs); the [contract](/openapi.yaml) is for tools."
}

// static serves what never changes while the program runs.
func static(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(body) // a browser that has gone needs no answer
	})
}

// selfContained holds a page to loading and running nothing.
func selfContained(page http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:")
		page.ServeHTTP(w, r)
	})
}
