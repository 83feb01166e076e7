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
	findings, err := check(base, revision)
	if err != nil {
		return nil, err
	}
	names := operations(base)
	for _, f := range findings {
		c := change{audience: concerned(f.rule), breaking: f.breaking, operation: f.GetOperationId(), text: f.text + hints[f.rule.Id]}
		if before, ok := names[f.at.key()]; ok { // a new name tells nobody what breaks
			c.operation = before.name
		} else if c.operation == "" && f.at.path != "" {
			c.operation = f.at.method + " " + f.at.path
		}
		if f.rule.Area == checker.AreaPaths && c.audience == callers {
			c.text = fmt.Sprintf("%s: %s %s", strings.TrimSuffix(c.text, " without deprecation"), f.at.method, f.at.path)
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// judgement is a finding of oasdiff's, and what it means.
type judgement struct {
	checker.Change
	rule     checker.BackwardCompatibilityRule
	at       endpoint
	breaking bool
	text     string
}

// check returns what oasdiff finds, but for what others here do better.
func check(base, revision *openapi3.T) (all []judgement, err error) {
	d, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), &load.SpecInfo{Spec: base}, &load.SpecInfo{Spec: revision})
	if err != nil {
		return nil, err
	}
	// Ours is a contract of what others run: no mark makes a part of it a draft
	// that may break.
	config := checker.NewConfig(checker.GetAllChecks(),
		checker.WithSeverityLevels(raised), checker.WithStabilityLevel(checker.StabilityDraft))
	before, after, text := operations(base), operations(revision), checker.NewDefaultLocalizer()
	for _, found := range checker.CheckBackwardCompatibilityUntilLevel(config, d, sources, checker.INFO) {
		f := judged(found, text)
		if !leftToUs(f.rule) && !saysOfAlternatives(f, before[f.at.key()], after[f.at.key()]) {
			all = append(all, f)
		}
	}
	return all, nil
}

func judged(found checker.Change, text checker.Localizer) judgement {
	f := judgement{
		Change: found, rule: rules[found.GetId()], at: endpoint{found.GetOperation(), found.GetPath()},
		// A warning says that oasdiff cannot tell, which is no promise.
		breaking: found.GetLevel() >= checker.WARN, text: found.GetUncolorizedText(text),
	}
	if isAnotherTime(found) {
		f.breaking, f.text = true, strings.Replace(f.text, "was widened", "changed", 1)
	}
	return f
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
