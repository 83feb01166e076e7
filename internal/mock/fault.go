package mock

import (
	"net/http"
	"time"

	"github.com/cimg-go/cimg/emulator"
)

// Fault is an [emulator.Fault] in a document. Refuse is missing: a server cannot
// refuse the connection of a request that it has read.
type Fault struct {
	Operation   string            `yaml:"operation,omitempty"`
	Skip        integer           `yaml:"skip,omitempty"`
	Count       integer           `yaml:"count,omitempty"`
	For         duration          `yaml:"for,omitempty"`
	After       bool              `yaml:"after,omitempty"`
	Delay       duration          `yaml:"delay,omitempty"`
	Reset       bool              `yaml:"reset,omitempty"`
	Status      integer           `yaml:"status,omitempty"`
	Errno       integer           `yaml:"errno,omitempty"`
	Body        string            `yaml:"body,omitempty"`
	ContentType string            `yaml:"contentType,omitempty"`
	Header      map[string]values `yaml:"header,omitempty"`
	Truncate    bool              `yaml:"truncate,omitempty"`
}

// fault returns the emulator's form of a fault.
func (f Fault) fault() emulator.Fault {
	header := http.Header{}
	for name, values := range f.Header {
		header[http.CanonicalHeaderKey(name)] = values
	}
	return emulator.Fault{
		Operation: f.Operation, Skip: int(f.Skip), Count: int(f.Count), For: time.Duration(f.For),
		After: f.After, Delay: time.Duration(f.Delay), Reset: f.Reset,
		Status: int(f.Status), Errno: int64(f.Errno), Body: f.Body, ContentType: f.ContentType,
		Header: header, Truncate: f.Truncate,
	}
}

// newFault is the inverse of [Fault.fault].
func newFault(f emulator.Fault) Fault {
	header := map[string]values{}
	for name, values := range f.Header {
		header[name] = values
	}
	return Fault{
		Operation: f.Operation, Skip: integer(f.Skip), Count: integer(f.Count), For: duration(f.For),
		After: f.After, Delay: duration(f.Delay), Reset: f.Reset,
		Status: integer(f.Status), Errno: integer(f.Errno), Body: f.Body, ContentType: f.ContentType,
		Header: header, Truncate: f.Truncate,
	}
}

// MarshalJSON uses the names of the YAML document.
func (f Fault) MarshalJSON() ([]byte, error) { return yamlToJSON(f) }
