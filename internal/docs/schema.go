package docs

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/cimg-go/cimg/internal/contract"
)

// membersOf are the properties of an object.
func membersOf(schema contract.Node) []member { return collect(schema, "", false) }

// membersBelow are the properties of an object and those of the objects in it:
// all that a caller has to write, in one place.
func membersBelow(schema contract.Node) []member { return collect(schema, "", true) }

// collect returns properties; deep, also those of inner objects, with the place
// before their names. An object within itself is entered once.
func collect(schema contract.Node, place string, deep bool, around ...contract.Node) []member {
	schema = schema.Resolved()
	if !schema.Exists() || slices.Contains(around, schema) {
		return nil
	}
	around = append(slices.Clone(around), schema)
	var members []member
	for _, part := range schema.Get("allOf").Items() {
		members = append(members, collect(part, place, deep, around...)...)
	}
	required := valuesOf(schema.Get("required"))
	for name, property := range schema.Get("properties").Members() {
		m := memberOf(place+name, property)
		m.Required = slices.Contains(required, name)
		members = append(members, m)
		if !deep {
			continue
		}
		inner, path := property.Resolved(), place+name
		for inner.Get("items").Exists() {
			inner, path = inner.Get("items"), path+"[]"
		}
		members = append(members, collect(inner, path+".", deep, around...)...)
	}
	return members
}

func memberOf(name string, schema contract.Node) member {
	m := member{Name: name, Type: typeOf(schema), Limits: limitsOf(schema), Description: textOf(schema, "description")}
	if value := schema.Get("example"); value.Exists() {
		m.Example = inline(value)
	}
	return m
}

// typeOf is a schema's type, with links to the schemas it names.
func typeOf(schema contract.Node) template.HTML {
	if name, ok := strings.CutPrefix(schema.Ref(), "#/components/schemas/"); ok && !strings.Contains(name, "/") {
		name = template.HTMLEscapeString(name)
		link := fmt.Sprintf(`<a href="#schema-%s">%s</a>`, name, name)
		if kind := textOf(schema, "type"); kind != "object" && kind != "" {
			link += " (" + template.HTMLEscapeString(kind) + ")"
		}
		return template.HTML(link) //nolint:gosec // escaped above
	}
	schema = schema.Resolved()
	for _, combinator := range []struct{ name, words string }{{"allOf", "all of"}, {"oneOf", "one of"}, {"anyOf", "any of"}} {
		if parts := schema.Get(combinator.name).Items(); len(parts) > 0 {
			types := make([]string, len(parts))
			for i, part := range parts {
				types[i] = string(typeOf(part))
			}
			return template.HTML(combinator.words + " " + strings.Join(types, ", ")) //nolint:gosec // made here
		}
	}
	kind := template.HTMLEscapeString(textOf(schema, "type"))
	switch kind {
	case "array":
		return "array of " + typeOf(schema.Member("items"))
	case "":
		return "anything"
	}
	if format := textOf(schema, "format"); format != "" {
		kind += " (" + template.HTMLEscapeString(format) + ")"
	}
	return template.HTML(kind) //nolint:gosec // escaped above
}

// limits are the keywords that restrict a value, and how a person says them.
// Those without %s say something if they are true.
var limits = []struct{ keyword, words string }{
	{"enum", "one of %s"}, {"default", "default %s"},
	{"minimum", "at least %s"}, {"maximum", "at most %s"}, {"multipleOf", "a multiple of %s"},
	{"exclusiveMinimum", "without that minimum"}, {"exclusiveMaximum", "without that maximum"},
	{"minLength", "%s characters or more"}, {"maxLength", "%s characters or fewer"}, {"pattern", "matches %s"},
	{"minItems", "%s items or more"}, {"maxItems", "%s items or fewer"}, {"uniqueItems", "no item twice"},
	{"minProperties", "%s members or more"}, {"maxProperties", "%s members or fewer"},
	{"nullable", "may be null"}, {"readOnly", "only in replies"}, {"writeOnly", "only in requests"}, {"deprecated", "deprecated"},
}

// limitsOf says what restricts a value; for an array, also what restricts its
// items, as far as they have no name of their own.
func limitsOf(schema contract.Node) string {
	schema = schema.Resolved()
	var said []string
	for _, limit := range limits {
		value := schema.Get(limit.keyword)
		switch {
		case !value.Exists():
		case strings.Contains(limit.words, "%s"):
			text := value.Value()
			if limit.keyword == "enum" || limit.keyword == "default" {
				text = inline(value)
			}
			words := limit.words
			if text == "1" {
				words = strings.NewReplacer("characters", "character", "items", "item", "members", "member").Replace(words)
			}
			said = append(said, fmt.Sprintf(words, text))
		case value.Value() == "true":
			said = append(said, limit.words)
		}
	}
	switch other := schema.Get("additionalProperties"); {
	case other.IsObject():
		said = append(said, "further members of one kind")
	case other.Value() == "false":
		said = append(said, "no further members")
	}
	if items := schema.Member("items"); items.Exists() && items.Ref() == "" {
		if each := limitsOf(items); each != "" {
			said = append(said, "each: "+each)
		}
	}
	return strings.Join(said, "; ")
}

func valuesOf(list contract.Node) []string {
	var values []string
	for _, item := range list.Items() {
		values = append(values, item.Value())
	}
	return values
}

// inline is a value in a line of text: a plain list as it stands in a query.
func inline(value contract.Node) string {
	if items := value.Items(); len(items) > 0 && !slices.ContainsFunc(items, func(n contract.Node) bool { return n.IsObject() || n.IsArray() }) {
		return strings.Join(valuesOf(value), ",")
	}
	if !value.IsObject() && !value.IsArray() {
		return value.Value()
	}
	var compact bytes.Buffer
	if err := writeJSON(&compact, value); err != nil {
		return ""
	}
	return strings.ReplaceAll(compact.String(), "\n", "")
}
