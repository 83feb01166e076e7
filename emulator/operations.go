package emulator

import (
	"slices"
	"strings"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/errno"
)

// startEach starts a job for each item of a request, or none: it prepares all
// items before it starts a job, so that a rejected request changes nothing.
func startEach[Item any](
	c *cloud, regionID string, items []Item,
	prepare func(*region, Item) (task, *rejection),
) ([]gen.Job, *rejection) {
	region, rejected := c.region(regionID)
	if rejected != nil {
		return nil, rejected
	}
	tasks := make([]task, len(items))
	for i, item := range items {
		if tasks[i], rejected = prepare(region, item); rejected != nil {
			return nil, rejected
		}
	}
	return c.start(region, tasks), nil
}

func (c *cloud) createCIMG(request gen.CreateCIMGRequest) ([]gen.Job, *rejection) {
	return startEach(c, request.RegionID, request.CIMG, func(region *region, item gen.CreateCIMGInput) (task, *rejection) {
		if !region.snapshots[item.SnapUUID] {
			return task{}, reject(errno.Snapshot, "no snapshot %q in region %q", item.SnapUUID, region.id)
		}
		built := c.newImage(genericImage(), region)
		built.Name, built.Description = c.options.StoreName(item.Name), item.Description
		return task{typeCreate, built, built.Name}, nil
	})
}

func (c *cloud) importCIMG(request gen.ImportCIMGRequest) ([]gen.Job, *rejection) {
	return startEach(c, request.RegionID, request.CIMG, func(region *region, item gen.ImportCIMGInput) (task, *rejection) {
		originRegion, rejected := c.region(item.OriginRegionID)
		if rejected != nil {
			return task{}, rejected
		}
		origin, rejected := originRegion.image(item.OriginImageUUID)
		switch {
		case rejected != nil:
			return task{}, rejected
		case origin.IsShared:
			return task{}, reject(errno.IllegalCall, "image %q is shared and cannot be copied", origin.UUID)
		case origin.Status == statusProcessing:
			return task{}, reject(errno.Image, "image %q is still being built; wait for its job", origin.UUID)
		}
		copied := c.newImage(origin.CIMG, region)
		copied.Name, copied.Description = c.options.StoreName(item.Name), item.Description
		return task{typeImport, copied, copied.Name}, nil
	})
}

func (c *cloud) changeNameCIMG(request gen.ChangeNameCIMGRequest) ([]gen.Job, *rejection) {
	return startEach(c, request.RegionID, request.CIMG, func(region *region, item gen.ChangeNameCIMGInput) (task, *rejection) {
		image, rejected := region.image(item.ImageUUID)
		return task{typeChangeName, image, c.options.StoreName(item.Name)}, rejected
	})
}

func (c *cloud) deleteCIMG(request gen.DeleteCIMGRequest) ([]gen.Job, *rejection) {
	return startEach(c, request.RegionID, request.CIMG, func(region *region, item gen.DeleteCIMGInput) (task, *rejection) {
		image, rejected := region.image(item.ImageUUID)
		if rejected != nil {
			return task{}, rejected
		}
		return task{typeDelete, image, image.Name}, nil
	})
}

func (c *cloud) listCIMG(request gen.ListCIMGRequest) (any, *rejection) {
	region, rejected := c.region(request.RegionID)
	if rejected != nil {
		return nil, rejected
	}
	images := slices.DeleteFunc(region.sorted(), func(i *image) bool { return i.listedFrom.After(c.now) })
	if names := request.Condition.Names; len(names) > 0 {
		images = slices.DeleteFunc(images, func(i *image) bool { return !slices.Contains(names, i.Name) })
	}
	count := int64(len(images))
	limit := request.Limit
	if maxSize := int64(c.options.MaxPageSize); maxSize > 0 {
		limit = min(limit, maxSize)
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

// page is the data of a list response. As captured, it includes the count even
// when that is 0. Whether the service counts the page or all images is not
// published; here it is all that match.
type page struct {
	Count int64         `json:"count"`
	Items []listedImage `json:"items"`
}

// listedImage is an image as captured: with empty properties that the generated
// type would omit.
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

func (c *cloud) getJobResult(params gen.GetJobResultParams) ([]gen.Job, *rejection) {
	region, rejected := c.region(params.RegionID)
	if rejected != nil {
		return nil, rejected
	}
	ids := strings.Split(params.JobUUIDs, ",")
	if maxIDs := c.options.MaxJobUUIDs; maxIDs > 0 && len(ids) > maxIDs {
		return nil, reject(errno.IllegalRequest, "jobUuids: %d ids, at most %d are allowed", len(ids), maxIDs)
	}
	jobs := make([]gen.Job, 0, len(ids))
	included := make(map[string]bool, len(ids))
	for i, id := range ids {
		job, known := region.jobs[id]
		known = known && job.elapsed(c.now) >= job.plan.MissingFor
		switch {
		case known && job.elapsed(c.now) < job.plan.RejectedFor:
			return nil, reject(errno.Image, "jobUuids/%d: job %q is not ready to be polled", i, id)
		case !known && c.options.UnknownJobs == RejectUnknownJobs:
			return nil, reject(errno.IllegalRequest, "jobUuids/%d: no job %q in region %q", i, id, region.id)
		case known && !included[id]:
			included[id] = true
			jobs = append(jobs, job.state(c.now))
		}
	}
	return jobs, nil
}

func (c *cloud) region(id string) (*region, *rejection) {
	if region, exists := c.regions[id]; exists {
		return region, nil
	}
	return nil, reject(errno.Region, "no region %q", id)
}

func (r *region) image(uuid string) (*image, *rejection) {
	if image, exists := r.images[uuid]; exists {
		return image, nil
	}
	return nil, reject(errno.Image, "no image %q in region %q", uuid, r.id)
}
