package wrapper

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/internal/oneline"
)

// OutcomeUnknownError says that a mutating call was sent, or may have been, and
// that no response says whether it was carried out. Do not make the call again
// before package reconcile, or a person, has looked.
//
// It can be saved as text, with MarshalText, and read by another process, with
// UnmarshalText: one line, which later versions will read, too.
type OutcomeUnknownError struct {
	Op         string   // operationId of the contract, for instance createCIMG
	Region     string   // of the request
	Names      []string // of the images to create or import, or the new names of a rename
	ImageUUIDs []string // of the images to rename or delete
	SentAt     time.Time
	RequestID  string   // empty if no response has one
	Jobs       []JobRef // that the response named, if any
	Cause      error    // after UnmarshalText, its text alone
}

var errIntended = errors.New("saved before the call")

// CreateIntent returns what is known of a call of [Client.CreateImages] while it is
// under way: that its outcome is unknown. It makes no call. Save its text before the
// call, and replace that by what the call returned: if the process dies in between,
// the next one reads the text and has package reconcile look for the images. What was
// saved without the call is not observed then.
func CreateIntent(region string, images ...CreateImageInput) (*OutcomeUnknownError, error) {
	return intend(opCreate, region, images, ValidateCreate(region, images...), func(image CreateImageInput) string { return image.Name })
}

// ImportIntent is to [Client.ImportImages] what [CreateIntent] is to
// [Client.CreateImages].
func ImportIntent(region string, images ...ImportImageInput) (*OutcomeUnknownError, error) {
	return intend(opImport, region, images, ValidateImport(region, images...), func(image ImportImageInput) string { return image.Name })
}

func intend[Image any](op operation, region string, images []Image, invalid error, name func(Image) string) (*OutcomeUnknownError, error) {
	if invalid != nil {
		return nil, invalid
	}
	intent := &OutcomeUnknownError{Op: op.id, Region: region, SentAt: time.Now(), Cause: errIntended}
	for _, image := range images {
		intent.Names = append(intent.Names, name(image))
	}
	return intent, nil
}

func (e *OutcomeUnknownError) Error() string {
	items := slices.Concat(e.Names, e.ImageUUIDs)
	var b strings.Builder
	fmt.Fprintf(&b, "cimg: %s", oneline.Text(e.Op))
	if e.Region != "" {
		fmt.Fprintf(&b, " in %s", oneline.Text(e.Region))
	}
	const shown = 3
	separator := " of "
	for _, item := range items[:min(len(items), shown)] {
		b.WriteString(separator + `"` + oneline.Text(item) + `"`)
		separator = ", "
	}
	if len(items) > shown {
		fmt.Fprintf(&b, " and %d more", len(items)-shown)
	}
	b.WriteString(": outcome unknown; check whether it took effect before calling again")
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", oneline.Text(e.RequestID))
	}
	fmt.Fprintf(&b, ": %s", oneline.Error(e.Cause))
	return b.String()
}

// Unwrap returns the cause.
func (e *OutcomeUnknownError) Unwrap() error { return e.Cause }

// LogValue makes slog log the message, and not the text form.
func (e OutcomeUnknownError) LogValue() slog.Value { return slog.StringValue((&e).Error()) }

const unknownPrefix = "cimg-unknown:v1?"

// MarshalText returns the text form: everything, the cause as its message. It
// fails if the error is not valid (see Validate). Its receiver is a value, so that
// a struct with an OutcomeUnknownError in it is marshaled as one with a pointer.
func (e OutcomeUnknownError) MarshalText() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	v := url.Values{"op": {e.Op}, "region": {e.Region}, "name": e.Names, "image": e.ImageUUIDs}
	if !e.SentAt.IsZero() {
		v.Set("sent", formatTime(e.SentAt))
	}
	if e.RequestID != "" {
		v.Set("request", e.RequestID)
	}
	for _, job := range e.Jobs {
		v.Add("job", job.String())
	}
	if e.Cause != nil && e.Cause.Error() != "" {
		v.Set("cause", oneline.Error(e.Cause))
	}
	return []byte(unknownPrefix + v.Encode()), nil
}

// UnmarshalText reads the text form. Unknown fields are ignored: a later version
// may have written them.
func (e *OutcomeUnknownError) UnmarshalText(text []byte) error {
	const field = "unknown outcome"
	v, err := parseText(field, unknownPrefix, text, "name", "image", "job")
	if err != nil {
		return err
	}
	read := OutcomeUnknownError{
		Op: v.Get("op"), Region: v.Get("region"), Names: v["name"], ImageUUIDs: v["image"], RequestID: v.Get("request"),
	}
	if read.SentAt, err = parseTime(field, v.Get("sent")); err != nil {
		return err
	}
	for _, text := range v["job"] {
		var job JobRef
		if err := job.UnmarshalText([]byte(text)); err != nil {
			return err
		}
		read.Jobs = append(read.Jobs, job)
	}
	if cause := v.Get("cause"); cause != "" {
		read.Cause = errors.New(cause)
	}
	if err := read.Validate(); err != nil {
		return err
	}
	*e = read
	return nil
}

// Validate returns an [*InputError] if something that is needed to look for the
// outcome is missing or invalid. The errors of this package are valid, except of
// requests that are not in the contract; one that a caller constructed may not be.
func (e *OutcomeUnknownError) Validate() error {
	if e == nil {
		return &InputError{Field: "unknown outcome", Reason: "it is nil"}
	}
	var check inputCheck
	check.id(named("Region"), e.Region)
	check.time(named("SentAt"), e.SentAt)
	for i, job := range e.Jobs {
		if err := job.check(); err != nil {
			check.reject(itemOf("Jobs", i), oneline.Error(err))
		}
	}
	for i, name := range e.Names {
		check.text(itemOf("Names", i), name)
	}
	switch e.Op {
	case opCreate.id, opImport.id:
		check.items(named("Names"), len(e.Names))
	case opDelete.id:
		check.items(named("ImageUUIDs"), len(e.ImageUUIDs))
	case opChangeName.id:
		check.items(named("ImageUUIDs"), len(e.ImageUUIDs))
		if len(e.Names) != len(e.ImageUUIDs) {
			check.reject(named("Names"), "their number is not that of ImageUUIDs")
		}
	default:
		check.reject(named("Op"), fmt.Sprintf("%q is not a mutating operation", oneline.Text(e.Op)))
	}
	return check.err
}
