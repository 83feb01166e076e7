//go:build !race

package faults

// maxMemory is the most memory that a huge response may cost, in bytes.
const maxMemory = 16 << 20
