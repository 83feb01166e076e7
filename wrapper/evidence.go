package wrapper

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// evidence is what one look at a region shows of a change.
type evidence struct {
	client  *Client
	unknown *OutcomeUnknownError
	images  map[string]Image // as listed, by id
	jobs    []JobRef         // those that the reply to the change named and the service knows
}

// The types of jobs that tell something of the image they work on.
const (
	jobTypeImport = "ImportCIMG"
	jobTypeRename = "ChangeCIMGName"
	jobTypeDelete = "DeleteCIMG"
)

// askJobs keeps the jobs that the reply named and the service stands by.
func (e *evidence) askJobs(ctx context.Context) error {
	for named := range slices.Chunk(e.unknown.Jobs, e.client.polling.MaxJobs) {
		var uuids []string
		for _, ref := range named {
			uuids = append(uuids, ref.JobUUID)
		}
		known, err := e.client.knownJobs(ctx, e.unknown.Region, uuids)
		if err != nil {
			return err
		}
		for _, ref := range named {
			i := slices.IndexFunc(known, func(job Job) bool { return job.JobUUID == ref.JobUUID })
			if i >= 0 {
				ref.ResourceUUID = cmp.Or(ref.ResourceUUID, known[i].ResourceUUID)
				e.jobs = append(e.jobs, ref)
			}
		}
	}
	return nil
}

// weigh says of each item of the change what became of it, and whether looking
// again could say something else. A job that the reply named decides about its
// item; the list decides about the others.
func (e *evidence) weigh() (findings []Finding, settled bool) {
	findings = e.items()
	placed, stray := e.placeJobs(findings)
	settled = true
	for i := range findings {
		f := &findings[i]
		if placed[i] && !(stray && len(e.named(f.Name)) > 1) {
			continue
		}
		open := false // looking again may say something else
		switch e.unknown.Op {
		case opDelete.id:
			open = e.weighDelete(f)
		case opChangeName.id:
			open = e.weighRename(f)
		default:
			open = e.weighNew(f)
		}
		if stray { // a job may be this item's, and there is nothing that tells
			*f = Finding{Name: f.Name, ImageUUID: f.ImageUUID, Verdict: Ambiguous, Candidates: e.named(f.Name)}
			open = true
		}
		settled = settled && !open
	}
	return findings, settled
}

// items returns a finding for each item, without a verdict.
func (e *evidence) items() []Finding {
	findings := make([]Finding, max(len(e.unknown.Names), len(e.unknown.ImageUUIDs)))
	for i := range findings {
		if i < len(e.unknown.Names) {
			findings[i].Name = e.unknown.Names[i]
		}
		if i < len(e.unknown.ImageUUIDs) {
			findings[i].ImageUUID = e.unknown.ImageUUIDs[i]
		}
	}
	return findings
}

// placeJobs gives each of the jobs that the reply named to its item. It tells
// which items have one, and whether a job is left that has none.
func (e *evidence) placeJobs(findings []Finding) (placed []bool, stray bool) {
	placed = make([]bool, len(findings))
	var homeless []JobRef
	for _, ref := range e.jobs {
		i := slices.IndexFunc(findings, func(f Finding) bool {
			if f.ImageUUID != "" {
				return f.ImageUUID == ref.ResourceUUID
			}
			return f.Name == e.images[ref.ResourceUUID].Name
		})
		if i < 0 || placed[i] {
			homeless = append(homeless, ref)
			continue
		}
		placed[i] = true
		findings[i] = e.adoptJob(findings[i], ref)
	}
	// One job and one item without the other belong together, if nothing
	// contradicts it.
	i := slices.Index(placed, false)
	if len(homeless) == 1 && i >= 0 && !slices.Contains(placed[i+1:], false) && fits(findings, i, homeless[0]) {
		placed[i] = true
		findings[i] = e.adoptJob(findings[i], homeless[0])
		homeless = nil
	}
	return placed, len(homeless) > 0
}

// fits tells whether a job can be that of the i-th item: it is about no other
// image, and is no other item's.
func fits(findings []Finding, i int, ref JobRef) bool {
	if findings[i].ImageUUID != "" && ref.ResourceUUID != "" {
		return false // it would have been placed by its image
	}
	return !slices.ContainsFunc(findings, func(f Finding) bool {
		return f.Job != nil && (f.Job.Ref.JobUUID == ref.JobUUID || f.Image.UUID == ref.ResourceUUID)
	})
}

func (e *evidence) adoptJob(f Finding, ref JobRef) Finding {
	f.Verdict, f.Job = Adopted, &JobHandle{Ref: ref, client: e.client}
	f.Image = Image{UUID: cmp.Or(ref.ResourceUUID, f.ImageUUID)}
	if image, listed := e.images[ref.ResourceUUID]; listed {
		f.Image = image
	}
	return f
}

// weighNew looks for the image of a create or import.
func (e *evidence) weighNew(f *Finding) (open bool) {
	images := e.named(f.Name)
	asked := 0
	for _, name := range e.unknown.Names {
		if name == f.Name {
			asked++
		}
	}
	switch {
	case len(images) == 0:
		f.Verdict = NotObserved
		return true
	case len(images) > 1 || asked > 1 || !e.isFresh(images[0]):
		f.Verdict, f.Candidates = Ambiguous, images
	default:
		e.adopt(f, images[0])
	}
	return false
}

// isFresh tells whether an image can have been made by the change. A copy may
// show the time at which its origin was created; its job shows that it is new.
func (e *evidence) isFresh(image Image) bool {
	switch {
	case hasJob(image, jobTypeDelete):
		return false
	case hasJob(image, jobTypeImport):
		return true
	case image.CreateTime == 0: // nothing is said against it
		return true
	case e.unknown.SentAt.IsZero():
		return false
	}
	return !time.UnixMilli(image.CreateTime).Before(e.unknown.SentAt.Add(-clockSkew))
}

// weighRename looks for the new name. A job that renames the image to whatever
// name may be another's; its end will show the name.
func (e *evidence) weighRename(f *Finding) (open bool) {
	image, listed := e.images[f.ImageUUID]
	switch {
	case listed && hasJob(image, jobTypeRename):
		f.Verdict, f.Candidates = Ambiguous, []Image{image}
	case listed && image.Name == f.Name:
		e.adopt(f, image)
		return false
	default:
		f.Verdict = NotObserved
	}
	return true
}

// weighDelete looks for the image that should be gone. Whoever is deleting it:
// it will be. One that is not listed may have been made a moment ago.
func (e *evidence) weighDelete(f *Finding) (open bool) {
	image, listed := e.images[f.ImageUUID]
	switch {
	case !listed:
		e.adopt(f, Image{UUID: f.ImageUUID})
		return true
	case hasJob(image, jobTypeDelete):
		e.adopt(f, image)
		return false
	}
	f.Verdict = NotObserved
	return true
}

func hasJob(image Image, jobType string) bool { return image.Job != nil && image.Job.Type == jobType }

// adopt makes an image the finding, with the job that is at work on it.
func (e *evidence) adopt(f *Finding, image Image) {
	f.Verdict, f.Image, f.Job = Adopted, image, e.client.runningJob(e.unknown.Region, image)
}

// runningJob returns a handle of the job that a list says is at work on an image.
func (c *Client) runningJob(region string, image Image) *JobHandle {
	if image.Job == nil || !isJobUUID(image.Job.JobUUID) {
		return nil
	}
	return &JobHandle{client: c, Ref: JobRef{
		Region: region, JobUUID: image.Job.JobUUID, Type: image.Job.Type, ResourceUUID: image.UUID,
	}}
}

// named returns the listed images of a name, the oldest first.
func (e *evidence) named(name string) []Image {
	var images []Image
	for _, image := range e.images {
		if image.Name == name {
			images = append(images, image)
		}
	}
	slices.SortFunc(images, func(a, b Image) int {
		return cmp.Or(cmp.Compare(a.CreateTime, b.CreateTime), cmp.Compare(a.UUID, b.UUID))
	})
	return images
}
