// Package secrettest helps tests to assert that a secret is never shown: it
// renders a value in every form that may reach a log, and walks wrapped errors.
package secrettest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
)

// Renderings returns v in every form that may reach a log, concatenated:
// formatted with each verb of fmt, logged by slog as text and as JSON, and
// encoded as JSON.
func Renderings(v any) string {
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
	switch e := err.(type) { //nolint:errorlint // this is the walk through the tree of errors
	case interface{ Unwrap() error }:
		EachError(e.Unwrap(), f)
	case interface{ Unwrap() []error }:
		for _, wrapped := range e.Unwrap() {
			EachError(wrapped, f)
		}
	}
}
