package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parse reads YAML, of which a contract uses what JSON has, too.
func parse(text []byte) (Node, []Problem) {
	if problem, found := unreadable(text); found {
		return Node{}, []Problem{problem}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return Node{}, []Problem{{Line: 1, Reason: "the file is empty"}}
	case err != nil:
		return Node{}, []Problem{unparsable(text, err)}
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return Node{}, []Problem{unparsable(text, err)}
	default:
		return Node{}, []Problem{{Line: second.Line, Reason: "a second document begins"}}
	}
	root := Node{document.Content[0], document.Content[0]}
	if root.yaml.ShortTag() == "!!null" && root.Value() == "" {
		return root, []Problem{{Line: 1, Reason: "the file is empty"}} // but for a ---
	}
	if !root.IsObject() {
		return root, []Problem{{Line: root.Line(), Reason: "the document is not an object"}}
	}
	return root, portable(root)
}

// unreadable finds what is no text. YAML's parser does not say where it is.
func unreadable(text []byte) (Problem, bool) {
	line := 1
	for rest := text; len(rest) > 0; {
		char, size := utf8.DecodeRune(rest)
		switch {
		case char == utf8.RuneError && size == 1:
			return Problem{Line: line, Reason: fmt.Sprintf("the byte %#02x is not UTF-8", rest[0])}, true
		case char == '\n':
			line++
		case unicode.IsControl(char) && char != '\t' && char != '\r':
			return Problem{Line: line, Reason: fmt.Sprintf("the control character %U is not allowed", char)}, true
		}
		rest = rest[size:]
	}
	return Problem{}, false
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// unparsable finds the line of an error of YAML's parser. That names the line
// before the block that it was reading, or none. Who looks for the mistake is
// better off with the line that it could not read: the last one of the shortest
// beginning that it refuses in the same words. Beginnings that end in the midst
// of what is right may be refused so, too: where the parser named a line, they
// count from there only.
func unparsable(text []byte, err error) Problem {
	match := yamlLine.FindStringSubmatch(err.Error())
	if match == nil {
		return Problem{Reason: err.Error()}
	}
	said := err.Error()[len(match[0]):]
	named, _ := strconv.Atoi(match[1])
	lines := bytes.SplitAfter(text, []byte("\n"))
	isRefused := func(count int) bool {
		err := yaml.Unmarshal(bytes.Join(lines[:count], nil), new(yaml.Node))
		return err != nil && strings.HasSuffix(err.Error(), said)
	}
	from := min(max(named, 1), len(lines))
	if isRefused(from - 1) {
		from = 1 // of what begins in line 1, the parser names the end
	}
	read := from + sort.Search(len(lines)-from, func(i int) bool { return isRefused(from + i) })
	if begins := named + 1; named > 0 && begins < read {
		said += fmt.Sprintf(" (in the block that begins in line %d)", begins)
	}
	return Problem{Line: read, Reason: said}
}

// portable finds YAML that not every tool reads alike, and what JSON has no word
// for.
func portable(n Node) (problems []Problem) {
	add := func(at Node, format string, args ...any) {
		problems = append(problems, Problem{Line: at.Line(), Reason: fmt.Sprintf(format, args...)})
	}
	first := make(map[string]int)
	for key, value := range n.entries() {
		name := key.Value()
		switch tag := key.yaml.ShortTag(); {
		case tag == "!!merge":
			add(key, "<< is not read by every tool: write the members out, or use $ref")
		case key.yaml.Style&yaml.TaggedStyle != 0, tag != "!!str" && tag != "!!int":
			add(key, "a name must be text, put it in quotes")
		case first[name] > 0:
			add(key, "%q is already defined in line %d", name, first[name])
		default:
			first[name] = key.Line()
		}
		problems = append(problems, portable(value)...)
	}
	for _, item := range n.Items() {
		problems = append(problems, portable(item)...)
	}
	switch {
	case n.yaml.Kind == yaml.AliasNode:
		add(n, "aliases are not read alike by every tool: write it out, or use $ref")
	case n.yaml.Style&yaml.TaggedStyle != 0:
		add(n, "the tag %s is not read alike by every tool: leave it out", n.yaml.Tag)
	case n.yaml.Kind != yaml.ScalarNode:
	case n.yaml.ShortTag() == "!!float" && strings.ContainsAny(strings.ToLower(n.Value()), "ni"): // .inf, .nan
		add(n, "%s is no number of JSON", n.Value())
	}
	return problems
}
