package wrapper_test

import (
	"context"
	"encoding/json"
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

// The context is asked after each of many items, when they are checked and when they
// are encoded. A request that was cut short is never sent, not even by a client with a
// hook that takes the end from the context.
func TestLargeCallsEndWithTheContext(t *testing.T) {
	const n = 1000
	images := largeCreate()[:n]
	imports, renames := make([]wrapper.ImportImageInput, n), make([]wrapper.RenameImageInput, n)
	for i, image := range images {
		imports[i] = wrapper.ImportImageInput{Name: image.Name, OriginRegionID: "bj", OriginImageUUID: imageID}
		renames[i] = wrapper.RenameImageInput{ImageUUID: image.Name, Name: image.Name}
	}
	sent := 0
	client := clientThrough(t, func(*http.Request) (*http.Response, error) {
		sent++
		return respond(`{"errno":13,"errmsg":"no"}`)
	}, wrapper.WithHooks(wrapper.Hooks{
		Begin: func(ctx context.Context, _ wrapper.Call) context.Context { return context.WithoutCancel(ctx) },
	}))
	for name, start := range map[string]func(context.Context) error{
		"create": func(ctx context.Context) error { _, err := client.CreateImages(ctx, "gz", images); return err },
		"import": func(ctx context.Context) error { _, err := client.ImportImages(ctx, "gz", imports); return err },
		"rename": func(ctx context.Context) error { _, err := client.RenameImages(ctx, "gz", renames); return err },
	} {
		t.Run(name, func(t *testing.T) {
			endless := &endsAfter{t.Context(), 1 << 40}
			require.ErrorIs(t, start(endless), wrapper.ErrBadParameter)
			require.Greater(t, 1<<40-endless.left, 2*n-2)
			sent = 0
			for _, left := range []int{0, 1, n / 2, n, n + 1, 3 * n / 2, 2*n - 1} {
				ctx := &endsAfter{t.Context(), left}
				err := start(ctx)
				require.ErrorIs(t, err, wrapper.ErrNotSent)
				require.ErrorIs(t, err, context.Canceled)
				require.Greater(t, ctx.left, -10, "it went on")
			}
			require.Zero(t, sent)
		})
	}
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
	b.Run("10,000 images", func(b *testing.B) {
		const images, page = 10_000, 100
		client := inProcess(roundTripper(func(r *http.Request) (*http.Response, error) {
			var list struct{ Start int }
			if err := json.NewDecoder(r.Body).Decode(&list); err != nil {
				return nil, err
			}
			var items []string
			for i := range min(page, images-list.Start) {
				items = append(items, fmt.Sprintf(`{"cimgUuid":"i%d","name":"web-%[1]d","createTime":1603799470000,"cimgTags":[],"size":40}`, list.Start+i))
			}
			return respond(`{"errno":0,"data":[` + strings.Join(items, ",") + `]}`)
		}))
		for b.Loop() {
			n := 0
			for _, err := range client.Images(b.Context(), "gz") {
				require.NoError(b, err)
				n++
			}
			require.Equal(b, images, n)
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
