package wrapper_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

// many is more than anybody should send at once; each item of a create has a
// description of 1 KB.
const many = 40_000

func largeCreate() []wrapper.CreateImageInput {
	images := make([]wrapper.CreateImageInput, many)
	for i := range images {
		images[i] = wrapper.CreateImageInput{Name: fmt.Sprint("web-", i), SnapUUID: snapshot, Description: strings.Repeat("d", 1000)}
	}
	return images
}

// endsAfter is a context that ends when it has been asked so often.
type endsAfter struct {
	context.Context
	left int
}

func (c *endsAfter) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return c.Context.Err()
}

// A context that ends while a large request is encoded ends that, too.
func TestEncodingEndsWithTheContext(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	ctx := &endsAfter{t.Context(), 1000}
	_, err := clientOf(t, s).CreateImages(ctx, "gz", largeCreate())
	require.ErrorIs(t, err, wrapper.ErrNotSent)
	require.Empty(t, s.received())
	require.Greater(t, ctx.left, -100, "it was not asked for each of the others")
}

// What the largest calls cost. In none does the time grow faster than the number
// of items.
func BenchmarkLarge(b *testing.B) {
	images := largeCreate()
	b.Run("validate", func(b *testing.B) {
		for b.Loop() {
			require.NoError(b, wrapper.ValidateCreate("gz", images...))
		}
	})
	inProcess := func(transport http.RoundTripper) *wrapper.Client {
		client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithBaseURL("http://127.0.0.1"),
			wrapper.WithHTTPClient(&http.Client{Transport: transport}), wrapper.WithMaxResponseBytes(64<<20))
		require.NoError(b, err)
		return client
	}
	b.Run("create that is not sent", func(b *testing.B) {
		client := inProcess(roundTripper(func(*http.Request) (*http.Response, error) { return nil, context.Canceled }))
		for b.Loop() {
			_, err := client.CreateImages(b.Context(), "gz", images)
			require.Error(b, err)
		}
	})
	var ids, jobs []string
	for i := range many {
		ids = append(ids, fmt.Sprint("job-", i))
		jobs = append(jobs, fmt.Sprintf(`{"jobUuid":"job-%d","type":"CreateCIMG","progress":1,"done":false,"success":false,"resourceUuid":"i%d"}`, i, i))
	}
	body := `{"errno":0,"data":[` + strings.Join(jobs, ",") + `]}`
	b.Run("response", func(b *testing.B) {
		client := inProcess(roundTripper(func(*http.Request) (*http.Response, error) {
			return respond(body)
		}))
		for b.Loop() {
			_, err := client.JobResults(b.Context(), "gz", ids...)
			require.NoError(b, err)
		}
	})
	b.Run("text form", func(b *testing.B) {
		unknown := wrapper.OutcomeUnknownError{Op: "createCIMG", Region: "gz"}
		for i, id := range ids {
			unknown.Names = append(unknown.Names, images[i].Name)
			unknown.Jobs = append(unknown.Jobs, wrapper.JobRef{Region: "gz", JobUUID: id})
		}
		for b.Loop() {
			text, err := unknown.MarshalText()
			require.NoError(b, err)
			require.NoError(b, unknown.UnmarshalText(text))
		}
	})
}
