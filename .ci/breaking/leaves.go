package main

import (
	"fmt"
	"slices"
	"strings"
)

// A place leads through a contract: the keys of objects, and what names an item
// of a list. Joined, it can be compared, and begins with those it is within.
type place string

const separator = "\x01"

func placeOf(steps ...string) place { return place(separator + strings.Join(steps, separator)) }

func (p place) steps() []string { return strings.Split(string(p), separator)[1:] }

func (p place) isWithin(other place) bool {
	return strings.HasPrefix(string(p), string(other)+separator)
}

func (p place) String() string {
	return strings.ReplaceAll(strings.Join(p.steps(), "/"), "//", "/")
}

func names(places []place) (all []string) {
	for _, p := range places {
		all = append(all, p.String())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// changedPlaces returns where two contracts differ: in what checks know, in
// texts, which only people read, and in what no check knows.
func changedPlaces(base, revision any) (judged, texts, unknown []place) {
	for _, at := range difference(leavesOf(base), leavesOf(revision)) {
		switch p, kind := sortOf(at.steps()); {
		case kind == isText:
			texts = append(texts, p)
		case kind == isUnknown:
			unknown = append(unknown, p)
		case p != placeOf("info", "version"): // the verdict is about it
			judged = append(judged, p)
		}
	}
	// The texts of what came or went as a whole are no news.
	judged = outermost(judged)
	texts = slices.DeleteFunc(outermost(texts), func(p place) bool { return slices.ContainsFunc(judged, p.isWithin) })
	return judged, texts, outermost(unknown)
}

// difference returns the places of what only one of two contracts has.
func difference(before, after map[leaf]bool) (places []place) {
	for _, sides := range [][2]map[leaf]bool{{before, after}, {after, before}} {
		for l := range sides[0] {
			if !sides[1][l] {
				places = append(places, l.place)
			}
		}
	}
	return places
}

// outermost leaves out what is within another place of the list.
func outermost(places []place) (some []place) {
	slices.Sort(places)
	for _, p := range places {
		if n := len(some); n == 0 || p != some[n-1] && !p.isWithin(some[n-1]) {
			some = append(some, p)
		}
	}
	return some
}

// A leaf is a place and the plain value there, as Go prints its type and itself;
// of an object or a list none.
type leaf struct {
	place
	value string
}

func leavesOf(tree any) map[leaf]bool {
	found := map[leaf]bool{}
	leaves("", tree, found)
	return found
}

// leaves collects those of a node. The order of plain values in a list means
// nothing anywhere in OpenAPI (required, enum, tags).
func leaves(at place, node any, into map[leaf]bool) {
	switch node := node.(type) {
	case map[string]any:
		for key, value := range node {
			leaves(at+placeOf(key), value, into)
		}
	case []any:
		for i, value := range node {
			leaves(at+placeOf(nameOfItem(i, value)), value, into)
		}
	default:
		into[leaf{at, fmt.Sprintf("%T %v", node, node)}] = true
		return
	}
	into[leaf{at, ""}] = true // an empty object is there, too
}
