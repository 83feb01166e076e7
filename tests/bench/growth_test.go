package bench

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/go-analyze/charts"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

// growthSizes are the numbers of jobs at any time for which BenchmarkManyGrowth measures.
var growthSizes = []int{100, 1_000, 10_000, manyJobs, 1_000_000}

// BenchmarkManyGrowth waits for more and more jobs, none of which finishes meanwhile: what
// does each cost? The sizes take turns, and the least CPU time of each counts: whatever
// else the machine does adds to it. It has one core, because what the collector takes of
// cores that are idle depends on what else they do.
func BenchmarkManyGrowth(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for range 3 {
		for _, jobs := range growthSizes {
			b.Run(fmt.Sprintf("jobs=%d", jobs), func(b *testing.B) {
				var each cost
				for b.Loop() {
					each = cost{}
					repeat := max(1, min(20, 50_000/jobs)) // the CPU time of few jobs is too short to measure
					for range repeat {
						inBubble(b, func(t *testing.T) {
							c := costPerJob(t, jobs)
							each.cpu += c.cpu / time.Duration(repeat)
							each.heap += c.heap / float64(repeat)
						})
					}
				}
				b.ReportMetric(float64(each.cpu.Nanoseconds()), "cpu-ns/job/min")
				b.ReportMetric(each.heap, "heap-B/job")
				if before, measured := growth[jobs]; !measured || each.cpu < before.cpu {
					growth[jobs] = each
				}
			})
		}
	}
}

// cost is what a job takes while a client waits for it.
type cost struct {
	cpu  time.Duration // in a minute
	heap float64       // bytes
}

// costPerJob measures a wait for many jobs until each was polled several times. The
// heap is without the jobs of the service and the caller's handles, the CPU time with
// that of the service's responses.
func costPerJob(t *testing.T, jobs int) cost {
	const oldest, waited = 30 * time.Minute, 3 * time.Minute
	var cloud service
	client := cloud.client(t)
	random := rand.New(rand.NewPCG(seeds[0], uint64(jobs)))
	handles := make([]*wrapper.JobHandle, jobs)
	for i := range handles {
		age := time.Duration(random.Int64N(int64(oldest)))
		handles[i] = resume(t, client, cloud.start(&job{duration: longest, curve: noisyLinear.curve(random)}, time.Now().Add(-age)))
	}
	cloud.requests = make([]time.Time, 0, 1<<20) // so that it does not grow
	before, cpu := heap(), cpuTime()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = client.WaitAll(ctx, handles)
	}()
	time.Sleep(waited + time.Millisecond)
	synctest.Wait()
	each := cost{cpu: (cpuTime() - cpu) / time.Duration(jobs) * time.Minute / waited}
	each.heap = float64(heap()-before) / float64(jobs)
	require.Less(t, len(cloud.requests), cap(cloud.requests))
	cancel()
	<-done
	runtime.KeepAlive(handles)
	return each
}

func heap() int64 {
	runtime.GC()
	runtime.GC() // frees the pools, which survive the first
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// growing has the costs by the number of jobs.
type growing map[int]cost

const growthPlot = "growth.svg"

func (g growing) section() *section {
	const most, maxGrowth, maxHeap = 1_000_000, 1.5, 1024
	s := &section{name: "growth", want: len(growthSizes), columns: []string{
		"jobs", "CPU time per job and minute", "times that with 10,000 jobs", "heap per job", "target", "met",
	}}
	for _, jobs := range growthSizes {
		each, measured := g[jobs]
		if !measured {
			continue
		}
		each.heap = rounded(each.heap, 0)
		ratio := rounded(float64(each.cpu)/float64(g[10_000].cpu), 2)
		goal, met := "heap ≤ 1024 B", each.heap <= maxHeap
		if jobs == most {
			goal, met = fmt.Sprintf("%s; CPU ≤ %g", goal, maxGrowth), met && ratio <= maxGrowth
		}
		s.set(humanize.Comma(int64(jobs)), fmt.Sprintf("%.1f µs", float64(each.cpu.Nanoseconds())/1e3), fmt.Sprintf("%.2f", ratio),
			fmt.Sprintf("%.0f B", each.heap), goal, yesNo(met))
	}
	return s
}

// plot draws the costs of all sizes.
func (g growing) plot() error {
	var labels []string
	var cpu, heap []float64
	for _, jobs := range growthSizes {
		labels = append(labels, humanize.Comma(int64(jobs)))
		cpu, heap = append(cpu, float64(g[jobs].cpu.Nanoseconds())/1e3), append(heap, g[jobs].heap)
	}
	axis := func(values []float64, step float64) charts.YAxisOption { // from 0 to a round number
		return charts.YAxisOption{Min: new(0.0), Max: new(math.Ceil(slices.Max(values)/step) * step), LabelCount: 6}
	}
	chart := charts.NewLineChartOptionWithData([][]float64{cpu, heap})
	chart.SeriesList[1].YAxisIndex = 1
	chart.XAxis.Title, chart.XAxis.Labels, chart.XAxis.LabelCount = "jobs", labels, len(labels)
	chart.Legend.SeriesNames = []string{"CPU time per job and minute, µs (left)", "heap per job, bytes (right)"}
	chart.YAxis = []charts.YAxisOption{axis(cpu, 10), axis(heap, 500)}
	painter := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: 800, Height: 400})
	if err := painter.LineChart(chart); err != nil {
		return err
	}
	svg, err := painter.Bytes()
	if err != nil {
		return err
	}
	return os.WriteFile(growthPlot, svg, 0o644)
}
