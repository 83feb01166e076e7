// Package tests proves from outside what the module promises: it sees only
// what a user sees. Unit tests sit beside the code they test.
package tests
