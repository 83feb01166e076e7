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

// DefaultToken is the bearer token an emulator accepts unless [Options] says
// otherwise: the sample token of the service's published example requests.
const DefaultToken = "9a609744ad675e8fbfcdbf14511b24e6ddd6b427b4d256969534a81d0773f4d7"

// Options are an emulator's settings. The zero value is a sensible service:
// each field's zero value stands for its default.
//
// Some fields choose between two behaviours because the service has published
// neither; a client that means to be careful is tested against both.
type Options struct {
	// Token is the bearer token to accept; empty: [DefaultToken].
	Token string

	// Now is the clock that jobs run by; nil: [time.Now], which is virtual
	// inside a testing/synctest bubble. It must not call the emulator.
	Now func() time.Time

	// Plan says how each job goes; nil: [DefaultDuration], linear, successful.
	// It must not call the emulator.
	Plan func(JobStart) Plan

	// Strict rejects the request form of the published examples: one bare
	// object as cimg, no regionId, a list without start. It also rejects a query
	// parameter that is repeated, as in jobUuids=a&jobUuids=b.
	Strict bool

	// Stock is what exists at the start; nil: [DefaultStock]. It is copied.
	Stock *Stock

	// UnknownJobs says what getJobResult does with an id it does not know.
	UnknownJobs UnknownJobs

	// MaxJobUUIDs is how many ids one getJobResult may carry; a request with
	// more is rejected with errno 1. 0: no limit.
	MaxJobUUIDs int

	// MaxPageSize is how many images one listCIMG answers with at most,
	// whatever limit asks for. 0: no cap.
	MaxPageSize int

	// ListLag is how long an image that is being made stays out of lists,
	// counted from the request that made it. How soon the service lists a new
	// image is not published.
	ListLag time.Duration

	// ListAsArray answers listCIMG with a bare array of images, as the
	// published table promises, instead of the captured {count, items}. Such
	// responses are outside the contract, so CheckResponses passes them over.
	ListAsArray bool

	// CheckResponses validates every response of the emulator against the contract
	// and keeps what it finds for [Emulator.Violations]. Faults are exempt.
	CheckResponses bool

	// Seed makes the ids of jobs, images and requests reproducible: the same
	// seed and the same requests give the same ids. 0: unpredictable ids.
	Seed uint64
}

// UnknownJobs says what getJobResult does with the id of a job that does not
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
	return o
}

// validate reports everything that is wrong with the options, not the first
// thing only.
func (o Options) validate() error {
	var errs []error
	if strings.ContainsFunc(o.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, errors.New("the Token has a character that no header can carry"))
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
	return errors.Join(append(errs, o.Stock.validate())...)
}

// Stock is what exists when an emulator starts. It is plain data, to be built
// by hand or by changing what [DefaultStock] returns.
type Stock struct {
	Regions []Region
}

// Region is a region of a [Stock] and what it holds.
type Region struct {
	ID        string
	Zones     []string
	Snapshots []string   // the ids of snapshots that images can be created from
	Images    []gen.CIMG // without jobs: those start with requests only
}

// DefaultStock returns a new copy of the stock that makes the service's
// published examples work: the regions gz and bj, the snapshot that the create
// example builds from in gz, the image that the import example copies in bj,
// and beside it the image of the captured list response.
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

// validate reports what an emulator could not answer truthfully about.
func (s *Stock) validate() error {
	var errs []error
	regions, images := map[string]bool{}, map[string]bool{}
	for i, region := range s.Regions {
		at := fmt.Sprintf("Stock.Regions[%d]", i)
		if region.ID == "" || regions[region.ID] {
			errs = append(errs, fmt.Errorf("%s: ID %q is empty or taken", at, region.ID))
		}
		regions[region.ID] = true
		for j, image := range region.Images {
			at := fmt.Sprintf("%s.Images[%d]", at, j)
			if image.UUID == "" || images[image.UUID] {
				errs = append(errs, fmt.Errorf("%s: UUID %q is empty or taken", at, image.UUID))
			}
			images[image.UUID] = true
			if image.Job != nil {
				errs = append(errs, fmt.Errorf("%s: has a job; jobs start with requests only", at))
			}
			// Tags may hold anything, but only JSON can be sent.
			if _, err := json.Marshal(image.Tags); err != nil {
				errs = append(errs, fmt.Errorf("%s: Tags: %w", at, err))
			}
		}
	}
	return errors.Join(errs...)
}
