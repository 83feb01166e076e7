package plain_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/internal/plain"
)

func TestJSON(t *testing.T) {
	for text, want := range map[string]string{
		// Whole numbers.
		`1.60379947E12`: `1603799470000`, `1.603799470001e12`: `1603799470001`, `2.0`: `2`, `0.0`: `0`, `0e0`: `0`, `-0`: `-0`, `-0.0e-1`: `-0`,
		`-2.50e+1`: `-25`, `100e-2`: `1`, `0.05e2`: `5`, `10.00`: `10`, `120e0`: `120`, `0e99999999999999999999`: `0`,
		`9223372036854775807.0`: `9223372036854775807`, `9007199254740993.0`: `9007199254740993`, `1e18`: `1000000000000000000`,
		// Others, which keep their digits.
		`12.5`: `12.5`, `0.50`: `0.50`, `1e400`: `1e400`, `1e-400`: `1e-400`, `1e19`: `1e19`, `1180591620717411303424`: `1180591620717411303424`,
		`9007199254740993`: `9007199254740993`, `2.00000000000000000001`: `2.00000000000000000001`, `1e99999999999999999999`: `1e99999999999999999999`,
		`105e-2`: `105e-2`, `5e-1`: `5e-1`,
		// What is not a number.
		`1.`: `1.`, `.5`: `.5`, `01.0`: `01.0`, `1.0.0`: `1.0.0`, `1e`: `1e`, `1.0-2.0`: `1.0-2.0`, `+1.0`: `+1`, `nan`: `nan`, `[1.0`: `[1`,
		`"1.0"`: `"1.0"`, `"a\"1.0"`: `"a\"1.0"`, `{"a 1.0":[2.0,"3.0\\",4.0, true, 5.0]}`: `{"a 1.0":[2,"3.0\\",4,true,5]}`, `"1.0`: `"1.0`, `"\`: `"\`, `"\"1.0`: `"\"1.0`,
		// Strings.
		`"\u0061\/\"\n\u0000"`: `"a/\"\n\u0000"`, `"\ud83d"`: `"�"`, `"\ud83dx\ude00"`: `"�x�"`, `"\ud83d\ude00"`: `"😀"`, `"\ud83d\u0061"`: `"�a"`,
		"\"a\xe4\xb8\"": `"a��"`, "{\"\xff\":1}": `{"�":1}`, `{"\u0061":1,"a":2}`: `{"a":1,"a":2}`, "\xff": "\xff",
		// Raw control characters.
		"\"a\tb\x00\"": `"a�b�"`, "[\"\\\"\n\",\n\t1.0]": "[\"\\\"�\",1]", "\"\\\\\n\"": `"\\�"`, "{\"a\r\n\":1}": `{"a��":1}`, "\"\x7f\"": "\"\x7f\"",
		"{\n\t\"a\" : 1.0\r\n}\n": "{\n\t\"a\" : 1\r\n}\n", "\"\\\n\"": "\"\\\n\"", "\"\n": "\"\n", "\x00": "\x00", "\"a\"\x00": "\"a\"\x00",
		``: ``, ` {} `: ` {} `, `{}{}`: `{}{}`, `{"\u0061":1}{}`: `{"\u0061":1}{}`,
	} {
		require.Equal(t, want, string(plain.Integers(plain.JSON([]byte(text)))), text)
	}
	require.Equal(t, `[1.0,-1e3,"a"]`, string(plain.JSON([]byte(`[1.0,-1e3,"\u0061"]`))), "numbers are another matter")
}

// A raw control character is found wherever it stands, and nothing else is taken for one.
func TestControlCharacters(t *testing.T) {
	for c := range byte(utf8.RuneSelf) {
		for place := range 17 {
			before, found := `"`+strings.Repeat("x", place%2)+strings.Repeat("é", place/2), string(rune(c))
			if c < ' ' {
				found = "\ufffd"
			}
			if c != '"' && c != '\\' {
				require.Equal(t, before+found+`"`, string(plain.JSON([]byte(before+string(rune(c))+`"`))))
			}
		}
	}
}

func TestArgumentIsNotModified(t *testing.T) {
	text := []byte(`{"a":1.0,"b":"\u0061"}`)
	plain.JSON(text)
	plain.Integers(text)
	require.Equal(t, `{"a":1.0,"b":"\u0061"}`, string(text)) //nolint:testifylint // its bytes, not its meaning
}

// What encoding/json, which is lenient, reads stays the same.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1.6e12,"\ud83d",-0.0]}`, "{\n\"a\":\"\n\\\\\t\"}", "\"\\\x00\"", "\"\xff\"", `"\`, `1.`, `01.0`, `[2.0]x`, `{"e":1e19}`, "\ufeff1.0"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		respelled := plain.Integers(plain.JSON(text))
		if !bytes.ContainsFunc(text, unicode.IsControl) {
			require.Equal(t, json.Valid(text), json.Valid(respelled))
		}
		var before, after any
		if json.Unmarshal(text, &before) == nil { // without control characters in strings, then
			require.NoError(t, json.Unmarshal(respelled, &after))
			require.Equal(t, before, after)
		}
		require.Equal(t, string(respelled), string(plain.Integers(plain.JSON(respelled))))
		require.True(t, utf8.Valid(respelled) || !json.Valid(text))
	})
}

// What needs no change is not copied.
func TestNothingIsCopied(t *testing.T) {
	text := []byte("{\n\t\"a\": [1, \"b\"]\n}\n")
	require.Zero(t, testing.AllocsPerRun(10, func() { plain.JSON(text) }))
}
