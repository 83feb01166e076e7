package main

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// leavesChanged names the places of a document that changed: those that only
// people read, and all others. oasdiff's checks say nothing about texts, and
// nothing about what they do not know; neither must vanish without a word.
func leavesChanged(base, revision []byte) (texts, others []string, err error) {
	before, after := map[string]bool{}, map[string]bool{}
	for content, into := range map[*[]byte]map[string]bool{&base: before, &revision: after} {
		var document any
		if err := yaml.Unmarshal(*content, &document); err != nil {
			return nil, nil, err
		}
		leaves(nil, document, into)
	}
	var changed []string
	for leaf := range before {
		if !after[leaf] {
			changed = append(changed, leaf)
		}
	}
	for leaf := range after {
		if !before[leaf] {
			changed = append(changed, leaf)
		}
	}
	for _, leaf := range changed {
		place, _, _ := strings.Cut(leaf, "\x00")
		text, isText := textPlace(strings.Split(place, "\x01"))
		switch {
		case isText:
			texts = append(texts, text)
		case text != "info/version": // the verdict is about it
			others = append(others, text)
		}
	}
	return outermost(texts), outermost(others), nil
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
			step := fmt.Sprint(i)
			switch value.(type) {
			case map[string]any, []any:
			default:
				step = "*"
			}
			leaves(append(slices.Clone(place), step), value, into)
		}
	case map[any]any: // keys that are not all texts: as they are printed
		into[strings.Join(place, "\x01")+"\x00"+fmt.Sprint(node)] = true
		return
	default:
		into[fmt.Sprintf("%s\x00%T %v", strings.Join(place, "\x01"), node, node)] = true
	}
	into[strings.Join(place, "\x01")+"\x00"] = true // an empty object is there, too
}

var forPeople = []string{"description", "summary", "title", "example", "examples", "externalDocs", "license", "contact", "termsOfService"}

// textPlace says if a place is within something for people, and what to call
// it. A member of an object may be named like a keyword (description).
func textPlace(place []string) (name string, isText bool) {
	for i, step := range place {
		if slices.Contains(forPeople, step) && (i == 0 || place[i-1] != "properties") {
			return strings.Join(place[:i+1], "/"), true
		}
	}
	return strings.Join(place, "/"), false
}
