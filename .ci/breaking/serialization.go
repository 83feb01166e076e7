package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// serialization finds parameters that are written otherwise: a service that
// reads jobUuids=a,b makes one id of jobUuids=a&jobUuids=b's last. oasdiff sees
// the difference and has no check for it.
func serialization(base, revision *openapi3.T) (changes []change) {
	inBoth(base, revision, func(before, after operation) {
		if from, to := before.pathNames(), after.pathNames(); areInAnotherOrder(from, to) {
			changes = append(changes, change{callers, true, before.name,
				fmt.Sprintf("the parameters of the path are in another order: `%s` became `%s`", before.path, after.path)})
		}
		for key, p := range ordered(before.parameters) {
			q, ok := after.parameters[key]
			if !ok {
				continue // oasdiff says so
			}
			if from, to := written(p), written(q); from != to {
				changes = append(changes, change{callers, true, before.name,
					fmt.Sprintf("the `%s` parameter `%s` is written otherwise: %s became %s", p.In, p.Name, from, to)})
			}
			if p.AllowReserved && !q.AllowReserved {
				changes = append(changes, change{callers, true, before.name,
					fmt.Sprintf("the `%s` parameter `%s` may no longer carry reserved characters (allowReserved)", p.In, p.Name)})
			}
		}
	})
	return changes
}

// areInAnotherOrder tells of names if one of them stands where another did.
func areInAnotherOrder(from, to []string) bool {
	for i, name := range from {
		if at := slices.Index(to, name); at >= 0 && at != i {
			return true
		}
	}
	return false
}

// written describes what style, explode and content make of a parameter.
func written(p *openapi3.Parameter) string {
	if len(p.Content) > 0 {
		return strings.Join(slices.Sorted(maps.Keys(p.Content)), ", ")
	}
	m, err := p.SerializationMethod()
	isOne := p.Schema == nil || !(p.Schema.Value.Type.Is("array") || p.Schema.Value.Type.Is("object"))
	switch {
	case err != nil:
		return err.Error()
	case isOne && (m.Style == openapi3.SerializationForm || m.Style == openapi3.SerializationSimple):
		return "one value" // whatever explode says
	case m.Style == openapi3.SerializationForm && p.Schema.Value.Type.Is("array") && m.Explode:
		return fmt.Sprintf("`%[1]s=a&%[1]s=b`", p.Name)
	case m.Style == openapi3.SerializationForm && p.Schema.Value.Type.Is("array"):
		return fmt.Sprintf("`%s=a,b`", p.Name)
	}
	return fmt.Sprintf("style `%s` with explode `%t`", m.Style, m.Explode)
}
