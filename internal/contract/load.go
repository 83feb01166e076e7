// Package contract reads openapi.yaml. Of a broken one it says file, line and
// reason, to every program that reads it.
package contract

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// Problem is one thing that is wrong with a contract.
type Problem struct {
	File   string
	Line   int // counted from 1; 0 where it cannot be told
	Reason string
}

// Error returns "file:line: reason", as compilers write it.
func (p *Problem) Error() string {
	if p.Line == 0 {
		return fmt.Sprintf("%s: %s", p.File, p.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", p.File, p.Line, p.Reason)
}

// Load parses and validates a contract. What is wrong with it comes back as
// problems, joined into one error, in the order of their lines. file is only the
// name that they give: nothing is read from disk.
func Load(file string, text []byte, options ...openapi3.ValidationOption) (*openapi3.T, error) {
	root, err := Parse(file, text)
	if err != nil {
		return nil, err
	}
	document, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		return nil, join(file, []Problem{{Reason: firstLine(err.Error())}})
	}
	if document.Validate(context.Background(), options...) == nil {
		return document, nil
	}
	// Where things stand is kept only now: who reads a valid document does not
	// expect to find it there.
	loader := openapi3.NewLoader()
	loader.IncludeOrigin = true
	if document, err = loader.LoadFromData(text); err == nil {
		err = document.Validate(context.Background(), append(slices.Clone(options), openapi3.EnableMultiError())...)
	}
	return nil, join(file, invalid(root, err))
}

// Parse returns a contract as it is written. It follows the grammar of OpenAPI;
// whether it makes sense, only [Load] tells. The errors are the same.
func Parse(file string, text []byte) (Node, error) {
	root, problems := parse(text)
	if len(problems) == 0 {
		problems = misfits(root)
	}
	if len(problems) > 0 {
		return Node{}, join(file, problems)
	}
	return root, nil
}

// join makes one error of problems. One mistake in a schema is found at every
// use of it, but told once.
func join(file string, problems []Problem) error {
	slices.SortFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Reason, b.Reason))
	})
	problems = slices.Compact(problems)
	errs := make([]error, len(problems))
	for i := range problems {
		problems[i].File = file
		errs[i] = &problems[i]
	}
	return errors.Join(errs...)
}
