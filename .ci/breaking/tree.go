package main

import (
	"fmt"
	"maps"
	"slices"

	"go.yaml.in/yaml/v3"
)

// parseTree returns a contract as it is written: objects, lists and plain values.
func parseTree(content []byte) (any, error) {
	var tree any
	if err := yaml.Unmarshal(content, &tree); err != nil {
		return nil, err
	}
	return withTextKeys(tree), nil
}

// withTextKeys makes texts of all keys: a status is the same with quotes and
// without.
func withTextKeys(node any) any {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			node[key] = withTextKeys(value)
		}
	case map[any]any:
		texts := make(map[string]any, len(node))
		for key, value := range node {
			texts[fmt.Sprint(key)] = withTextKeys(value)
		}
		return texts
	case []any:
		for i, value := range node {
			node[i] = withTextKeys(value)
		}
	}
	return node
}

const plainItem = "*"

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
		return plainItem
	}
	return fmt.Sprint(i)
}

// with returns a document in which one place is as it is in another document.
func with(document, other any, steps []string) any {
	if len(steps) == 0 {
		return other
	}
	switch document := document.(type) {
	case map[string]any:
		if other, ok := other.(map[string]any); ok {
			return withMember(document, other, steps)
		}
	case []any:
		if other, ok := other.([]any); ok && steps[0] != plainItem {
			return withItem(document, other, steps)
		}
	}
	return other
}

func withMember(document, other map[string]any, steps []string) any {
	changed := maps.Clone(document)
	value, inOther := other[steps[0]]
	member, inDocument := document[steps[0]]
	switch {
	case !inOther:
		delete(changed, steps[0])
	case inDocument:
		changed[steps[0]] = with(member, value, steps[1:])
	default:
		changed[steps[0]] = value
	}
	return changed
}

func withItem(document, other []any, steps []string) any {
	changed := slices.Clone(document)
	at, from := indexOfItem(document, steps[0]), indexOfItem(other, steps[0])
	switch {
	case from < 0 && at >= 0:
		return slices.Delete(changed, at, at+1)
	case at >= 0:
		changed[at] = with(document[at], other[from], steps[1:])
	case from >= 0:
		return slices.Insert(changed, min(from, len(changed)), other[from])
	}
	return changed
}

func indexOfItem(list []any, name string) int {
	for i, item := range list {
		if nameOfItem(i, item) == name {
			return i
		}
	}
	return -1
}
