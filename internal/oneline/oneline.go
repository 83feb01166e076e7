// Package oneline makes text from elsewhere fit for one line of a log.
package oneline

import (
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Escape returns s, escaped, however long it is.
func Escape(s string) string { return escape(s, math.MaxInt) }

// Text returns s, escaped and truncated to some 200 bytes.
func Text(s string) string { return escape(s, 200) }

// List returns the texts of items, separated by commas: each as Text does, and only the
// first ten.
func List[T any](items []T, text func(T) string) string {
	const shown = 10
	var texts []string
	for _, item := range items[:min(len(items), shown)] {
		texts = append(texts, Text(text(item)))
	}
	if len(items) > shown {
		texts = append(texts, fmt.Sprintf("and %d more", len(items)-shown))
	}
	return strings.Join(texts, ", ")
}

// Error returns the text of an error that becomes part of one of ours, which
// already begins with the package's name, escaped and truncated to some 1,000 bytes.
func Error(err error) string {
	if err == nil { // in an error that a caller constructed
		return "no cause given"
	}
	return escape(strings.TrimPrefix(err.Error(), "cimg: "), 1000)
}

// Panic returns the text of a value that a caller's code panicked with: its type
// alone, since it may hold the token, unless it is the runtime's own.
func Panic(value any) string {
	if err, ok := value.(runtime.Error); ok {
		return Error(err)
	}
	return fmt.Sprintf("a value of type %T", value)
}

// escape escapes what does not print and ends after some maxBytes. Text that is
// escaped already stays as it is.
func escape(s string, maxBytes int) string {
	var b strings.Builder
	for i, r := range s {
		if b.Len() >= maxBytes {
			b.WriteString("...")
			break
		}
		if _, size := utf8.DecodeRuneInString(s[i:]); strconv.IsPrint(r) && !(r == utf8.RuneError && size == 1) {
			b.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteToASCII(string(r))
		b.WriteString(quoted[1 : len(quoted)-1])
	}
	return b.String()
}
