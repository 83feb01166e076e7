package mock

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/emulator"
)

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
	if j.FailAt != nil && (*j.FailAt < 0 || *j.FailAt > 1) {
		errs = append(errs, fmt.Errorf("failAt: %v is not from 0 to 1", *j.FailAt))
	}
	if j.FailAt != nil && j.Fail == "" {
		errs = append(errs, errors.New("failAt: there is no fail"))
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
		outside := func(percent float64) bool { return percent < 0 || percent > 100 }
		if len(percents) == len(progress) && len(percents) > 0 && !slices.ContainsFunc(percents, outside) {
			return func(fraction float64) float64 {
				return percents[min(int(fraction*float64(len(percents))), len(percents)-1)]
			}, nil
		}
	}
	return nil, errors.New("progress: neither linear, silent or backLoaded, nor a list of percentages from 0 to 100")
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
