package emulator

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cimg-go/cimg/gen"
)

// DefaultToken is the default of [Options.Token]: the sample token of the
// service's published example requests.
const DefaultToken = "9a609744ad675e8fbfcdbf14511b24e6ddd6b427b4d256969534a81d0773f4d7"

// Options are an emulator's settings. The zero value of each field stands for
// its default.
//
// Some fields choose between two behaviours because neither is published. Test
// a careful client against both.
type Options struct {
	// Token is the bearer token to accept. Default: [DefaultToken].
	Token string

	// Now is the clock that jobs run by, and that createTime and the Date header
	// of responses show. Default: [time.Now], which is virtual in a
	// testing/synctest bubble. It must not call the emulator.
	Now func() time.Time

	// Plan decides how a job goes. By default a job succeeds after
	// [DefaultDuration], with [Linear] progress. It must not call the emulator. If it,
	// a [Curve] or StoreName panics, so does the request; nothing has changed then.
	Plan func(JobStart) Plan

	// Strict rejects the form of the published example requests, which the
	// contract does not allow: a bare object as cimg, no regionId, a list
	// without start.
	Strict bool

	// Stock is what exists at the start. It is copied. Default: [DefaultStock].
	Stock *Stock

	// UnknownJobs decides what getJobResult does with unknown ids.
	UnknownJobs UnknownJobs

	// MaxJobUUIDs is the maximum number of ids in one getJobResult request. More
	// are rejected with errno 1. 0: no limit.
	MaxJobUUIDs int

	// MaxPageSize is the maximum number of images in one response to listCIMG,
	// whatever the limit of the request. 0: no maximum.
	MaxPageSize int

	// ListLag is how long a new image stays out of lists, from the request that
	// creates it. How soon the service lists a new image is not published.
	ListLag time.Duration

	// StoreName returns the name under which an image is stored, of the name in a
	// request to create, import or rename it. Default: the same. Whether the service
	// changes names is not published.
	StoreName func(string) string

	// ListAsArray makes listCIMG respond with a bare array of images, as the
	// published table has it, instead of the captured {count, items}. The
	// contract does not allow that, so CheckResponses skips these responses.
	ListAsArray bool

	// Faults are injected from the start. See [Emulator.Inject].
	Faults []Fault

	// CheckResponses validates every response against the contract and records
	// what it finds for [Emulator.Violations]. Faults are exempt.
	CheckResponses bool

	// Seed makes the ids of jobs, images and requests reproducible: the same
	// seed and the same requests give the same ids. nil: random ids.
	Seed *uint64
}

// UnknownJobs decides what getJobResult does with the id of a job that does not
// exist in the region.
type UnknownJobs int

const (
	// OmitUnknownJobs leaves unknown ids out of the response.
	OmitUnknownJobs UnknownJobs = iota
	// RejectUnknownJobs rejects the whole request with errno 1.
	RejectUnknownJobs
)

// withDefaults returns the options with every default filled in.
func (o Options) withDefaults() Options {
	o.Token = cmp.Or(o.Token, DefaultToken)
	o.Stock = cmp.Or(o.Stock, DefaultStock())
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Plan == nil {
		o.Plan = defaultPlan
	}
	if o.StoreName == nil {
		o.StoreName = func(name string) string { return name }
	}
	return o
}

// validate reports every invalid option, not only the first.
func (o Options) validate() error {
	var errs []error
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, errors.New("the Token contains a character that is not allowed in a header"))
	}
	if o.UnknownJobs != OmitUnknownJobs && o.UnknownJobs != RejectUnknownJobs {
		errs = append(errs, fmt.Errorf("UnknownJobs: %d is neither OmitUnknownJobs nor RejectUnknownJobs", o.UnknownJobs))
	}
	if o.MaxJobUUIDs < 0 {
		errs = append(errs, fmt.Errorf("MaxJobUUIDs: %d is negative", o.MaxJobUUIDs))
	}
	if o.MaxPageSize < 0 {
		errs = append(errs, fmt.Errorf("MaxPageSize: %d is negative", o.MaxPageSize))
	}
	if o.ListLag < 0 {
		errs = append(errs, fmt.Errorf("ListLag: %v is negative", o.ListLag))
	}
	for i, fault := range o.Faults {
		at := fmt.Sprintf("Faults[%d]", i)
		for _, err := range fault.problems() {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	return errors.Join(append(errs, o.Stock.validate())...)
}

// Stock is what exists when an emulator starts. Build one from scratch, or
// change what [DefaultStock] returns.
type Stock struct {
	Regions []Region
}

// Region is a region of a [Stock] and its contents.
type Region struct {
	ID        string
	Zones     []string
	Snapshots []string   // ids of snapshots that images can be created from
	Images    []gen.CIMG // without a Job: only requests start jobs
	Jobs      []gen.Job  // that have finished; getJobResult returns them as they are
}

// DefaultStock returns a new copy of the stock that the service's published
// examples need: region gz with the snapshot of the create example, and region
// bj with the image that the import example copies and the image of the captured
// list response.
func DefaultStock() *Stock {
	listed := genericImage()
	listed.UUID, listed.ID = "4a48f88391134a01befe88ff98b68a88", "cimg-cy58anir"
	listed.Name = "北京02"
	listed.CreateTime, listed.UpdateTime = 1603799470000, 1603799470000
	listed.Regions, listed.Zones = []string{"bj"}, []string{"bj01"}
	listed.BackupStorages = []gen.BackupStorage{storage("257ec36487cd4c36be2e2883b0363e97", "bj01")}

	origin := cloneImage(listed)
	origin.UUID, origin.ID = "4a48f88391134a01befe88ff98b68af8", "cimg-k3w9d0pz"
	origin.Name = "openapi自定义镜像"
	origin.CreateTime, origin.UpdateTime = 1603799410000, 1603799410000

	return &Stock{Regions: []Region{
		{ID: "gz", Zones: []string{"gz01", "gz02"}, Snapshots: []string{"3fd352092a3f553cb124223f6a7f09b4"}},
		{ID: "bj", Zones: []string{"bj01"}, Images: []gen.CIMG{origin, listed}},
	}}
}

// validate reports ids that are not unique, images that no response can show, and
// jobs that have not finished.
func (s *Stock) validate() error {
	var errs []error
	regions, images, jobs := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i, region := range s.Regions {
		at := fmt.Sprintf("Stock.Regions[%d]", i)
		if region.ID == "" || regions[region.ID] {
			errs = append(errs, fmt.Errorf("%s: ID %q is empty or a duplicate", at, region.ID))
		}
		regions[region.ID] = true
		for j, image := range region.Images {
			at := fmt.Sprintf("%s.Images[%d]", at, j)
			if image.UUID == "" || images[image.UUID] {
				errs = append(errs, fmt.Errorf("%s: UUID %q is empty or a duplicate", at, image.UUID))
			}
			images[image.UUID] = true
			if image.Job != nil {
				errs = append(errs, fmt.Errorf("%s: Job must be nil: only requests start jobs", at))
			}
			// JSON cannot hold every number, nor every value of Tags.
			if _, err := json.Marshal(image); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", at, err))
			}
		}
		for j, job := range region.Jobs {
			at := fmt.Sprintf("%s.Jobs[%d]", at, j)
			if job.JobUUID == "" || jobs[job.JobUUID] {
				errs = append(errs, fmt.Errorf("%s: JobUUID %q is empty or a duplicate", at, job.JobUUID))
			} else if !jobID.MatchString(job.JobUUID) {
				errs = append(errs, fmt.Errorf("%s: JobUUID %q: %s", at, job.JobUUID, jobIDForm))
			}
			jobs[job.JobUUID] = true
			if _, err := json.Marshal(job); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", at, err))
			}
			if !job.Done {
				errs = append(errs, fmt.Errorf("%s: Done must be true: only requests start jobs", at))
			}
		}
	}
	return errors.Join(errs...)
}
