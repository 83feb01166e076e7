package reconcile

import (
	"cmp"
	"slices"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// matcher matches the items of a call with what one look at a region shows.
type matcher struct {
	client   *wrapper.Client
	unknown  *wrapper.OutcomeUnknownError
	images   map[string]wrapper.Image // as listed, by id
	jobs     []wrapper.JobRef         // those that the response named and the service knows, or may know
	unclear  map[string]error         // by job id: why that is unclear
	earliest time.Time                // by the service's clock, at which the call can have created an image

	named     map[string][]wrapper.Image // the images by name, the oldest first
	requested map[string]int             // how many items have a name
}

// The operations that have items to look for, besides creating, and their jobs.
const (
	opChangeName, jobTypeChangeName = "changeNameCIMG", "ChangeCIMGName"
	opDelete, jobTypeDelete         = "deleteCIMG", "DeleteCIMG"
)

// match returns what became of each item of the call, and whether looking again
// could change that. A job that the response named decides about its item; the
// list decides about the others.
func (m *matcher) match() (findings []Finding, settled bool) {
	m.index()
	findings = m.items()
	placed, stray := m.placeJobs(findings)
	settled = true
	for i := range findings {
		f := &findings[i]
		open := false      // looking again may change the verdict
		ambiguous := stray // a job may be this item's, and nothing shows whether it is
		switch own := placed[i] && !(stray && len(m.named[f.Name]) > 1); {
		case own && m.unclear[f.Job.Ref.JobUUID] == nil:
			continue
		case own:
			open, ambiguous = !isPermanent(m.unclear[f.Job.Ref.JobUUID]), true
		case m.unknown.Op == opDelete:
			open = m.matchDelete(f)
		case m.unknown.Op == opChangeName:
			open = m.matchRename(f)
		default:
			open = m.matchNew(f)
		}
		if ambiguous {
			*f = Finding{Name: f.Name, ImageUUID: f.ImageUUID, Verdict: Ambiguous, Candidates: m.named[f.Name]}
		}
		settled = settled && !open && !stray
	}
	return findings, settled
}

// items returns a finding for each item, without a verdict.
func (m *matcher) items() (findings []Finding) {
	findings, m.requested = make([]Finding, max(len(m.unknown.Names), len(m.unknown.ImageUUIDs))), make(map[string]int)
	for i, name := range m.unknown.Names {
		findings[i].Name = name
		m.requested[name]++
	}
	for i, uuid := range m.unknown.ImageUUIDs {
		findings[i].ImageUUID = uuid
	}
	return findings
}

// placeJobs gives each of the jobs that the response named to its item. It
// returns which items have one, and whether a job is left without an item.
func (m *matcher) placeJobs(findings []Finding) (placed []bool, stray bool) {
	placed = make([]bool, len(findings))
	first := make(map[string]int) // the item of an image's id, or else of its name
	for i, f := range slices.Backward(findings) {
		first[cmp.Or(f.ImageUUID, f.Name)] = i
	}
	var strays []wrapper.JobRef
	for _, ref := range m.jobs {
		key := m.images[ref.ResourceUUID].Name
		if len(m.unknown.ImageUUIDs) > 0 {
			key = ref.ResourceUUID
		}
		i, found := first[key]
		if !found || placed[i] {
			strays = append(strays, ref)
			continue
		}
		placed[i] = true
		findings[i] = m.foundJob(findings[i], ref)
	}
	// One job and one item that are left belong together, unless something
	// contradicts it.
	i := slices.Index(placed, false)
	if len(strays) == 1 && i >= 0 && !slices.Contains(placed[i+1:], false) && fits(findings, i, strays[0]) {
		placed[i] = true
		findings[i] = m.foundJob(findings[i], strays[0])
		strays = nil
	}
	return placed, len(strays) > 0
}

// fits reports whether a job can be that of the i-th item: it works on no other
// image, and is no other item's.
func fits(findings []Finding, i int, ref wrapper.JobRef) bool {
	if findings[i].ImageUUID != "" && ref.ResourceUUID != "" {
		return false // it would have been placed by its image
	}
	return !slices.ContainsFunc(findings, func(f Finding) bool {
		return f.Job != nil && (f.Job.Ref.JobUUID == ref.JobUUID || f.Image.UUID == ref.ResourceUUID)
	})
}

func (m *matcher) foundJob(f Finding, ref wrapper.JobRef) Finding {
	f.Verdict = Found
	f.Job, _ = m.client.Resume(ref) // valid, as the unknown outcome is that names it
	f.Image = wrapper.Image{UUID: cmp.Or(ref.ResourceUUID, f.ImageUUID)}
	if image, listed := m.images[ref.ResourceUUID]; listed {
		f.Image = image
	}
	return f
}

// matchNew looks for the image of a create or import.
func (m *matcher) matchNew(f *Finding) (open bool) {
	switch images := m.named[f.Name]; {
	case len(images) == 0:
		f.Verdict = NotObserved
		return true
	case len(images) > 1 || m.requested[f.Name] > 1 || !m.isNew(images[0]):
		f.Verdict, f.Candidates = Ambiguous, images
	default:
		m.found(f, images[0])
	}
	return false
}

// isNew reports whether an image can come from the call alone. Neither a job that
// creates it nor one that copies it shows that: it may be another call's. So an
// image without a time, or a copy that shows its origin's, is not known to be new.
func (m *matcher) isNew(image wrapper.Image) bool {
	return !mayHaveJob(image, jobTypeDelete) && !m.unknown.SentAt.IsZero() &&
		image.CreateTime > 0 && !time.UnixMilli(image.CreateTime).Before(m.earliest)
}

// matchRename looks for the new name. A job that is renaming the image may be
// another call's; the name will be visible when it has finished.
func (m *matcher) matchRename(f *Finding) (open bool) {
	image, listed := m.images[f.ImageUUID]
	switch {
	case listed && mayHaveJob(image, jobTypeChangeName):
		f.Verdict, f.Candidates = Ambiguous, []wrapper.Image{image}
	case listed && image.Name == f.Name:
		m.found(f, image)
		return false
	default:
		f.Verdict = NotObserved
	}
	return true
}

// matchDelete looks for the image that should be gone. One that any call is
// deleting will be; one that is not listed may also have been created a moment
// ago.
func (m *matcher) matchDelete(f *Finding) (open bool) {
	image, listed := m.images[f.ImageUUID]
	switch {
	case !listed:
		m.found(f, wrapper.Image{UUID: f.ImageUUID})
		return true
	case !mayHaveJob(image, jobTypeDelete):
		f.Verdict = NotObserved
		return true
	case image.Job.Type != jobTypeDelete:
		f.Verdict, f.Candidates = Ambiguous, []wrapper.Image{image}
		return true
	}
	m.found(f, image)
	return false
}

// mayHaveJob reports whether a job of a type, or one that cannot be read, works on an
// image.
func mayHaveJob(image wrapper.Image, jobType string) bool {
	return image.Job != nil && (image.Job.Type == jobType || image.Job.Type == "" || image.Job.JobUUID == "")
}

// found makes an image the finding, with the job that works on it.
func (m *matcher) found(f *Finding, image wrapper.Image) {
	f.Verdict, f.Image, f.Job = Found, image, runningJob(m.client, m.unknown.Region, image)
}

// runningJob returns a handle of the job that, by the list, works on an image;
// nil if there is none, or one without a valid id.
func runningJob(client *wrapper.Client, region string, image wrapper.Image) *wrapper.JobHandle {
	if image.Job == nil {
		return nil
	}
	job, err := client.Resume(wrapper.JobRef{
		Region: region, JobUUID: image.Job.JobUUID, Type: image.Job.Type, ResourceUUID: image.UUID,
	})
	if err != nil {
		return nil
	}
	return job
}

// index sorts the images by name: there may be thousands of images and of names.
func (m *matcher) index() {
	m.named = make(map[string][]wrapper.Image)
	for _, image := range m.images {
		m.named[image.Name] = append(m.named[image.Name], image)
	}
	for _, images := range m.named {
		slices.SortFunc(images, func(a, b wrapper.Image) int {
			return cmp.Or(cmp.Compare(a.CreateTime, b.CreateTime), cmp.Compare(a.UUID, b.UUID))
		})
	}
}
