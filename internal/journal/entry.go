package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/cimg-go/cimg/wrapper"
)

// Entry is a mutating call.
type Entry struct {
	ID      string
	Time    time.Time
	Service string   // base URL
	Command []string // of the process that made it
	Call    *wrapper.OutcomeUnknownError
	Job     *wrapper.JobRef // nil unless the call is known to have been accepted
	End     string          // why nothing is left to do; empty if something is
	EndTime time.Time
	Result  string // id of the image, if there is one at the end
	Listed  string // name by which the list has shown that image; empty if it has not yet
	Live    bool   // a process that still runs is at work on it
}

func isOpen(e Entry) bool { return e.End == "" }

// isNeeded reports whether the file of an entry must be kept.
func isNeeded(e Entry) bool { return isOpen(e) || time.Since(e.EndTime) < finishedAge }

// Name returns the name that the image gets; empty for a delete.
func (e Entry) Name() string { return first(e.Call.Names) }

// Target returns the id of the image to rename or delete; empty otherwise.
func (e Entry) Target() string { return first(e.Call.ImageUUIDs) }

func first(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

// IsAbout reports whether another call should not be made at the same time: it
// makes an image of the same name in the same region, or is of the same kind for
// the same image.
func (e Entry) IsAbout(call *wrapper.OutcomeUnknownError) bool {
	switch {
	case e.Call.Region != call.Region || !slices.Equal(e.Call.ImageUUIDs, call.ImageUUIDs):
		return false
	case len(call.ImageUUIDs) > 0:
		return e.Call.Op == call.Op
	}
	return slices.Equal(e.Call.Names, call.Names)
}

// record is a line of a file. The first one has Service and Command, another one
// Entry and one of the others.
type record struct {
	Time    time.Time                    `json:"time"`
	Service string                       `json:"service,omitempty"`
	Command []string                     `json:"command,omitempty"`
	Entry   int                          `json:"entry,omitempty"`
	Call    *wrapper.OutcomeUnknownError `json:"call,omitempty"`
	Job     *wrapper.JobRef              `json:"job,omitempty"`
	End     string                       `json:"end,omitempty"`
	Image   string                       `json:"image,omitempty"` // with End
	Listed  string                       `json:"listed,omitempty"`
}

// parse reads a file. What comes after the last line break is a line that was
// being written when its process was killed, which then did not go on.
func parse(name string, content []byte) ([]Entry, error) {
	var first record
	var entries []Entry
	content = content[:bytes.LastIndexByte(content, '\n')+1]
	number := 0
	for line := range bytes.Lines(content) {
		number++
		var r record
		err := json.Unmarshal(line, &r)
		switch {
		case err != nil:
		case number == 1:
			first = r
			continue
		case r.Entry == len(entries)+1 && r.Call != nil:
			entries = append(entries, Entry{
				ID: name + "-" + strconv.Itoa(r.Entry), Time: r.Time, Service: first.Service, Command: first.Command, Call: r.Call,
			})
			continue
		case r.Entry < 1 || r.Entry > len(entries):
			err = fmt.Errorf("there is no entry %d before it", r.Entry)
		case r.Call != nil:
			entries[r.Entry-1].Call = r.Call
		case r.Job != nil:
			entries[r.Entry-1].Job = r.Job
		case r.End != "":
			e := &entries[r.Entry-1]
			e.End, e.EndTime, e.Result = r.End, r.Time, r.Image
		case r.Listed != "":
			entries[r.Entry-1].Listed = r.Listed
		default:
			err = errors.New("it says nothing")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d cannot be read (%w); nothing was changed: repair the line, or look what became of its call and remove the file", number, err)
		}
	}
	return entries, nil
}
