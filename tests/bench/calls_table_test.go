package bench

import (
	"bytes"
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

var callsOutput = flag.String("calls", "", "a `file` with the output of BenchmarkCalls, run several times: for the table of calls")

// callCost is what a call takes: seconds, how many, and how many bytes; or as multiples of the
// hand-written client's. Of a target, 0 is none.
type callCost struct{ time, allocations, bytes float64 }

func (c callCost) over(base callCost) callCost {
	return callCost{rounded(c.time/base.time, 3), rounded(c.allocations/base.allocations, 3), rounded(c.bytes/base.bytes, 3)}
}

// String returns multiples, "-" for none.
func (c callCost) String() string {
	texts := make([]string, 0, 3)
	for _, ratio := range []float64{c.time, c.allocations, c.bytes} {
		text := "-"
		if ratio > 0 {
			text = fmt.Sprintf("%.3f", ratio)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func (c callCost) meets(target callCost) bool {
	within := func(ratio, target float64) bool { return target == 0 || ratio <= target }
	return within(c.time, target.time) && within(c.allocations, target.allocations) && within(c.bytes, target.bytes)
}

// callSections returns the tables of the machine and of the calls, of medians.
func callSections(path string) ([]*section, error) {
	measured, cpu, err := readCalls(path)
	if err != nil {
		return nil, err
	}
	machine := &section{name: "machine", want: 1, columns: []string{"Go", "system", "processor", "cores"}}
	machine.set(runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH, cpu, strconv.Itoa(runtime.NumCPU()))
	table := &section{name: "calls", want: len(rows) * len(concurrency), columns: []string{
		"call", "hand-written", "wrapper", "generated", "ogen", "target", "met", "ahead of generated",
	}}
	for _, r := range rows {
		for _, goroutines := range concurrency {
			var clients [4]callCost
			for i, client := range []string{"hand-written", "wrapper", "generated", "ogen"} {
				units := measured[r.benchmark(goroutines, client)]
				if units == nil {
					return nil, fmt.Errorf("%s lacks %s", path, r.benchmark(goroutines, client))
				}
				clients[i] = callCost{quantile(units["sec/op"], 0.5), quantile(units["allocs/op"], 0.5), quantile(units["B/op"], 0.5)}
			}
			base := clients[0]
			wrapper, generated, ogen := clients[1].over(base), clients[2].over(base), clients[3].over(base)
			goal, met := "-", "-"
			if r.target != (callCost{}) {
				goal, met = "≤ "+r.target.String(), yesNo(wrapper.meets(r.target))
			}
			table.set(fmt.Sprintf("%s, goroutines: %d", r, goroutines),
				fmt.Sprintf("%.1f µs, %.0f, %.1f KiB", 1e6*base.time, base.allocations, base.bytes/1024),
				wrapper.String(), generated.String(), ogen.String(), goal, met,
				yesNo(wrapper.meets(callCost{time: generated.time, allocations: generated.allocations})))
		}
	}
	return []*section{machine, table}, nil
}

// readCalls returns what was measured, by benchmark and unit, and the processor.
func readCalls(path string) (measured map[string]map[string][]float64, cpu string, err error) {
	measured = make(map[string]map[string][]float64)
	files := benchfmt.Files{Paths: []string{path}}
	for files.Scan() {
		result, ok := files.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		cpu = result.GetConfig("cpu")
		_, parts := result.Name.Parts()
		name := strings.TrimPrefix(string(bytes.Join(parts[:3], nil)), "/") // without GOMAXPROCS
		if measured[name] == nil {
			measured[name] = make(map[string][]float64)
		}
		for _, v := range result.Values {
			measured[name][v.Unit] = append(measured[name][v.Unit], v.Value)
		}
	}
	return measured, cpu, files.Err()
}
