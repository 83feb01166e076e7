package tests

import (
	"bytes"
	"encoding/json"
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

// The published and captured responses, decoded into the generated types and
// encoded again, equal testdata/golden: a change of the contract or of the
// overlay that loses or renames a field shows as a difference there.
func TestGoldenResponses(t *testing.T) {
	responses, err := filepath.Glob("testdata/responses/*.json")
	require.NoError(t, err)
	require.Len(t, responses, 6)
	for _, file := range responses {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			captured, err := os.ReadFile(file)
			require.NoError(t, err)
			var response any = new(gen.JobsEnvelope)
			if name == "list.json" {
				response = new(gen.ListCIMGEnvelope)
			}
			decoder := json.NewDecoder(bytes.NewReader(captured))
			decoder.DisallowUnknownFields()
			require.NoError(t, decoder.Decode(response), "the contract lacks a captured field")
			encoded, err := json.MarshalIndent(response, "", "  ")
			require.NoError(t, err)
			encoded = append(encoded, '\n')

			golden := filepath.Join("testdata", "golden", name)
			if *update {
				require.NoError(t, os.WriteFile(golden, encoded, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(encoded), "if this is intended: go test ./tests -run TestGoldenResponses -update")

			// Only empty optional fields are lost.
			var before, after any
			require.NoError(t, json.Unmarshal(captured, &before))
			require.NoError(t, json.Unmarshal(encoded, &after))
			require.Equal(t, withoutEmpty(before), withoutEmpty(after))
		})
	}
}

// withoutEmpty drops the fields of objects that have a zero value.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		rest := make(map[string]any)
		for name, qualified := range v {
			if m := withoutEmpty(qualified); m != nil && !reflect.ValueOf(m).IsZero() {
				rest[name] = m
			}
		}
		return rest
	case []any:
		if len(v) == 0 {
			return nil
		}
		rest := make([]any, len(v))
		for i := range v {
			rest[i] = withoutEmpty(v[i])
		}
		return rest
	}
	return v
}

// The generated types are as the overlay decided. They are read from the
// source, so that none is left out.
func TestGeneratedTypes(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../gen/client.gen.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	structs := make(map[string]*ast.StructType)
	ast.Inspect(file, func(node ast.Node) bool {
		if declared, isType := node.(*ast.TypeSpec); isType {
			if structure, isStruct := declared.Type.(*ast.StructType); isStruct {
				structs[declared.Name.Name] = structure
			}
		}
		return true
	})
	var pointers []string
	for name, structure := range structs {
		for _, field := range structure.Fields.List {
			if field.Tag == nil || !strings.Contains(field.Tag.Value, `json:"`) {
				continue // a type of the client, not of the contract
			}
			qualified := name + "." + field.Names[0].Name
			switch typ := field.Type.(type) {
			case *ast.StarExpr:
				pointers = append(pointers, qualified)
			case *ast.Ident:
				if structs[typ.Name] != nil && strings.Contains(field.Tag.Value, ",omitempty") {
					require.Contains(t, field.Tag.Value, ",omitzero", "%s is sent as {} when empty: set x-omitzero in gen/overlay.yaml", qualified)
				}
			}
			require.False(t, strings.HasSuffix(qualified, "Uuid") || strings.HasSuffix(qualified, "Id"), qualified)
		}
	}
	slices.Sort(pointers)
	require.Equal(t, []string{"CIMG.Job", "ListCIMGEnvelope.Data"}, pointers,
		"decide in gen/overlay.yaml whether an optional field is a value or, with a reason given there, a pointer; list the pointers here")
}
