package emulator

import (
	"fmt"
	"slices"
	"sync"

	"github.com/cimg-go/cimg/gen"
)

// Emulator pretends to be the service. It is an [http.Handler] and, through
// [Emulator.Transport], an [http.RoundTripper]. It is safe for concurrent use.
type Emulator struct {
	options  Options
	contract *contract
	handlers map[string]handler // by operation

	mu         sync.Mutex // guards everything below, and is never held while waiting
	cloud      *cloud
	ids        idSource
	faults     faultQueue
	requests   map[string]int // by operation, "" for paths that are none
	violations []error
}

// New returns an emulator that starts with the stock of its options. It fails
// when the options are wrong, naming each field that is, and when the contract
// cannot be read.
func New(options Options) (*Emulator, error) {
	options = options.withDefaults()
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("emulator: options: %w", err)
	}
	contract, err := loadContract()
	if err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	ids := newIDSource(options.Seed)
	e := &Emulator{
		options:  options,
		contract: contract,
		cloud:    newCloud(options, ids),
		ids:      ids,
		requests: map[string]int{},
	}
	e.handlers = map[string]handler{
		"createCIMG":     handle(e, fromBody[gen.CreateCIMGRequest], e.cloud.createCIMG),
		"importCIMG":     handle(e, fromBody[gen.ImportCIMGRequest], e.cloud.importCIMG),
		"listCIMG":       handle(e, fromBody[gen.ListCIMGRequest], e.cloud.listCIMG),
		"changeNameCIMG": handle(e, fromBody[gen.ChangeNameCIMGRequest], e.cloud.changeNameCIMG),
		"deleteCIMG":     handle(e, fromBody[gen.DeleteCIMGRequest], e.cloud.deleteCIMG),
		"getJobResult":   handle(e, fromQuery, e.cloud.getJobResult),
	}
	if err := contract.checkHandled(e.handlers); err != nil {
		return nil, fmt.Errorf("emulator: %w", err)
	}
	return e, nil
}

// Violations returns what [Options.CheckResponses] found: responses of the emulator
// that the contract does not allow.
func (e *Emulator) Violations() []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.violations)
}

// Requests returns how many requests of an operation have arrived, those that
// met faults included; of "", how many requests in all.
func (e *Emulator) Requests(operationID string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if operationID != "" {
		return e.requests[operationID]
	}
	all := 0
	for _, n := range e.requests {
		all += n
	}
	return all
}

// Images returns a copy of a region's images, in the order they are listed: by
// createTime, then by id.
func (e *Emulator) Images(region string) (images []gen.CIMG) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cloud.advance()
	if r, exists := e.cloud.regions[region]; exists {
		for _, image := range r.sorted() {
			images = append(images, image.state(e.cloud.now))
		}
	}
	return images
}

// Jobs returns the state of all jobs that were started in a region, oldest
// first.
func (e *Emulator) Jobs(region string) (jobs []gen.Job) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cloud.advance()
	if r, exists := e.cloud.regions[region]; exists {
		for _, job := range r.history {
			jobs = append(jobs, job.state(e.cloud.now))
		}
	}
	return jobs
}
