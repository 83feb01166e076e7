package emulator

import (
	"fmt"
	"slices"
	"sync"

	"github.com/cimg-go/cimg/gen"
)

// Emulator is the service in memory. It is an [http.Handler] and, through
// [Emulator.Transport], an [http.RoundTripper]. It is safe for concurrent use.
type Emulator struct {
	options  Options // of New; those in force are the cloud's
	contract *contract
	handlers map[string]handler // by operation

	mu         sync.Mutex // guards everything below; never held while waiting
	cloud      *cloud
	ids        idSource
	faults     faultQueue
	requests   map[string]int // by operation; "" counts paths outside the contract
	violations []error
}

// New returns an emulator that starts with the stock of its options. Its error
// lists every invalid option, or says what is wrong with the contract.
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
	e.faults = e.newQueue(options.Faults...)
	return e, nil
}

// Configure replaces the options while the emulator runs, except for Token, Now,
// Strict, Stock, CheckResponses and Seed, which stay as they were. The faults of
// the new options replace all queued ones. Images and jobs stay: a running job
// keeps its plan. An error lists every invalid option; nothing has changed then.
func (e *Emulator) Configure(options Options) error {
	options = options.withDefaults()
	options.Now, options.Stock = e.options.Now, e.options.Stock
	if err := options.validate(); err != nil {
		return fmt.Errorf("emulator: options: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cloud.options, e.faults = options, e.newQueue(options.Faults...)
	return nil
}

// Violations returns the contract violations that [Options.CheckResponses]
// found in the emulator's own responses.
func (e *Emulator) Violations() []error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.violations)
}

// Requests returns how many requests for an operation have arrived, including
// those that met a fault. For "" it returns the total of all requests.
func (e *Emulator) Requests(operationID string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if operationID != "" {
		return e.requests[operationID]
	}
	total := 0
	for _, n := range e.requests {
		total += n
	}
	return total
}

// Images returns copies of a region's images in list order: by createTime, then
// by id. It ignores [Options.ListLag].
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

// Jobs returns the state of every job started in a region, oldest first.
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
