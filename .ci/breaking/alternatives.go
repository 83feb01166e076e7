package main

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
)

// alternatives finds schemas that get their first anyOf or oneOf, or lose the
// last. oasdiff takes one part more for wider, and one less for narrower; but
// without any part everything is allowed.
func alternatives(base, revision *openapi3.T) (changes []change) {
	atEachSite(base, revision, func(who audience, operation string, was, now site) {
		for _, kind := range kindsOfAlternatives {
			became := kind.became(was, now)
			if became == asFar {
				continue
			}
			c := change{who, now.breaks(who, became), operation, kind.text(became, now.where())}
			if became == unclear {
				c.audience = doubtful
			}
			changes = append(changes, c)
		}
	})
	return changes
}

type alternativesKind struct {
	keyword  string
	inRuleID string // as oasdiff writes it
	parts    func(*openapi3.Schema) openapi3.SchemaRefs
}

var kindsOfAlternatives = []alternativesKind{
	{"anyOf", "-any-of-", func(s *openapi3.Schema) openapi3.SchemaRefs { return s.AnyOf }},
	{"oneOf", "-one-of-", func(s *openapi3.Schema) openapi3.SchemaRefs { return s.OneOf }},
}

func (k alternativesKind) text(became reach, place string) string {
	switch became {
	case narrower:
		return fmt.Sprintf("%s must fit `%s` now", place, k.keyword)
	case wider:
		return fmt.Sprintf("%s need not fit `%s` any more", place, k.keyword)
	}
	return fmt.Sprintf("`%s` of %s, which came or went along with other keywords", k.keyword, place)
}

// became is unclear if other keywords went, or came, at the same time: what they
// say may have moved into the parts, or out of them.
func (k alternativesKind) became(was, now site) reach {
	before, after := len(k.parts(was.Schema)) > 0, len(k.parts(now.Schema)) > 0
	switch {
	case before == after:
		return asFar
	case after && hasKeywordsOf(now.Schema, was.Schema):
		return narrower
	case before && hasKeywordsOf(was.Schema, now.Schema):
		return wider
	}
	return unclear
}

// hasKeywordsOf tells if a schema has each keyword of another that binds values.
func hasKeywordsOf(s, other *openapi3.Schema) bool {
	has, wanted := reflect.ValueOf(bounds(s)), reflect.ValueOf(bounds(other))
	for i := range wanted.NumField() {
		if has.Field(i).IsZero() && !wanted.Field(i).IsZero() {
			return false
		}
	}
	return true
}

// bounds is a schema without what only describes values, or allows more.
func bounds(s *openapi3.Schema) openapi3.Schema {
	bare := *s
	bare.Extensions, bare.Origin, bare.ExternalDocs, bare.XML = nil, nil, nil, nil
	bare.Title, bare.Description, bare.Example, bare.Default = "", "", nil, nil
	bare.Nullable, bare.ReadOnly, bare.WriteOnly, bare.Deprecated, bare.AllowEmptyValue = false, false, false, false, false
	bare.Discriminator = nil
	return bare
}

// saysOfAlternatives tells whether a finding of oasdiff's is about what
// alternatives knows better. Where that is not sure, a breaking one stays.
func saysOfAlternatives(f judgement, before, after operation) bool {
	for _, kind := range kindsOfAlternatives {
		if id := f.GetId(); !strings.HasSuffix(id, kind.inRuleID+"added") && !strings.HasSuffix(id, kind.inRuleID+"removed") {
			continue
		}
		found := kind.reaches(f, before, after)
		return len(found) > 0 && !slices.Contains(found, asFar) && (!f.breaking || !slices.Contains(found, unclear))
	}
	return false
}

// reaches are what became of the sites that a finding is about, one for each
// media type.
func (k alternativesKind) reaches(f judgement, before, after operation) (found []reach) {
	place, status := "", ""
	args := f.GetArgs()[1:] // after the parts
	sites := requestSites
	if f.rule.Direction == checker.DirectionResponse {
		sites = replySites
		status, args = fmt.Sprint(args[len(args)-1]), args[:len(args)-1]
	}
	if len(args) > 0 {
		place = fmt.Sprint(args[0])
	}
	atBoth(sites(before), sites(after), func(was, now site) {
		if strings.Trim(now.place, "/") == strings.Trim(place, "/") && now.status == status {
			found = append(found, k.became(was, now))
		}
	})
	return found
}
