package contract

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// checkEndless refuses a schema with which whoever checks a value would never
// come to an end. One with a member of its own type is fine: values are finite.
func (c *checker) checkEndless(schema Node) {
	switch {
	case isPartOf(schema, schema, make(map[*yaml.Node]bool)):
		c.add(schema, "the schema is a part of itself")
	case make(emptiness).of(schema) == neverTold:
		c.add(schema, "the schema is within itself: give it a type")
	}
}

// isPartOf tells whether a schema is, by allOf and the like, a part of whole.
func isPartOf(schema, whole Node, seen map[*yaml.Node]bool) bool {
	for _, part := range parts(whole, "allOf", "anyOf", "oneOf", "not") {
		if part.yaml == schema.yaml {
			return true
		}
		if !seen[part.yaml] {
			seen[part.yaml] = true
			if isPartOf(schema, part, seen) {
				return true
			}
		}
	}
	return false
}

// emptiness tells which schemas are as good as {}. kin-openapi asks this of
// every schema that a value meets. It looks into one that says nothing itself,
// in a certain order and until something is said. When it comes back to where it
// was, it overflows the stack, and nobody can recover from that. There are more
// keywords that say something than the three that are asked for here; but a type
// is what such a schema lacks for its readers, too.
type emptiness map[*yaml.Node]answer

type answer int

const (
	unasked answer = iota
	empty
	notEmpty
	neverTold
)

func (e emptiness) of(schema Node) answer {
	if e[schema.yaml] == unasked {
		e[schema.yaml] = neverTold // to who comes back to it
		e[schema.yaml] = e.ask(schema)
	}
	return e[schema.yaml]
}

func (e emptiness) ask(schema Node) answer {
	says := schema.Member("type").Exists() ||
		len(schema.Member("required").Items()) > 0 || len(schema.Member("enum").Items()) > 0
	if says {
		return notEmpty
	}
	for _, members := range []string{"not", "additionalProperties", "items", "properties", "oneOf", "anyOf", "allOf"} {
		var answers []answer
		for _, part := range parts(schema, members) {
			answers = append(answers, e.of(part))
		}
		// Properties come in another order each time: sooner or later the first is
		// one that is not empty.
		if members == "properties" && slices.Contains(answers, notEmpty) {
			return notEmpty
		}
		if i := slices.IndexFunc(answers, func(is answer) bool { return is != empty }); i >= 0 {
			return answers[i]
		}
	}
	return empty
}

// parts are the schemas in members of a schema.
func parts(schema Node, members ...string) (parts []Node) {
	for _, name := range members {
		all := []Node{schema.Member(name)}
		switch {
		case name == "properties":
			all = nil
			for _, property := range schema.Member(name).Members() {
				all = append(all, property)
			}
		case all[0].IsArray():
			all = all[0].Items()
		}
		for _, part := range all {
			if part = part.Resolved(); part.IsObject() {
				parts = append(parts, part)
			}
		}
	}
	return parts
}
