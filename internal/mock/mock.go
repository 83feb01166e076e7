// Package mock is what `cimg mock` serves: an emulator, a control API for tests in
// any language, and a log of the requests.
package mock

import (
	"cmp"
	"io"
	"net/http"
	"sync"

	"github.com/cimg-go/cimg/emulator"
)

// Options are the settings of a mock.
type Options struct {
	// Emulator holds where the scenario says nothing.
	Emulator emulator.Options

	// Scenario is in force at the start.
	Scenario Scenario

	// ControlFromAnywhere lets other machines use the control API.
	ControlFromAnywhere bool
}

// Mock is an emulator under control of requests. It is safe for concurrent use.
type Mock struct {
	options Options
	handler http.Handler

	mu       sync.Mutex // guards everything below
	cloud    *emulator.Emulator
	scenario Scenario
}

// New returns a mock with the stock and the scenario of its options.
func New(options Options) (*Mock, error) {
	options.Emulator.Stock = cmp.Or(options.Emulator.Stock, emulator.DefaultStock())
	if options.Emulator.Plan == nil {
		options.Emulator.Plan = func(emulator.JobStart) emulator.Plan {
			return emulator.Plan{Duration: emulator.DefaultDuration}
		}
	}
	m := &Mock{options: options}
	if err := m.restart(); err != nil {
		return nil, err
	}
	control, err := m.control()
	if err != nil {
		return nil, err
	}
	m.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isControl(r.URL.Path) {
			control.ServeHTTP(w, r)
			return
		}
		m.mu.Lock()
		cloud := m.cloud
		m.mu.Unlock()
		cloud.ServeHTTP(w, r)
	})
	return m, nil
}

// ServeHTTP implements [http.Handler].
func (m *Mock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isHealthCheck(r) {
		io.WriteString(w, "ok\n")
		return
	}
	m.handler.ServeHTTP(w, r)
}

func isHealthCheck(r *http.Request) bool {
	return r.URL.Path == "/healthz" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
}

// restart brings the mock back to its start. The caller holds mu, or New.
func (m *Mock) restart() error {
	options, err := m.options.Scenario.options(m.options.Emulator)
	if err != nil {
		return err
	}
	cloud, err := emulator.New(options)
	if err != nil {
		return err
	}
	m.cloud, m.scenario = cloud, m.options.Scenario
	return nil
}

// follow puts a scenario in force. Images and jobs stay.
func (m *Mock) follow(scenario Scenario) error {
	options, err := scenario.options(m.options.Emulator)
	if err != nil {
		return err
	}
	if err := m.cloud.Configure(options); err != nil {
		return err
	}
	m.scenario = scenario
	return nil
}
