package tests

import (
	"context"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
)

// find returns the image with a name.
func find(t *testing.T, c *cloud, region, name string) wrapper.Image {
	t.Helper()
	for image, err := range c.client.Images(t.Context(), region, name) {
		require.NoError(t, err)
		if image.Name == name {
			return image
		}
	}
	require.Fail(t, "no such image", "%q in %s", name, region)
	return wrapper.Image{}
}

// The whole life of an image: every operation through the wrapper, over a
// socket.
func TestAnImagesLife(t *testing.T) {
	c := newCloud(t, emulator.Options{})
	ctx := t.Context()

	created, err := c.client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot, Description: "第一个"})
	require.NoError(t, err)
	require.Equal(t, "CreateCIMG", created.Ref.Type)
	job, err := created.Wait(ctx)
	require.NoError(t, err)
	image := find(t, c, "gz", "web-01")
	require.Equal(t, job.ResourceUUID, image.UUID)
	require.Equal(t, "第一个", image.Description)
	require.Equal(t, "Ready", image.Status)
	require.Nil(t, image.Job)
	require.WithinDuration(t, time.Now(), time.UnixMilli(image.CreateTime), time.Minute)

	copied, err := c.client.ImportImage(ctx, "bj", wrapper.ImportImageInput{
		Name: "web-01", OriginRegionID: "gz", OriginImageUUID: job.ResourceUUID,
	})
	require.NoError(t, err)
	require.Equal(t, "ImportCIMG", copied.Ref.Type)
	var last wrapper.Job
	for state, err := range copied.Watch(ctx) {
		require.NoError(t, err)
		last = state
	}
	require.True(t, last.Done && last.Success)
	require.Equal(t, last.ResourceUUID, find(t, c, "bj", "web-01").UUID)

	renamed, err := c.client.RenameImage(ctx, "bj", wrapper.RenameImageInput{ImageUUID: last.ResourceUUID, Name: "web-02"})
	require.NoError(t, err)
	require.Equal(t, "ChangeCIMGName", renamed.Ref.Type)
	_, err = renamed.Wait(ctx)
	require.NoError(t, err)
	require.Equal(t, last.ResourceUUID, find(t, c, "bj", "web-02").UUID)

	deleted, err := c.client.DeleteImage(ctx, "bj", last.ResourceUUID)
	require.NoError(t, err)
	require.Equal(t, "DeleteCIMG", deleted.Ref.Type)
	_, err = deleted.Wait(ctx)
	require.NoError(t, err)
	for image, err := range c.client.Images(ctx, "bj") {
		require.NoError(t, err)
		require.NotEqual(t, last.ResourceUUID, image.UUID)
	}

	results, err := c.client.JobResults(ctx, "bj", deleted.Ref.JobUUID, renamed.Ref.JobUUID, copied.Ref.JobUUID)
	require.NoError(t, err)
	require.Len(t, results, 3)
	require.Equal(t, "DeleteCIMG", results[0].Type)
	require.Equal(t, "ImportCIMG", results[2].Type)
}

func TestManyInACall(t *testing.T) {
	c := newCloud(t, emulator.Options{MaxPageSize: 7})
	ctx := t.Context()
	const n = 30
	inputs := make([]wrapper.CreateImageInput, n)
	for i := range inputs {
		inputs[i] = wrapper.CreateImageInput{Name: fmt.Sprintf("web-%02d", i), SnapUUID: snapshot}
	}
	created, err := c.client.CreateImages(ctx, "gz", inputs)
	require.NoError(t, err)
	require.Len(t, created, n)
	require.Equal(t, 1, c.Requests("createCIMG"))

	outcomes, err := c.client.WaitAll(ctx, created)
	require.NoError(t, err)
	var copies []wrapper.ImportImageInput
	var names, uuids []string
	for i, outcome := range outcomes {
		require.Equal(t, created[i].Ref, outcome.Ref)
		copies = append(copies, wrapper.ImportImageInput{Name: inputs[i].Name, OriginRegionID: "gz", OriginImageUUID: outcome.Job.ResourceUUID})
	}
	for image, err := range c.client.Images(ctx, "gz") {
		require.NoError(t, err)
		names, uuids = append(names, image.Name), append(uuids, image.UUID)
	}
	require.Len(t, names, n)
	slices.Sort(names)
	require.Len(t, slices.Compact(names), n)

	copied, err := c.client.ImportImages(ctx, "bj", copies)
	require.NoError(t, err)
	_, err = c.client.WaitAll(ctx, copied)
	require.NoError(t, err)

	renames := make([]wrapper.RenameImageInput, n)
	for i, uuid := range uuids {
		renames[i] = wrapper.RenameImageInput{ImageUUID: uuid, Name: fmt.Sprintf("new-%02d", i)}
	}
	renamed, err := c.client.RenameImages(ctx, "gz", renames)
	require.NoError(t, err)
	_, err = c.client.WaitAll(ctx, renamed)
	require.NoError(t, err)
	find(t, c, "gz", "new-29")

	deleted, err := c.client.DeleteImages(ctx, "gz", uuids)
	require.NoError(t, err)
	_, err = c.client.WaitAll(ctx, deleted)
	require.NoError(t, err)
	require.Empty(t, c.Images("gz"))
}

// The list shows an image with the job that runs on it.
func TestAnImageBeingBuilt(t *testing.T) {
	c := newCloud(t, emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
		return emulator.Plan{Duration: math.MaxInt64} // never ends
	}})
	created, err := c.client.CreateImage(t.Context(), "gz", webImage)
	require.NoError(t, err)
	image := find(t, c, "gz", "web-01")
	require.Equal(t, created.Ref.ResourceUUID, image.UUID)
	require.NotNil(t, image.Job)
	require.Equal(t, created.Ref.JobUUID, image.Job.JobUUID)
	require.Equal(t, "CreateCIMG", image.Job.Type)
	require.False(t, image.Job.Done)
}

func TestBothFormsOfTheList(t *testing.T) {
	require.Equal(t, 2, listed(t, newCloud(t, emulator.Options{}).client), "{count, items}, as captured")

	// The provider's table promises an array, but the contract does not allow
	// one, so nothing validates it here.
	emu, err := emulator.New(emulator.Options{ListAsArray: true, Strict: true})
	require.NoError(t, err)
	require.Equal(t, 2, listed(t, inProcess(t, emu)), "an array")
}

func TestRejections(t *testing.T) {
	plan := func(job emulator.JobStart) emulator.Plan {
		if job.Name == "cursed" {
			return emulator.Plan{Duration: time.Millisecond, Failure: "snapshot unreadable", FailAt: 0.5}
		}
		return emulator.Plan{Duration: time.Millisecond}
	}
	c := newCloud(t, emulator.Options{Plan: plan})
	ctx := t.Context()

	_, err := c.client.CreateImage(ctx, "mars", webImage)
	require.ErrorIs(t, err, wrapper.ErrNotFound)
	require.ErrorContains(t, err, "errno 16000002")

	_, err = c.client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: "no-such-snapshot"})
	require.ErrorIs(t, err, wrapper.ErrNotFound)
	require.ErrorContains(t, err, "no-such-snapshot")

	_, err = c.client.ImportImage(ctx, "bj", wrapper.ImportImageInput{Name: "n", OriginRegionID: "gz", OriginImageUUID: "no-such-image"})
	require.ErrorIs(t, err, wrapper.ErrNotFound)
	_, err = c.client.DeleteImage(ctx, "gz", "no-such-image")
	require.ErrorIs(t, err, wrapper.ErrNotFound)
	require.Empty(t, c.Jobs("gz"), "a rejected call starts no job")

	stranger, err := wrapper.New(wrapper.StaticToken("not-the-token"), wrapper.WithBaseURL(c.url))
	require.NoError(t, err)
	t.Cleanup(stranger.CloseIdleConnections)
	_, err = stranger.CreateImage(ctx, "gz", webImage)
	require.ErrorIs(t, err, wrapper.ErrAuth)
	require.NotContains(t, err.Error(), "not-the-token")

	created, err := c.client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "cursed", SnapUUID: snapshot})
	require.NoError(t, err)
	_, err = created.Wait(ctx)
	var failed *wrapper.JobFailedError
	require.ErrorAs(t, err, &failed)
	require.Equal(t, "snapshot unreadable", failed.Job.Result)
}

// A handle saved as text is resumed by another client.
func TestResumeInAnotherProcess(t *testing.T) {
	c := newCloud(t, emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
		return emulator.Plan{Duration: 200 * time.Millisecond}
	}})
	created, err := c.client.CreateImage(t.Context(), "gz", webImage)
	require.NoError(t, err)
	saved, err := created.Ref.MarshalText()
	require.NoError(t, err)
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = created.Wait(interrupted)
	require.ErrorIs(t, err, context.Canceled)

	another, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithBaseURL(c.url),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: 5 * time.Millisecond}))
	require.NoError(t, err)
	t.Cleanup(another.CloseIdleConnections)
	var ref wrapper.JobRef
	require.NoError(t, ref.UnmarshalText(saved))
	resumed, err := another.Resume(ref)
	require.NoError(t, err)
	job, err := resumed.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, created.Ref.ResourceUUID, job.ResourceUUID)
	require.Equal(t, 1, c.Requests("createCIMG"))
}
