package contract

import (
	"iter"
	"net/url"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Node is a part of a contract as it is written: it knows its line, and its
// members in their order. The zero Node stands for what is not there.
type Node struct{ root, yaml *yaml.Node }

// Exists tells whether there is such a part.
func (n Node) Exists() bool { return n.yaml != nil }

// Line is the number of the line it begins in, counted from 1.
func (n Node) Line() int { return n.yaml.Line }

// YAML is what the YAML parser made of it, for who writes it again.
func (n Node) YAML() *yaml.Node { return n.yaml }

// IsObject and IsArray tell what it is; all else is a scalar.
func (n Node) IsObject() bool { return n.Exists() && n.yaml.Kind == yaml.MappingNode }

// IsArray tells whether it is an array, see [Node.IsObject].
func (n Node) IsArray() bool { return n.Exists() && n.yaml.Kind == yaml.SequenceNode }

// Value is what a scalar says, "" if it is something else.
func (n Node) Value() string {
	if !n.Exists() {
		return ""
	}
	return n.yaml.Value
}

// Members yields the members of an object, and nothing of anything else.
func (n Node) Members() iter.Seq2[string, Node] {
	return func(yield func(string, Node) bool) {
		for key, value := range n.entries() {
			if !yield(key.Value(), value) {
				return
			}
		}
	}
}

// entries yields what Members does, with the keys as they are written.
func (n Node) entries() iter.Seq2[Node, Node] {
	return func(yield func(key, value Node) bool) {
		if !n.IsObject() {
			return
		}
		for i := 0; i+1 < len(n.yaml.Content); i += 2 {
			if !yield(Node{n.root, n.yaml.Content[i]}, Node{n.root, n.yaml.Content[i+1]}) {
				return
			}
		}
	}
}

// Items returns the items of an array, and nothing of anything else.
func (n Node) Items() []Node {
	if !n.IsArray() {
		return nil
	}
	items := make([]Node, len(n.yaml.Content))
	for i, item := range n.yaml.Content {
		items[i] = Node{n.root, item}
	}
	return items
}

// Member returns a member of an object as it is written, be it a $ref.
func (n Node) Member(name string) Node {
	_, value := n.entry(name)
	return value
}

// entry returns a member with its key; of an array, an item, which is its own.
func (n Node) entry(name string) (key, value Node) {
	for key, value := range n.entries() {
		if key.Value() == name {
			return key, value
		}
	}
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(n.Items()) && strconv.Itoa(i) == name {
		return n.Items()[i], n.Items()[i]
	}
	return Node{}, Node{}
}

// Get returns the part that path leads to. Where a $ref stands, it follows it.
func (n Node) Get(path ...string) Node {
	for _, name := range path {
		_, n = n.Resolved().entry(name)
	}
	return n.Resolved()
}

// Ref is the $ref that stands in place of the node, "" if none does.
func (n Node) Ref() string { return n.Member("$ref").Value() }

// Resolved is what a $ref leads to, or the node itself.
func (n Node) Resolved() Node {
	for range maxRefs {
		path, ok := refPath(n.Ref())
		if !ok {
			return n
		}
		n = Node{n.root, n.root}
		for _, name := range path {
			_, n = n.entry(name)
		}
	}
	return Node{} // it never ends
}

// maxRefs bounds a chain of $refs that lead to each other.
const maxRefs = 100

// refPath splits a $ref into this file. It reports whether it is one.
func refPath(ref string) (path []string, ok bool) {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, false
	}
	if decoded, err := url.PathUnescape(pointer); err == nil {
		pointer = decoded
	}
	for name := range strings.SplitSeq(pointer, "/") {
		path = append(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(name))
	}
	return path, true
}

// lineOf returns the line of the member that path leads to, or of the last one
// on the way that exists. $refs are not followed.
func (n Node) lineOf(path ...string) int {
	line := n.Line()
	for _, name := range path {
		key, value := n.entry(name)
		if !key.Exists() {
			break
		}
		n, line = value, key.Line()
	}
	return line
}

// memberInLine returns the member whose name stands in a line.
func (n Node) memberInLine(line int) Node {
	for key, value := range n.entries() {
		if key.Line() == line {
			return value
		}
		if found := value.memberInLine(line); found.Exists() {
			return found
		}
	}
	for _, item := range n.Items() {
		if found := item.memberInLine(line); found.Exists() {
			return found
		}
	}
	return Node{}
}
