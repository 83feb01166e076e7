package wrapper

import "github.com/cimg-go/cimg/gen"

// The types of the contract that a caller meets, so that importing this
// package is enough.
type (
	// Image is a custom image as [Client.Images] lists it.
	Image = gen.CIMG
	// ImageRequirement is what a machine needs to run an image.
	ImageRequirement = gen.CIMGRequirement
	// BackupStorage is a storage that keeps an image's data.
	BackupStorage = gen.BackupStorage
	// Job is the state of a job as the service last reported it.
	Job = gen.Job
	// CreateImageInput describes an image to build from a snapshot.
	CreateImageInput = gen.CreateCIMGInput
	// ImportImageInput describes an image to copy from another region.
	ImportImageInput = gen.ImportCIMGInput
	// RenameImageInput gives an image a new name.
	RenameImageInput = gen.ChangeNameCIMGInput
)
