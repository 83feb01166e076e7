package plain

import (
	"cmp"
	jsonv1 "encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Unmarshal decodes a T by the rules of encoding/json/v2, but only a field that T has
// must not appear twice. What T does not have, and what is within a field of any
// type, is not looked at: there, the last one counts. Numbers in a field of any type
// keep their digits, as a [jsonv1.Number]; an int64 is read however it is written, see
// [Integers].
//
// Beside the first error, Unmarshal returns all fields that can be read, at any depth.
// One that cannot be read, or appears twice, is zero; if it is a pointer, it points to
// a zero value. Of a text that is no T at all, nothing is returned.
func Unmarshal[T any](text []byte) (value T, err error) {
	if json.Unmarshal(text, &value, json.WithUnmarshalers(numbers)) == nil {
		return value, nil
	}
	value = *new(T)
	var first error
	if err = decodeFields(text, &value, &first); err != nil { // it is no JSON, say: JSON changed nothing in it
		return *new(T), withoutTypes(err)
	}
	return value, first
}

// withoutTypes takes the types of Go, which mean nothing to who reads a log, out of the
// text of an error.
func withoutTypes(err error) error {
	for cause := err; ; {
		semantic, found := errors.AsType[*json.SemanticError](cause)
		if !found {
			return err
		}
		semantic.GoType, cause = nil, semantic.Err
	}
}

var numbers = json.JoinUnmarshalers(
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
		*v = nil // of the same name, which would have to be of the same type
		if dec.PeekKind() != jsontext.KindNumber {
			return errors.ErrUnsupported
		}
		number, err := dec.ReadValue()
		*v = jsonv1.Number(number)
		return err
	}),
	json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *int64) error {
		if dec.PeekKind() != jsontext.KindNumber {
			return errors.ErrUnsupported
		}
		number, err := dec.ReadValue()
		if err != nil {
			return err
		}
		return json.Unmarshal(Integers(number), v)
	}),
)

// decodeFields decodes each field of an object, or of those in an array, alone. It
// returns what is wrong with the text but for their fields, and notes the first error
// of those.
func decodeFields(text []byte, value any, first *error) error {
	decoded := make(map[jsontext.Pointer]bool)
	decode := func(dec *jsontext.Decoder, v any) error {
		free, isFree := v.(*any)
		parent, _ := dec.StackIndex(dec.StackDepth())
		if parent != jsontext.KindBeginObject && !isFree {
			return errors.ErrUnsupported
		}
		place := dec.StackPointer()
		raw, err := dec.ReadValue()
		switch {
		case err != nil:
			return err
		case decoded[place]:
			err = jsontext.ErrDuplicateName
		case isFree:
			err = json.Unmarshal(raw, free, jsontext.AllowDuplicateNames(true), json.WithUnmarshalers(numbers))
		default:
			err = decodeFields(raw, v, first)
		}
		decoded[place] = true
		if err != nil {
			*first = cmp.Or(*first, fmt.Errorf("%s: %w", place.LastToken(), withoutTypes(err)))
			setZero(reflect.ValueOf(v).Elem())
		}
		return nil
	}
	return json.Unmarshal(text, value, jsontext.AllowDuplicateNames(true),
		json.WithUnmarshalers(json.JoinUnmarshalers(json.UnmarshalFromFunc(decode), numbers)))
}

func setZero(v reflect.Value) {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		return
	}
	v.SetZero()
}
