//go:build race

package faults

// With the race detector, io.ReadAll allocates each piece twice.
const maxMemory = 2 * (16 << 20)

// underRace reports whether the race detector is on.
const underRace = true
