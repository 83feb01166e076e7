// Package plain reads JSON by its meaning: it gives it a plain spelling, so that all
// who read it, however strict, read the same, and decodes what can be read.
package plain

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// JSON returns the same JSON with no more escapes than needed, and with U+FFFD for
// whatever in a string should not be there: what is not Unicode (a cut character, half a
// surrogate pair) and raw control characters. What is no JSON otherwise stays as it is.
func JSON(text []byte) []byte {
	printable := replaceControls(text)
	if len(printable) > len(text) || bytes.IndexByte(text, '\\') >= 0 || !utf8.Valid(text) {
		formatted, err := jsontext.AppendFormat(nil, printable,
			jsontext.PreserveRawStrings(false), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		if err == nil {
			return formatted
		}
	}
	return text
}

// replaceControls replaces control characters within strings, each by a longer one.
func replaceControls(text []byte) []byte {
	if !hasControls(text) { // as with nearly every response
		return text
	}
	var replaced []byte
	copied, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			inString = !inString
		case c == '\\':
			i++
		case isControl(c) && inString:
			replaced = append(append(replaced, text[copied:i]...), "\ufffd"...)
			copied = i + 1
		}
	}
	if copied == 0 {
		return text
	}
	return append(replaced, text[copied:]...)
}

// hasControls looks at eight bytes at a time. Subtracting a space from each sets the highest
// bit of one that is less, unless it was set.
func hasControls(text []byte) bool {
	const spaces, highest = 0x2020202020202020, 0x8080808080808080
	for ; len(text) >= 8; text = text[8:] {
		if eight := binary.NativeEndian.Uint64(text); (eight-spaces)&^eight&highest != 0 {
			return true
		}
	}
	return slices.ContainsFunc(text, isControl)
}

func isControl(c byte) bool { return c < ' ' }

// Integers returns the same JSON with whole numbers of up to 19 digits as integers:
// 1.6e12 as 1600000000000. Other numbers, and the signs of all, stay as they are.
func Integers(text []byte) []byte {
	var plain []byte
	copied := 0
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '0' <= text[i] && text[i] <= '9':
			start := i
			for i+1 < len(text) && strings.IndexByte("0123456789.eE+-", text[i+1]) >= 0 {
				i++
			}
			if whole := integer(text[start : i+1]); whole != "" {
				plain = append(append(plain, text[copied:start]...), whole...)
				copied = i + 1
			}
		}
	}
	if copied == 0 {
		return text
	}
	return append(plain, text[copied:]...)
}

// integer returns a number with a fraction or an exponent as an integer; empty if
// it is not a whole number of up to 19 digits.
func integer(number []byte) string {
	if !bytes.ContainsAny(number, ".eE") || !jsontext.Value(number).IsValid() {
		return ""
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(string(number)), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.Trim(whole+fraction, "0")
	if digits == "" {
		return "0"
	}
	point := len(strings.TrimLeft(whole+fraction, "0")) - len(fraction) // in digits
	if exponent != "" {
		shift, err := strconv.ParseInt(exponent, 10, 32)
		if err != nil {
			return ""
		}
		point += int(shift)
	}
	if point < len(digits) || point > 19 { // which is what an int64 can have
		return ""
	}
	return digits + strings.Repeat("0", point-len(digits))
}
