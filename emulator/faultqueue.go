package emulator

import (
	"cmp"
	"fmt"
	"slices"
)

// TB is the part of *testing.T that [Emulator.InjectFor] needs. It keeps the
// package testing out of programs that run an emulator.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
}

// Inject queues a fault. Of several faults that a request matches, it meets the
// one that was injected first; the others see nothing of it, not even to skip
// it, until that one is spent. A fault that no request can meet is an error.
func (e *Emulator) Inject(fault Fault) error {
	_, err := e.inject(fault)
	return err
}

// InjectFor injects a fault that the test must run into: what is left of it at
// the end of the test fails the test.
func (e *Emulator) InjectFor(t TB, fault Fault) {
	t.Helper()
	injected, err := e.inject(fault)
	if err != nil {
		t.Errorf("%v", err)
		return
	}
	t.Cleanup(func() {
		t.Helper()
		e.mu.Lock()
		defer e.mu.Unlock()
		if !injected.spent() {
			t.Errorf("emulator: fault was met by %d of %d requests: %+v", injected.met, injected.count(), injected.Fault)
		}
	})
}

// UnmetFaults returns the faults that were injected and have not been met by as
// many requests as their Count says.
func (e *Emulator) UnmetFaults() []Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	var unmet []Fault
	for _, queued := range e.faults {
		unmet = append(unmet, queued.Fault)
	}
	return unmet
}

func (e *Emulator) inject(fault Fault) (*queuedFault, error) {
	if err := fault.validate(e.contract.operations); err != nil {
		return nil, fmt.Errorf("emulator: fault: %w", err)
	}
	fault.Header = fault.Header.Clone()
	queued := &queuedFault{Fault: fault}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = append(e.faults, queued)
	return queued, nil
}

// meet returns the fault that a request of an operation meets, nil if none.
func (e *Emulator) meet(operation string) *Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.faults.meet(operation)
}

// queuedFault is a fault that is waiting for requests.
type queuedFault struct {
	Fault
	skipped int
	met     int
}

func (q *queuedFault) count() int  { return cmp.Or(q.Count, 1) }
func (q *queuedFault) spent() bool { return q.met >= q.count() }

// faultQueue holds the faults that are not spent, in the order injected.
type faultQueue []*queuedFault

func (q *faultQueue) meet(operation string) *Fault {
	for i, queued := range *q {
		if queued.Operation != "" && queued.Operation != operation {
			continue
		}
		if queued.skipped < queued.Skip {
			queued.skipped++
			return nil
		}
		queued.met++
		if queued.spent() {
			*q = slices.Delete(*q, i, i+1)
		}
		return &queued.Fault
	}
	return nil
}
