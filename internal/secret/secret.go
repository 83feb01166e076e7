// Package secret keeps tokens out of texts and errors that come from elsewhere.
package secret

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// hidden replaces a token.
const hidden = "[token]"

// minLength is how long a token must be, in bytes, to be searched for. The
// published ones have 64; a few letters would be found in unrelated text, even
// in the names of fields.
const minLength = 16

// remembered is how many of its tokens a client hides.
const remembered = 4

// Tokens are those that a client used last: a response may quote one that was
// replaced. The zero value has none.
type Tokens struct {
	mu   sync.Mutex
	last []spelledToken
	all  []spelling // of the last
}

// spelledToken is a token and how it may be written.
type spelledToken struct {
	token     string
	spellings []spelling
}

// spelling is one way to write a token: as a string to search in strings, and as bytes
// to search in bytes.
type spelling struct {
	text  string
	bytes []byte
}

// Use returns the secret of a token, which is used from now on. One that is too short
// to be searched for has no spelling.
func (t *Tokens) Use(token string) *Secret {
	if len(token) < minLength {
		return &Secret{tokens: t}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.last); n > 0 && t.last[n-1].token == token { // as with nearly every call
		return &Secret{t.last[n-1], t}
	}
	own := spelledToken{token, spell(token)}
	t.last = slices.DeleteFunc(t.last, func(known spelledToken) bool { return known.token == token })
	t.last = append(t.last[max(len(t.last)-remembered+1, 0):], own)
	t.all = merge(t.last)
	return &Secret{own, t}
}

// merge returns what to hide, the longest first: one may be part of another.
func merge(tokens []spelledToken) (all []spelling) {
	for _, token := range tokens {
		all = append(all, token.spellings...)
	}
	slices.SortFunc(all, func(a, b spelling) int { return cmp.Or(len(b.text)-len(a.text), strings.Compare(a.text, b.text)) })
	return slices.CompactFunc(all, func(a, b spelling) bool { return a.text == b.text })
}

// HideError returns err, or an error that does not show the tokens.
func (t *Tokens) HideError(err error) error { return (&Secret{tokens: t}).HideError(err) }

// Secret is the token of a call, and those that its client used last. The zero value
// hides nothing.
type Secret struct {
	own    spelledToken // it may be used no more
	tokens *Tokens
}

// spellings returns what to hide, in order.
func (s *Secret) spellings() []spelling {
	if s == nil || s.tokens == nil {
		return nil
	}
	t := s.tokens
	t.mu.Lock()
	defer t.mu.Unlock()
	isOwn := func(known spelledToken) bool { return known.token == s.own.token }
	if slices.ContainsFunc(t.last, isOwn) {
		return t.all
	}
	return merge(append(slices.Clone(t.last), s.own))
}

// spell returns a token as it stands in a text, in JSON in a text, and as part of a
// JSON pointer; percent-encoded, once or twice, as far as needed or each byte; and
// within base64 of anything: by where it begins, three different encodings, of which
// the characters count that hold nothing else.
func spell(token string) (spellings []spelling) {
	pointer := strings.NewReplacer("~", "~0", "/", "~1").Replace(token)
	each := strings.ReplaceAll(fmt.Sprintf(" % X", token), " ", "%")
	all := []string{token, strings.ReplaceAll(token, "/", `\/`), pointer}
	for _, escaped := range []string{
		url.QueryEscape(token), url.PathEscape(token), url.QueryEscape(pointer), url.PathEscape(pointer), each,
	} {
		lower := lowerEscapes(escaped)
		all = append(all, escaped, lower, url.QueryEscape(escaped), url.QueryEscape(lower))
	}
	for shift := range 3 {
		padded := []byte(strings.Repeat(" ", shift) + token)
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			all = append(all, encoding.EncodeToString(padded)[(8*shift+5)/6:8*len(padded)/6])
		}
	}
	for _, text := range all {
		spellings = append(spellings, spelling{text, []byte(text)})
	}
	return spellings
}

// lowerEscapes writes percent-encoded bytes with lower-case digits.
func lowerEscapes(s string) string {
	parts := strings.Split(s, "%")
	for i, part := range parts[1:] {
		parts[i+1] = strings.ToLower(part[:2]) + part[2:]
	}
	return strings.Join(parts, "%")
}

// Hide hides the tokens in a text.
func (s *Secret) Hide(text string) string {
	if len(text) < minLength {
		return text
	}
	for _, spelling := range s.spellings() {
		text = strings.ReplaceAll(text, spelling.text, hidden)
	}
	return text
}

// HideBytes returns a body without the tokens, which may be the same.
func (s *Secret) HideBytes(body []byte) []byte {
	for _, spelling := range s.spellings() {
		// Package bytes looks for a long text slowly in bytes that often begin like it,
		// as ids do.
		if bytes.Contains(body, spelling.bytes[:min(len(spelling.bytes), minLength)]) {
			body = bytes.ReplaceAll(body, spelling.bytes, []byte(hidden))
		}
	}
	return body
}

// HideHeader returns a header without the tokens in its values, which may be the same.
func (s *Secret) HideHeader(header http.Header) http.Header {
	isShown := func(value string) bool { return s.Hide(value) != value }
	for _, values := range header {
		if slices.ContainsFunc(values, isShown) {
			return s.hideAll(header.Clone()) // a caller's transport may share it
		}
	}
	return header
}

func (s *Secret) hideAll(header http.Header) http.Header {
	for _, values := range header {
		for i := range values {
			values[i] = s.Hide(values[i])
		}
	}
	return header
}

// HideError returns err or, if it shows a token, an error that does not and that
// cannot be unwrapped to it.
func (s *Secret) HideError(err error) error {
	if !s.isShownBy(err) {
		return err
	}
	return errors.New(s.Hide(err.Error()))
}

// isShownBy looks for a token in whatever package fmt prints of err, and of every
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
