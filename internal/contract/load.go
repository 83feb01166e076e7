// Package contract reads openapi.yaml and, of a broken one, says where and why:
// whoever edits the contract sees a file, a line and a reason, from every
// program that reads it.
package contract

import (
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
// problems, joined into one error, in the order of their lines. The file's name
// is for them; nothing is read but text.
func Load(file string, text []byte, options ...openapi3.ValidationOption) (*openapi3.T, error) {
	source, problems := parse(text)
	if len(problems) == 0 {
		problems = source.danglingReferences()
	}
	if len(problems) > 0 {
		return nil, join(file, problems)
	}
	loader := openapi3.NewLoader()
	document, err := loader.LoadFromData(text)
	if err != nil {
		return nil, join(file, source.undecodable(err))
	}
	if document.Validate(context.Background(), options...) == nil {
		return document, nil
	}
	// Where things stand costs time and memory to keep, so it is kept only now.
	loader = openapi3.NewLoader()
	loader.IncludeOrigin = true
	if document, err = loader.LoadFromData(text); err != nil {
		return nil, join(file, source.undecodable(err))
	}
	err = document.Validate(context.Background(), append(slices.Clone(options), openapi3.EnableMultiError())...)
	return nil, join(file, source.invalid(err))
}

// join makes one error of problems. One mistake in a schema is found at every
// use of it, but told once.
func join(file string, problems []Problem) error {
	slices.SortStableFunc(problems, func(a, b Problem) int { return a.Line - b.Line })
	problems = slices.Compact(problems)
	errs := make([]error, len(problems))
	for i := range problems {
		problems[i].File = file
		errs[i] = &problems[i]
	}
	return errors.Join(errs...)
}
