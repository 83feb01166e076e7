package bench

import (
	"flag"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what was measured: the tables of the sections that ran to README.md, and allocations.txt")

const readme = "README.md"

// section is a table of the README, filled by benchmarks.
type section struct {
	name    string // as in its markers
	columns []string
	rows    [][]string
	want    int // the number of rows if all its benchmarks ran
}

// set adds a row, or replaces the one with the same first cell, because a
// benchmark may run more than once.
func (s *section) set(cells ...string) {
	for i, row := range s.rows {
		if row[0] == cells[0] {
			s.rows[i] = cells
			return
		}
	}
	s.rows = append(s.rows, cells)
}

func (s *section) markdown() string {
	var text strings.Builder
	line := func(cells []string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	line(s.columns)
	line(strings.Split(strings.Repeat("---,", len(s.columns)-1)+"---", ","))
	for _, row := range s.rows {
		line(row)
	}
	return text.String()
}

// comparison has the figures of every model and policy.
type comparison map[string]map[string]figures

func (c comparison) add(model, policy string, f figures) {
	if c[model] == nil {
		c[model] = make(map[string]figures)
	}
	c[model][policy] = f
}

// sections returns one section on this module's policy, with a row for every
// model that was measured with all policies, and one on the other policies.
func (c comparison) sections() []*section {
	own := &section{name: "adaptive", want: len(models), columns: []string{
		"model", "requests per job: mean", "p95", "late: median", "p95", "max", "p95 in seconds", "target", "met", "better on both",
	}}
	others := &section{name: "policies", want: len(compared), columns: []string{
		"policy", "requests per job: mean", "p95", "late: median", "p95", "max", "p95 in seconds",
	}}
	for _, m := range models {
		measured := c[m.name]
		if len(measured) < len(policies) {
			continue
		}
		f := measured[adaptive.name]
		var betters []string
		for _, p := range compared {
			if measured[p.name].better(f) {
				betters = append(betters, p.name)
			}
		}
		if betters == nil {
			betters = []string{"none"}
		}
		cells := append([]string{m.name}, f.cells()...)
		own.set(append(cells, m.target.String(), yesNo(f.meets(m.target)), strings.Join(betters, ", "))...)
	}
	for _, p := range compared { // the same for all models: TestOthersDoNotFollowProgress
		if f, measured := c[noisyLinear.name][p.name]; measured {
			others.set(append([]string{p.name}, f.cells()...)...)
		}
	}
	return []*section{own, others}
}

// cells returns the figures in the order of the tables' columns.
func (f figures) cells() []string {
	return []string{
		decimal(f.requests), decimal(f.requestsP95),
		percent(f.lateP50), percent(f.lateP95), percent(f.latest), decimal(f.lateSecondsP95) + " s",
	}
}

func (t target) String() string {
	text := fmt.Sprintf("≤ %g; late p95 ≤ %g %%, max ≤ %g %%", t.requests, t.lateP95, t.lateMax)
	if t.lateSecondsP95 > 0 {
		text += fmt.Sprintf(", p95 ≤ %g s", t.lateSecondsP95)
	}
	return text
}

// rounded rounds what a table compares with a target to what it shows.
func rounded(v float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(scale*v) / scale
}

func decimal(v float64) string { return fmt.Sprintf("%.1f", v) }
func percent(v float64) string { return fmt.Sprintf("%.1f %%", v) }

func yesNo(met bool) string {
	if met {
		return "yes"
	}
	return "**no**"
}

// The results of the benchmarks.
var (
	simulated = make(comparison)
	growth    = make(growing)

	clients = &section{name: "clients", want: 3, columns: []string{
		"client", "jobs", "requests per job: mean", "p95", "late: median", "p95", "max", "p95 in seconds",
	}}
	steadily = &section{name: "steady", want: 2, columns: []string{
		"model", "jobs", "requests per job", "late: median", "p95", "max", "max requests per second", "target", "met",
	}}
	bursts = &section{name: "burst", want: 3, columns: []string{
		"client", "bursts", "requests per burst: mean", "p95", "late: median", "p95", "max", "p95 in seconds", "target", "met",
	}}
	pace = &section{name: "pace", want: 2, columns: []string{
		"model", "requests per second", "polls per job and minute", "longest time between two polls", "until all were polled once", "target", "met",
	}}
)

func TestMain(m *testing.M) {
	code := m.Run()
	sections := append(simulated.sections(), clients, steadily, bursts, pace, growth.section(), mocks, weights)
	if *callsOutput != "" {
		compared, err := callSections(*callsOutput)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		sections = append(sections, compared...)
	}
	for _, s := range sections {
		if len(s.rows) > 0 {
			fmt.Printf("\n%s\n\n%s", s.name, s.markdown())
		}
	}
	if *update && code == 0 {
		if err := updateReadme(sections); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// updateReadme replaces the tables whose rows were all measured.
func updateReadme(sections []*section) error {
	bytes, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	text := string(bytes)
	for _, s := range sections {
		if len(s.rows) < s.want {
			continue
		}
		begin, end := fmt.Sprintf("<!-- %s -->\n", s.name), fmt.Sprintf("<!-- end of %s -->\n", s.name)
		before, rest, found := strings.Cut(text, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			return fmt.Errorf("%s lacks the markers of section %s", readme, s.name)
		}
		text = before + begin + "\n" + s.markdown() + "\n" + end + after
	}
	if len(growth) == len(growthSizes) {
		if err := growth.plot(); err != nil {
			return err
		}
	}
	return os.WriteFile(readme, []byte(text), 0o644)
}
