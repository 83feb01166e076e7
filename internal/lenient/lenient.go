// Package lenient decodes JSON by its meaning and not by its spelling.
package lenient

import (
	jsonv1 "encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/cimg-go/cimg/internal/oneline"
)

// Unmarshal reads what has one meaning in the contract, however it is written:
// text that was cut inside a character, with U+FFFD in its place, and an integer
// with a fraction of zero or an exponent. Values of free form keep their digits.
func Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v, options) }

var options = json.JoinOptions(jsontext.AllowInvalidUTF8(true), json.WithUnmarshalers(json.JoinUnmarshalers(
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *int64) error {
		if dec.PeekKind() != jsontext.KindNumber {
			return errors.ErrUnsupported
		}
		number, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if *v, err = strconv.ParseInt(string(number), 10, 64); err == nil {
			return nil
		}
		f, _, err := big.ParseFloat(string(number), 10, 256, big.ToNearestEven)
		if err != nil {
			return err
		}
		var accuracy big.Accuracy
		if *v, accuracy = f.Int64(); accuracy != big.Exact {
			return fmt.Errorf("%s is no integer of 64 bits", oneline.Text(string(number)))
		}
		return nil
	}),
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
		if dec.PeekKind() != jsontext.KindNumber {
			return errors.ErrUnsupported
		}
		number, err := dec.ReadValue()
		*v = jsonv1.Number(number)
		return err
	}),
)))
