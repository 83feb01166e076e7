package contract

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// checker holds a contract to the grammar.
type checker struct {
	kinds    map[*yaml.Node]string // of the objects seen
	refs     []reference
	schemas  []Node
	problems []Problem
}

// reference is a $ref that stands in place of an object of a kind.
type reference struct {
	ref  Node
	kind string
}

// misfits finds what does not follow the grammar, and $refs that lead to what
// cannot stand in their place.
func misfits(root Node) []Problem {
	c := checker{kinds: make(map[*yaml.Node]string)}
	c.check("the document", root, root, "document")
	for _, r := range c.refs {
		c.checkReference(root, r)
	}
	for _, schema := range c.schemas {
		c.checkEndless(schema)
	}
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
		c.refs = append(c.refs, reference{n.Member("$ref"), kind})
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

var (
	pathParameter = regexp.MustCompile(`\{[^{}/]+\}`)
	status        = regexp.MustCompile(`^(default|x-.*|[1-5](\d\d|XX))$`)
	version       = regexp.MustCompile(`^3\.0\.\d+$`)
)

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
	switch kind {
	case "document":
		if openapi := n.Member("openapi"); openapi.Exists() && !version.MatchString(openapi.Value()) {
			c.add(openapi, "the version of OpenAPI is %q, not 3.0", openapi.Value())
		}
	case "paths":
		for key := range n.entries() {
			if name := key.Value(); strings.Count(name, "{") != strings.Count(pathParameter.ReplaceAllString(name, "{}"), "{}") {
				c.add(key, "the braces of %q do not match", name)
			}
		}
	case "responses":
		for key := range n.entries() {
			if !status.MatchString(key.Value()) {
				c.add(key, "%q is no HTTP status", key.Value())
			}
		}
	case "schema":
		c.schemas = append(c.schemas, n)
	}
}

// checkReference checks where a $ref leads to. All of them must lead into this
// file: that is what makes it whole wherever it is taken.
func (c *checker) checkReference(root Node, r reference) {
	to := r.ref.Value()
	if to == "" || r.ref.IsObject() || r.ref.IsArray() {
		c.add(r.ref, "$ref is empty; what begins with # must be put in quotes")
		return
	}
	path, ok := refPath(to)
	if !ok {
		c.add(r.ref, "$ref %q leads out of this file", to)
		return
	}
	target := root
	for _, name := range path {
		_, target = target.entry(name)
	}
	switch {
	case !target.Exists():
		c.add(r.ref, "$ref %q leads nowhere", to)
	case target.Member("$ref").Exists():
		if !target.Resolved().Exists() {
			c.add(r.ref, "$ref %q leads back to itself", to)
		}
	case c.kinds[target.yaml] != r.kind:
		c.add(r.ref, "$ref %q leads to no %s", to, r.kind)
	}
}

// isOf tells whether a value has the type that a kind asks for.
func isOf(n Node, kind string) bool {
	if kind == "count" {
		var count uint64
		return n.yaml.ShortTag() == "!!int" && n.yaml.Decode(&count) == nil
	}
	if kind == "number" {
		var number float64
		return typeOf(n) == "a number" && n.yaml.Decode(&number) == nil
	}
	return typeOf(n) == typeOfKind(kind)
}

// typeOfKind and typeOf name types in the words of JSON.
func typeOfKind(kind string) string {
	switch {
	case kind[0] == '[':
		return "an array"
	case kind == "text":
		return "text"
	case kind == "bool":
		return "true or false"
	case kind == "number":
		return "a number"
	case kind == "count":
		return "a whole number from 0"
	}
	return "an object"
}

func typeOf(n Node) string {
	switch {
	case n.IsObject():
		return "an object"
	case n.IsArray():
		return "an array"
	}
	switch n.yaml.ShortTag() {
	case "!!null":
		return "null"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}
