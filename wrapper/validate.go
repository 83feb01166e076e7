package wrapper

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cimg-go/cimg/internal/oneline"
)

// ValidateCreate returns the [*InputError] with which [Client.CreateImages]
// would reject its arguments, or nil. It sends nothing.
func ValidateCreate(region string, images ...CreateImageInput) error {
	return checkImages(context.Background(), region, images, checkCreate)
}

func checkCreate(check *imageCheck, image CreateImageInput) {
	check.name(image.Name)
	check.unique("Name", image.Name)
	check.id("SnapUUID", image.SnapUUID)
	check.utf8("Description", image.Description)
}

// ValidateImport returns the [*InputError] with which [Client.ImportImages]
// would reject its arguments, or nil. It sends nothing.
func ValidateImport(region string, images ...ImportImageInput) error {
	return checkImages(context.Background(), region, images, checkImport)
}

func checkImport(check *imageCheck, image ImportImageInput) {
	check.name(image.Name)
	check.unique("Name", image.Name)
	check.id("OriginImageUUID", image.OriginImageUUID)
	check.id("OriginRegionID", image.OriginRegionID)
	check.utf8("Description", image.Description)
}

// inputCheck records the first invalid argument.
type inputCheck struct{ err error }

// argument names an argument, or a part of one. Most are valid and need no text.
type argument struct {
	list  string // the argument that it is part of, if any
	index int    // in the list
	name  string // of the argument, or of a field of the item; may be empty for the item
}

func named(name string) argument             { return argument{name: name} }
func itemOf(list string, index int) argument { return argument{list: list, index: index} }

func (a argument) String() string {
	if a.list == "" {
		return a.name
	}
	return strings.TrimSuffix(fmt.Sprintf("%s[%d].%s", a.list, a.index, a.name), ".")
}

func (c *inputCheck) reject(which argument, reason string) {
	if c.err == nil {
		c.err = &InputError{Field: which.String(), Reason: reason}
	}
}

// utf8 rejects what encoding/json would silently replace.
func (c *inputCheck) utf8(which argument, value string) {
	if !utf8.ValidString(value) {
		c.reject(which, "it is not valid UTF-8")
	}
}

// text rejects what is not a name.
func (c *inputCheck) text(which argument, value string) {
	if isWord(value) {
		return
	}
	c.utf8(which, value)
	switch {
	case value == "":
		c.reject(which, "it is empty")
	case strings.ContainsFunc(value, unicode.IsControl):
		c.reject(which, "it contains a control character")
	case strings.ContainsRune(value, utf8.RuneError): // any text that was cut would be the same
		c.reject(which, "it contains U+FFFD, which stands for what is not text")
	}
}

// isWord reports whether a text is of letters, digits and hyphens, as nearly every id is.
func isWord(value string) bool {
	for i := range len(value) {
		if c := value[i]; !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-') {
			return false
		}
	}
	return value != ""
}

// id rejects what is not an id: ids are joined by commas in one query parameter,
// and a path is a mistake.
func (c *inputCheck) id(which argument, value string) {
	c.text(which, value)
	switch {
	case value == "." || value == "..", strings.ContainsAny(value, ",/ "):
		c.reject(which, fmt.Sprintf(`"%s" is not an id: an id has no comma, slash or space`, oneline.Text(value)))
	}
}

// jobUUID rejects what cannot be polled. It is more lenient than id, which is for
// what people type: the service may give jobs any id.
func (c *inputCheck) jobUUID(which argument, value string) {
	c.text(which, value)
	if strings.Contains(value, ",") { // ids are joined by it
		c.reject(which, "it contains a comma")
	}
}

// isJobUUID reports whether a job can be polled by this id.
func isJobUUID(value string) bool {
	var check inputCheck
	check.jobUUID(argument{}, value)
	return check.err == nil
}

// time rejects what the text form cannot represent.
func (c *inputCheck) time(which argument, value time.Time) {
	if year := value.UTC().Year(); year < 0 || year > 9999 {
		c.reject(which, fmt.Sprintf("it is in the year %d", year))
	}
}

// region rejects what is not the id of a region.
func (c *inputCheck) region(value string) { c.id(named("region"), value) }

// items rejects a list without items.
func (c *inputCheck) items(which argument, n int) {
	if n == 0 {
		c.reject(which, "it has no items")
	}
}

// ids rejects an empty list, invalid ids and repeated ones.
func (c *inputCheck) ids(field string, values []string) {
	c.items(named(field), len(values))
	first := make(map[string]int, len(values))
	for i, v := range values {
		c.id(itemOf(field, i), v)
		c.unique(itemOf(field, i), v, i, first)
	}
}

// unique rejects the value of the i-th item if an earlier item, recorded in
// first, has it too.
func (c *inputCheck) unique(which argument, value string, i int, first map[string]int) {
	if j, found := first[value]; found {
		c.reject(which, fmt.Sprintf(`"%s" is already at index %d`, oneline.Text(value), j))
		return
	}
	first[value] = i
}

// checkImages checks a region and a list of images, each with check, until ctx ends.
func checkImages[Input any](ctx context.Context, region string, images []Input, check func(*imageCheck, Input)) error {
	one := &imageCheck{first: make(map[string]int, len(images))}
	one.check.region(region)
	one.check.items(named("images"), len(images))
	for i, image := range images {
		one.index = i
		if check(one, image); ctx.Err() != nil {
			break
		}
	}
	return one.check.err
}

// imageCheck checks the fields of one image of a list.
type imageCheck struct {
	check inputCheck
	index int
	first map[string]int
}

// name rejects what no new name can be. A service that trims names would store it
// as another, which no list of the requested name shows.
func (c *imageCheck) name(value string) {
	if c.check.text(c.field("Name"), value); strings.TrimSpace(value) != value {
		c.check.reject(c.field("Name"), "it begins or ends with white space")
	}
}
func (c *imageCheck) id(name, value string)   { c.check.id(c.field(name), value) }
func (c *imageCheck) utf8(name, value string) { c.check.utf8(c.field(name), value) }
func (c *imageCheck) unique(name, value string) {
	c.check.unique(c.field(name), value, c.index, c.first)
}
func (c *imageCheck) field(name string) argument { return argument{"images", c.index, name} }
