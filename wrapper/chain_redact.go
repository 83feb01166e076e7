package wrapper

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// redacted replaces the token.
const redacted = "[token]"

// minSecretLength is how long a token must be, in bytes, to be searched for. The
// published ones have 64; a few letters would be found in unrelated text, even
// in the names of fields.
const minSecretLength = 16

// redact removes the token from a response's body and header.
func redact(next handler) handler {
	return func(c *call) (*response, error) {
		r, err := next(c)
		if err != nil || len(c.token) < minSecretLength {
			return r, err
		}
		if bytes.IndexByte(r.body, '\\') >= 0 {
			// Each character of a JSON string may be escaped. What is not valid
			// JSON stays as it is: it will not be decoded.
			if plain, err := jsontext.AppendFormat(nil, r.body,
				jsontext.PreserveRawStrings(false), jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false),
			); err == nil {
				r.body = plain
			}
		}
		r.body = bytes.ReplaceAll(r.body, []byte(c.token), []byte(redacted))
		for _, values := range r.header {
			for i := range values {
				values[i] = redactText(values[i], c.token)
			}
		}
		return r, nil
	}
}

func redactText(s, token string) string {
	if len(token) < minSecretLength {
		return s
	}
	return strings.ReplaceAll(s, token, redacted)
}

// withoutToken returns err, or if it contains the token, an error that does not
// and that cannot be unwrapped to it.
func withoutToken(err error, token string) error {
	if len(token) < minSecretLength || !mentions(err, token) {
		return err
	}
	return errors.New(redactText(err.Error(), token))
}

// mentions looks for the token in the text of err and of every error that it
// wraps: a truncated text may lack what the wrapped error still shows.
func mentions(err error, token string) bool {
	if err == nil {
		return false
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), token) { // in a field, too
		return true
	}
	switch e := err.(type) { //nolint:errorlint // each error of the tree is visited in turn
	case interface{ Unwrap() error }:
		return mentions(e.Unwrap(), token)
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(err error) bool { return mentions(err, token) })
	}
	return false
}
