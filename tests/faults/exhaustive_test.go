package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// The number of combinations, which docs/promises.md states: none must vanish.
const (
	maxFaults    = 3
	combinations = 19_894
)

// sampled is which part of the combinations runs where all would take minutes:
// one in so many.
const sampled = 19

// Every combination of up to three faults in every small program that makes an
// image: in the end there is exactly one, and the program knows it.
//
// A process runs the program until it has the image, ends with an error or
// crashes. The next process knows only what was saved as text.
func TestEveryCombinationOfFaults(t *testing.T) {
	t.Parallel()
	every := 1
	if underRace || testing.Short() {
		every = sampled
	}
	var mu sync.Mutex // guards total
	found, total := 0, make(map[string]int)
	t.Run("programs", func(t *testing.T) {
		for _, program := range programs {
			all := combinationsOf(faultsAt(program.places), maxFaults)
			found += len(all)
			t.Run(program.name, func(t *testing.T) {
				t.Parallel()
				ends := make(map[string]int)
				for i := 0; i < len(all); i += every {
					w := &world{program: program, faults: all[i]}
					inBubble(t, w.run)
					require.Empty(t, w.wrong, "%s: %v", program.name, all[i])
					w.count(ends)
				}
				t.Logf("%s, %d combinations: %v", program.name, len(all), ends)
				mu.Lock()
				defer mu.Unlock()
				for end, n := range ends {
					total[end] += n
				}
			})
		}
	})
	require.Equal(t, combinations, found)
	t.Logf("all %d combinations: %v", found, total)
	require.Greater(t, 3*total["all faults happened"], total["ran"], "the faults do not happen any more")
	require.LessOrEqual(t, 1000*total["ambiguous"], total["ran"], "it must be rare")
}

// A program makes one image, by one call.
type program struct {
	name   string
	places []place // where faults can happen to it
	op     string  // of its call
	call   func(*process, context.Context) (reconcile.EnsuredImage, error)
	before func(*process, context.Context) // what an earlier process did, without faults
	again  bool                            // the call is made again after a success, as a control loop does
	// ambiguous: nothing can be certain, so each process must say so.
	ambiguous bool
}

var programs = []program{
	{name: "create", places: everywhere, op: "createCIMG", call: (*process).create},
	{name: "import", places: everywhere, op: "importCIMG", call: (*process).importImage},
	{name: "ensure", places: everywhere, op: "createCIMG", call: (*process).ensure, again: true},
	{name: "wait", places: []place{atPoll}, op: "createCIMG", call: (*process).create, before: func(p *process, ctx context.Context) {
		p.verifyNoError(p.start(ctx))
	}},
	{name: "reconcile what was done", places: []place{inService, atList, atPoll}, op: "createCIMG", call: (*process).create, before: func(p *process, ctx context.Context) {
		intent := p.intent()
		p.verifyNoError(p.start(ctx))
		p.save(saved{unknown: intent})
	}},
	{name: "reconcile what was not done", places: everywhere, op: "createCIMG", call: (*process).create, before: func(p *process, _ context.Context) {
		p.save(saved{unknown: p.intent()})
	}},
	{name: "reconcile beside an older image", places: []place{atList}, op: "createCIMG", call: (*process).create, before: func(p *process, ctx context.Context) {
		p.verifyNoError(p.start(ctx)) // what made it is not saved
		time.Sleep(time.Minute)
		p.save(saved{unknown: p.intent()})
	}, ambiguous: true},
}

// A place is where a fault happens, once: at the next step of that kind.
type place string

const (
	inService place = "the service"
	atIntent  place = "saving the intent"
	atPOST    place = "the create or import"
	atList    place = "a list"
	atPoll    place = "a poll"
)

var everywhere = []place{inService, atIntent, atPOST, atList, atPoll}

// crash is when the process ends at a place.
type crash int

const (
	noCrash crash = iota
	crashBefore
	crashAfter
)

var kindsOfFaults = []struct {
	name   string
	places []place
	crash  crash
	fault  emulator.Fault
}{
	{name: "list lag", places: []place{inService}},
	{name: "crash before the intent is saved", places: []place{atIntent}, crash: crashBefore},
	{name: "crash between intent and POST", places: []place{atPOST}, crash: crashBefore},
	{name: "crash between POST and saved handle", places: []place{atPOST}, crash: crashAfter},
	{name: "crash in mid-wait", places: []place{atList, atPoll}, crash: crashAfter}, // reconciling waits for the list
	{name: "lost response", places: []place{atPOST, atList, atPoll}, fault: emulator.Fault{Delay: time.Hour, After: true}},
	{name: "reset before processing", places: []place{atPOST}, fault: emulator.Fault{Reset: true}},
	{name: "reset after processing", places: []place{atPOST, atList, atPoll}, fault: emulator.Fault{Reset: true, After: true}},
	{name: "503 before processing", places: []place{atPOST, atList, atPoll}, fault: emulator.Fault{Status: 503}},
	{name: "502 after processing", places: []place{atPOST}, fault: emulator.Fault{Status: 502, Body: "<html>", After: true}},
	{name: "429", places: []place{atPOST, atList, atPoll}, fault: emulator.Fault{Status: 429}},
	{name: "rejected token", places: []place{atPOST, atList, atPoll}, fault: emulator.Fault{Errno: 4}},
}

// Short, so that a case takes few requests: three lags are shorter than the
// visibility window, and two are longer than the job.
const (
	window      = 7 * time.Second
	listLag     = 2 * time.Second
	jobDuration = 3 * time.Second
)

// placedFault is a fault at one of its places.
type placedFault struct {
	name  string
	at    place
	crash crash
	fault emulator.Fault
}

func (f placedFault) String() string { return f.name + " at " + string(f.at) }

func faultsAt(places []place) (faults []placedFault) {
	for _, at := range places {
		for _, kind := range kindsOfFaults {
			if slices.Contains(kind.places, at) {
				faults = append(faults, placedFault{kind.name, at, kind.crash, kind.fault})
			}
		}
	}
	return faults
}

// combinationsOf returns all sequences of up to n faults, with repetition, but
// only one order of those at different places: there order does not matter.
func combinationsOf(faults []placedFault, n int) (all [][]placedFault) {
	all = [][]placedFault{nil}
	for longest := all; n > 0; n-- {
		var longer [][]placedFault
		for _, combination := range longest {
			for _, fault := range faults {
				last := len(combination) - 1
				if last < 0 || slices.Index(everywhere, combination[last].at) <= slices.Index(everywhere, fault.at) {
					longer = append(longer, append(slices.Clip(combination), fault))
				}
			}
		}
		all, longest = append(all, longer...), longer
	}
	return all
}

// world is one case: the service, the faults to come, and what was saved.
type world struct {
	program     program
	faults      []placedFault
	cloud       *emulator.Emulator
	saved       saved
	processes   int
	notObserved int // how often that was found
	ambiguous   bool

	mu     sync.Mutex // guards what follows: polls have goroutines of their own
	coming []placedFault
	wrong  []string
}

// saved is all that a process leaves to the next one: one of these texts.
type saved struct {
	unknown string // of an OutcomeUnknownError: an intent, or the outcome of the call
	job     string // of a JobRef
	image   string // the result
}

// run lets processes run the program until one ends well, or finds something
// ambiguous. Each fault ends at most one of them.
func (w *world) run() {
	isLag := func(f placedFault) bool { return f.at == inService }
	coming := slices.DeleteFunc(slices.Clone(w.faults), isLag)
	var err error
	w.cloud, err = emulator.New(emulator.Options{
		Strict:  true,
		ListLag: time.Duration(len(w.faults)-len(coming)) * listLag,
		Plan: func(emulator.JobStart) emulator.Plan { // progress is 100 before the job is done
			return emulator.Plan{Duration: jobDuration, Curve: func(fraction float64) float64 { return 200 * fraction }}
		},
	})
	w.verifyNoError(err)
	if w.program.before != nil {
		w.program.before(w.newProcess(), context.Background())
	}
	w.coming = coming
	for err = errors.New("none ran"); err != nil && !w.ambiguous && w.processes <= len(w.faults); w.processes++ {
		time.Sleep(time.Second)
		err = w.newProcess().run()
	}

	unmet := w.coming
	w.coming = nil
	time.Sleep(maxFaults * listLag)
	images := w.cloud.Images("gz")
	if w.ambiguous || w.program.ambiguous {
		w.verify(w.ambiguous && len(images) <= 1, "%d images exist, %q is known, %v", len(images), w.saved.image, err)
	} else {
		w.verifyNoError(err)
		w.verify(len(images) == 1 && images[0].UUID == w.saved.image, "%d images exist, %q is known", len(images), w.saved.image)
		again, err := w.newProcess().ensure(context.Background()) // knows nothing
		w.verify(err == nil && again.Image.UUID == w.saved.image && !again.Created, "ensured later: %s, created: %t, %v", again.Image.UUID, again.Created, err)
	}
	w.coming = unmet
}

// count counts how the case ended.
func (w *world) count(ends map[string]int) {
	ends["ran"]++
	if len(w.coming) == 0 {
		ends["all faults happened"]++
	}
	if w.notObserved > 0 {
		ends["not observed, made again"]++
	}
	switch {
	case w.program.ambiguous:
		ends["ambiguous, as it must be"]++
	case w.ambiguous:
		ends["ambiguous"]++
	default:
		ends[fmt.Sprintf("done by process %d", w.processes)]++
	}
}

func (w *world) verify(holds bool, format string, args ...any) {
	if !holds {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

func (w *world) verifyNoError(err error) { w.verify(err == nil, "%v", err) }

// next returns the fault that happens now at a place, if any.
func (w *world) next(at place) (fault placedFault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if i := slices.IndexFunc(w.coming, func(f placedFault) bool { return f.at == at }); i >= 0 {
		fault = w.coming[i]
		w.coming = slices.Delete(w.coming, i, i+1)
	}
	return fault
}
