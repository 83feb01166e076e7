package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// readLeaves names the places of a contract that changed and that the changes
// found do not tell of: texts, which only people read, and what no check knows.
// Neither must vanish without a word. If nothing was found, no check knew any.
func (r *Report) readLeaves(nothingFound bool) error {
	before, after := map[string]bool{}, map[string]bool{}
	for content, into := range map[*[]byte]map[string]bool{&r.base.content: before, &r.revision.content: after} {
		tree, err := parseTree(*content)
		if err != nil {
			return err
		}
		leaves(nil, tree, into)
	}
	var texts, others, unjudged []string
	for leaf := range before {
		if after[leaf] {
			delete(after, leaf)
			delete(before, leaf)
		}
	}
	maps.Copy(before, after)
	for leaf := range before {
		place, _, _ := strings.Cut(leaf, "\x00")
		steps := strings.Split(place, "\x01")
		switch name, kind := sortOf(steps); {
		case kind == isText:
			texts = append(texts, name)
		case name == "info/version": // the verdict is about it
		case kind == isUnknown || nothingFound:
			unjudged = append(unjudged, name)
		default:
			others = append(others, name)
		}
	}
	// The texts of what came or went as a whole are no news.
	whole := outermost(others)
	r.texts = slices.DeleteFunc(outermost(texts), func(place string) bool {
		return slices.ContainsFunc(whole, func(other string) bool { return strings.HasPrefix(place, other+"/") })
	})
	r.unjudged = outermost(unjudged)
	return nil
}

// outermost leaves out what is within another place of the list.
func outermost(places []string) (some []string) {
	slices.Sort(places)
	for _, place := range places {
		if n := len(some); n == 0 || place != some[n-1] && !strings.HasPrefix(place, some[n-1]+"/") {
			some = append(some, place)
		}
	}
	return some
}

// leaves collects place and value of each. The order of plain values in a list
// means nothing anywhere in OpenAPI (required, enum, tags).
func leaves(place []string, node any, into map[string]bool) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			leaves(append(slices.Clone(place), key), value, into)
		}
	case []any:
		for i, value := range node {
			leaves(append(slices.Clone(place), nameOfItem(i, value)), value, into)
		}
	default:
		into[fmt.Sprintf("%s\x00%T %v", strings.Join(place, "\x01"), node, node)] = true
	}
	into[strings.Join(place, "\x01")+"\x00"] = true // an empty object is there, too
}

// nameOfItem is what tells an item of a list from others, so that one that is put
// in between does not make all that follow look changed. The order of plain values
// means nothing anywhere in OpenAPI.
func nameOfItem(i int, item any) string {
	switch item := item.(type) {
	case map[string]any:
		for _, identity := range []string{"$ref", "name", "url"} {
			if name, ok := item[identity].(string); ok {
				if in, ok := item["in"].(string); ok {
					return in + " " + name
				}
				return name
			}
		}
	case []any:
	default:
		return "*"
	}
	return fmt.Sprint(i)
}

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
func sortOf(place []string) (name string, kind sort) {
	isName := false
	for i, step := range place {
		// A member may be called properties; what follows it is no name.
		if isName = i > 0 && !isName && place[i-1] == "properties" || i == 2 && place[0] == "components"; isName {
			continue
		}
		kind := sorts[step]
		if strings.HasPrefix(step, "x-") && !isGeneratorsWish(step) {
			kind = isUnknown
		}
		if kind != isJudged {
			return joined(place[:i+1]), kind
		}
	}
	return joined(place), isJudged
}

func joined(place []string) string { return strings.ReplaceAll(strings.Join(place, "/"), "//", "/") }
