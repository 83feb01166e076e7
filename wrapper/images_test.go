package wrapper_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

// pages responds to list requests from images, with at most limit of them per
// page and in the form that wrap returns.
// pages serves images, which may change from one page to the next.
func pages(t *testing.T, images *[]gen.CIMG, limit int, wrap func(page []gen.CIMG) any) *service {
	var s *service
	s = serve(t, func(w http.ResponseWriter, r *http.Request) {
		var listRequest gen.ListCIMGRequest
		received := s.received()
		if err := json.Unmarshal([]byte(received[len(received)-1].Body), &listRequest); err != nil {
			t.Error(err)
		}
		from := min(int(listRequest.Start), len(*images))
		to := min(from+min(int(listRequest.Limit), limit), len(*images))
		json.NewEncoder(w).Encode(map[string]any{
			"errno": 0, "errmsg": "ok", "requestId": "r1", "data": wrap((*images)[from:to]),
		})
	})
	return s
}

func manyImages(n int) []gen.CIMG {
	images := make([]gen.CIMG, n)
	for i := range images {
		images[i] = gen.CIMG{UUID: fmt.Sprintf("image%03d", i), Name: fmt.Sprintf("web-%03d", i)}
	}
	return images
}

func TestImagesReadsAllPages(t *testing.T) {
	total := manyImages(250)
	forms := map[string]func(page []gen.CIMG) any{
		"count of all":      func(page []gen.CIMG) any { return gen.CIMGPage{Count: 250, Items: page} },
		"count of the page": func(page []gen.CIMG) any { return gen.CIMGPage{Count: int64(len(page)), Items: page} },
		"no count":          func(page []gen.CIMG) any { return map[string]any{"items": page} },
		"an array":          func(page []gen.CIMG) any { return page },
	}
	for name, wrap := range forms {
		for _, limit := range []int{1000, 50, 7} { // the service's limit
			t.Run(fmt.Sprintf("%s/%d per page", name, limit), func(t *testing.T) {
				client := clientOf(t, pages(t, &total, limit, wrap))
				var got []wrapper.Image
				for image, err := range client.Images(t.Context(), "gz") {
					require.NoError(t, err)
					got = append(got, image)
				}
				require.Equal(t, total, got)
			})
		}
	}
}

// A service that ignores start must not keep the client listing forever, nor make
// the first page look like all there is.
func TestImagesFailsWhenPagesRepeat(t *testing.T) {
	for _, data := range []string{
		`{"count":1,"items":[{"cimgUuid":"a","name":"n"}]}`, `{"items":[{"cimgUuid":"a","name":"n"}]}`, `[{"cimgUuid":"a","name":"n"}]`,
	} {
		s := serve(t, respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":`+data+`}`))
		for _, names := range [][]string{nil, {"n"}} {
			var seen []string
			var last error
			for image, err := range clientOf(t, s).Images(t.Context(), "gz", names...) {
				seen, last = append(seen, image.Name), err
			}
			require.ErrorIs(t, last, wrapper.ErrMalformedResponse)
			require.ErrorContains(t, last, "its pages repeat the same images")
			require.Equal(t, []string{"n", ""}, seen)
		}
	}
}

// Images created meanwhile push others to a later page, where they appear
// again. Each is yielded once, and none after them is missed.
// Other images are created and deleted between two pages.
func TestImagesOfAListThatChanges(t *testing.T) {
	changes := map[string]func(all []gen.CIMG, change int) []gen.CIMG{
		"created at the end": func(all []gen.CIMG, change int) []gen.CIMG {
			return append(all, gen.CIMG{UUID: fmt.Sprint("new", change)})
		},
		"created at the start": func(all []gen.CIMG, change int) []gen.CIMG {
			return slices.Insert(all, 0, gen.CIMG{UUID: fmt.Sprint("new", change)})
		},
		"deleted at the end":   func(all []gen.CIMG, _ int) []gen.CIMG { return all[:len(all)-1] },
		"deleted at the start": func(all []gen.CIMG, _ int) []gen.CIMG { return all[1:] },
		"deleted and created at the start": func(all []gen.CIMG, change int) []gen.CIMG {
			return slices.Insert(all[1:], 0, gen.CIMG{UUID: fmt.Sprint("new", change)})
		},
		"deleted at the start, created at the end": func(all []gen.CIMG, change int) []gen.CIMG {
			return append(all[1:], gen.CIMG{UUID: fmt.Sprint("new", change)})
		},
	}
	for name, change := range changes {
		for of, count := range map[string]func(all, page []gen.CIMG) int{
			"all":      func(all, _ []gen.CIMG) int { return len(all) },
			"the page": func(_, page []gen.CIMG) int { return len(page) },
		} {
			t.Run(name+", count of "+of, func(t *testing.T) {
				all, requests := manyImages(30), 0
				s := pages(t, &all, 10, func(page []gen.CIMG) any {
					data := gen.CIMGPage{Count: int64(count(all, page)), Items: page}
					if requests++; requests < 10 {
						all = change(slices.Clone(all), requests)
					}
					return data
				})
				seen := map[string]bool{}
				for image, err := range clientOf(t, s).Images(t.Context(), "gz") {
					require.NoError(t, err)
					require.False(t, seen[image.UUID], "twice")
					seen[image.UUID] = true
				}
				require.GreaterOrEqual(t, len(seen), 20)
			})
		}
	}
}

func TestImagesYieldsEachOnce(t *testing.T) {
	responses := []string{"a b", "b c", "c", ""}
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var items []gen.CIMG
		for _, uuid := range strings.Fields(responses[0]) {
			items = append(items, gen.CIMG{UUID: uuid})
		}
		responses = responses[1:]
		data, err := json.Marshal(gen.CIMGPage{Items: items})
		assert.NoError(t, err)
		respondJSON(fmt.Sprintf(`{"errno":0,"data":%s}`, data))(w, r)
	})
	var seen []string
	for image, err := range clientOf(t, s).Images(t.Context(), "gz") {
		require.NoError(t, err)
		seen = append(seen, image.UUID)
	}
	require.Equal(t, []string{"a", "b", "c"}, seen)
	requests := s.received()
	require.Contains(t, requests[len(requests)-1].Body, `"start":5`, "one page that repeats is no reason to begin again")
}

func TestImagesOfAListThatContradictsItself(t *testing.T) {
	s := serve(t, respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":{"count":7,"items":[]}}`))
	for _, err := range clientOf(t, s).Images(t.Context(), "gz") {
		require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
	}
	require.Len(t, s.received(), 5, "it is read again a few times")
}

func TestImagesFetchesPagesLazily(t *testing.T) {
	images := manyImages(250)
	s := pages(t, &images, 1000, func(page []gen.CIMG) any { return page })
	for range clientOf(t, s).Images(t.Context(), "gz") {
		break
	}
	require.Len(t, s.received(), 1)
}

func TestImagesByName(t *testing.T) {
	s := pages(t, new([]gen.CIMG), 10, func(page []gen.CIMG) any { return gen.CIMGPage{Items: []gen.CIMG{}} })
	client := clientOf(t, s)
	for range client.Images(t.Context(), "bj", "北京02", "web") {
	}
	for range client.Images(t.Context(), "bj") {
	}
	require.JSONEq(t, `{"regionId":"bj","start":0,"limit":100,"condition":{"names":["北京02","web"]}}`, s.received()[0].Body)
	require.JSONEq(t, `{"regionId":"bj","start":0,"limit":100}`, s.received()[1].Body)
}

func TestPageSize(t *testing.T) {
	total := manyImages(5)
	s := pages(t, &total, 1000, func(page []gen.CIMG) any { return page })
	n := 0
	for _, err := range clientOf(t, s, wrapper.WithPageSize(2)).Images(t.Context(), "gz") {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, len(total), n)
	require.JSONEq(t, `{"regionId":"gz","start":2,"limit":2}`, s.received()[1].Body)
}

func TestImagesErrorEndsTheLoop(t *testing.T) {
	rows := map[string]struct {
		handler http.HandlerFunc
		is      error
	}{
		"errno":    {envelope(200, 16000002), wrapper.ErrNotFound},
		"no data":  {respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1"}`), wrapper.ErrMalformedResponse},
		"null":     {respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":null}`), wrapper.ErrMalformedResponse},
		"no items": {respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":{}}`), wrapper.ErrMalformedResponse},
		"a count":  {respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":{"count":7,"items":null}}`), wrapper.ErrMalformedResponse},
		"counted":  {respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":{"count":7,"items":[]}}`), wrapper.ErrMalformedResponse},
		"no id":    {respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":{"items":[{"name":"n"}]}}`), wrapper.ErrMalformedResponse},
		"a string": {respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":"none"}`), wrapper.ErrMalformedResponse},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			loops := 0
			for image, err := range clientOf(t, serve(t, row.handler)).Images(t.Context(), "gz") {
				loops++
				require.ErrorIs(t, err, row.is)
				require.Zero(t, image)
			}
			require.Equal(t, 1, loops)
		})
	}
}

// Undocumented: count may include images that the names exclude.
func TestImagesByNameMayBeNone(t *testing.T) {
	s := serve(t, respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":{"count":7,"items":[]}}`))
	for range clientOf(t, s).Images(t.Context(), "gz", "web-01") {
		require.Fail(t, "there are none")
	}
}

func TestImagesMayBeNone(t *testing.T) {
	for _, data := range []string{`[]`, `{"items":[]}`, `{"count":0,"items":[]}`, `{"count":0,"items":null}`} {
		s := serve(t, respondJSON(`{"errno":0,"errmsg":"ok","requestId":"r1","data":`+data+`}`))
		for range clientOf(t, s).Images(t.Context(), "gz") {
			require.Fail(t, "there are none", data)
		}
		require.Len(t, s.received(), 1)
	}
}
