package contract

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// checker holds a contract to the grammar.
type checker struct {
	kinds      map[*yaml.Node]string // of the objects seen
	refs       []reference
	schemas    []Node
	operations map[string]bool // by operationId
	links      []Node          // to operations, by operationId
	problems   []Problem
}

// misfits finds what does not follow the grammar, and $refs that lead to what
// cannot stand in their place.
func misfits(root Node) []Problem {
	c := checker{kinds: make(map[*yaml.Node]string), operations: make(map[string]bool)}
	c.check("the document", root, root, "document")
	for _, r := range c.refs {
		c.checkReference(root, r)
	}
	for _, schema := range c.schemas {
		c.checkEndless(schema)
	}
	c.checkRequired()
	c.checkLinks()
	return c.problems
}

func (c *checker) add(at Node, format string, args ...any) {
	c.problems = append(c.problems, Problem{Line: at.Line(), Reason: fmt.Sprintf(format, args...)})
}

// check holds n, which is called name and stands behind a key, to a kind.
func (c *checker) check(name string, key, n Node, kind string) {
	if kind == "schema|bool" {
		if kind = "bool"; n.IsObject() {
			kind = "schema"
		}
	}
	switch {
	case kind == "any":
	case typeOf(n) == "null":
		c.add(key, "%s has no value", name)
	case !isOf(n, kind):
		c.kinds[n.yaml] = kind // who refers to it need not be told, too
		hint := ""
		if kind == "text" && !n.IsObject() && !n.IsArray() {
			hint = ": put it in quotes"
		}
		c.add(key, "%s is %s, not %s%s", name, typeOf(n), typeOfKind(kind), hint)
	case kind[0] == '[':
		for _, item := range n.Items() {
			c.check("an item of "+name, item, item, inner(kind))
		}
	case referable[kind] && n.Member("$ref").Exists():
		ref := n.Member("$ref")
		c.refs = append(c.refs, reference{ref, ref.Value(), "$ref", kind})
	case kind[0] == '{':
		c.kinds[n.yaml] = kind
		c.checkNamed(n, inner(kind))
	case kinds[kind] != nil:
		c.kinds[n.yaml] = kind
		c.checkObject(name, key, n, kind)
	}
}

// inner is the kind of what an array, or an object with any names, holds.
func inner(kind string) string { return kind[1 : len(kind)-1] }

// checkNamed checks an object whose members may have any name.
func (c *checker) checkNamed(n Node, kind string) {
	for key, value := range n.entries() {
		c.check(fmt.Sprintf("%q", key.Value()), key, value, kind)
	}
}

// checkObject checks an object whose members the grammar names.
func (c *checker) checkObject(name string, key, n Node, kind string) {
	for member, value := range n.entries() {
		of, known := kinds[kind][member.Value()]
		isExtension := !known && strings.HasPrefix(member.Value(), "x-")
		if !known {
			of, known = kinds[kind]["*"]
		}
		switch {
		case isExtension:
		case known:
			c.check(fmt.Sprintf("%q", member.Value()), member, value, strings.TrimSuffix(of, "!"))
		default:
			c.add(member, "OpenAPI 3.0 has no member %q here", member.Value())
		}
	}
	for member, of := range kinds[kind] {
		if strings.HasSuffix(of, "!") && !n.Member(member).Exists() {
			c.add(key, "%s lacks %q", name, member)
		}
	}
	c.checkSense(n, kind)
}
