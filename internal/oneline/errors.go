package oneline

import (
	"fmt"
	"slices"
	"strings"
)

// Wrap returns an error whose text says, in one line, what failed and why.
func Wrap(what string, cause error) error { return &wrapped{what, cause} }

type wrapped struct {
	what  string
	cause error
}

func (e *wrapped) Error() string { return "cimg: " + e.what + ": " + Error(e.cause) }
func (e *wrapped) Unwrap() error { return e.cause }

// Join returns errors as one, whose text is one line and shows ten; nil if all are.
func Join(errs ...error) error {
	errs = slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
	if len(errs) == 0 {
		return nil
	}
	return joined(errs)
}

type joined []error

func (e joined) Error() string {
	const shown = 10
	var texts []string
	for _, err := range e[:min(len(e), shown)] {
		texts = append(texts, Error(err))
	}
	if len(e) > shown {
		texts = append(texts, fmt.Sprintf("and %d more", len(e)-shown))
	}
	return "cimg: " + strings.Join(texts, "; ")
}

func (e joined) Unwrap() []error { return e }
