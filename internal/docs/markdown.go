package docs

import (
	"bytes"
	"html/template"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// Descriptions of OpenAPI are CommonMark; ours have tables, too. HTML in them
// is left out, which is the library's default.
var renderer = goldmark.New(
	goldmark.WithExtensions(extension.Table),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
)

func markdown(source string) (template.HTML, error) {
	html, _, err := markdownWithHeadings(source)
	return html, err
}

// markdownWithHeadings also returns the headings, with links to them.
func markdownWithHeadings(source string) (template.HTML, []link, error) {
	document := renderer.Parser().Parse(text.NewReader([]byte(source)))
	var headings []link
	for block := document.FirstChild(); block != nil; block = block.NextSibling() {
		if heading, ok := block.(*ast.Heading); ok {
			id, _ := heading.AttributeString("id")
			headings = append(headings, link{string(heading.Lines().Value([]byte(source))), "#" + string(id.([]byte))})
		}
	}
	var html bytes.Buffer
	err := renderer.Renderer().Render(&html, []byte(source), document)
	return template.HTML(html.String()), headings, err //nolint:gosec // goldmark escapes
}
