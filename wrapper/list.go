package wrapper

import (
	"context"
	"fmt"
	"iter"

	"github.com/cimg-go/cimg/gen"
)

// Images lists the custom images of a region, all pages, each image once. With
// names, it lists the images that match one of them; whether the service
// matches exactly is not published, so compare Image.Name where it matters.
//
// An error ends the iteration. Pages are read as the loop asks for them: if
// images are created or deleted meanwhile, any image may be missed, and the list
// may end with [ErrMalformedReply] because it counts more than it showed.
//
// The provider does not say whether the reply's count is of the page or of all
// images, so the list ends with the first page that brings nothing new. See
// [WithPageSize] for the size of a page.
func (c *Client) Images(ctx context.Context, region string, names ...string) iter.Seq2[Image, error] {
	return func(yield func(Image, error) bool) {
		var check inputCheck
		check.region(region)
		for i, name := range names {
			check.text(fmt.Sprintf("names[%d]", i), name)
		}
		if check.err != nil {
			yield(Image{}, check.err)
			return
		}
		seen := make(map[string]bool)
		for start := 0; ; {
			r, err := c.readPage(ctx, region, names, start)
			if err != nil {
				yield(Image{}, err)
				return
			}
			start += len(r.page.images)
			anyNew := false
			for _, image := range r.page.images {
				if seen[image.UUID] {
					continue
				}
				seen[image.UUID], anyNew = true, true
				if !yield(image, nil) {
					return
				}
			}
			if anyNew {
				continue
			}
			// In both readings of count, as many images came as it says.
			if count := r.page.count; len(names) == 0 && count > int64(len(seen)) {
				yield(Image{}, malformed(&call{op: opList}, r, fmt.Errorf("it counts %d images, and %d came", count, len(seen))))
			}
			return
		}
	}
}

func (c *Client) readPage(ctx context.Context, region string, names []string, start int) (*reply, error) {
	req, err := gen.NewListCIMGRequest(c.server(), gen.ListCIMGRequest{
		RegionID:  region,
		Start:     int64(start),
		Limit:     int64(c.pageSize),
		Condition: gen.ListCIMGCondition{Names: names},
	})
	if err != nil {
		return nil, fmt.Errorf("cimg: building the request: %w", err)
	}
	return c.send(req.WithContext(ctx))
}
