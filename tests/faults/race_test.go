//go:build race

package faults

// The race detector has io.ReadAll allocate each piece twice.
const mostMemory = 2 * (16 << 20)
