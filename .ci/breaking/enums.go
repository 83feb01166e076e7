package main

import (
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
)

// enums finds values that may be sent, or come, and those that no longer do.
// oasdiff tells of each value that is listed, or no longer is, and not of what
// it means: without a list any value is allowed. Nor does it look at a whole
// body in a reply.
func enums(base, revision *openapi3.T) (changes []change) {
	atEachSite(base, revision, func(who audience, operation string, was, now site) {
		for became, texts := range enumChanges(was, now) {
			for _, text := range texts {
				changes = append(changes, change{who, now.breaks(who, became), operation, text})
			}
		}
	})
	return changes
}

// enumChanges says what is no longer allowed at a place, and what is now.
func enumChanges(was, now site) map[reach][]string {
	place, before, after := now.where(), valuesOf(was.Schema), valuesOf(now.Schema)
	switch {
	case len(was.Enum) == 0 && len(now.Enum) == 0:
		return nil
	case haveMoved(was.Schema, now.Schema) || haveMoved(now.Schema, was.Schema):
		return nil // alternatives has it looked at
	case len(before) == 0:
		return map[reach][]string{narrower: {fmt.Sprintf("%s is one of %s, no longer any value", place, values(after))}}
	case len(after) == 0:
		return map[reach][]string{wider: {fmt.Sprintf("%s may have any value, no longer one of %s", place, values(before))}}
	}
	texts := map[reach][]string{}
	for _, value := range missing(before, after) {
		texts[narrower] = append(texts[narrower], fmt.Sprintf("removed the enum value %s of %s", value, place))
	}
	for _, value := range missing(after, before) {
		texts[wider] = append(texts[wider], fmt.Sprintf("added the new %s enum value to %s", value, place))
	}
	return texts
}

// valuesOf are those that a schema allows, if they can be listed.
func valuesOf(s *openapi3.Schema) []any {
	if len(s.Enum) == 0 && s.Type.Is("boolean") {
		return []any{true, false}
	}
	return s.Enum
}

// haveMoved tells if one schema may have in its alternatives the values that the
// other lists itself.
func haveMoved(toParts, listed *openapi3.Schema) bool {
	return len(toParts.Enum) == 0 && len(listed.Enum) > 0 && hasAlternatives(toParts) && !hasAlternatives(listed)
}

func hasAlternatives(s *openapi3.Schema) bool { return len(s.AnyOf)+len(s.OneOf) > 0 }

// missing are the values of one enum that another does not have.
func missing(from, other []any) (texts []string) {
	has := map[string]bool{}
	for _, value := range other {
		has[quoted(value)] = true
	}
	for _, value := range from {
		if !has[quoted(value)] {
			texts = append(texts, quoted(value))
		}
	}
	return texts
}

func values(enum []any) string { return strings.Join(missing(enum, nil), ", ") }

func quoted(value any) string { return fmt.Sprintf("`%v`", value) }

// isOfEnums says if a rule of oasdiff's is about what enums does better.
func isOfEnums(r checker.BackwardCompatibilityRule) bool {
	return strings.Contains(r.Id, "-enum") && !strings.Contains(r.Id, "extensible")
}
