// Package waiting lets many callers of one client wait for random jobs of a
// service that answers, and fails, at random, and checks after each run every
// promise about waiting.
package waiting
