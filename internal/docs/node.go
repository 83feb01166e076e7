package docs

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"

	"go.yaml.in/yaml/v3"
)

// node is a part of the contract in the order in which it is written: a page
// that sorts by name reads like a dictionary.
type node struct{ root, yaml *yaml.Node }

// exists tells whether there is such a part.
func (n node) exists() bool { return n.yaml != nil }

// get returns the part that path leads to, through $refs.
func (n node) get(path ...string) node {
	for _, name := range path {
		n = n.resolved()
		next := node{root: n.root}
		for key, value := range n.members() {
			if key == name {
				next = value
				break
			}
		}
		n = next
	}
	return n.resolved()
}

// resolved is what a $ref leads to, or the node itself.
func (n node) resolved() node {
	if ref := n.ref(); ref != "" {
		path := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		for i := range path {
			path[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(path[i])
		}
		return node{n.root, n.root}.get(path...)
	}
	return n
}

// ref is the $ref that stands in place of the node.
func (n node) ref() string {
	for key, value := range n.members() {
		if key == "$ref" {
			return value.yaml.Value
		}
	}
	return ""
}

// value is what a scalar says, "" when there is none.
func (n node) value() string {
	if n.yaml == nil {
		return ""
	}
	return n.yaml.Value
}

// text is the value of a member.
func (n node) text(name string) string { return n.get(name).value() }

// texts are the values of a member that is a list.
func (n node) texts(name string) []string {
	var values []string
	for _, item := range n.get(name).items() {
		values = append(values, item.value())
	}
	return values
}

func (n node) members() iter.Seq2[string, node] {
	return func(yield func(string, node) bool) {
		if n.yaml == nil || n.yaml.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.yaml.Content); i += 2 {
			if !yield(n.yaml.Content[i].Value, node{n.root, n.yaml.Content[i+1]}) {
				return
			}
		}
	}
}

func (n node) items() []node {
	if n.yaml == nil || n.yaml.Kind != yaml.SequenceNode {
		return nil
	}
	items := make([]node, len(n.yaml.Content))
	for i, item := range n.yaml.Content {
		items[i] = node{n.root, item}
	}
	return items
}

// json is a value of the contract as it travels, indented, its members in the
// order of the contract.
func (n node) json() (string, error) {
	var compact, indented bytes.Buffer
	if err := n.writeJSON(&compact); err != nil {
		return "", err
	}
	if err := json.Indent(&indented, compact.Bytes(), "", "  "); err != nil {
		return "", err
	}
	return indented.String(), nil
}

func (n node) writeJSON(out *bytes.Buffer) error {
	switch n.yaml.Kind {
	case yaml.MappingNode:
		separator := byte('{')
		for name, value := range n.members() {
			out.WriteByte(separator)
			if err := writeValue(out, name); err != nil {
				return err
			}
			out.WriteByte(':')
			if err := value.writeJSON(out); err != nil {
				return err
			}
			separator = ','
		}
		if separator == '{' {
			out.WriteByte('{')
		}
		out.WriteByte('}')
	case yaml.SequenceNode:
		out.WriteByte('[')
		for i, item := range n.items() {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := item.writeJSON(out); err != nil {
				return err
			}
		}
		out.WriteByte(']')
	default:
		var value any
		if err := n.yaml.Decode(&value); err != nil {
			return err
		}
		return writeValue(out, value)
	}
	return nil
}

func writeValue(out *bytes.Buffer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
