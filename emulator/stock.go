package emulator

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cimg-go/cimg/gen"
)

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
// and beside it the image of the captured list reply.
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
			// Tags may hold anything, but only JSON can be replied.
			if _, err := json.Marshal(image.Tags); err != nil {
				errs = append(errs, fmt.Errorf("%s: Tags: %w", at, err))
			}
		}
	}
	return errors.Join(errs...)
}
