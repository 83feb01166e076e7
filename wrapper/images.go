package wrapper

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/cimg-go/cimg/gen"
)

// CreateImage starts a job that creates an image from a snapshot. It costs money
// and is sent at most once; see "Four outcomes" in the package's documentation
// for what its errors mean.
func (c *Client) CreateImage(ctx context.Context, region string, image CreateImageInput) (*JobHandle, error) {
	return single(c.CreateImages(ctx, region, []CreateImageInput{image}))
}

// CreateImages starts a job for each image in one request, as the provider's
// CreateCIMG page allows. The handles are in the order of the response, which the
// provider does not promise to be the order of images.
//
// Two images of the same name are rejected: if the outcome stayed unknown, they
// could not be told apart.
func (c *Client) CreateImages(ctx context.Context, region string, images []CreateImageInput) ([]*JobHandle, error) {
	if err := checkImages(ctx, region, images, checkCreate); err != nil {
		return nil, err
	}
	return start(ctx, c, opCreate, region, images,
		func(image CreateImageInput) (name, imageUUID string) { return image.Name, "" })
}

// ImportImage starts a job that copies an image from another region into region.
// It costs money and is sent at most once; see "Four outcomes" in the package's
// documentation for what its errors mean.
func (c *Client) ImportImage(ctx context.Context, region string, image ImportImageInput) (*JobHandle, error) {
	return single(c.ImportImages(ctx, region, []ImportImageInput{image}))
}

// ImportImages starts a job for each image in one request, as the provider's
// ImportCIMG page allows. The handles are in the order of the response, which the
// provider does not promise to be the order of images. Two images of the same
// name are rejected, as by [Client.CreateImages].
func (c *Client) ImportImages(ctx context.Context, region string, images []ImportImageInput) ([]*JobHandle, error) {
	if err := checkImages(ctx, region, images, checkImport); err != nil {
		return nil, err
	}
	return start(ctx, c, opImport, region, images,
		func(image ImportImageInput) (name, imageUUID string) { return image.Name, "" })
}

// RenameImage starts a job that renames an image. It is sent at most once.
func (c *Client) RenameImage(ctx context.Context, region string, image RenameImageInput) (*JobHandle, error) {
	return single(c.RenameImages(ctx, region, []RenameImageInput{image}))
}

// RenameImages starts a job for each image in one request. The handles are in
// the order of the response.
func (c *Client) RenameImages(ctx context.Context, region string, images []RenameImageInput) ([]*JobHandle, error) {
	err := checkImages(ctx, region, images, func(check *imageCheck, image RenameImageInput) {
		check.id("ImageUUID", image.ImageUUID)
		check.unique("ImageUUID", image.ImageUUID)
		check.name(image.Name)
	})
	if err != nil {
		return nil, err
	}
	return start(ctx, c, opChangeName, region, images,
		func(image RenameImageInput) (name, imageUUID string) { return image.Name, image.ImageUUID })
}

// DeleteImage starts a job that deletes an image. It is sent at most once.
func (c *Client) DeleteImage(ctx context.Context, region, imageUUID string) (*JobHandle, error) {
	return single(c.DeleteImages(ctx, region, []string{imageUUID}))
}

// DeleteImages starts a job for each image in one request. The handles are in
// the order of the response.
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
	return start(ctx, c, opDelete, region, images,
		func(image gen.DeleteCIMGInput) (name, imageUUID string) { return "", image.ImageUUID })
}

// start sends a mutating call and makes handles of its jobs. To encode tens of thousands
// of images, like checking them before, ends with the context; then nothing is sent.
func start[Item any](
	ctx context.Context, c *Client, op operation, region string, items []Item, describe func(Item) (name, imageUUID string),
) ([]*JobHandle, error) {
	begin, end := "[", "]"
	if c.objectBody && (op == opCreate || op == opImport) { // the form of the provider's examples
		begin, end = "", ""
		if len(items) > 1 {
			return nil, &InputError{Field: "images", Reason: "a client with WithObjectBody sends one image a call"}
		}
	}
	about := target{region: region, items: len(items)}
	var cut error
	var body bytes.Buffer
	encoder := json.NewEncoder(&body) // which ends each value with a line break
	body.Grow(128 * (1 + len(items))) // about
	body.WriteString(`{"regionId":`)
	err := encoder.Encode(region)
	body.WriteString(`,"cimg":` + begin)
	for i := range items {
		if ctx.Err() != nil {
			cut = cmp.Or(context.Cause(ctx), ctx.Err())
			break
		}
		if i > 0 {
			body.WriteByte(',')
		}
		err = errors.Join(err, encoder.Encode(&items[i]))
		about.add(describe(items[i]))
	}
	body.WriteString(end + "}")
	if err != nil {
		return nil, fmt.Errorf("cimg: encoding the request: %w", err)
	}
	mutation, err := c.newCall(ctx, op, about, "", body.Bytes())
	if err != nil {
		return nil, err
	}
	mutation.cut = cut
	startedAt := time.Now()
	r, err := c.send(mutation)
	if err != nil {
		return nil, err
	}
	started := make([]JobHandle, len(r.jobs))
	handles := make([]*JobHandle, len(r.jobs))
	for i, job := range r.jobs {
		started[i] = JobHandle{Ref: refOf(region, job, startedAt), client: c}
		handles[i] = &started[i]
	}
	return handles, nil
}

func single(handles []*JobHandle, err error) (*JobHandle, error) {
	if err != nil {
		return nil, err
	}
	return handles[0], nil // decodeData checked that there is one for each item
}

// The types of the contract that callers need, so that importing this package is
// enough.
type (
	// Image is a custom image as [Client.Images] lists it. Numbers among its Tags
	// are of type [json.Number].
	Image = gen.CIMG
	// ImageRequirement is what a machine needs to run an image.
	ImageRequirement = gen.CIMGRequirement
	// BackupStorage is a storage that holds an image's data.
	BackupStorage = gen.BackupStorage
	// Job is the state of a job as the service last reported it.
	Job = gen.Job
	// CreateImageInput describes an image to create from a snapshot.
	CreateImageInput = gen.CreateCIMGInput
	// ImportImageInput describes an image to copy from another region.
	ImportImageInput = gen.ImportCIMGInput
	// RenameImageInput gives an image a new name.
	RenameImageInput = gen.ChangeNameCIMGInput
)

// Images lists the custom images of a region, all pages, each image once. With
// names, it lists the images that match one of them; whether the service matches
// exactly is not published, so compare Image.Name where it matters.
//
// An error ends the iteration. Pages are requested as the loop proceeds: if
// images are created or deleted meanwhile, any image may be missed. A list that
// counts more than it has shown is read again from the start, a few times.
//
// Whether the response's count is of the page or of all images is not published,
// so the list ends with an empty page. Pages that only repeat images end it with
// [ErrMalformedResponse]: the service may ignore where a page starts, and the rest
// is never shown. See [WithPageSize] for the size of a page.
//
// An image must have an id, and a name that can be read. Other fields that cannot be
// read are zero; of a job, those fields alone.
func (c *Client) Images(ctx context.Context, region string, names ...string) iter.Seq2[Image, error] {
	return func(yield func(Image, error) bool) {
		var check inputCheck
		check.region(region)
		for i, name := range names {
			check.text(itemOf("names", i), name)
		}
		if check.err != nil {
			yield(Image{}, check.err)
			return
		}
		shown := make(map[string]int) // in which pass last
		for pass, start, listed, repeated := 1, 0, 0, false; ; {
			r, err := c.readPage(ctx, region, names, start)
			if err != nil {
				yield(Image{}, err)
				return
			}
			start += len(r.page.images)
			before := listed
			for _, image := range r.page.images {
				last := shown[image.UUID]
				if last == pass {
					continue
				}
				shown[image.UUID] = pass
				listed++
				if last == 0 && !yield(image, nil) {
					return
				}
			}
			var incomplete error
			switch count := r.page.count; {
			case listed > before:
			case len(names) == 0 && count > int64(listed):
				// Whether count is of the page or of all images, so many must have come.
				incomplete = fmt.Errorf("it counts %d images, but lists %d", count, listed)
			case len(r.page.images) == 0:
				return
			case repeated:
				incomplete = errors.New("its pages repeat the same images")
			}
			switch {
			case incomplete == nil:
				repeated = listed == before // once, images created meanwhile may have shifted the pages
			case pass < listPasses:
				pass, start, listed, repeated = pass+1, 0, 0, false
			default:
				yield(Image{}, malformed(&call{op: opList}, r, incomplete))
				return
			}
		}
	}
}

// listPasses is how often a list is read that contradicts itself, which it does if
// images are created or deleted between two of its pages.
const listPasses = 5

func (c *Client) readPage(ctx context.Context, region string, names []string, start int) (*response, error) {
	body, err := json.Marshal(gen.ListCIMGRequest{
		RegionID:  region,
		Start:     int64(start),
		Limit:     int64(c.pageSize),
		Condition: gen.ListCIMGCondition{Names: names},
	})
	if err != nil {
		return nil, fmt.Errorf("cimg: encoding the request: %w", err)
	}
	list, err := c.newCall(ctx, opList, target{region: region}, "", body)
	if err != nil {
		return nil, err
	}
	return c.send(list)
}
