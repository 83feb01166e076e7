package mock

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"

	"github.com/cimg-go/cimg/emulator"
)

// Scenario says how the mock behaves. It is read from YAML or JSON, with the
// field names of the tags; [Help] explains them.
type Scenario struct {
	ListLag     duration  `yaml:"listLag,omitempty"`
	UnknownJobs string    `yaml:"unknownJobs,omitempty"`
	MaxJobUUIDs int       `yaml:"maxJobUuids,omitempty"`
	MaxPageSize int       `yaml:"maxPageSize,omitempty"`
	ListAsArray bool      `yaml:"listAsArray,omitempty"`
	StoreName   string    `yaml:"storeName,omitempty"` // * stands for the requested name
	Jobs        []JobRule `yaml:"jobs,omitempty"`
	Faults      []Fault   `yaml:"faults,omitempty"`
}

// JobRule selects jobs and says how they go.
type JobRule struct {
	Operation string `yaml:"operation,omitempty"` // "": any
	Region    string `yaml:"region,omitempty"`    // "": any
	Name      string `yaml:"name,omitempty"`      // a pattern as in path.Match; "": any

	Duration    *duration `yaml:"duration,omitempty"`
	Progress    any       `yaml:"progress,omitempty"` // the name of a curve or a list of percentages
	Fail        string    `yaml:"fail,omitempty"`
	FailAt      *float64  `yaml:"failAt,omitempty"` // a fraction of Duration; nil: 1
	MissingFor  duration  `yaml:"missingFor,omitempty"`
	RejectedFor duration  `yaml:"rejectedFor,omitempty"`
}

// Fault is an [emulator.Fault] in a document. Refuse is missing: a server cannot
// refuse the connection of a request that it has read.
type Fault struct {
	Operation   string            `yaml:"operation,omitempty"`
	Skip        int               `yaml:"skip,omitempty"`
	Count       int               `yaml:"count,omitempty"`
	For         duration          `yaml:"for,omitempty"`
	After       bool              `yaml:"after,omitempty"`
	Delay       duration          `yaml:"delay,omitempty"`
	Reset       bool              `yaml:"reset,omitempty"`
	Status      int               `yaml:"status,omitempty"`
	Errno       int64             `yaml:"errno,omitempty"`
	Body        string            `yaml:"body,omitempty"`
	ContentType string            `yaml:"contentType,omitempty"`
	Header      map[string]string `yaml:"header,omitempty"`
	Truncate    bool              `yaml:"truncate,omitempty"`
}

//go:embed scenarios/*.yaml
var shipped embed.FS

// Shipped returns the names of the scenarios that are part of the program.
func Shipped() []string {
	files, _ := fs.Glob(shipped, "scenarios/*.yaml") // fails for a malformed pattern only
	for i, file := range files {
		files[i] = strings.TrimSuffix(path.Base(file), ".yaml")
	}
	return files
}

// Load reads a scenario from a file, or a shipped one by its name.
func Load(fileOrName string) (Scenario, error) {
	document, err := shipped.ReadFile("scenarios/" + fileOrName + ".yaml")
	if err != nil {
		document, err = os.ReadFile(fileOrName)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Scenario{}, fmt.Errorf("no file %q; the scenarios that need none are %s", fileOrName, strings.Join(Shipped(), ", "))
	}
	if err != nil {
		return Scenario{}, err
	}
	var scenario Scenario
	if err := decode(document, &scenario); err != nil {
		return Scenario{}, fmt.Errorf("%s: %w", fileOrName, err)
	}
	return scenario, nil
}

var goType = regexp.MustCompile(` in type [\w.]+`)

// decode reads a document strictly. Errors name the line.
func decode(document []byte, into any) error {
	// YAML contains JSON, except for tabs between and surrogate pairs in strings.
	if value := jsontext.Value(bytes.Clone(document)); value.Format() == nil {
		document = value
	}
	decoder := yaml.NewDecoder(bytes.NewReader(document))
	decoder.KnownFields(true)
	err := decoder.Decode(into)
	var wrong *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("the document is empty")
	case errors.As(err, &wrong):
		return errors.New(goType.ReplaceAllString(strings.Join(wrong.Errors, "; "), ""))
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	case !errors.Is(decoder.Decode(new(yaml.Node)), io.EOF):
		return errors.New("there is more than one document")
	}
	return nil
}

// options returns an emulator's options with what the scenario says. Its error
// lists everything that is wrong with the scenario, except for what the emulator
// itself reports.
func (s Scenario) options(options emulator.Options) (emulator.Options, error) {
	var errs []error
	switch s.UnknownJobs {
	case "":
	case "omit":
		options.UnknownJobs = emulator.OmitUnknownJobs
	case "reject":
		options.UnknownJobs = emulator.RejectUnknownJobs
	default:
		errs = append(errs, fmt.Errorf("unknownJobs: %q is neither omit nor reject", s.UnknownJobs))
	}
	options.ListLag = cmp.Or(time.Duration(s.ListLag), options.ListLag)
	options.MaxJobUUIDs = cmp.Or(s.MaxJobUUIDs, options.MaxJobUUIDs)
	options.MaxPageSize = cmp.Or(s.MaxPageSize, options.MaxPageSize)
	options.ListAsArray = options.ListAsArray || s.ListAsArray
	if s.StoreName != "" {
		options.StoreName = func(name string) string { return strings.ReplaceAll(s.StoreName, "*", name) }
	}
	rules := make([]rule, len(s.Jobs))
	for i, job := range s.Jobs {
		var err error
		if rules[i], err = job.rule(options.Stock); err != nil {
			errs = append(errs, fmt.Errorf("jobs[%d]: %w", i, err))
		}
	}
	byDefault := options.Plan
	options.Plan = func(start emulator.JobStart) emulator.Plan {
		plan := byDefault(start)
		for _, rule := range rules {
			if rule.matches(start) {
				rule.change(&plan)
				break
			}
		}
		return plan
	}
	for _, fault := range s.Faults {
		options.Faults = append(options.Faults, fault.fault())
	}
	return options, errors.Join(errs...)
}

// jobTypes are the types of the jobs that operations start.
var jobTypes = map[string]string{
	"createCIMG":     "CreateCIMG",
	"importCIMG":     "ImportCIMG",
	"changeNameCIMG": "ChangeCIMGName",
	"deleteCIMG":     "DeleteCIMG",
}

// rule is a JobRule that was found to be valid.
type rule struct {
	JobRule
	curve emulator.Curve // nil: the default
}

func (j JobRule) rule(stock *emulator.Stock) (rule, error) {
	var errs []error
	if _, known := jobTypes[j.Operation]; j.Operation != "" && !known {
		errs = append(errs, fmt.Errorf("operation: %q is not one of %s", j.Operation, strings.Join(slices.Sorted(maps.Keys(jobTypes)), ", ")))
	}
	if j.Region != "" && !slices.ContainsFunc(stock.Regions, func(r emulator.Region) bool { return r.ID == j.Region }) {
		errs = append(errs, fmt.Errorf("region: there is no %q", j.Region))
	}
	if _, err := path.Match(j.Name, ""); err != nil {
		errs = append(errs, fmt.Errorf("name: %q is not a pattern such as web-*", j.Name))
	}
	curve, err := j.curve()
	errs = append(errs, err)
	if j.FailAt != nil && (*j.FailAt < 0 || *j.FailAt > 1 || j.Fail == "") {
		errs = append(errs, fmt.Errorf("failAt: %v is not from 0 to 1, or there is no fail", *j.FailAt))
	}
	return rule{j, curve}, errors.Join(errs...)
}

// curve returns the progress of the jobs, nil if the rule does not say.
func (j JobRule) curve() (emulator.Curve, error) {
	switch progress := j.Progress.(type) {
	case nil:
		return nil, nil
	case string:
		curves := map[string]emulator.Curve{"linear": emulator.Linear, "silent": emulator.Silent, "backLoaded": emulator.BackLoaded}
		if curve, known := curves[progress]; known {
			return curve, nil
		}
	case []any:
		var percents []float64
		for _, item := range progress {
			switch number := item.(type) {
			case int:
				percents = append(percents, float64(number))
			case float64:
				percents = append(percents, number)
			}
		}
		if len(percents) == len(progress) && len(percents) > 0 {
			return func(fraction float64) float64 {
				return percents[min(int(fraction*float64(len(percents))), len(percents)-1)]
			}, nil
		}
	}
	return nil, fmt.Errorf("progress: %v is none of linear, silent, backLoaded or a list of percentages", j.Progress)
}

func (r rule) matches(start emulator.JobStart) bool {
	named, _ := path.Match(r.Name, start.Name)
	return (r.Operation == "" || jobTypes[r.Operation] == start.Type) &&
		(r.Region == "" || r.Region == start.Region) &&
		(r.Name == "" || named)
}

// change changes in a plan what the rule says.
func (r rule) change(plan *emulator.Plan) {
	if r.Duration != nil {
		plan.Duration = time.Duration(*r.Duration)
	}
	if r.curve != nil {
		plan.Curve = r.curve
	}
	if r.Fail != "" {
		plan.Failure, plan.FailAt = r.Fail, 1
	}
	if r.FailAt != nil {
		plan.FailAt = *r.FailAt
	}
	plan.MissingFor, plan.RejectedFor = time.Duration(r.MissingFor), time.Duration(r.RejectedFor)
}

// fault returns the emulator's form of a fault.
func (f Fault) fault() emulator.Fault {
	header := http.Header{}
	for name, value := range f.Header {
		header.Set(name, value)
	}
	return emulator.Fault{
		Operation: f.Operation, Skip: f.Skip, Count: f.Count, For: time.Duration(f.For),
		After: f.After, Delay: time.Duration(f.Delay), Reset: f.Reset,
		Status: f.Status, Errno: f.Errno, Body: f.Body, ContentType: f.ContentType,
		Header: header, Truncate: f.Truncate,
	}
}

// newFault is the inverse of [Fault.fault].
func newFault(f emulator.Fault) Fault {
	header := map[string]string{}
	for name := range f.Header {
		header[name] = f.Header.Get(name)
	}
	return Fault{
		Operation: f.Operation, Skip: f.Skip, Count: f.Count, For: duration(f.For),
		After: f.After, Delay: duration(f.Delay), Reset: f.Reset,
		Status: f.Status, Errno: f.Errno, Body: f.Body, ContentType: f.ContentType,
		Header: header, Truncate: f.Truncate,
	}
}

// MarshalJSON uses the names of the YAML document.
func (s Scenario) MarshalJSON() ([]byte, error) { return yamlToJSON(s) }

// MarshalJSON uses the names of the YAML document.
func (f Fault) MarshalJSON() ([]byte, error) { return yamlToJSON(f) }

func yamlToJSON(value any) ([]byte, error) {
	document, err := yaml.Marshal(value)
	if err != nil {
		return nil, err
	}
	var plain any
	if err := yaml.Unmarshal(document, &plain); err != nil {
		return nil, err
	}
	return json.Marshal(plain, json.Deterministic(true))
}

// duration is written as in Go: 300ms, 10s, 2m.
type duration time.Duration

// UnmarshalYAML implements [yaml.Unmarshaler].
func (d *duration) UnmarshalYAML(node *yaml.Node) error {
	parsed, err := time.ParseDuration(node.Value)
	if err != nil || parsed < 0 {
		return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %q is not a duration such as 300ms, 10s or 2m", node.Line, node.Value)}}
	}
	*d = duration(parsed)
	return nil
}

// MarshalYAML implements [yaml.Marshaler].
func (d duration) MarshalYAML() (any, error) { return time.Duration(d).String(), nil }
