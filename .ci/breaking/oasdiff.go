package main

import (
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/load"
)

// rules are oasdiff's, by their id: what each is about.
var rules = func() map[string]checker.BackwardCompatibilityRule {
	byID := map[string]checker.BackwardCompatibilityRule{}
	for _, r := range checker.GetAllRules() {
		byID[r.Id] = r
	}
	return byID
}()

func foundByOasdiff(base, revision *openapi3.T) (changes []change, err error) {
	found, err := check(base, revision)
	if err != nil {
		return nil, err
	}
	names, later := operations(base), operations(revision)
	text := checker.NewDefaultLocalizer()
	for _, f := range found {
		rule := rules[f.GetId()]
		if leftToUs(rule) {
			continue
		}
		breaking, said := judged(f, text)
		at := endpoint{f.GetOperation(), f.GetPath()}
		if saysOfAlternatives(f, breaking, names[at.key()], later[at.key()]) {
			continue
		}
		c := change{audience: concerned(rule), breaking: breaking, operation: f.GetOperationId(), text: said + hints[rule.Id]}
		if before, ok := names[at.key()]; ok { // a new name tells nobody what breaks
			c.operation = before.name
		} else if c.operation == "" && at.path != "" {
			c.operation = at.method + " " + at.path
		}
		if rule.Area == checker.AreaPaths && c.audience == callers {
			c.text = fmt.Sprintf("%s: %s %s", strings.TrimSuffix(c.text, " without deprecation"), at.method, at.path)
		}
		changes = append(changes, c)
	}
	return changes, nil
}

func check(base, revision *openapi3.T) (checker.Changes, error) {
	d, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), &load.SpecInfo{Spec: base}, &load.SpecInfo{Spec: revision})
	if err != nil {
		return nil, err
	}
	// Ours is a contract of what others run: no mark makes a part of it a draft
	// that may break.
	config := checker.NewConfig(checker.GetAllChecks(),
		checker.WithSeverityLevels(raised), checker.WithStabilityLevel(checker.StabilityDraft))
	return checker.CheckBackwardCompatibilityUntilLevel(config, d, sources, checker.INFO), nil
}

// judged is what a finding of oasdiff's means, and its text.
func judged(f checker.Change, text checker.Localizer) (breaking bool, said string) {
	said = f.GetUncolorizedText(text)
	if isAnotherTime(f) {
		return true, strings.Replace(said, "was widened", "changed", 1)
	}
	// A warning says that oasdiff cannot tell, which is no promise.
	return f.GetLevel() >= checker.WARN, said
}

// isAnotherTime tells of a date, or a time, in a request that must be both by now.
// oasdiff takes that for wider; but 2020-01-01 is no date-time.
func isAnotherTime(f checker.Change) bool {
	args := f.GetArgs()
	return rules[f.GetId()].Direction == checker.DirectionRequest && strings.HasSuffix(f.GetId(), "-type-generalized") &&
		len(args) > 1 && args[len(args)-1] == "date-time" && (args[len(args)-2] == "date" || args[len(args)-2] == "time")
}

// concerned says whom a rule is about.
func concerned(r checker.BackwardCompatibilityRule) audience {
	switch {
	case r.Id == checker.APIOperationIdRemovedId || r.Id == checker.APISchemasRemovedId:
		return generated
	case r.Direction == checker.DirectionRequest, r.Area == checker.AreaPaths:
		return callers
	case r.Direction == checker.DirectionResponse:
		return readers
	}
	return nobody
}

// leftToUs are the rules of what others do better. oasdiff lets 0.x break with a
// minor (verdict.go), calls every change of a security scheme, and of what all
// operations require, compatible (security.go), knows single values of enums
// (enums.go), and reads half of what is within a parameter (parameters.go).
func leftToUs(r checker.BackwardCompatibilityRule) bool {
	return r.Area == checker.AreaInfo || r.Area == checker.AreaSecurity || isOfEnums(r) ||
		strings.HasPrefix(r.Id, "request-parameter-property-")
}
