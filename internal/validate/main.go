// Command validate checks a contract and prints in one line what is wrong with
// a broken one. `go generate` runs it before the generator, so that nothing is
// generated from a broken contract. kin-openapi's own command would do, if it
// did not print the whole schema beside an example that violates it.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: validate FILE")
		os.Exit(2)
	}
	if err := validate(os.Args[1]); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", os.Args[1], oneLine(err))
		os.Exit(1)
	}
}

func validate(file string) error {
	loader := openapi3.NewLoader()
	document, err := loader.LoadFromFile(file)
	if err != nil {
		return err
	}
	return document.Validate(loader.Context)
}

// oneLine leaves out what kin-openapi adds to the reason: that YAML is not JSON,
// which it tries first, and the schema that an example violates.
func oneLine(err error) string {
	reason, _, _ := strings.Cut(err.Error(), "\nSchema:")
	if _, fromYAML, ok := strings.Cut(reason, "yaml error: "); ok {
		reason = fromYAML
	}
	return strings.Join(strings.Fields(reason), " ")
}
