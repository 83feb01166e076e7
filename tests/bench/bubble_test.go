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
	bubble := testing.InternalTest{Name: b.Name(), F: func(t *testing.T) { synctest.Test(t, measure) }}
	if !testing.RunTests(all, []testing.InternalTest{bubble}) {
		b.FailNow()
	}
}
