package wrapper_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

func TestUnknownOutcomeAsText(t *testing.T) {
	sent := time.Date(2026, 11, 21, 20, 4, 5, 678_000_000, time.UTC)
	rows := map[string]*wrapper.OutcomeUnknownError{
		"cimg-unknown:v1?name=web-01&op=createCIMG&region=gz": {Op: "createCIMG", Region: "gz", Names: []string{"web-01"}},
		"cimg-unknown:v1?image=i1&op=deleteCIMG&region=gz":    {Op: "deleteCIMG", Region: "gz", ImageUUIDs: []string{"i1"}},
		"cimg-unknown:v1?cause=connection+reset&image=i1&image=i2&job=cimg-job%3Av1%3Fjob%3Dj1%26region%3Dgz" +
			"&name=%E5%8C%97%E4%BA%AC&name=a%26b%3Dc&op=changeNameCIMG&region=gz&request=r1&sent=2026-11-21T20%3A04%3A05.678Z": {
			Op: "changeNameCIMG", Region: "gz", Names: []string{"北京", "a&b=c"}, ImageUUIDs: []string{"i1", "i2"}, SentAt: sent,
			RequestID: "r1", Jobs: []wrapper.JobRef{{Region: "gz", JobUUID: "j1"}}, Cause: errors.New("connection reset"),
		},
	}
	for text, unknown := range rows {
		saved, err := unknown.MarshalText()
		require.NoError(t, err)
		require.Equal(t, text, string(saved))

		encoded, err := json.Marshal(unknown)
		require.NoError(t, err)
		var read wrapper.OutcomeUnknownError
		require.NoError(t, json.Unmarshal(encoded, &read))
		require.Equal(t, unknown, &read)
		require.Equal(t, unknown.Error(), read.Error())
	}
}

func TestUnknownOutcomeRejectsOtherText(t *testing.T) {
	for _, text := range []string{
		"",
		"cimg-job:v1?job=j1&region=gz",
		"cimg-unknown:v2?name=web-01&op=createCIMG&region=gz",
		"cimg-unknown:v1?name=web-01&op=createCIMG",
		"cimg-unknown:v1?name=web-01&op=createCIMG&region=",
		"cimg-unknown:v1?name=web-01&region=gz",
		"cimg-unknown:v1?op=createCIMG&region=gz",
		"cimg-unknown:v1?op=importCIMG&region=gz&image=i1",
		"cimg-unknown:v1?op=deleteCIMG&region=gz&name=web-01",
		"cimg-unknown:v1?op=changeNameCIMG&region=gz&name=web-01",
		"cimg-unknown:v1?op=changeNameCIMG&region=gz&image=i1",
		"cimg-unknown:v1?op=listCIMG&region=gz&name=web-01&image=i1",
		"cimg-unknown:v1?name=web-01&op=createCIMG&op=createCIMG&region=gz",
		"cimg-unknown:v1?name=web-01&op=createCIMG&region=gz&sent=now",
		"cimg-unknown:v1?name=web-01&op=createCIMG&region=gz&job=j1",
		"cimg-unknown:v1?name=%zz&op=createCIMG&region=gz",
	} {
		read := wrapper.OutcomeUnknownError{Region: "keep"}
		require.ErrorAs(t, read.UnmarshalText([]byte(text)), new(*wrapper.InputError), text)
		require.Equal(t, wrapper.OutcomeUnknownError{Region: "keep"}, read, "a failed read changed the error")
	}
	var read wrapper.OutcomeUnknownError
	require.NoError(t, read.UnmarshalText([]byte("cimg-unknown:v1?later=x&name=web-01&op=createCIMG&region=gz")), "a later version's field")

	beyond := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, incomplete := range []*wrapper.OutcomeUnknownError{
		{}, {Op: "createCIMG", Region: "gz"},
		{Op: "createCIMG", Region: "gz", Names: []string{"a"}, SentAt: beyond},
		{Op: "createCIMG", Region: "gz", Names: []string{"a"}, Jobs: []wrapper.JobRef{{Region: "gz"}}},
	} {
		_, err := incomplete.MarshalText()
		require.ErrorAs(t, err, new(*wrapper.InputError))
	}
}

func TestUnknownOutcomeOfManyItemsAsText(t *testing.T) {
	many := wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz"}
	for i := range 40_000 {
		many.Names = append(many.Names, fmt.Sprint("image & more ", i))
		many.Jobs = append(many.Jobs, wrapper.JobRef{Region: "gz", JobUUID: fmt.Sprint("job-", i)})
	}
	saved, err := many.MarshalText()
	require.NoError(t, err)
	var read wrapper.OutcomeUnknownError
	require.NoError(t, read.UnmarshalText(saved))
	require.Equal(t, many, read)
}

// A struct that holds one, by value or by pointer, can be saved and read back; so
// can a text with a line break at its end.
func TestSavedTextsAreReadBack(t *testing.T) {
	type saved struct {
		Unknown wrapper.OutcomeUnknownError
		Pointer *wrapper.OutcomeUnknownError
		Ref     wrapper.JobRef
		Refs    map[string]wrapper.JobRef
	}
	ref := wrapper.JobRef{Region: "gz", JobUUID: "j1"}
	unknown := wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz", Names: []string{"web-01"}}
	want := saved{unknown, &unknown, ref, map[string]wrapper.JobRef{"a": ref}}
	for name, codec := range map[string]struct {
		marshal   func(any) ([]byte, error)
		unmarshal func([]byte, any) error
	}{
		"encoding/json": {json.Marshal, json.Unmarshal},
		"its successor": {
			func(v any) ([]byte, error) { return jsonv2.Marshal(v) },
			func(b []byte, v any) error { return jsonv2.Unmarshal(b, v) },
		},
	} {
		text, err := codec.marshal(want)
		require.NoError(t, err, name)
		var read saved
		require.NoError(t, codec.unmarshal(text, &read), name)
		require.Equal(t, want, read, name)
		_, err = codec.marshal(saved{})
		require.Error(t, err, "incomplete, so not silently saved")
	}
	for _, end := range []string{"", "\n", "\r\n", "\n\n"} {
		for _, form := range []interface {
			encoding.TextMarshaler
			encoding.TextUnmarshaler
		}{&ref, &unknown} {
			text, err := form.MarshalText()
			require.NoError(t, err)
			require.NoError(t, form.UnmarshalText(append(text, end...)))
			again, err := form.MarshalText()
			require.NoError(t, err)
			require.Equal(t, string(text), string(again))
		}
	}
}

// A log shows the error's message, not its text form.
func TestUnknownOutcomeInALog(t *testing.T) {
	unknown := &wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz", Names: []string{"web-01"}, Cause: errors.New("reset")}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("m", "error", unknown)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "error", unknown)
	require.Equal(t, 2, strings.Count(b.String(), "outcome unknown; check whether it took effect"))
	require.NotContains(t, b.String(), "cimg-unknown")
	require.Contains(t, fmt.Sprint(unknown), "outcome unknown")
}

func TestIntents(t *testing.T) {
	before := time.Now()
	create, err := wrapper.CreateIntent("gz", webImage, wrapper.CreateImageInput{Name: "web-02", SnapUUID: snapshot})
	require.NoError(t, err)
	copied, err := wrapper.ImportIntent("gz", wrapper.ImportImageInput{Name: "copy", OriginRegionID: "bj", OriginImageUUID: imageID})
	require.NoError(t, err)
	require.Equal(t, []string{"web-01", "web-02"}, create.Names)
	require.Equal(t, []string{"copy"}, copied.Names)
	for op, intent := range map[string]*wrapper.OutcomeUnknownError{"createCIMG": create, "importCIMG": copied} {
		require.Equal(t, op, intent.Op)
		require.Equal(t, "gz", intent.Region)
		require.False(t, intent.SentAt.Before(before))
		require.ErrorContains(t, intent, "saved before the call")
		saved, err := intent.MarshalText()
		require.NoError(t, err)
		var read wrapper.OutcomeUnknownError
		require.NoError(t, read.UnmarshalText(saved))
		require.Equal(t, intent.Names, read.Names)
		require.True(t, intent.SentAt.Equal(read.SentAt))
	}
	_, err = wrapper.CreateIntent("gz", webImage, webImage)
	require.ErrorAs(t, err, new(*wrapper.InputError))
	_, err = wrapper.ImportIntent("gz")
	require.ErrorAs(t, err, new(*wrapper.InputError))
}
