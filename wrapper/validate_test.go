package wrapper_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/wrapper"
)

func TestInvalidInputIsRejectedUnsent(t *testing.T) {
	s := serve(t, respondJSON(oneJob))
	c := clientOf(t, s)
	ctx := t.Context()

	create := func(region string, images ...wrapper.CreateImageInput) error {
		_, err := c.CreateImages(ctx, region, images)
		return err
	}
	importing := func(images ...wrapper.ImportImageInput) error {
		_, err := c.ImportImages(ctx, "bj", images)
		return err
	}
	rename := func(images ...wrapper.RenameImageInput) error {
		_, err := c.RenameImages(ctx, "bj", images)
		return err
	}
	remove := func(ids ...string) error {
		_, err := c.DeleteImages(ctx, "bj", ids)
		return err
	}
	results := func(ids ...string) error {
		_, err := c.JobResults(ctx, "bj", ids...)
		return err
	}
	list := func(region string, names ...string) error {
		for _, err := range c.Images(ctx, region, names...) {
			return err
		}
		return nil
	}
	resume := func(ref wrapper.JobRef) error {
		_, err := c.Resume(ref)
		return err
	}

	wait := func(job *wrapper.JobHandle) error {
		_, err := job.Wait(ctx)
		return err
	}
	watch := func(job *wrapper.JobHandle) error {
		for _, err := range job.Watch(ctx) {
			return err
		}
		return nil
	}

	changed, err := c.Resume(wrapper.JobRef{Region: "gz", JobUUID: "a"})
	require.NoError(t, err)
	changed.Ref.JobUUID = ""

	rows := []struct {
		name, field string
		err         error
	}{
		{"create: no region", "region", create("", webImage)},
		{"create: two regions", "region", create("gz,bj", webImage)},
		{"create: no images", "images", create("gz")},
		{"create: no name", "images[0].Name", create("gz", wrapper.CreateImageInput{SnapUUID: snapshot})},
		{"create: a line break in a name", "images[1].Name", create("gz", webImage, wrapper.CreateImageInput{Name: "a\nb", SnapUUID: snapshot})},
		{"create: a name that is not UTF-8", "images[0].Name", create("gz", wrapper.CreateImageInput{Name: "a\xff", SnapUUID: snapshot})},
		{"create: a name that stands for what is not UTF-8", "images[0].Name", create("gz", wrapper.CreateImageInput{Name: "a\ufffd", SnapUUID: snapshot})},
		{"list: a name that stands for what is not UTF-8", "names[0]", list("gz", "\ufffd")},
		{"create: a description that is not UTF-8", "images[0].Description", create("gz", wrapper.CreateImageInput{Name: "a", SnapUUID: snapshot, Description: "\xff"})},
		{"create: a name that begins with a space", "images[0].Name", create("gz", wrapper.CreateImageInput{Name: " a", SnapUUID: snapshot})},
		{"create: a name that ends with an ideographic space", "images[1].Name", create("gz", webImage, wrapper.CreateImageInput{Name: "a\u3000", SnapUUID: snapshot})},
		{"import: a name that ends with a no-break space", "images[0].Name", importing(wrapper.ImportImageInput{Name: "n\u00a0", OriginImageUUID: "a", OriginRegionID: "gz"})},
		{"rename: a name of a space", "images[0].Name", rename(wrapper.RenameImageInput{ImageUUID: "a", Name: " "})},
		{"create: no snapshot", "images[0].SnapUUID", create("gz", wrapper.CreateImageInput{Name: "web-01"})},
		{"create: one name twice", "images[1].Name", create("gz", webImage, webImage)},
		{"import: no images", "images", importing()},
		{"import: no name", "images[0].Name", importing(wrapper.ImportImageInput{OriginImageUUID: "a", OriginRegionID: "gz"})},
		{"import: no image", "images[0].OriginImageUUID", importing(wrapper.ImportImageInput{Name: "n", OriginRegionID: "gz"})},
		{"import: no origin", "images[0].OriginRegionID", importing(wrapper.ImportImageInput{Name: "n", OriginImageUUID: "a"})},
		{"import: a description that is not UTF-8", "images[0].Description", importing(wrapper.ImportImageInput{Name: "n", OriginImageUUID: "a", OriginRegionID: "gz", Description: "\xff"})},
		{"import: one name twice", "images[1].Name", importing(
			wrapper.ImportImageInput{Name: "n", OriginImageUUID: "a", OriginRegionID: "gz"},
			wrapper.ImportImageInput{Name: "n", OriginImageUUID: "b", OriginRegionID: "gz"})},
		{"rename: no images", "images", rename()},
		{"rename: no name", "images[0].Name", rename(wrapper.RenameImageInput{ImageUUID: "a"})},
		{"rename: no image", "images[0].ImageUUID", rename(wrapper.RenameImageInput{Name: "n"})},
		{"rename: one image twice", "images[1].ImageUUID", rename(
			wrapper.RenameImageInput{ImageUUID: "a", Name: "n"}, wrapper.RenameImageInput{ImageUUID: "a", Name: "m"})},
		{"delete: no images", "imageUUIDs", remove()},
		{"delete: an empty id", "imageUUIDs[1]", remove("a", "")},
		{"delete: one image twice", "imageUUIDs[2]", remove("a", "b", "a")},
		{"results: no ids", "jobUUIDs", results()},
		{"results: a dot", "jobUUIDs[0]", results(".")},
		{"results: two dots", "jobUUIDs[0]", results("..")},
		{"results: a path", "jobUUIDs[0]", results("a/b")},
		{"results: two ids in one", "jobUUIDs[0]", results("a,b")},
		{"results: a line break", "jobUUIDs[0]", results("a\r\nb")},
		{"results: a space", "jobUUIDs[0]", results("a b")},
		{"results: one id twice", "jobUUIDs[1]", results("a", "a")},
		{"list: no region", "region", list("")},
		{"list: an empty name", "names[0]", list("gz", "")},
		{"resume: no region", "Region", resume(wrapper.JobRef{JobUUID: "a"})},
		{"wait: a handle without a client", "JobHandle", wait(&wrapper.JobHandle{Ref: wrapper.JobRef{Region: "gz", JobUUID: "a"}})},
		{"wait: a changed handle", "JobUUID", wait(changed)},
		{"watch: a changed handle", "JobUUID", watch(changed)},
		{"wait: no handle", "JobHandle", wait(nil)},
		{"watch: a handle without a client", "JobHandle", watch(&wrapper.JobHandle{})},
		{"resume: no job", "JobUUID", resume(wrapper.JobRef{Region: "gz"})},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			var inputErr *wrapper.InputError
			require.ErrorAs(t, row.err, &inputErr)
			require.Equal(t, row.field, inputErr.Field)
			require.NotEmpty(t, inputErr.Reason)
			require.NotContains(t, row.err.Error(), "\n")
		})
	}
	require.Empty(t, s.received())
}

func TestWaitAllRejectsNilAndAcceptsNone(t *testing.T) {
	c := clientOf(t, serve(t, respondJSON(oneJob)))
	good, err := c.Resume(wrapper.JobRef{Region: "gz", JobUUID: "a"})
	require.NoError(t, err)
	for _, bad := range []*wrapper.JobHandle{nil, {}, {Ref: wrapper.JobRef{Region: "gz"}}} {
		_, err := c.WaitAll(t.Context(), []*wrapper.JobHandle{good, bad})
		var inputErr *wrapper.InputError
		require.ErrorAs(t, err, &inputErr)
		require.Equal(t, "jobs[1]", inputErr.Field)
	}
	outcomes, err := c.WaitAll(context.Background(), nil)
	require.NoError(t, err, "there is nothing to wait for")
	require.Empty(t, outcomes)
}
