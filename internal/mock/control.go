package mock

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cimg-go/cimg/gen"
)

const controlPath = "/_emulator/"

// control returns the control API. A change responds with what the GET of the same
// path would.
func (m *Mock) control() (http.Handler, error) {
	names, err := operationNames()
	if err != nil {
		return nil, err
	}
	operations := slices.Sorted(maps.Values(names))
	mux := http.NewServeMux()
	handle := func(route string, action func(request) (any, error)) {
		method, path, _ := strings.Cut(route, " ")
		mux.HandleFunc(method+" "+controlPath+path, func(w http.ResponseWriter, r *http.Request) {
			result, err := m.act(w, r, action)
			if err != nil {
				respond(w, http.StatusBadRequest, failure(err.Error()))
				return
			}
			respond(w, http.StatusOK, result)
		})
	}

	handle("GET scenario", func(request) (any, error) { return m.scenario, nil })
	handle("PUT scenario", func(r request) (any, error) {
		var scenario Scenario
		if err := decode(r.document, &scenario); err != nil {
			return nil, err
		}
		err := m.follow(scenario)
		return m.scenario, err
	})
	handle("DELETE scenario", func(request) (any, error) {
		err := m.follow(m.options.Scenario)
		return m.scenario, err
	})

	handle("GET faults", func(request) (any, error) { return m.unmetFaults(), nil })
	handle("POST faults", func(r request) (any, error) {
		var fault Fault
		if err := decode(r.document, &fault); err != nil {
			return nil, err
		}
		err := m.cloud.Inject(fault.fault())
		return m.unmetFaults(), err
	})
	handle("DELETE faults", func(request) (any, error) {
		options, err := m.scenario.options(m.options.Emulator)
		if err != nil {
			return nil, err
		}
		options.Faults = nil
		err = m.cloud.Configure(options)
		return m.unmetFaults(), err
	})

	handle("GET requests", func(request) (any, error) {
		counts := map[string]int{}
		for _, operation := range operations {
			counts[operation] = m.cloud.Requests(operation)
		}
		return counts, nil
	})
	handle("GET images", func(r request) (any, error) {
		region, err := m.region(r)
		return append([]gen.CIMG{}, m.cloud.Images(region)...), err
	})
	handle("GET jobs", func(r request) (any, error) {
		region, err := m.region(r)
		return append([]gen.Job{}, m.cloud.Jobs(region)...), err
	})
	handle("POST reset", func(request) (any, error) {
		err := m.restart()
		return m.scenario, err
	})
	mux.HandleFunc("GET "+controlPath+"{$}", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, Help)
	})

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refusal := m.refusal(r); refusal != "" {
			respond(w, http.StatusForbidden, failure(refusal))
			return
		}
		mux.ServeHTTP(w, r)
	}), nil
}

// request is a request to the control API after it was read.
type request struct {
	query    url.Values
	document []byte
}

const maxDocument = 1 << 20 // bytes

// act carries out an action, one at a time. It reads the request first: nobody
// waits for a slow client.
func (m *Mock) act(w http.ResponseWriter, r *http.Request, action func(request) (any, error)) (any, error) {
	document, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxDocument))
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return action(request{r.URL.Query(), document})
}

// region returns the region that a request asks about.
func (m *Mock) region(r request) (string, error) {
	id := r.query.Get("regionId")
	for _, region := range m.options.Emulator.Stock.Regions {
		if region.ID == id {
			return id, nil
		}
	}
	return "", fmt.Errorf("regionId: there is no region %q", id)
}

func (m *Mock) unmetFaults() []Fault {
	faults := []Fault{}
	for _, fault := range m.cloud.UnmetFaults() {
		faults = append(faults, newFault(fault))
	}
	return faults
}

// failure is the body of a response that reports an error.
func failure(message string) any { return map[string]string{"error": message} }

func respond(w http.ResponseWriter, status int, content any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(content) // fails only if the client has gone
}
