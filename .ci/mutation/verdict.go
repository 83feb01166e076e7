package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// leastEfficacy is the share of mutants, of those that tests reach and that
// they finished with, that tests must notice.
const leastEfficacy = 0.90

// A mutant is one change of one operator, and what became of it.
type mutant struct {
	file      string // from the repository's root
	line, col int
	mutator   string
	status    string
	source    string // the line that was changed, without indentation
}

func (m mutant) String() string { return fmt.Sprintf("%s:%d:%d %s", m.file, m.line, m.col, m.mutator) }

// An explanation says why one mutant may survive. It names the text of the
// line, as line numbers change with every edit above.
type explanation struct{ file, mutator, source, reason string }

func (e explanation) explains(m mutant) bool {
	return e.file == m.file && e.mutator == m.mutator && e.source == m.source
}

// parseReport reads what gremlins --output wrote, in the order of the source.
func parseReport(report []byte, tree fs.FS) ([]mutant, error) {
	var r struct {
		Files []struct {
			Name      string `json:"file_name"` // in the package
			Mutations []struct {
				Type, Status string
				Line, Column int
			}
		}
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return nil, fmt.Errorf("gremlins' report: %w", err)
	}
	var mutants []mutant
	for _, f := range r.Files {
		file := path.Join(mutated, f.Name)
		content, err := fs.ReadFile(tree, file)
		if err != nil {
			return nil, err
		}
		lines := strings.Split(string(content), "\n")
		for _, m := range f.Mutations {
			if m.Line < 1 || m.Line > len(lines) {
				return nil, fmt.Errorf("gremlins' report: %s has no line %d", file, m.Line)
			}
			mutants = append(mutants, mutant{file, m.Line, m.Column, m.Type, m.Status, strings.TrimSpace(lines[m.Line-1])})
		}
	}
	slices.SortFunc(mutants, func(a, b mutant) int {
		return cmp.Or(cmp.Compare(a.file, b.file), a.line-b.line, a.col-b.col, cmp.Compare(a.mutator, b.mutator))
	})
	return mutants, nil
}

// parseAccepted reads survivors.txt, whose head says what it looks like.
func parseAccepted(text string) (accepted []explanation, err error) {
	var block []string
	for i, line := range append(strings.Split(text, "\n"), "") {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case line != "":
			block = append(block, line)
		case len(block) > 0:
			file, mutator, two := strings.Cut(block[0], " ")
			if !two || len(block) < 3 {
				return nil, fmt.Errorf("survivors.txt:%d: before this line, want a file and a mutator, the source line, and a reason, on a line each", i+1)
			}
			accepted = append(accepted, explanation{file, strings.TrimSpace(mutator), block[1], strings.Join(block[2:], " ")})
			block = nil
		}
	}
	return accepted, nil
}

// A verdict is what a run has shown.
type verdict struct {
	count    map[string]int // by status
	report   strings.Builder
	failures []string // why the run fails
}

// judge counts the mutants and looks for the explanation of each that no test
// has noticed. One explanation is good for one mutant.
//
// A mutant that timed out needs an explanation like one that lived, and counts
// for efficacy neither as killed nor as lived: its tests did not end in time,
// so they have not failed, nor have they passed. Perhaps it waits for ever,
// and `go test` would fail in the end; perhaps the machine was slow.
func judge(mutants []mutant, accepted []explanation, reportStale bool) *verdict {
	v := &verdict{count: map[string]int{}}
	unused := slices.Clone(accepted)
	var unexplained, unknown int
	for _, m := range mutants {
		v.count[m.status]++
		switch m.status {
		case "LIVED", "TIMED OUT":
			mark := "UNEXPLAINED"
			if i := slices.IndexFunc(unused, func(e explanation) bool { return e.explains(m) }); i >= 0 {
				mark = "explained: " + unused[i].reason
				unused = slices.Delete(unused, i, i+1)
			} else {
				unexplained++
			}
			fmt.Fprintf(&v.report, "%-11s %s\n            %s\n            %s\n", strings.ToLower(m.status), m, m.source, mark)
		case "KILLED", "NOT VIABLE", "SKIPPED":
		case "NOT COVERED":
			fmt.Fprintf(&v.report, "not covered %s\n            %s\n", m, m.source)
		default:
			unknown++
		}
	}
	efficacy, tested := v.efficacy()
	switch {
	case !tested:
		v.fail("no mutant was tested to the end")
	case efficacy < leastEfficacy:
		v.fail("tests notice %.1f %% of the mutants they reach; want %.0f %%", 100*efficacy, 100*leastEfficacy)
	}
	if unexplained > 0 {
		v.fail("%d mutants unnoticed and unexplained. Test what they change, or give a reason in .ci/mutation/survivors.txt", unexplained)
	}
	if unknown > 0 {
		v.fail("%d mutants neither tested nor left out", unknown)
	}
	for _, e := range unused {
		if reportStale {
			v.fail("stale explanation, remove it from .ci/mutation/survivors.txt: no such mutant survives: %s %s: %s", e.file, e.mutator, e.source)
		}
	}
	return v
}

func (v *verdict) efficacy() (share float64, tested bool) {
	killed, lived := v.count["KILLED"], v.count["LIVED"]
	return float64(killed) / float64(max(1, killed+lived)), killed+lived > 0
}

func (v *verdict) fail(format string, args ...any) {
	v.failures = append(v.failures, fmt.Sprintf(format, args...))
}

func (v *verdict) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "\n%s\n", v.report.String())
	for _, status := range []string{"KILLED", "LIVED", "TIMED OUT", "NOT COVERED", "NOT VIABLE", "SKIPPED"} {
		fmt.Fprintf(&s, "%-12s %5d\n", strings.ToLower(status), v.count[status])
	}
	efficacy, _ := v.efficacy()
	fmt.Fprintf(&s, "efficacy     %5.1f %%: killed / (killed + lived)\n", 100*efficacy)
	for _, failure := range v.failures {
		fmt.Fprintf(&s, "FAILED: %s\n", failure)
	}
	return s.String()
}
