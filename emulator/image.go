package emulator

import (
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/gen"
)

// The states of an image. Which ones the service knows beside Ready is not
// published; Processing is what the replies that start jobs show.
const (
	statusProcessing = "Processing"
	statusReady      = "Ready"
)

// image is an image in a region.
type image struct {
	gen.CIMG
	running []*job    // the jobs on it that are not done, oldest first
	listed  time.Time // from when on lists show it
}

// state returns the image at a moment, with the job that runs on it if one
// does. Of several it is the youngest.
func (i *image) state(now time.Time) gen.CIMG {
	state := cloneImage(i.CIMG)
	if len(i.running) > 0 {
		job := i.running[len(i.running)-1].state(now)
		state.Job = &job
	}
	return state
}

// newImage returns an image that is being built in a region, as like its origin
// as a copy in another region can be.
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
	return &image{CIMG: built, listed: c.now.Add(c.options.ListLag)}
}

// genericImage returns what images have in common here. The service takes size
// and system from the snapshot; here all snapshots are alike.
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

// storage returns a place in a zone that keeps an image's data.
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
