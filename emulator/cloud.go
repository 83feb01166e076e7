package emulator

import (
	"cmp"
	"container/heap"
	cryptorand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/gen"
)

// cloud is the service behind the API: the regions and their contents. It knows
// neither HTTP nor locking; the emulator locks.
type cloud struct {
	options Options
	ids     idSource
	regions map[string]*region
	started int       // jobs ever started
	running jobQueue  // jobs that are not done
	now     time.Time // of the last advance
}

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
		for _, stockedJob := range stocked.Jobs {
			r.jobs[stockedJob.JobUUID] = &job{stocked: &stockedJob}
		}
		c.regions[r.id] = r
	}
	return c
}

// advance brings the cloud up to date: it finishes the jobs that are due, in the
// order in which they became due. Call it before reading or changing the cloud.
func (c *cloud) advance() {
	c.now = c.options.Now()
	for len(c.running) > 0 && !c.running[0].finishes.After(c.now) {
		c.finish(heap.Pop(&c.running).(*job))
	}
}

// task is a validated item of a request, for which a job can be started.
type task struct {
	jobType string
	image   *image
	name    string // the image's name after the job
}

// start starts a job for each task. A new image joins its region here: whether
// the service lists images under construction is not published.
func (c *cloud) start(region *region, tasks []task) []gen.Job {
	jobs := make([]*job, len(tasks))
	for i, task := range tasks { // before anything changes: a Plan may panic
		start := JobStart{
			Type:         task.jobType,
			Region:       region.id,
			JobUUID:      c.ids.uuid(),
			ResourceUUID: task.image.UUID,
			Name:         task.name,
		}
		jobs[i] = newJob(start, c.options.Plan(start), c.now)
	}
	accepted := make([]gen.Job, 0, len(tasks))
	for i, task := range tasks {
		j := jobs[i]
		c.started++
		j.number = c.started
		region.images[task.image.UUID] = task.image
		task.image.running = append(task.image.running, j)
		region.jobs[j.JobUUID] = j
		region.history = append(region.history, j)
		heap.Push(&c.running, j)
		accepted = append(accepted, j.accepted())
	}
	return accepted
}

// finish marks a job as done and applies its effect.
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
		// A failed rename or deletion leaves the image unchanged.
	case builds:
		image.Status = statusReady
		image.UpdateTime = j.finishes.UnixMilli()
	case j.Type == typeChangeName:
		image.Name = j.Name
		image.UpdateTime = j.finishes.UnixMilli()
	}
}

// sorted returns the region's images in list order: oldest first, then by id.
func (r *region) sorted() []*image {
	return slices.SortedFunc(maps.Values(r.images), func(a, b *image) int {
		return cmp.Or(cmp.Compare(a.CreateTime, b.CreateTime), strings.Compare(a.UUID, b.UUID))
	})
}

// The statuses of an image. Which others the service has is not published;
// Processing is the captured status of a newly started job.
const (
	statusProcessing = "Processing"
	statusReady      = "Ready"
)

type image struct {
	gen.CIMG
	running    []*job    // jobs on it that are not done, oldest first
	listedFrom time.Time // lists show it from then on
}

// state returns the image as lists show it, with the newest job that runs on it.
func (i *image) state(now time.Time) gen.CIMG {
	state := cloneImage(i.CIMG)
	if len(i.running) > 0 {
		job := i.running[len(i.running)-1].state(now)
		state.Job = &job
	}
	return state
}

// newImage returns an image under construction in a region, with all the
// properties of its origin that do not depend on the region.
func (c *cloud) newImage(origin gen.CIMG, region *region) *image {
	built := cloneImage(origin)
	built.UUID, built.ID = c.ids.uuid(), c.ids.short()
	built.Status = statusProcessing
	built.CreateTime = c.now.UnixMilli()
	built.UpdateTime = built.CreateTime
	built.Regions, built.Zones = []string{region.id}, slices.Clone(region.zones)
	built.BackupStorages = nil
	if len(region.zones) > 0 {
		built.BackupStorages = []gen.BackupStorage{storage(c.ids.uuid(), region.zones[0])}
	}
	return &image{CIMG: built, listedFrom: c.now.Add(c.options.ListLag)}
}

// genericImage returns the properties that all images share. The service takes
// size and system from the snapshot; here all snapshots are alike.
func genericImage() gen.CIMG {
	return gen.CIMG{
		Type:        "custom",
		Status:      statusReady,
		CheckState:  "uncheck",
		IsExternal:  true,
		Platform:    "Linux",
		OSFamily:    "CentOS",
		OSVersion:   "7",
		OSArch:      "64bit",
		Size:        549899264,
		Requirement: gen.CIMGRequirement{MinDiskSize: 8589934592},
		Scenes:      []string{"base"},
	}
}

// storage returns a backup storage in a zone.
func storage(uuid, zone string) gen.BackupStorage {
	return gen.BackupStorage{
		UUID:     uuid,
		DiskType: "HE",
		Name:     "ceph-" + zone + "-he",
		State:    "Enabled",
		Status:   "Connected",
		Type:     "Ceph",
		Zone:     strings.ToUpper(zone),
	}
}

// cloneImage returns a copy that shares no slice with the original.
func cloneImage(original gen.CIMG) gen.CIMG {
	original.BackupStorages = slices.Clone(original.BackupStorages)
	original.Tags = slices.Clone(original.Tags)
	original.Regions = slices.Clone(original.Regions)
	original.Scenes = slices.Clone(original.Scenes)
	original.Zones = slices.Clone(original.Zones)
	return original
}

// Job types, as the service spells them: the operation changeNameCIMG starts a
// ChangeCIMGName.
const (
	typeCreate     = "CreateCIMG"
	typeImport     = "ImportCIMG"
	typeChangeName = "ChangeCIMGName"
	typeDelete     = "DeleteCIMG"
)

// job is a job in a region. Its progress is computed from the clock on demand.
type job struct {
	JobStart
	number   int // jobs are numbered in the order they start
	plan     Plan
	started  time.Time
	finishes time.Time
	done     bool
	stocked  *gen.Job // a job of the stock: all that is known of it
}

func newJob(start JobStart, plan Plan, now time.Time) *job {
	if plan.Curve == nil {
		plan.Curve = Linear
	}
	plan.FailAt = clamp(plan.FailAt, 1)
	return &job{JobStart: start, plan: plan, started: now, finishes: now.Add(plan.length())}
}

// succeeded reports whether the job succeeds when it finishes.
func (j *job) succeeded() bool { return j.plan.Failure == "" }

// fail makes the job fail at its end, whatever its plan.
func (j *job) fail(reason string) { j.plan.Failure, j.plan.FailAt = reason, 1 }

// elapsed returns how long ago the job started.
func (j *job) elapsed(now time.Time) time.Duration { return max(now.Sub(j.started), 0) }

// state returns the job as getJobResult shows it.
func (j *job) state(now time.Time) gen.Job {
	if j.stocked != nil {
		return *j.stocked
	}
	state := gen.Job{
		JobUUID:      j.JobUUID,
		ResourceUUID: j.ResourceUUID,
		Type:         j.Type,
		UUID:         j.JobUUID,
		Done:         j.done,
	}
	switch {
	case !j.done:
		state.Progress = j.plan.Curve.percent(float64(j.elapsed(now)) / float64(j.plan.Duration))
	case j.succeeded():
		state.Success = true
		state.Progress = 100
	default:
		state.Progress = j.plan.Curve.percent(j.plan.FailAt)
		state.Result = j.plan.Failure
	}
	return state
}

// accepted returns the job as the response to its request shows it: with two
// properties that getJobResult omits.
func (j *job) accepted() gen.Job {
	return gen.Job{
		JobUUID:      j.JobUUID,
		ResourceUUID: j.ResourceUUID,
		ResourceType: "cimg",
		Status:       statusProcessing,
		Type:         j.Type,
		UUID:         j.JobUUID,
	}
}

// jobQueue is a heap of the jobs that are not done, the next to finish first:
// advance stays cheap however many jobs there are.
type jobQueue []*job

func (q jobQueue) Len() int      { return len(q) }
func (q jobQueue) Swap(i, k int) { q[i], q[k] = q[k], q[i] }
func (q *jobQueue) Push(x any)   { *q = append(*q, x.(*job)) }

func (q jobQueue) Less(i, k int) bool {
	return cmp.Or(q[i].finishes.Compare(q[k].finishes), cmp.Compare(q[i].number, q[k].number)) < 0
}

func (q *jobQueue) Pop() any {
	last := len(*q) - 1
	j := (*q)[last]
	*q = (*q)[:last]
	return j
}

// idSource makes the ids of jobs, images and requests.
type idSource struct {
	random io.Reader // never fails
}

func newIDSource(seed *uint64) idSource {
	if seed == nil {
		return idSource{cryptorand.Reader}
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], *seed)
	return idSource{rand.NewChaCha8(key)}
}

// uuid returns 32 lower-case hex digits, like every published id.
func (s idSource) uuid() string {
	var id [16]byte
	_, _ = io.ReadFull(s.random, id[:])
	return hex.EncodeToString(id[:])
}

// short returns the second id of an image, such as cimg-cy58anir.
func (s idSource) short() string {
	const digits = "0123456789abcdefghijklmnopqrstuvwxyz"
	var id [8]byte
	_, _ = io.ReadFull(s.random, id[:])
	for i, b := range id {
		id[i] = digits[int(b)%len(digits)]
	}
	return "cimg-" + string(id[:])
}
