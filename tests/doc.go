// Package tests tests the module's promises from outside, with what a user can
// access. Unit tests are beside the code they test.
package tests
