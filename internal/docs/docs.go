// Package docs renders the contract as one HTML page for people, with everything
// in it and without scripts: it can be read offline, searched by the browser and
// printed.
//
// Redocly's build-docs makes a page, too, which scripts of 2 MB fill. To be
// served by cimg it would have to be part of this module, and so of what everybody
// downloads who imports the wrapper. This page has 60 KB and is made when it is
// asked for.
package docs

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"

	"github.com/cimg-go/cimg/internal/contract"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"css":      func() template.CSS { return template.CSS(pageCSS) },
	"markdown": markdown,
	"json":     indented,
	"chinese":  func(text string) template.HTML { return chinese(template.HTMLEscapeString(text)) },
}).Parse(pageHTML))

// Write writes the page of a contract. The errors are those of
// [contract.Load] and those of out.
func Write(out io.Writer, file string, spec []byte) error {
	if _, err := contract.Load(file, spec); err != nil {
		return err
	}
	root, err := contract.Parse(file, spec)
	if err != nil {
		return err
	}
	// All or nothing: half a page looks like a page.
	var whole bytes.Buffer
	if err := pageTemplate.Execute(&whole, newPage(root)); err != nil {
		return err
	}
	_, err = whole.WriteTo(out)
	return err
}
