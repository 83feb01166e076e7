package mock

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/cimg-go/cimg/emulator"
)

// Scenario says how the mock behaves. It is read from YAML or JSON, with the
// field names of the tags; [Help] explains them.
type Scenario struct {
	ListLag     duration  `yaml:"listLag,omitempty"`
	UnknownJobs string    `yaml:"unknownJobs,omitempty"`
	MaxJobUUIDs integer   `yaml:"maxJobUuids,omitempty"`
	MaxPageSize integer   `yaml:"maxPageSize,omitempty"`
	ListAsArray bool      `yaml:"listAsArray,omitempty"`
	StoreName   string    `yaml:"storeName,omitempty"` // * stands for the requested name
	Jobs        []JobRule `yaml:"jobs,omitempty"`
	Faults      []Fault   `yaml:"faults,omitempty"`
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

// Load reads a scenario from a file, or a shipped one by its name, for a mock that
// starts with a stock. Errors name the file.
func Load(fileOrName string, stock *emulator.Stock) (Scenario, error) {
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
	if _, err := scenario.options(emulator.Options{Stock: stock}); err != nil {
		return Scenario{}, fmt.Errorf("%s: %w", fileOrName, err)
	}
	return scenario, nil
}

// MarshalJSON uses the names of the YAML document.
func (s Scenario) MarshalJSON() ([]byte, error) { return yamlToJSON(s) }

// options returns an emulator's options with what the scenario says. Its error
// lists everything that is wrong with the scenario.
func (s Scenario) options(options emulator.Options) (emulator.Options, error) {
	var problems problems
	switch s.UnknownJobs {
	case "":
	case "omit":
		options.UnknownJobs = emulator.OmitUnknownJobs
	case "reject":
		options.UnknownJobs = emulator.RejectUnknownJobs
	default:
		problems.add("unknownJobs: ", fmt.Errorf("%q is neither omit nor reject", s.UnknownJobs))
	}
	if s.MaxJobUUIDs < 0 {
		problems.add("maxJobUuids: ", fmt.Errorf("%d is negative", s.MaxJobUUIDs))
	}
	if s.MaxPageSize < 0 {
		problems.add("maxPageSize: ", fmt.Errorf("%d is negative", s.MaxPageSize))
	}
	options.ListLag = cmp.Or(time.Duration(s.ListLag), options.ListLag)
	options.MaxJobUUIDs = cmp.Or(int(s.MaxJobUUIDs), options.MaxJobUUIDs)
	options.MaxPageSize = cmp.Or(int(s.MaxPageSize), options.MaxPageSize)
	options.ListAsArray = options.ListAsArray || s.ListAsArray
	if s.StoreName != "" {
		options.StoreName = func(name string) string { return strings.ReplaceAll(s.StoreName, "*", name) }
	}
	rules := make([]rule, len(s.Jobs))
	for i, job := range s.Jobs {
		var err error
		rules[i], err = job.rule(options.Stock)
		problems.add(fmt.Sprintf("jobs[%d]: ", i), err)
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
	for i, fault := range s.Faults {
		options.Faults = append(options.Faults, fault.fault())
		problems.add(fmt.Sprintf("faults[%d]: ", i), fault.fault().Validate())
	}
	return options, problems.err()
}
