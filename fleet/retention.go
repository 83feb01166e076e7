package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Retention says which images of a family are kept in a region. Those in excess of Keep
// and those older than MaxAge are deleted. The zero value keeps all.
//
// Always kept are the newest image, and the one that was just made. Images of excepted
// versions, that are shared, that a job works on, that are not Ready or of which it is
// not known when they were created, are neither deleted nor counted.
type Retention struct {
	Keep    int           `json:",omitempty"` // how many to keep, the newest; 0: any number
	MaxAge  time.Duration `json:",omitempty"` // how long to keep them; 0: for ever
	AtLeast int           `json:",omitempty"` // how many to keep, the newest, whatever Keep and MaxAge say
	Except  []string      `json:",omitempty"` // versions to keep, besides
}

func (r Retention) validate() error {
	if r.Keep < 0 || r.MaxAge < 0 || r.AtLeast < 0 {
		return errors.New("a field of Retention is negative")
	}
	for _, version := range r.Except { // a misspelt one would not be kept
		if !versionForm.MatchString(version) {
			return fmt.Errorf("excepted version %q is not of digits with points between them", version)
		}
	}
	return nil
}

// expired returns the images of a family to delete, the oldest first.
func (r Retention) expired(images []Member, family, readyStatus, madeUUID string, now time.Time) (expired []Member) {
	counted := slices.DeleteFunc(slices.Clone(images), func(image Member) bool {
		hasJob := image.Job != nil || image.IsDeleted
		version, found := versionOf(image.Name, family)
		return !found || slices.Contains(r.Except, version) || image.Shared || hasJob || image.Status != readyStatus || image.Created.IsZero()
	})
	slices.SortFunc(counted, func(a, b Member) int {
		return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.UUID, b.UUID))
	})
	for newer, image := range counted {
		isExcess := r.Keep > 0 && newer >= r.Keep
		isOld := r.MaxAge > 0 && now.Sub(image.Created) > r.MaxAge
		isKept := newer < r.AtLeast || image.UUID == madeUUID || image.Created.Equal(counted[0].Created)
		if (isExcess || isOld) && !isKept {
			expired = append(expired, image)
		}
	}
	slices.Reverse(expired)
	return expired
}

// versionForm is the form of a version. It has no hyphen, so web-api-1 is not of the
// family web.
var versionForm = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*$`)

// versionOf returns the version of an image of a family.
func versionOf(name, family string) (version string, found bool) {
	version, found = strings.CutPrefix(name, family+"-")
	return version, found && versionForm.MatchString(version)
}
