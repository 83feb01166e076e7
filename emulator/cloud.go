package emulator

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/gen"
)

// cloud is the service behind the API: regions and what they hold. It knows
// nothing of HTTP, nor of locking, which is the emulator's.
type cloud struct {
	options Options
	ids     idSource
	regions map[string]*region
	started int       // how many jobs there ever were
	running jobQueue  // those that are not done
	now     time.Time // the moment that advance has brought everything to
}

// region is one region and what it holds.
type region struct {
	id        string
	zones     []string
	snapshots map[string]bool
	images    map[string]*image
	jobs      map[string]*job
	history   []*job // the same jobs, oldest first
}

func newCloud(options Options, ids idSource) *cloud {
	c := &cloud{options: options, ids: ids, regions: map[string]*region{}}
	for _, stocked := range options.Stock.Regions {
		r := &region{
			id:        stocked.ID,
			zones:     slices.Clone(stocked.Zones),
			snapshots: map[string]bool{},
			images:    map[string]*image{},
			jobs:      map[string]*job{},
		}
		for _, snapshot := range stocked.Snapshots {
			r.snapshots[snapshot] = true
		}
		for _, stockedImage := range stocked.Images {
			r.images[stockedImage.UUID] = &image{CIMG: cloneImage(stockedImage)}
		}
		c.regions[r.id] = r
	}
	return c
}

// advance brings the cloud to the present: jobs whose end has passed are done,
// with their effects, in the order they ended. Every look at the cloud and
// every change of it begins with this.
func (c *cloud) advance() {
	c.now = c.options.Now()
	for len(c.running) > 0 && !c.running[0].ends.After(c.now) {
		c.finish(heap.Pop(&c.running).(*job))
	}
}

// change is a job that an operation has found nothing wrong with: what it is to
// do with an image, and the image's name by then.
type change struct {
	jobType string
	image   *image
	name    string
}

// start begins a job for each change. A new image is listed from then on, or
// after the ListLag; that the service lists images under construction is not
// published.
func (c *cloud) start(region *region, changes []change) []gen.Job {
	accepted := make([]gen.Job, 0, len(changes))
	for _, change := range changes {
		start := JobStart{
			Type:         change.jobType,
			Region:       region.id,
			JobUUID:      c.ids.uuid(),
			ResourceUUID: change.image.UUID,
			Name:         change.name,
		}
		c.started++
		j := newJob(start, c.started, c.options.Plan(start), c.now)
		region.images[change.image.UUID] = change.image
		change.image.running = append(change.image.running, j)
		region.jobs[j.JobUUID] = j
		region.history = append(region.history, j)
		heap.Push(&c.running, j)
		accepted = append(accepted, j.accepted())
	}
	return accepted
}

// finish ends a job and applies what it was for.
func (c *cloud) finish(j *job) {
	j.done = true
	region := c.regions[j.Region]
	image, exists := region.images[j.ResourceUUID]
	if !exists {
		j.fail("the image was removed by another job")
		return
	}
	image.running = slices.DeleteFunc(image.running, func(other *job) bool { return other == j })

	switch builds := j.Type == typeCreate || j.Type == typeImport; {
	case builds && !j.succeeded(), j.Type == typeDelete && j.succeeded():
		delete(region.images, image.UUID)
	case !j.succeeded():
		// A rename or delete that failed leaves the image as it was.
	case builds:
		image.Status = statusReady
		image.UpdateTime = j.ends.UnixMilli()
	case j.Type == typeChangeName:
		image.Name = j.Name
		image.UpdateTime = j.ends.UnixMilli()
	}
}

// sorted returns the region's images in the order they are listed: by age,
// oldest first, then by id.
func (r *region) sorted() []*image {
	return slices.SortedFunc(maps.Values(r.images), func(a, b *image) int {
		return cmp.Or(cmp.Compare(a.CreateTime, b.CreateTime), strings.Compare(a.UUID, b.UUID))
	})
}
