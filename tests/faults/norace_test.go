//go:build !race

package faults

// maxMemory is the most memory that a huge response may cost, in bytes.
const maxMemory = 16 << 20

// underRace reports whether the race detector is on.
const underRace = false
