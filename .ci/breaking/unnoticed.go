package main

import (
	"slices"

	"go.yaml.in/yaml/v3"
)

// unnoticed are the places whose change no check noticed, although checks know
// such places: perhaps none knows this keyword here, or a schema that only a
// callback has. What was found elsewhere must not hide them.
func unnoticed(places []place, before, after document, found []change) []place {
	if len(found) == 0 {
		return places
	}
	return slices.DeleteFunc(slices.Clone(places), func(p place) bool {
		return !isWithoutEffect(p, before, after, found)
	})
}

// isWithoutEffect tells whether the same is found without the change of a place,
// and nothing by it alone: two changes may be told in the same words. What the
// revision cannot do without, a schema that others refer to, is noticed there:
// a revision without it that cannot be read counts as noticed.
func isWithoutEffect(p place, before, after document, found []change) bool {
	without, ok := before.changesTo(with(after.tree, before.tree, p.steps()))
	if !ok || !slices.Equal(without, found) {
		return false
	}
	alone, ok := before.changesTo(with(before.tree, after.tree, p.steps()))
	return !ok || len(alone) == 0
}

// changesTo returns what is found in a tree that may be no contract. It has parts of
// the past in it, and is held to no more than that.
func (d document) changesTo(tree any) (found []change, ok bool) {
	text, err := yaml.Marshal(tree)
	if err != nil {
		return nil, false
	}
	mixed, err := contract{content: text, isPast: true}.readAll()
	if err != nil {
		return nil, false
	}
	found, err = findChanges(d, mixed)
	return found, err == nil
}
