package docs

import (
	"bytes"
	"html/template"
	"regexp"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// Descriptions of OpenAPI are CommonMark; ours have tables and bare addresses,
// too. HTML in them is left out, which is the library's default.
var renderer = goldmark.New(
	goldmark.WithExtensions(extension.Table, extension.Linkify),
	goldmark.WithParserOptions(parser.WithAutoHeadingID()),
)

// markdown renders a text. The ids of its headings begin with its place, so that
// no two texts have the same; without a place they have none.
func markdown(place, source string) (template.HTML, error) {
	document := renderer.Parser().Parse(text.NewReader([]byte(source)))
	for block := document.FirstChild(); block != nil; block = block.NextSibling() {
		switch id, found := block.AttributeString("id"); {
		case found && place == "":
			block.RemoveAttributes()
		case found:
			block.SetAttributeString("id", []byte(place+"-"+string(id.([]byte))))
		}
	}
	var html bytes.Buffer
	if err := renderer.Renderer().Render(&html, []byte(source), document); err != nil {
		return "", err
	}
	return chinese(scrollable.ReplaceAllString(html.String(), `$0 tabindex="0"`)), nil
}

// scrollable are the elements that may be wider than a phone: with a tab index
// they can be scrolled by keyboard.
var scrollable = regexp.MustCompile(`<(?:pre|table)\b`)

// headings are those of a text, with links to where markdown puts them.
func headings(place, source string) []link {
	document := renderer.Parser().Parse(text.NewReader([]byte(source)))
	var found []link
	for block := document.FirstChild(); block != nil; block = block.NextSibling() {
		if heading, ok := block.(*ast.Heading); ok {
			id, _ := heading.AttributeString("id")
			found = append(found, link{string(heading.Text([]byte(source))), "#" + place + "-" + string(id.([]byte))}) //nolint:staticcheck // text without marks is what is wanted
		}
	}
	return found
}

// hanzi is Chinese text: without a language, some browsers show it in the glyphs
// of Japanese.
var hanzi = regexp.MustCompile(`[\p{Han}，。、；：（）]*\p{Han}[\p{Han}，。、；：（）]*`)

// chinese marks Chinese in HTML. It may not stand within tags.
func chinese(html string) template.HTML {
	return template.HTML(hanzi.ReplaceAllString(html, `<span lang="zh-Hans">$0</span>`)) //nolint:gosec // escaped before
}
