package fleet

import (
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// Member is an image as a region lists it.
type Member struct {
	UUID    string
	Name    string
	Status  string          `json:",omitempty"`
	Size    int64           `json:",omitempty"` // in bytes
	Created time.Time       `json:",omitzero"`  // zero: not known
	Shared  bool            `json:",omitempty"`
	Job     *wrapper.JobRef `json:",omitempty"` // that works on it
	// IsDeleted: a job deletes it, or one that cannot be read may do so.
	IsDeleted bool `json:",omitempty"`
}

const jobTypeDelete = "DeleteCIMG"

func memberOf(region string, image wrapper.Image) Member {
	member := Member{UUID: image.UUID, Name: image.Name, Status: image.Status, Size: image.Size, Shared: image.IsShared}
	if image.CreateTime > 0 {
		member.Created = time.UnixMilli(image.CreateTime).UTC()
	}
	if image.Job == nil || image.Job.Done {
		return member
	}
	member.IsDeleted = image.Job.Type == jobTypeDelete || image.Job.Type == "" || image.Job.JobUUID == ""
	if image.Job.JobUUID != "" {
		member.Job = &wrapper.JobRef{Region: region, JobUUID: image.Job.JobUUID, Type: image.Job.Type, ResourceUUID: image.UUID}
	}
	return member
}
