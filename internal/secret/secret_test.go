package secret

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var tokens = []string{
	"9a609744ad675e8fbfcdbf14511b24e6ddd6b427b4d256969534a81d0773f4d7",
	"abc/def~ghi+jkl=mno-pqr._stu",
	"~~~~~~~~////////",
	"????>>>>", // too short, and of characters that become + and / in base64
}

// A token is found however it is written, and whatever stands beside it.
func TestSpellings(t *testing.T) {
	for _, token := range tokens {
		for name, spell := range map[string]func(string) string{
			"as it is":                   func(s string) string { return s },
			"in a JSON pointer":          func(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) },
			"in a query":                 url.QueryEscape,
			"in a query, in lower case":  func(s string) string { return lowerEscapes(url.QueryEscape(s)) },
			"in JSON, in a text":         func(s string) string { return strings.ReplaceAll(s, "/", `\/`) },
			"in a pointer, in a URL":     func(s string) string { return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(s)) },
			"in a query, in a query":     func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
			"twice, in lower case":       func(s string) string { return url.QueryEscape(lowerEscapes(url.QueryEscape(s))) },
			"each byte escaped":          func(s string) string { return percentEach(s, "%%%02X") },
			"each, in lower case":        func(s string) string { return percentEach(s, "%%%02x") },
			"in a path":                  url.PathEscape,
			"in a path, in lower case":   func(s string) string { return lowerEscapes(url.PathEscape(s)) },
			"in base64":                  func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
			"in base64 without padding":  func(s string) string { return base64.RawStdEncoding.EncodeToString([]byte(s)) },
			"in base64 for URLs":         func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
			"in base64, in a text":       func(s string) string { return base64.StdEncoding.EncodeToString([]byte("Bearer " + s + "\n")) },
			"in base64, in another text": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte("user:" + s + "!")) },
			"in base64, in a third text": func(s string) string { return base64.StdEncoding.EncodeToString([]byte(strings.Repeat("?", 9) + s)) },
		} {
			t.Run(name+" "+token, func(t *testing.T) {
				s := new(Tokens).Use(token)
				text := `before "` + spell(token) + `" after`
				if len(token) < minLength {
					require.Equal(t, text, s.Hide(text))
					return
				}
				require.Contains(t, s.Hide(text), hidden)
				require.Equal(t, hidden, s.Hide(token), "as short as it may be")
				left := len(s.Hide(text)) - len(`before "" after`) - len(hidden)
				require.LessOrEqual(t, left, len(spell(""))+4, "what base64 shares with its neighbours")
				require.Equal(t, s.Hide(text), string(s.HideBytes([]byte(text))))
				err := s.HideError(fmt.Errorf("wrapped: %w", errors.New(text)))
				require.Equal(t, "wrapped: "+s.Hide(text), err.Error())
				require.NoError(t, errors.Unwrap(err))
			})
		}
	}
}

func percentEach(s, format string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		fmt.Fprintf(&b, format, c)
	}
	return b.String()
}

// An error that shows the token in no text but in a field is not passed on.
func TestErrorsThatHoldTheToken(t *testing.T) {
	s := new(Tokens).Use(tokens[0])
	for _, err := range []error{
		holder{tokens[0]},
		&holder{tokens[0]},
		fmt.Errorf("wrapped: %w", holder{tokens[0]}),
		errors.Join(errors.New("another"), &holder{tokens[0]}),
	} {
		require.NotEqual(t, err, s.HideError(err))
		require.NotContains(t, fmt.Sprintf("%+v %#v", s.HideError(err), s.HideError(err)), tokens[0])
	}
	harmless := fmt.Errorf("wrapped: %w", errors.New("reset"))
	require.Equal(t, harmless, s.HideError(harmless))
	require.NoError(t, s.HideError(nil))
}

type holder struct{ token string }

func (holder) Error() string { return "it broke" }

// Without a token, nothing is hidden.
func TestNoSecret(t *testing.T) {
	var none *Secret
	require.Equal(t, "text", none.Hide("text"))
	require.Equal(t, "text", string(none.HideBytes([]byte("text"))))
	require.EqualError(t, none.HideError(errors.New("text")), "text")
	require.EqualError(t, new(Tokens).HideError(errors.New("text")), "text")
}

// The last few tokens of a client are hidden, and a call's own, however many others
// were used meanwhile.
func TestReplacedTokens(t *testing.T) {
	nth := func(n int) string { return fmt.Sprintf("%032d", n) }
	var client Tokens
	isHidden := func(s *Secret, n int) bool { return s.Hide(nth(n)) == hidden }
	first := client.Use(nth(0))
	require.True(t, isHidden(client.Use(nth(0)), 0), "as with nearly every call")
	for n := 1; n <= remembered; n++ {
		require.Equal(t, n < remembered, isHidden(client.Use(nth(n)), 0), n)
		require.True(t, isHidden(first, n), "another call's")
	}
	require.True(t, isHidden(first, 0), "its own")
	require.EqualError(t, client.HideError(errors.New(nth(1)+" "+nth(0))), hidden+" "+nth(0))

	client.Use(nth(1)) // again, so that the second is the oldest
	last := client.Use(nth(5))
	require.True(t, isHidden(last, 1))
	require.False(t, isHidden(last, 2))

	longer := nth(5) + "-and-more"
	client.Use(longer)
	require.Equal(t, hidden, last.Hide(longer), "no part of one that holds another")
	require.Equal(t, "short", client.Use("short").Hide("short"))
	require.True(t, isHidden(client.Use("short"), 5))
}

// A header that shows a token is replaced, and stays as it is.
func TestHideHeader(t *testing.T) {
	s := new(Tokens).Use(tokens[0])
	for _, row := range []struct{ header, want http.Header }{
		{nil, nil},
		{http.Header{"A": {"b"}, "C": nil}, http.Header{"A": {"b"}, "C": nil}},
		{http.Header{"E": {tokens[0]}}, http.Header{"E": {hidden}}},
		{http.Header{"A": {"b"}, "C": {"d", tokens[0]}, "E": {tokens[0], "f"}}, http.Header{"A": {"b"}, "C": {"d", hidden}, "E": {hidden, "f"}}},
	} {
		before := row.header.Clone()
		require.Equal(t, row.want, s.HideHeader(row.header))
		require.Equal(t, before, row.header)
	}
}
