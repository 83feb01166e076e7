package bench

import (
	"testing"
	"testing/synctest"
)

// inBubble runs a measurement in virtual time. A bubble needs a *testing.T,
// which a benchmark does not have, so a test is run within it, whatever -run
// is.
func inBubble(b *testing.B, measure func(*testing.T)) {
	b.Helper()
	all := func(string, string) (bool, error) { return true, nil }
	ran := false
	bubble := testing.InternalTest{Name: b.Name(), F: func(t *testing.T) { synctest.Test(t, measure); ran = true }}
	if !testing.RunTests(all, []testing.InternalTest{bubble}) || !ran { // it does not run with -skip
		b.FailNow()
	}
}
