package wrapper

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cimg-go/cimg/gen"
)

// CreateImage starts to build an image from a snapshot. It costs money and is
// sent at most once; see "Four outcomes" in the package's documentation for
// what its errors mean.
func (c *Client) CreateImage(ctx context.Context, region string, image CreateImageInput) (*JobHandle, error) {
	return only(c.CreateImages(ctx, region, []CreateImageInput{image}))
}

// CreateImages starts to build images in one request, as the provider's
// CreateCIMG page allows. The handles are in the order of the reply, which the
// provider does not promise to be the order of images.
//
// Two images of one name are refused: should the outcome stay unknown, nothing
// could tell them apart.
func (c *Client) CreateImages(ctx context.Context, region string, images []CreateImageInput) ([]*JobHandle, error) {
	err := checkImages(region, images, func(check *imageCheck, image CreateImageInput) {
		check.text("Name", image.Name)
		check.unique("Name", image.Name)
		check.id("SnapUUID", image.SnapUUID)
		check.utf8("Description", image.Description)
	})
	if err != nil {
		return nil, err
	}
	if c.objectBody {
		return startFromObject(ctx, c, region, images, gen.NewCreateCIMGRequestWithBody)
	}
	req, err := gen.NewCreateCIMGRequest(c.server(), gen.CreateCIMGRequest{RegionID: region, CIMG: images})
	return c.startJobs(ctx, region, req, err)
}

// ImportImage starts to copy an image from another region into region. It
// costs money and is sent at most once; see "Four outcomes" in the package's
// documentation for what its errors mean.
func (c *Client) ImportImage(ctx context.Context, region string, image ImportImageInput) (*JobHandle, error) {
	return only(c.ImportImages(ctx, region, []ImportImageInput{image}))
}

// ImportImages starts to copy images in one request, as the provider's
// ImportCIMG page allows. The handles are in the order of the reply, which the
// provider does not promise to be the order of images. Two copies of one name
// are refused, as by [Client.CreateImages].
func (c *Client) ImportImages(ctx context.Context, region string, images []ImportImageInput) ([]*JobHandle, error) {
	err := checkImages(region, images, func(check *imageCheck, image ImportImageInput) {
		check.text("Name", image.Name)
		check.unique("Name", image.Name)
		check.id("OriginImageUUID", image.OriginImageUUID)
		check.id("OriginRegionID", image.OriginRegionID)
		check.utf8("Description", image.Description)
	})
	if err != nil {
		return nil, err
	}
	if c.objectBody {
		return startFromObject(ctx, c, region, images, gen.NewImportCIMGRequestWithBody)
	}
	req, err := gen.NewImportCIMGRequest(c.server(), gen.ImportCIMGRequest{RegionID: region, CIMG: images})
	return c.startJobs(ctx, region, req, err)
}

// RenameImage starts to rename an image. It is sent at most once.
func (c *Client) RenameImage(ctx context.Context, region string, image RenameImageInput) (*JobHandle, error) {
	return only(c.RenameImages(ctx, region, []RenameImageInput{image}))
}

// RenameImages starts to rename images in one request. The handles are in the
// order of the reply.
func (c *Client) RenameImages(ctx context.Context, region string, images []RenameImageInput) ([]*JobHandle, error) {
	err := checkImages(region, images, func(check *imageCheck, image RenameImageInput) {
		check.id("ImageUUID", image.ImageUUID)
		check.unique("ImageUUID", image.ImageUUID)
		check.text("Name", image.Name)
	})
	if err != nil {
		return nil, err
	}
	req, err := gen.NewChangeNameCIMGRequest(c.server(), gen.ChangeNameCIMGRequest{RegionID: region, CIMG: images})
	return c.startJobs(ctx, region, req, err)
}

// DeleteImage starts to delete an image. It is sent at most once.
func (c *Client) DeleteImage(ctx context.Context, region, imageUUID string) (*JobHandle, error) {
	return only(c.DeleteImages(ctx, region, []string{imageUUID}))
}

// DeleteImages starts to delete images in one request. The handles are in the
// order of the reply.
func (c *Client) DeleteImages(ctx context.Context, region string, imageUUIDs []string) ([]*JobHandle, error) {
	var check inputCheck
	check.region(region)
	check.ids("imageUUIDs", imageUUIDs)
	if check.err != nil {
		return nil, check.err
	}
	images := make([]gen.DeleteCIMGInput, len(imageUUIDs))
	for i, uuid := range imageUUIDs {
		images[i].ImageUUID = uuid
	}
	req, err := gen.NewDeleteCIMGRequest(c.server(), gen.DeleteCIMGRequest{RegionID: region, CIMG: images})
	return c.startJobs(ctx, region, req, err)
}

// startJobs sends a change and makes handles of the jobs it started.
func (c *Client) startJobs(ctx context.Context, region string, req *http.Request, err error) ([]*JobHandle, error) {
	if err != nil {
		return nil, fmt.Errorf("cimg: building the request: %w", err)
	}
	startedAt := time.Now()
	r, err := c.send(req.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	refs := refsOf(region, r.jobs, startedAt)
	handles := make([]*JobHandle, len(refs))
	for i, ref := range refs {
		handles[i] = &JobHandle{Ref: ref, client: c}
	}
	return handles, nil
}

func only(handles []*JobHandle, err error) (*JobHandle, error) {
	if err != nil {
		return nil, err
	}
	return handles[0], nil // one item was sent, and the reply was found to have one job
}

// startFromObject sends a change in the form of the provider's examples.
func startFromObject[Input any](
	ctx context.Context, c *Client, region string, images []Input,
	build func(server, contentType string, body io.Reader) (*http.Request, error),
) ([]*JobHandle, error) {
	if len(images) > 1 {
		return nil, &InputError{Field: "images", Reason: "a client made with WithObjectBody sends one image a call"}
	}
	body, err := json.Marshal(struct {
		RegionID string `json:"regionId"`
		CIMG     Input  `json:"cimg"`
	}{region, images[0]})
	if err != nil {
		return nil, fmt.Errorf("cimg: building the request: %w", err)
	}
	req, err := build(c.server(), "application/json", bytes.NewReader(body))
	return c.startJobs(ctx, region, req, err)
}
