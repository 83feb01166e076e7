// Package faults breaks the service in every way that could be thought of, over
// real sockets, and holds the client to its promises each time. One harness
// checks all of them on every fault; see harness_test.go.
package faults
