// Package waiting has many callers of one client wait for random jobs of a
// service that responds, and fails, at random. After each run it checks every
// promise about waiting.
package waiting
