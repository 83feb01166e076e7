//go:build !race

package faults

// mostMemory is what a huge reply may cost, in bytes.
const mostMemory = 16 << 20
