//go:build !race

package faults

// mostMemory is what a huge response may cost, in bytes.
const mostMemory = 16 << 20
