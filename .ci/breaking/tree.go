package main

import (
	"fmt"

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
