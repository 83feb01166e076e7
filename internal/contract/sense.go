package contract

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

var (
	pathParameter = regexp.MustCompile(`\{[^{}/]+\}`)
	status        = regexp.MustCompile(`^(default|x-.*|[1-5](\d\d|XX))$`)
	version       = regexp.MustCompile(`^3\.0\.\d+$`)
)

// checkSense checks of an object what the grammar has no words for.
func (c *checker) checkSense(n Node, kind string) {
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
	case "parameter", "header":
		c.checkEither(n, "schema", "content")
		c.checkEither(n, "example", "examples")
	case "media":
		c.checkEither(n, "example", "examples")
	case "variable":
		c.checkDefault(n.Member("default"), n.Member("enum").Items())
	case "operation":
		c.operations[n.Member("operationId").Value()] = true
	case "link":
		if to := n.Member("operationRef"); to.Exists() && isOf(to, "text") {
			c.refs = append(c.refs, reference{to, to.Value(), "operationRef", "operation"})
		}
		if to := n.Member("operationId"); to.Exists() && isOf(to, "text") {
			c.links = append(c.links, to)
		}
	case "discriminator":
		for _, to := range n.Member("mapping").entries() {
			if isOf(to, "text") {
				c.refs = append(c.refs, reference{to, mapped(to.Value()), "the mapping", "schema"})
			}
		}
	case "schema":
		c.schemas = append(c.schemas, n)
		c.checkPattern(n.Member("pattern"))
	}
}

// checkDefault refuses a default of a server's variable that is none of its values.
func (c *checker) checkDefault(start Node, values []Node) {
	isStart := func(value Node) bool { return value.Value() == start.Value() }
	if start.Exists() && len(values) > 0 && !slices.ContainsFunc(values, isStart) {
		c.add(start, "the default %q is not in the enum", start.Value())
	}
}

// mapped is the reference that a discriminator maps a value to: the name of a
// schema will do for it.
func mapped(to string) string {
	if to == "" || strings.ContainsAny(to, "#/") {
		return to
	}
	return "#/components/schemas/" + to
}

// checkLinks refuses links to operations that do not exist.
func (c *checker) checkLinks() {
	for _, link := range c.links {
		if !c.operations[link.Value()] {
			c.add(link, "no operation has the operationId %q", link.Value())
		}
	}
}

var codePoint = regexp.MustCompile(`\\u([0-9A-F]{4})`)

// checkPattern refuses what Go cannot match. kin-openapi asks it only of schemas
// whose type is string.
func (c *checker) checkPattern(pattern Node) {
	_, err := regexp.Compile(codePoint.ReplaceAllString(pattern.Value(), `\x{$1}`))
	if problem, ok := errors.AsType[*syntax.Error](err); ok {
		reason := problem.Error()
		if problem.Code == syntax.ErrInvalidPerlOp {
			reason += " (Go's regular expressions have no lookahead and no lookbehind)"
		}
		c.add(pattern, "%s", reason)
	}
}

// checkEither refuses an object that has both of two members.
func (c *checker) checkEither(n Node, one, other string) {
	if second, _ := n.entry(other); n.Member(one).Exists() && second.Exists() {
		c.add(second, "%q cannot stand beside %q", other, one)
	}
}
