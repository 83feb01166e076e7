// Package faults breaks the service in every way that we could think of, over
// real sockets, and checks the client's promises each time. One harness checks
// all of them for every fault; see harness_test.go.
package faults
