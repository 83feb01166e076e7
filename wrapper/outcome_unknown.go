package wrapper

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
)

// OutcomeUnknownError says that a change was sent, or may have been, and that
// no answer told what became of it. It may have been carried out: do not make
// the call again before [Client.Reconcile], or a person, has looked.
//
// It can be saved as text, with MarshalText, and read back by another process,
// with UnmarshalText: one line that later versions keep reading.
type OutcomeUnknownError struct {
	Op         string   // operationId of the contract, for instance createCIMG
	Region     string   // where the change was to be made
	Names      []string // of the images to create or import, or the new names of a rename
	ImageUUIDs []string // of the images to rename or delete
	SentAt     time.Time
	RequestID  string   // empty if no response had one
	Jobs       []JobRef // the jobs that the response named, if any
	Cause      error    // after UnmarshalText, its text alone
}

func (e *OutcomeUnknownError) Error() string {
	target := slices.Concat(e.Names, e.ImageUUIDs)
	var b strings.Builder
	fmt.Fprintf(&b, "cimg: %s", clean(e.Op))
	if e.Region != "" {
		fmt.Fprintf(&b, " in %s", clean(e.Region))
	}
	const shown = 3
	for i, s := range target[:min(len(target), shown)] {
		target[i] = `"` + clean(s) + `"`
	}
	if len(target) > 0 {
		b.WriteString(" of " + strings.Join(target[:min(len(target), shown)], ", "))
	}
	if len(target) > shown {
		fmt.Fprintf(&b, " and %d more", len(target)-shown)
	}
	b.WriteString(": outcome unknown; check whether it took effect before calling again")
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", clean(e.RequestID))
	}
	fmt.Fprintf(&b, ": %s", oneLine(e.Cause))
	return b.String()
}

// Unwrap returns what hid the outcome.
func (e *OutcomeUnknownError) Unwrap() error { return e.Cause }

// LogValue makes slog log the message, and not the text form.
func (e *OutcomeUnknownError) LogValue() slog.Value { return slog.StringValue(e.Error()) }

const unknownPrefix = "cimg-unknown:v1?"

// maxTextItems is how many items a text form may name: net/url reads no more than
// 10,000 members.
const maxTextItems = 9_000

// MarshalText returns the text form: everything, the cause as its message. It
// fails when what [Client.Reconcile] needs is missing, or when there are more
// than 9,000 items.
func (e *OutcomeUnknownError) MarshalText() ([]byte, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	if len(e.Names)+len(e.ImageUUIDs)+len(e.Jobs) > maxTextItems {
		return nil, &InputError{Field: "unknown outcome", Reason: fmt.Sprintf("its text form names at most %d items", maxTextItems)}
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
	if e.Cause != nil {
		v.Set("cause", oneLine(e.Cause))
	}
	return []byte(unknownPrefix + v.Encode()), nil
}

// UnmarshalText reads the text form. Members that it does not know are ignored:
// a later version may have written them.
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

// Validate returns an [*InputError] if something is missing or invalid that is
// needed to look for the outcome. The errors of this package are valid; one
// that was made by hand may not be.
func (e *OutcomeUnknownError) Validate() error {
	if e == nil {
		return &InputError{Field: "unknown outcome", Reason: "it is nil"}
	}
	var check inputCheck
	check.region(e.Region)
	check.time("SentAt", e.SentAt)
	for i, job := range e.Jobs {
		if err := job.check(); err != nil {
			check.refuse(fmt.Sprintf("Jobs[%d]", i), oneLine(err))
		}
	}
	for i, name := range e.Names {
		check.text(fmt.Sprintf("Names[%d]", i), name)
	}
	switch e.Op {
	case opCreate.id, opImport.id:
		check.items("Names", len(e.Names))
	case opDelete.id:
		check.items("ImageUUIDs", len(e.ImageUUIDs))
	case opChangeName.id:
		check.items("ImageUUIDs", len(e.ImageUUIDs))
		if len(e.Names) != len(e.ImageUUIDs) {
			check.refuse("Names", "there is not one for each of ImageUUIDs")
		}
	default:
		check.refuse("Op", fmt.Sprintf("%q is not an operation that changes images", clean(e.Op)))
	}
	return check.err
}
