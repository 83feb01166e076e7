package contract

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

var misfit = regexp.MustCompile(`cannot unmarshal (\w+)(?: \S+)? into .*?field (?:\w+\.)*([\w$-]+) of type (\S+)`)

// undecodable finds the member that cannot be what the document says it is.
// The decoder does not tell where it stands. So the document is taken apart:
// the part which by itself gives the same error holds the member.
func (s source) undecodable(err error) []Problem {
	reason := decodeReason(err)
	node, place := s.root, func(node *yaml.Node) *yaml.Node { return node }
	same := func(node *yaml.Node) bool {
		text, err := yaml.Marshal(place(node))
		if err != nil {
			return false
		}
		_, err = openapi3.NewLoader().LoadFromData(text)
		return err != nil && decodeReason(err) == reason
	}
	if !same(s.root) {
		return []Problem{{Reason: readable(reason)}}
	}
	for !same(&yaml.Node{Kind: node.Kind, Tag: node.Tag, Value: node.Value}) {
		part := slices.IndexFunc(parts(node), func(part part) bool { return same(part.alone(part.child)) })
		if part < 0 {
			break
		}
		outer, inner := place, parts(node)[part]
		node, place = inner.child, func(node *yaml.Node) *yaml.Node { return outer(inner.alone(node)) }
	}
	return []Problem{{Line: node.Line, Reason: readable(reason)}}
}

// part is one child of a node.
type part struct {
	child *yaml.Node
	alone func(child *yaml.Node) *yaml.Node // the node with this child, or what is put in its place, and no other
}

func parts(node *yaml.Node) []part {
	var all []part
	switch node.Kind {
	case yaml.MappingNode:
		for key, value := range members(node) {
			all = append(all, part{value, func(child *yaml.Node) *yaml.Node {
				return &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{key, child}}
			}})
		}
	case yaml.SequenceNode:
		for _, item := range node.Content {
			all = append(all, part{item, func(child *yaml.Node) *yaml.Node {
				return &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{child}}
			}})
		}
	}
	return all
}

// decodeReason is an error of the loader without what it tells of its own ways:
// it tries JSON, then YAML by way of JSON.
func decodeReason(err error) string {
	text := firstLine(err.Error())
	if _, reason, found := strings.Cut(text, "while decoding JSON: "); found {
		return reason
	}
	return text
}

var misplaced = regexp.MustCompile(`cannot unmarshal (\w+) into value of type openapi3\.(\w+)`)

// readable says in the words of JSON what the decoder says in those of Go.
func readable(reason string) string {
	if match := misfit.FindStringSubmatch(reason); match != nil {
		return fmt.Sprintf("%q is of type %s, not %s", match[2], match[1], jsonType(match[3]))
	}
	if match := misplaced.FindStringSubmatch(reason); match != nil {
		return fmt.Sprintf("%s stands where a %s belongs", match[1], match[2])
	}
	return reason
}

// jsonType is what JSON calls a type of Go.
func jsonType(goType string) string {
	switch {
	case strings.HasPrefix(goType, "[]"):
		return "array"
	case strings.HasPrefix(goType, "uint"):
		return "number from 0"
	case strings.HasPrefix(goType, "int"), strings.HasPrefix(goType, "float"):
		return "number"
	case goType == "bool", goType == "string":
		return goType
	}
	return "object"
}

// invalid finds the lines of what kin-openapi's validation says: of each error
// the place where it says itself that it arose, or else the place that the
// errors around it name.
func (s source) invalid(err error, where ...string) []Problem {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if origin := originOf(inner); origin != nil && origin.Key != nil && origin.Key.Line != s.root.Line {
			return []Problem{{Line: lineIn(origin, inner), Reason: firstLine(inner.Error())}}
		}
		switch scope := inner.(type) { //nolint:errorlint // each error of the chain is looked at by itself
		case openapi3.MultiError:
			var problems []Problem
			for _, err := range scope {
				problems = append(problems, s.invalid(err, slices.Clone(where)...)...)
			}
			return problems
		case *openapi3.SectionValidationError:
			where = append(where, scope.Section)
		case *openapi3.PathValidationError:
			where = append(where, scope.Path)
		case *openapi3.OperationValidationError:
			where = append(where, strings.ToLower(scope.Method))
		case *openapi3.ComponentValidationError:
			where = append(where, componentSections[scope.Section], scope.Name)
		}
	}
	if extra, ok := errors.AsType[*openapi3.ExtraSiblingFieldsError](err); ok {
		where = append(where, extra.Fields[0])
	}
	line, _ := s.lineOf(where...)
	return []Problem{{Line: line, Reason: firstLine(err.Error())}}
}

// componentSections are the members of `components`, by what kin-openapi calls
// what they hold.
var componentSections = map[string]string{
	"schema": "schemas", "parameter": "parameters", "header": "headers",
	"request body": "requestBodies", "response": "responses", "example": "examples",
	"security scheme": "securitySchemes", "link": "links", "callback": "callbacks",
}

// originOf returns where an error arose, for those of kin-openapi's that tell:
// some thirty types, with a field of this name in common.
func originOf(err error) *openapi3.Origin {
	value := reflect.Indirect(reflect.ValueOf(err))
	if value.Kind() != reflect.Struct {
		return nil
	}
	field := value.FieldByName("Origin")
	if !field.IsValid() {
		return nil
	}
	origin, _ := field.Interface().(*openapi3.Origin)
	return origin
}

// lineIn is the line of the member that an error is about, or that of the
// object the member belongs to.
func lineIn(origin *openapi3.Origin, err error) int {
	about := func(member string) bool {
		for _, quotes := range []string{"'%s'", `"%s"`, "[%s]", "invalid %s:"} {
			if strings.Contains(firstLine(err.Error()), fmt.Sprintf(quotes, member)) {
				return true
			}
		}
		return false
	}
	switch err.(type) { //nolint:errorlint // the error itself, not what it wraps
	case *openapi3.DuplicateOperationIDError:
		about = func(member string) bool { return member == "operationId" }
	case *openapi3.SchemaPatternRegexError:
		about = func(member string) bool { return member == "pattern" }
	}
	for _, member := range origin.Fields {
		if about(member.Name) {
			return member.Line
		}
	}
	return origin.Key.Line
}

// firstLine is what an error says in short: one about a value goes on with the
// schema and the value.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
