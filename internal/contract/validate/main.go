// Command validate checks a contract and says of a broken one where and why,
// one problem a line: "file:line: reason". `go generate` runs it before the
// generator, whose own errors name no line.
package main

import (
	"fmt"
	"os"

	"github.com/cimg-go/cimg/internal/contract"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: validate FILE")
		os.Exit(2)
	}
	if err := validate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func validate(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	_, err = contract.Load(file, text)
	return err
}
