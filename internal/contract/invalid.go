package contract

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// invalid finds the line of each error of kin-openapi's validation: where the
// error itself says that it arose, or else the place that the errors around it
// name.
func invalid(root Node, err error, where ...string) []Problem {
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if origin := originOf(inner); origin != nil && origin.Key != nil && origin.Key.Line != root.Line() {
			return []Problem{{Line: lineIn(root, origin, inner), Reason: firstLine(inner.Error())}}
		}
		switch scope := inner.(type) { //nolint:errorlint // each error of the chain is looked at by itself
		case openapi3.MultiError:
			var problems []Problem
			for _, err := range scope {
				problems = append(problems, invalid(root, err, slices.Clone(where)...)...)
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
	reason := firstLine(err.Error())
	return []Problem{{Line: cmp.Or(lineOfRequirement(root, reason), root.lineOf(where...)), Reason: reason}}
}

var securityRequirement = regexp.MustCompile(`security requirement (/\S+) `)

// lineOfRequirement is the line of the security requirement that an error is
// about, 0 if it is about something else.
func lineOfRequirement(root Node, reason string) int {
	pointer := securityRequirement.FindStringSubmatch(reason)
	if pointer == nil {
		return 0
	}
	path, _ := refPath("#" + pointer[1])
	return root.lineOf(path...)
}

// componentSections are the members of `components`, by kin-openapi's names for
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

// lineIn is the line of the member that an error is about, or else that of the
// object that it arose in.
func lineIn(root Node, origin *openapi3.Origin, err error) int {
	switch err.(type) { //nolint:errorlint // the error itself, not what it wraps
	case *openapi3.ExampleViolatesSchema:
		return lineInExample(root, origin, err)
	case *openapi3.DuplicateOperationIDError:
		return lineOfField(origin, func(member string) bool { return member == "operationId" })
	}
	text := firstLine(err.Error())
	if line := lineOfRequirement(root, text); line > 0 {
		return line
	}
	return lineOfField(origin, func(member string) bool {
		// "type" and "name" are words of the language, too, unless they are quoted or
		// in a set phrase.
		name := regexp.QuoteMeta(member)
		quoted := fmt.Sprintf(`['"[]%[1]s['"\]]|\b%[1]s=|invalid %[1]s:`, name)
		quoted += `|^value of (license )?` + name + ` must|^` + name + ` is required`
		if strings.ToLower(member) != member {
			quoted += `|\b` + name + `\b`
		}
		return regexp.MustCompile(quoted).MatchString(text)
	})
}

func lineOfField(origin *openapi3.Origin, isMeant func(member string) bool) int {
	for _, member := range origin.Fields {
		if isMeant(member.Name) {
			return member.Line
		}
	}
	return origin.Key.Line
}

// lineInExample goes on from where an example begins to the value that does not
// fit.
func lineInExample(root Node, origin *openapi3.Origin, err error) int {
	begins := lineOfField(origin, func(member string) bool { return member == "value" || member == "example" })
	schema, ok := errors.AsType[*openapi3.SchemaError](err)
	example := root.memberInLine(begins)
	if !ok || !example.Exists() || len(schema.JSONPointer()) == 0 {
		return begins
	}
	return example.lineOf(schema.JSONPointer()...)
}

// firstLine is what an error says in short: one about a value goes on with the
// schema and the value.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
