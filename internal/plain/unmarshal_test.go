package plain_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/internal/plain"
)

// A field is ambiguous only if somebody reads it.
func TestDuplicateNames(t *testing.T) {
	type part struct {
		N    *int `json:"n"`
		Free any  `json:"free"`
	}
	type whole struct {
		part
		Part  part   `json:"part"`
		Parts []part `json:"parts"`
	}
	for text, unique := range map[string]bool{
		`{"n":1,"x":{"n":1,"n":2},"x":{}}`: true,
		`{"n":1,"X":1,"X":2,"part":{"n":2,"x":1,"x":2},"parts":[{"n":3},{"n":4,"x":[{"y":1,"y":2}]},{"n":5}]}`: true,
		`{"free":{"n":1,"n":2}}`:                           true,
		`{"part":{"free":[{"n":1,"n":2},1]}}`:              true,
		`{"n":1,"n":1}`:                                    false,
		`{"n":null,"n":null}`:                              false,
		`{"x":1,"x":2,"part":{"n":1,"n":2}}`:               false,
		`{"part":{},"part":{}}`:                            false,
		`{"parts":[{"n":1},{"n":1,"x":1,"n":1}]}`:          false,
		`{"parts":[],"parts":[]}`:                          false,
		`{"free":1,"free":[]}`:                             false,
		`{"free":{"n":1,"n":[{"n":{}}],"n":null,"n":"x"}}`: true,
		`{"n":1,"N":1}`:                                    true, // another name
		`{"\u006e":1,"n":1}`:                               false,
		`{"x":1,"x":2,"parts":[{"n":1},{"n":"text"}]}`:     false,
		`{"x":1,"x":2}{}`:                                  false,
	} {
		_, err := plain.Unmarshal[whole]([]byte(text))
		require.Equal(t, unique, err == nil, "%s: %v", text, err)
	}
	type number struct {
		First, Second int
		Any           any
	}
	read, err := plain.Unmarshal[number]([]byte(`{"First":1,"x":1,"x":2,"Any":9007199254740993,"Second":2,"Second":3}`))
	require.Error(t, err)
	require.Equal(t, number{First: 1, Any: json.Number("9007199254740993")}, read, "what is certain")
}

// An integer is one however it is written; what has no type keeps its spelling.
func TestNumbers(t *testing.T) {
	type number struct {
		N    int64
		P    *int64
		Free any
	}
	eight := int64(8)
	for _, more := range []string{``, `,"x":1,"x":2`} {
		read, err := plain.Unmarshal[number]([]byte(`{"N":1.60379947E12,"P":80e-1,"Free":[1.0,{"a":-0.0,"b":1e3}]` + more + `}`))
		require.NoError(t, err)
		require.Equal(t, number{1603799470000, &eight, []any{json.Number("1.0"), map[string]any{"a": json.Number("-0.0"), "b": json.Number("1e3")}}}, read)
		for _, odd := range []string{`0.5`, `1e19`, `9223372036854775808`, `"1"`, `1e-400`, `true`} {
			_, err := plain.Unmarshal[number]([]byte(`{"N":` + odd + more + `}`))
			require.Error(t, err, odd)
		}
	}
}

// What is wrong with one field says nothing of others.
func TestFieldsThatCannotBeRead(t *testing.T) {
	type part struct {
		N int
		S string
	}
	type whole struct {
		Before, After string
		Part          part
		Pointer       *part
		Parts         []part
		Free          []any
	}
	x := part{S: "x"}
	for field, want := range map[string]whole{
		`"Part":{"N":"1","S":"x"}`:             {Part: x},
		`"Part":{"S":"x","N":{"N":1}}`:         {Part: x},
		`"Part":[]`:                            {},
		`"Pointer":{"N":0.5,"S":"x"}`:          {Pointer: &x},
		`"Pointer":5`:                          {Pointer: &part{}}, // it is there
		`"Pointer":{"S":"x"},"Pointer":null`:   {Pointer: &part{}},
		`"Parts":[{"S":"x"},{"N":[],"S":"x"}]`: {Parts: []part{x, x}},
		`"Parts":[{"S":"x"},5]`:                {},
		`"Free":{"a":1}`:                       {},
		`"Free":[1],"Free":[2]`:                {},
	} {
		read, err := plain.Unmarshal[whole]([]byte(`{"Before":"b",` + field + `,"After":"a"}`))
		require.Error(t, err, field)
		want.Before, want.After = "b", "a"
		require.Equal(t, want, read, field)
	}
}
