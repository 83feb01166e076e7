package main

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var sources = fstest.MapFS{
	"wrapper/retry.go": {Data: []byte("package wrapper\n\nfunc retry(n int) {\n\tif n > 0 {\n\t\tn--\n\t}\n}\n")},
	"wrapper/name.go":  {Data: []byte("package wrapper\n\nvar a = b == c\nvar d = \"x\" + e\n\nfunc f(s string) bool {\n\treturn s == \"\"\n}\n")},
}

func fixture(t *testing.T) []mutant {
	t.Helper()
	report, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	mutants, err := parseReport(report, sources)
	if err != nil {
		t.Fatal(err)
	}
	return mutants
}

func TestReportIsReadInTheOrderOfTheSource(t *testing.T) {
	want := []mutant{
		{"wrapper/name.go", 3, 10, "CONDITIONALS_NEGATION", "KILLED", "var a = b == c"},
		{"wrapper/name.go", 4, 16, "ARITHMETIC_BASE", "NOT VIABLE", `var d = "x" + e`},
		{"wrapper/name.go", 7, 9, "CONDITIONALS_NEGATION", "NOT COVERED", `return s == ""`},
		{"wrapper/retry.go", 4, 7, "CONDITIONALS_BOUNDARY", "LIVED", "if n > 0 {"},
		{"wrapper/retry.go", 4, 7, "CONDITIONALS_NEGATION", "KILLED", "if n > 0 {"},
		{"wrapper/retry.go", 5, 4, "INCREMENT_DECREMENT", "TIMED OUT", "n--"},
	}
	if got := fixture(t); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

func TestReportThatDoesNotFitTheSources(t *testing.T) {
	for _, report := range []string{
		`{`,
		`{"files":[{"file_name":"gone.go","mutations":[]}]}`,
		`{"files":[{"file_name":"retry.go","mutations":[{"line":99}]}]}`,
	} {
		if _, err := parseReport([]byte(report), sources); err == nil {
			t.Errorf("no error for %s", report)
		}
	}
}

var (
	boundary = explanation{"wrapper/retry.go", "CONDITIONALS_BOUNDARY", "if n > 0 {", "one more or less"}
	endless  = explanation{"wrapper/retry.go", "INCREMENT_DECREMENT", "n--", "does not end"}
)

// mutants returns one mutant for each status.
func mutants(statuses ...string) (all []mutant) {
	for _, status := range statuses {
		all = append(all, mutant{boundary.file, 4, 7, boundary.mutator, status, boundary.source})
	}
	return all
}

func killed(n int) []mutant { return mutants(slices.Repeat([]string{"KILLED"}, n)...) }

func TestVerdict(t *testing.T) {
	const unexplained, low, stale = "unexplained", "want 90 %", "stale explanation"
	for name, test := range map[string]struct {
		mutants  []mutant
		accepted []explanation
		want     []string // in the failures, one each
	}{
		"all killed":                        {killed(3), nil, nil},
		"a survivor":                        {append(killed(9), mutants("LIVED")...), nil, []string{unexplained}},
		"an explained survivor":             {append(killed(9), mutants("LIVED")...), []explanation{boundary}, nil},
		"a mutant that timed out":           {append(killed(1), mutants("TIMED OUT")...), nil, []string{unexplained}},
		"an explained mutant timed out":     {append(killed(1), mutants("TIMED OUT")...), []explanation{boundary}, nil},
		"one explanation for two survivors": {append(killed(18), mutants("LIVED", "LIVED")...), []explanation{boundary}, []string{unexplained}},
		"explained, but too many":           {append(killed(8), mutants("LIVED")...), []explanation{boundary}, []string{low}},
		"an explanation for nothing":        {killed(1), []explanation{boundary}, []string{stale}},
		"an explanation of another line":    {append(killed(9), mutants("LIVED")...), []explanation{endless}, []string{unexplained, stale}},
		"neither reached nor compiled":      {append(killed(1), mutants("NOT COVERED", "NOT VIABLE", "SKIPPED")...), nil, nil},
		"a dry run":                         {append(killed(1), mutants("RUNNABLE")...), nil, []string{"1 mutants neither"}},
		"nothing tested":                    {mutants("NOT COVERED"), nil, []string{"no mutant was tested"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(test.mutants, test.accepted, true).failures
			if len(got) != len(test.want) {
				t.Fatalf("got %q, want %q", got, test.want)
			}
			for i := range got {
				if !strings.Contains(got[i], test.want[i]) {
					t.Errorf("got %q, want %q", got[i], test.want[i])
				}
			}
		})
	}
}

func TestStaleExplanationsOfAPartialRun(t *testing.T) {
	if v := judge(killed(1), []explanation{boundary}, false); len(v.failures) > 0 {
		t.Errorf("got %q", v.failures)
	}
}

func TestVerdictIsPrinted(t *testing.T) {
	got := judge(fixture(t), []explanation{endless}, true).String()
	for _, want := range []string{
		"lived       wrapper/retry.go:4:7 CONDITIONALS_BOUNDARY\n            if n > 0 {\n            UNEXPLAINED\n",
		"timed out   wrapper/retry.go:5:4 INCREMENT_DECREMENT\n            n--\n            explained: does not end\n",
		"not covered wrapper/name.go:7:9 CONDITIONALS_NEGATION\n",
		"killed           2\nlived            1\ntimed out        1\nnot covered      1\nnot viable       1\nskipped          0\nefficacy      66.7 %",
		"FAILED: tests notice 66.7 % of the mutants they reach; want 90 %\n",
		"FAILED: 1 mutants unnoticed and unexplained.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestAcceptedSurvivors(t *testing.T) {
	got, err := parseAccepted("# how to\n#\n\n# here\nwrapper/retry.go CONDITIONALS_BOUNDARY\n\tif n > 0 {\none more\nor less\n\n\n" +
		"wrapper/retry.go INCREMENT_DECREMENT\nn--\ndoes not end")
	want := []explanation{boundary, endless}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v\nwant %v", got, err, want)
	}
	for _, text := range []string{"wrapper/retry.go CONDITIONALS_BOUNDARY\nif n > 0 {\n\n", "wrapper/retry.go\nif n > 0 {\nreason\n"} {
		if _, err := parseAccepted(text); err == nil || !strings.HasPrefix(err.Error(), "survivors.txt:") {
			t.Errorf("got %v for %q", err, text)
		}
	}
}

func TestCommittedListIsReadable(t *testing.T) {
	text, err := os.ReadFile("survivors.txt")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseAccepted(string(text)); err != nil {
		t.Error(err)
	}
}

func TestChosenFiles(t *testing.T) {
	files := fstest.MapFS{"a.go": {}, "b.go": {}, "c.go": {}}
	got, err := allBut("wrapper/a.go,c.go", files)
	if want := []string{"--exclude-files", `^b\.go$`}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := allBut("", files); err != nil || got != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := allBut("d.go", files); err == nil {
		t.Error("no error for a file that is not there")
	}
}
