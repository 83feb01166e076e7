// Package docs makes a page for people of the contract: one HTML file with
// everything in it, without scripts, that can be read offline, searched by the
// browser and printed.
//
// Redocly's build-docs makes a page, too, which only scripts of 2 MB fill. To
// serve that from cimg it would have to be part of this module, and so of what
// everybody downloads who imports the wrapper. This one is 60 KB, made when it
// is asked for.
package docs

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/cimg-go/cimg/internal/contract"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").
	Funcs(template.FuncMap{"css": func() template.CSS { return template.CSS(pageCSS) }}).
	Parse(pageHTML))

// Write writes the page of a contract. The errors are those of
// [contract.Load] and those of out.
func Write(out io.Writer, file string, spec []byte) error {
	if _, err := contract.Load(file, spec); err != nil {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(spec, &document); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	page, err := newPage(node{document.Content[0], document.Content[0]})
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	// All or nothing: half a page looks like a page.
	var whole bytes.Buffer
	if err := pageTemplate.Execute(&whole, page); err != nil {
		return err
	}
	_, err = whole.WriteTo(out)
	return err
}
