package contract

import (
	"regexp"
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
	case "schema":
		c.schemas = append(c.schemas, n)
	}
}

// checkEither refuses an object that has both of two members.
func (c *checker) checkEither(n Node, one, other string) {
	if second, _ := n.entry(other); n.Member(one).Exists() && second.Exists() {
		c.add(second, "%q cannot stand beside %q", other, one)
	}
}
