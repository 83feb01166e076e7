package contract

import "strings"

// reference leads to an object of a kind: a $ref that stands in its place, or
// what another text comes to.
type reference struct {
	text Node
	to   string
	name string // of the text, for people
	kind string
}

// checkReference checks where a reference leads to. All of them must lead into
// this file: that is what makes it whole wherever it is taken.
func (c *checker) checkReference(root Node, r reference) {
	to := r.to
	if to == "" || r.text.IsObject() || r.text.IsArray() {
		c.add(r.text, "%s is empty; what begins with # must be put in quotes", r.name)
		return
	}
	path, ok := refPath(to)
	switch {
	case ok:
	case strings.HasPrefix(to, "#"):
		c.add(r.text, "%s %q must begin with #/", r.name, to)
		return
	default:
		c.add(r.text, "%s %q leads out of this file", r.name, to)
		return
	}
	target := root
	for _, name := range path {
		_, target = target.entry(name)
	}
	end := target.Resolved()
	switch {
	case !target.Exists():
		c.add(r.text, "%s %q leads nowhere", r.name, to)
	case !end.Exists():
		c.add(r.text, "%s %q leads back to itself", r.name, to)
	case c.kinds[end.yaml] != r.kind:
		c.add(r.text, "%s %q leads to no %s", r.name, to, r.kind)
	}
}
