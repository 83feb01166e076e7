// Package forms helps tests to look for what must not be seen.
package forms

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Of returns v in every form in which it may end up in a log: formatted by each
// verb of fmt, logged by slog as text and as JSON, and encoded as JSON.
func Of(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", v)
	if encoded, err := json.Marshal(v); err == nil {
		b.Write(encoded)
	}
	return b.String()
}

// EachError calls f with err and with every error that it wraps.
func EachError(err error, f func(error)) {
	if err == nil {
		return
	}
	f(err)
	switch e := err.(type) { //nolint:errorlint // every error of the tree is looked at in its turn
	case interface{ Unwrap() error }:
		EachError(e.Unwrap(), f)
	case interface{ Unwrap() []error }:
		for _, wrapped := range e.Unwrap() {
			EachError(wrapped, f)
		}
	}
}
