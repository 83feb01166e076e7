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
	require.Equal(t, number{1, 2, json.Number("9007199254740993")}, read, "what came before")
}
