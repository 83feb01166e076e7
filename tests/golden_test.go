package tests

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
)

var update = flag.Bool("update", false, "rewrite testdata/golden")

// The published and captured replies, decoded into the generated types and
// encoded again, are what testdata/golden holds: a change of the contract or
// of the overlay that loses or renames a member shows as a difference there.
func TestGoldenReplies(t *testing.T) {
	replies, err := filepath.Glob("testdata/replies/*.json")
	require.NoError(t, err)
	require.Len(t, replies, 6)
	for _, file := range replies {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			captured, err := os.ReadFile(file)
			require.NoError(t, err)
			var reply any = new(gen.JobsReply)
			if name == "list.json" {
				reply = new(gen.ListCIMGReply)
			}
			decoder := json.NewDecoder(bytes.NewReader(captured))
			decoder.DisallowUnknownFields()
			require.NoError(t, decoder.Decode(reply), "a captured member has no place in the contract")
			encoded, err := json.MarshalIndent(reply, "", "  ")
			require.NoError(t, err)
			encoded = append(encoded, '\n')

			golden := filepath.Join("testdata", "golden", name)
			if *update {
				require.NoError(t, os.WriteFile(golden, encoded, 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), string(encoded), "if this is intended: go test ./tests -run TestGoldenReplies -update")

			// Nothing but empty optional members is lost on the way.
			var before, after any
			require.NoError(t, json.Unmarshal(captured, &before))
			require.NoError(t, json.Unmarshal(encoded, &after))
			require.Equal(t, withoutEmpty(before), withoutEmpty(after))
		})
	}
}

// withoutEmpty drops the members of objects that hold a zero value.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		kept := make(map[string]any)
		for name, member := range v {
			if m := withoutEmpty(member); m != nil && !reflect.ValueOf(m).IsZero() {
				kept[name] = m
			}
		}
		return kept
	case []any:
		if len(v) == 0 {
			return nil
		}
		kept := make([]any, len(v))
		for i := range v {
			kept[i] = withoutEmpty(v[i])
		}
		return kept
	}
	return v
}

// The generated client keeps what the overlay decided.
func TestGeneratedTypes(t *testing.T) {
	pointers := make(map[string]bool)
	for _, v := range []any{
		gen.CreateCIMGRequest{}, gen.CreateCIMGInput{}, gen.ImportCIMGRequest{}, gen.ImportCIMGInput{},
		gen.ListCIMGRequest{}, gen.ListCIMGCondition{}, gen.ChangeNameCIMGInput{}, gen.DeleteCIMGInput{},
		gen.JobsReply{}, gen.ListCIMGReply{}, gen.CIMGPage{}, gen.Job{}, gen.CIMG{}, gen.CIMGRequirement{}, gen.BackupStorage{},
	} {
		typ := reflect.TypeOf(v)
		for field := range typ.Fields() {
			if field.Type.Kind() == reflect.Pointer {
				pointers[typ.Name()+"."+field.Name] = true
			}
			require.False(t, strings.HasSuffix(field.Name, "Uuid") || strings.HasSuffix(field.Name, "Id"), field.Name)
		}
	}
	require.Equal(t, map[string]bool{"CIMG.Job": true, "ListCIMGReply.Data": true}, pointers,
		"decide in gen/overlay.yaml whether an optional member is a value or, for a reason that stands there, a pointer; list pointers here")
}
