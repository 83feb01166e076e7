package plain

import (
	jsonv1 "encoding/json"
	"errors"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Unmarshal decodes a T by the rules of encoding/json/v2, but only a field that T has
// must not appear twice. What T does not have, and what is within a field of any
// type, is not looked at: there, the last one counts. Numbers in a field of any type
// keep their digits, as a [jsonv1.Number]. Beside an error, Unmarshal returns what
// came before.
func Unmarshal[T any](text []byte) (value T, err error) {
	err = json.Unmarshal(text, &value, keepDigits)
	if errors.Is(err, jsontext.ErrDuplicateName) {
		value = *new(T)
		err = json.Unmarshal(text, &value, jsontext.AllowDuplicateNames(true), once())
	}
	return value, err
}

var keepDigits = json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
	*v = nil // of the same name, which would have to be of the same type
	if dec.PeekKind() != jsontext.KindNumber {
		return errors.ErrUnsupported
	}
	number, err := dec.ReadValue()
	*v = jsonv1.Number(number)
	return err
}))

// once rejects a field that is decoded a second time. The decoder asks it for each
// value of T, whatever its type: a field that points to an integer is first a
// pointer, then an integer.
func once() json.Options {
	type field struct {
		place jsontext.Pointer
		kind  reflect.Type
	}
	decoded := make(map[field]bool)
	return json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v any) error {
		this := field{dec.StackPointer(), reflect.TypeOf(v)}
		if parent, _ := dec.StackIndex(dec.StackDepth()); parent == jsontext.KindBeginObject {
			if decoded[this] {
				return jsontext.ErrDuplicateName
			}
			decoded[this] = true
		}
		if free, isAny := v.(*any); isAny {
			value, err := dec.ReadValue()
			if err != nil {
				return err
			}
			return json.Unmarshal(value, free, jsontext.AllowDuplicateNames(true), keepDigits)
		}
		return errors.ErrUnsupported
	}))
}
