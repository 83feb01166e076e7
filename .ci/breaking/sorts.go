package main

import (
	"slices"
	"strings"
)

type sort int

const (
	isJudged  sort = iota // by some check
	isText                // only people read it
	isUnknown             // no check knows it
)

var sorts = map[string]sort{
	"description": isText, "summary": isText, "title": isText, "example": isText, "examples": isText,
	"externalDocs": isText, "license": isText, "contact": isText, "termsOfService": isText,

	"openapi": isUnknown, "not": isUnknown, "xml": isUnknown, "encoding": isUnknown, "allowEmptyValue": isUnknown,
	"callbacks": isUnknown, "links": isUnknown, "variables": isUnknown,
	"headers": isUnknown, // of replies and encodings; half of what can be said of them
}

// sortOf says what a place is within, and what to call it. The names of members,
// schemas and the like are no keywords, whatever they are.
func sortOf(steps []string) (within place, kind sort) {
	switch {
	case slices.Equal(steps, []string{"info", "description"}): // it has rules in it: what each errno means
		return placeOf(steps...), isUnknown
	case steps[0] == "tags": // those of operations are judged
		return placeOf(steps...), isText
	}
	isName := false
	for i, step := range steps {
		// A member may be called properties; what follows it is no name.
		if isName = i > 0 && !isName && steps[i-1] == "properties" || i == 2 && steps[0] == "components"; isName {
			continue
		}
		kind := sorts[step]
		if strings.HasPrefix(step, "x-") && !isGeneratorsWish(step) {
			kind = isUnknown
		}
		if kind != isJudged {
			return placeOf(steps[:i+1]...), kind
		}
	}
	return placeOf(steps...), isJudged
}
