package contract

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// source is a contract as it is written: a tree whose nodes know their lines.
type source struct{ root *yaml.Node }

// parse reads YAML. Two members of one name are refused: which of them counts
// differs from reader to reader.
func parse(text []byte) (source, []Problem) {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		return source{}, []Problem{unparsable(err)}
	}
	if document.Kind == 0 {
		return source{}, []Problem{{Line: 1, Reason: "the file is empty"}}
	}
	s := source{root: document.Content[0]}
	if s.root.Kind != yaml.MappingNode {
		return s, []Problem{{Line: s.root.Line, Reason: "the document is not an object"}}
	}
	var problems []Problem
	s.walk(func(object *yaml.Node) {
		first := make(map[string]int)
		for key := range members(object) {
			if line, twice := first[key.Value]; twice {
				problems = append(problems, Problem{Line: key.Line, Reason: fmt.Sprintf("%q is already defined in line %d", key.Value, line)})
				continue
			}
			first[key.Value] = key.Line
		}
	})
	return s, problems
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// unparsable takes the line out of an error of the YAML parser.
func unparsable(err error) Problem {
	text := err.Error()
	match := yamlLine.FindStringSubmatch(text)
	if match == nil {
		return Problem{Reason: text}
	}
	line, _ := strconv.Atoi(match[1])
	// Before it has read a line to its end, the parser names none.
	return Problem{Line: cmp.Or(line, 1), Reason: text[len(match[0]):]}
}

// members yields the keys and values of an object.
func members(object *yaml.Node) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(object.Content); i += 2 {
			if !yield(object.Content[i], object.Content[i+1]) {
				return
			}
		}
	}
}

// walk calls visit for each object of the tree, outermost first.
func (s source) walk(visit func(object *yaml.Node)) {
	var walk func(node *yaml.Node)
	walk = func(node *yaml.Node) {
		if node.Kind == yaml.MappingNode {
			visit(node)
		}
		for _, child := range node.Content {
			walk(child)
		}
	}
	walk(s.root)
}

// lineOf returns the line of the member that path leads to, or of the last one
// on the way that exists. It reports which.
func (s source) lineOf(path ...string) (line int, found bool) {
	node, line := s.root, s.root.Line
	for _, name := range path {
		key, value := member(node, name)
		if key == nil {
			return line, false
		}
		node, line = value, key.Line
	}
	return line, true
}

// member returns a member of an object; an item of an array is its own key.
func member(node *yaml.Node, name string) (key, value *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode:
		for key, value := range members(node) {
			if key.Value == name {
				return key, value
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
	}
	return nil, nil
}

// danglingReferences finds the $refs that lead nowhere. All of them must lead
// into this file: that is what makes it whole wherever it is taken.
func (s source) danglingReferences() []Problem {
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	var problems []Problem
	s.walk(func(object *yaml.Node) {
		_, ref := member(object, "$ref")
		if ref == nil || ref.Kind != yaml.ScalarNode {
			return
		}
		pointer, local := strings.CutPrefix(ref.Value, "#/")
		if !local {
			problems = append(problems, Problem{Line: ref.Line, Reason: fmt.Sprintf("$ref %q leads out of this file", ref.Value)})
			return
		}
		var path []string
		for name := range strings.SplitSeq(pointer, "/") {
			path = append(path, unescape.Replace(name))
		}
		if _, found := s.lineOf(path...); !found {
			problems = append(problems, Problem{Line: ref.Line, Reason: fmt.Sprintf("$ref %q leads nowhere", ref.Value)})
		}
	})
	return problems
}
