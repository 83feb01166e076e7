package emulator

import (
	"slices"

	"github.com/cimg-go/cimg/gen"
)

// startEach starts a job for each item of a request, or none: prepare sees all
// items before anything is started, so that a refused request has changed
// nothing.
func startEach[Item any](
	c *cloud, regionID string, items []Item,
	prepare func(*region, Item) (change, *refusal),
) ([]gen.Job, *refusal) {
	region, refused := c.region(regionID)
	if refused != nil {
		return nil, refused
	}
	changes := make([]change, len(items))
	for i, item := range items {
		if changes[i], refused = prepare(region, item); refused != nil {
			return nil, refused
		}
	}
	return c.start(region, changes), nil
}

func (c *cloud) createCIMG(request gen.CreateCIMGRequest) ([]gen.Job, *refusal) {
	return startEach(c, request.RegionID, request.CIMG, func(region *region, item gen.CreateCIMGInput) (change, *refusal) {
		if !region.snapshots[item.SnapUUID] {
			return change{}, refuse(errnoSnapshot, "no snapshot %q in region %q", item.SnapUUID, region.id)
		}
		built := c.newImage(genericImage(), region)
		built.Name, built.Description = item.Name, item.Description
		return change{typeCreate, built, item.Name}, nil
	})
}

func (c *cloud) importCIMG(request gen.ImportCIMGRequest) ([]gen.Job, *refusal) {
	return startEach(c, request.RegionID, request.CIMG, func(region *region, item gen.ImportCIMGInput) (change, *refusal) {
		originRegion, refused := c.region(item.OriginRegionID)
		if refused != nil {
			return change{}, refused
		}
		origin, refused := originRegion.image(item.OriginImageUUID)
		switch {
		case refused != nil:
			return change{}, refused
		case origin.IsShared:
			return change{}, refuse(errnoBadCall, "image %q is shared and cannot be copied", origin.UUID)
		case origin.Status == statusProcessing:
			return change{}, refuse(errnoImage, "image %q is still being built; wait for its job", origin.UUID)
		}
		copied := c.newImage(origin.CIMG, region)
		copied.Name, copied.Description = item.Name, item.Description
		return change{typeImport, copied, item.Name}, nil
	})
}

func (c *cloud) changeNameCIMG(request gen.ChangeNameCIMGRequest) ([]gen.Job, *refusal) {
	return startEach(c, request.RegionID, request.CIMG, func(region *region, item gen.ChangeNameCIMGInput) (change, *refusal) {
		image, refused := region.image(item.ImageUUID)
		return change{typeChangeName, image, item.Name}, refused
	})
}

func (c *cloud) deleteCIMG(request gen.DeleteCIMGRequest) ([]gen.Job, *refusal) {
	return startEach(c, request.RegionID, request.CIMG, func(region *region, item gen.DeleteCIMGInput) (change, *refusal) {
		image, refused := region.image(item.ImageUUID)
		if refused != nil {
			return change{}, refused
		}
		return change{typeDelete, image, image.Name}, nil
	})
}

func (c *cloud) listCIMG(request gen.ListCIMGRequest) (any, *refusal) {
	region, refused := c.region(request.RegionID)
	if refused != nil {
		return nil, refused
	}
	images := slices.DeleteFunc(region.sorted(), func(i *image) bool { return i.listed.After(c.now) })
	if names := request.Condition.Names; len(names) > 0 {
		images = slices.DeleteFunc(images, func(i *image) bool { return !slices.Contains(names, i.Name) })
	}
	count := int64(len(images))
	limit := request.Limit
	if most := int64(c.options.MaxPageSize); most > 0 {
		limit = min(limit, most)
	}
	start := min(request.Start, count)
	end := start + min(limit, count-start)

	items := make([]listedImage, 0, end-start)
	for _, image := range images[start:end] {
		items = append(items, newListedImage(image.state(c.now)))
	}
	if c.options.ListAsArray {
		return items, nil
	}
	return page{Count: count, Items: items}, nil
}

// page is the data of a list response as captured, where count shows even when it
// is 0. Whether the service counts the page or all images is not published;
// this counts all that match.
type page struct {
	Count int64         `json:"count"`
	Items []listedImage `json:"items"`
}

// listedImage is an image as captured: its members are present where the
// generated type would leave an empty one out.
type listedImage struct {
	gen.CIMG
	Description string `json:"description"`
	IsExternal  bool   `json:"isExternal"`
	IsShared    bool   `json:"isShared"`
	Tags        []any  `json:"cimgTags"`
}

func newListedImage(image gen.CIMG) listedImage {
	return listedImage{
		CIMG:        image,
		Description: image.Description,
		IsExternal:  image.IsExternal,
		IsShared:    image.IsShared,
		Tags:        append([]any{}, image.Tags...),
	}
}

func (c *cloud) getJobResult(params gen.GetJobResultParams) ([]gen.Job, *refusal) {
	region, refused := c.region(params.RegionID)
	if refused != nil {
		return nil, refused
	}
	if most := c.options.MaxJobUUIDs; most > 0 && len(params.JobUUIDs) > most {
		return nil, refuse(errnoBadRequest, "jobUuids: %d ids; one request may carry %d", len(params.JobUUIDs), most)
	}
	jobs := make([]gen.Job, 0, len(params.JobUUIDs))
	answered := make(map[string]bool, len(params.JobUUIDs))
	for i, id := range params.JobUUIDs {
		job, known := region.jobs[id]
		switch {
		case !known && c.options.UnknownJobs == RefuseUnknownJobs:
			return nil, refuse(errnoBadRequest, "jobUuids/%d: no job %q in region %q", i, id, region.id)
		case known && !answered[id]:
			answered[id] = true
			jobs = append(jobs, job.state(c.now))
		}
	}
	return jobs, nil
}

func (c *cloud) region(id string) (*region, *refusal) {
	if region, exists := c.regions[id]; exists {
		return region, nil
	}
	return nil, refuse(errnoRegion, "no region %q", id)
}

func (r *region) image(uuid string) (*image, *refusal) {
	if image, exists := r.images[uuid]; exists {
		return image, nil
	}
	return nil, refuse(errnoImage, "no image %q in region %q", uuid, r.id)
}
