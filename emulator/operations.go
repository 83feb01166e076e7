package emulator

import (
	"slices"

	"github.com/cimg-go/cimg/gen"
)

// The operations. Those that change something go through all items of a request
// before they start anything, so that a refused request has changed nothing.

func (c *cloud) createCIMG(request gen.CreateCIMGRequest) ([]gen.Job, *refusal) {
	region, refused := c.region(request.RegionID)
	if refused != nil {
		return nil, refused
	}
	var changes []change
	for _, item := range request.CIMG {
		if !region.snapshots[item.SnapUUID] {
			return nil, refuse(errnoSnapshot, "no snapshot %q in region %q", item.SnapUUID, region.id)
		}
		built := c.newImage(genericImage(), region)
		built.Name, built.Description = item.Name, item.Description
		changes = append(changes, change{typeCreate, built, item.Name})
	}
	return c.start(region, changes), nil
}

func (c *cloud) importCIMG(request gen.ImportCIMGRequest) ([]gen.Job, *refusal) {
	region, refused := c.region(request.RegionID)
	if refused != nil {
		return nil, refused
	}
	var changes []change
	for _, item := range request.CIMG {
		originRegion, refused := c.region(item.OriginRegionID)
		if refused != nil {
			return nil, refused
		}
		origin, refused := originRegion.image(item.OriginImageUUID)
		switch {
		case refused != nil:
			return nil, refused
		case origin.IsShared:
			return nil, refuse(errnoBadCall, "image %q is shared and cannot be copied", origin.UUID)
		case origin.Status == statusProcessing:
			return nil, refuse(errnoImage, "image %q is still being built; wait for its job", origin.UUID)
		}
		copied := c.newImage(origin.CIMG, region)
		copied.Name, copied.Description = item.Name, item.Description
		changes = append(changes, change{typeImport, copied, item.Name})
	}
	return c.start(region, changes), nil
}

func (c *cloud) changeNameCIMG(request gen.ChangeNameCIMGRequest) ([]gen.Job, *refusal) {
	region, refused := c.region(request.RegionID)
	if refused != nil {
		return nil, refused
	}
	var changes []change
	for _, item := range request.CIMG {
		image, refused := region.image(item.ImageUUID)
		if refused != nil {
			return nil, refused
		}
		changes = append(changes, change{typeChangeName, image, item.Name})
	}
	return c.start(region, changes), nil
}

func (c *cloud) deleteCIMG(request gen.DeleteCIMGRequest) ([]gen.Job, *refusal) {
	region, refused := c.region(request.RegionID)
	if refused != nil {
		return nil, refused
	}
	var changes []change
	for _, item := range request.CIMG {
		image, refused := region.image(item.ImageUUID)
		if refused != nil {
			return nil, refused
		}
		changes = append(changes, change{typeDelete, image, image.Name})
	}
	return c.start(region, changes), nil
}

func (c *cloud) listCIMG(request gen.ListCIMGRequest) (any, *refusal) {
	region, refused := c.region(request.RegionID)
	if refused != nil {
		return nil, refused
	}
	images := region.sorted()
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
