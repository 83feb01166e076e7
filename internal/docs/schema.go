package docs

import (
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// membersOf are the properties of an object.
func membersOf(schema node) ([]member, error) {
	schema = schema.resolved()
	required := schema.texts("required")
	var members []member
	for name, property := range schema.get("properties").members() {
		m, err := memberOf(name, property, slices.Contains(required, name))
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}

func memberOf(name string, schema node, required bool) (member, error) {
	description, err := markdown(schema.get("description").value())
	return member{
		Name: name, Required: required,
		Type: typeOf(schema), Limits: limitsOf(schema), Description: description,
	}, err
}

// typeOf is a schema's type, with links to the schemas it names.
func typeOf(schema node) template.HTML {
	if ref := schema.ref(); ref != "" {
		name := template.HTMLEscapeString(ref[strings.LastIndex(ref, "/")+1:])
		return template.HTML(fmt.Sprintf(`<a href="#schema-%s">%s</a>`, name, name)) //nolint:gosec // escaped above
	}
	for _, combinator := range []struct{ name, words string }{{"allOf", "all of"}, {"oneOf", "one of"}, {"anyOf", "any of"}} {
		if parts := schema.get(combinator.name).items(); len(parts) > 0 {
			types := make([]string, len(parts))
			for i, part := range parts {
				types[i] = string(typeOf(part))
			}
			return template.HTML(combinator.words + " " + strings.Join(types, ", ")) //nolint:gosec // made here
		}
	}
	text := template.HTMLEscapeString(schema.text("type"))
	switch text {
	case "array":
		for name, items := range schema.members() {
			if name == "items" {
				return "array of " + typeOf(items)
			}
		}
	case "":
		return "anything"
	}
	if format := schema.text("format"); format != "" {
		text += " (" + template.HTMLEscapeString(format) + ")"
	}
	return template.HTML(text) //nolint:gosec // escaped above
}

// limits are the keywords that restrict a value, and how a person says them.
var limits = []struct{ keyword, words string }{
	{"enum", "one of %s"}, {"default", "default %s"},
	{"minimum", "at least %s"}, {"maximum", "at most %s"},
	{"exclusiveMinimum", "minimum excluded: %s"}, {"exclusiveMaximum", "maximum excluded: %s"}, {"multipleOf", "a multiple of %s"},
	{"minLength", "%s characters or more"}, {"maxLength", "%s characters or fewer"}, {"pattern", "matches %s"},
	{"minItems", "%s items or more"}, {"maxItems", "%s items or fewer"}, {"uniqueItems", "no item twice: %s"},
	{"minProperties", "%s members or more"}, {"maxProperties", "%s members or fewer"},
	{"nullable", "may be null"}, {"readOnly", "only in replies"}, {"writeOnly", "only in requests"}, {"deprecated", "deprecated"},
}

// limitsOf says what restricts a value; for an array, also what restricts its
// items, as far as they have no name of their own.
func limitsOf(schema node) string {
	schema = schema.resolved()
	var said []string
	for _, limit := range limits {
		value := schema.get(limit.keyword)
		if !value.exists() || value.value() == "false" {
			continue
		}
		words := limit.words
		if strings.Contains(words, "%s") {
			text := value.value()
			if items := value.items(); items != nil {
				text = strings.Join(schema.texts(limit.keyword), ", ")
			}
			words = fmt.Sprintf(words, text)
			if text == "1" {
				words = strings.NewReplacer("characters", "character", "items", "item", "members", "member").Replace(words)
			}
		}
		said = append(said, words)
	}
	for name, items := range schema.members() {
		if name == "items" && items.ref() == "" {
			if each := limitsOf(items); each != "" {
				said = append(said, "each: "+each)
			}
		}
	}
	return strings.Join(said, "; ")
}
