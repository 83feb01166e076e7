// Package secret keeps a token out of texts and errors that come from elsewhere.
package secret

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// hidden replaces the token.
const hidden = "[token]"

// minLength is how long a token must be, in bytes, to be searched for. The
// published ones have 64; a few letters would be found in unrelated text, even
// in the names of fields.
const minLength = 16

// Secret is a token. The zero value has none, and hides nothing.
type Secret struct{ spellings []string } // the token itself, then its encodings

// New returns the secret of a token. One that is too short to be searched for has
// no spelling.
func New(token string) *Secret {
	if len(token) < minLength {
		return &Secret{}
	}
	return &Secret{spellings(token)}
}

// spellings returns a token as it stands in a text, as part of a JSON pointer,
// percent-encoded, and within base64 of anything: by where it begins, three
// different encodings, of which the characters count that hold nothing else.
func spellings(token string) []string {
	all := []string{token, strings.NewReplacer("~", "~0", "/", "~1").Replace(token)}
	for _, escaped := range []string{url.QueryEscape(token), url.PathEscape(token)} {
		all = append(all, escaped, lowerEscapes(escaped))
	}
	for shift := range 3 {
		padded := []byte(strings.Repeat(" ", shift) + token)
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			all = append(all, encoding.EncodeToString(padded)[(8*shift+5)/6:8*len(padded)/6])
		}
	}
	slices.Sort(all[1:])
	return slices.Compact(all) // most tokens have nothing to escape
}

// lowerEscapes writes percent-encoded bytes with lower-case digits.
func lowerEscapes(s string) string {
	parts := strings.Split(s, "%")
	for i, part := range parts[1:] {
		parts[i+1] = strings.ToLower(part[:2]) + part[2:]
	}
	return strings.Join(parts, "%")
}

// Token returns the token; empty if it is too short to be searched for.
func (s *Secret) Token() string {
	if s == nil || len(s.spellings) == 0 {
		return ""
	}
	return s.spellings[0]
}

// Hide hides the token in a text.
func (s *Secret) Hide(text string) string { return string(s.HideBytes([]byte(text))) }

// HideBytes hides the token in a body, which it may change.
func (s *Secret) HideBytes(body []byte) []byte {
	if s.Token() != "" {
		for _, spelling := range s.spellings {
			if bytes.Contains(body, []byte(spelling)) {
				body = bytes.ReplaceAll(body, []byte(spelling), []byte(hidden))
			}
		}
	}
	return body
}

// HideError returns err or, if it shows the token, an error that does not and that
// cannot be unwrapped to it.
func (s *Secret) HideError(err error) error {
	if s.Token() == "" || !s.isShownBy(err) {
		return err
	}
	return errors.New(s.Hide(err.Error()))
}

// isShownBy looks for the token in whatever package fmt prints of err, and of every
// error that it wraps: a truncated text may lack what the wrapped error still shows.
func (s *Secret) isShownBy(err error) bool {
	if err == nil {
		return false
	}
	if text := fmt.Sprintf("%v %+v %#v", err, err, err); s.Hide(text) != text {
		return true
	}
	switch e := err.(type) { //nolint:errorlint // each error of the tree is visited in turn
	case interface{ Unwrap() error }:
		return s.isShownBy(e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), s.isShownBy)
	}
	return false
}
