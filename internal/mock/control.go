package mock

import (
	"bytes"
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

const controlPath = "/_emulator"

// isControl reports whether a path is of the control API.
func isControl(path string) bool {
	return path == controlPath || strings.HasPrefix(path, controlPath+"/")
}

// action carries out a request to the control API. Its result is what the response
// holds.
type action func(request) (any, error)

// control returns the control API. A change responds with what the GET of the same
// path would.
func (m *Mock) control() (http.Handler, error) {
	names, err := operationNames()
	if err != nil {
		return nil, err
	}
	operations := slices.Sorted(maps.Values(names))
	actions := map[string]map[string]action{ // by path and method
		"scenario": {
			http.MethodGet: func(request) (any, error) { return m.scenario, nil },
			http.MethodPut: func(r request) (any, error) {
				var scenario Scenario
				if err := decode(r.document, &scenario); err != nil {
					return nil, err
				}
				err := m.follow(scenario)
				return m.scenario, err
			},
			http.MethodDelete: func(request) (any, error) {
				err := m.follow(m.options.Scenario)
				return m.scenario, err
			},
		},
		"faults": {
			http.MethodGet: func(request) (any, error) { return m.unmetFaults(), nil },
			http.MethodPost: func(r request) (any, error) {
				var document Fault
				if err := decode(r.document, &document); err != nil {
					return nil, err
				}
				fault := document.fault()
				if err := fault.Validate(); err != nil { // Inject names itself
					return nil, err
				}
				err := m.cloud.Inject(fault)
				return m.unmetFaults(), err
			},
			http.MethodDelete: func(request) (any, error) {
				options, err := m.scenario.options(m.options.Emulator)
				if err != nil {
					return nil, err
				}
				options.Faults = nil
				err = m.cloud.Configure(options)
				return m.unmetFaults(), err
			},
		},
		"requests": {http.MethodGet: func(request) (any, error) {
			counts := map[string]int{}
			for _, operation := range operations {
				counts[operation] = m.cloud.Requests(operation)
			}
			return counts, nil
		}},
		"images": {http.MethodGet: func(r request) (any, error) {
			region, err := m.region(r)
			return append([]gen.CIMG{}, m.cloud.Images(region)...), err
		}},
		"jobs": {http.MethodGet: func(r request) (any, error) {
			region, err := m.region(r)
			return append([]gen.Job{}, m.cloud.Jobs(region)...), err
		}},
		"reset": {http.MethodPost: func(request) (any, error) {
			err := m.restart()
			return m.scenario, err
		}},
		"": {http.MethodGet: func(request) (any, error) { return text(Help), nil }},
	}

	for _, methods := range actions {
		if get, readable := methods[http.MethodGet]; readable {
			methods[http.MethodHead] = get
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refusal := m.refusal(r); refusal != "" {
			respond(w, http.StatusForbidden, failure(refusal))
			return
		}
		methods, known := actions[strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, controlPath), "/")]
		if !known {
			respond(w, http.StatusNotFound, failure("no such path; GET "+controlPath+"/ explains those of the control API"))
			return
		}
		action, allowed := methods[r.Method]
		if !allowed {
			allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ")
			w.Header().Set("Allow", allow)
			respond(w, http.StatusMethodNotAllowed, failure(fmt.Sprintf("%s is not allowed on %s; use %s", r.Method, r.URL.Path, allow)))
			return
		}
		result, err := m.act(w, r, action)
		if err != nil {
			respond(w, http.StatusBadRequest, failure(strings.ReplaceAll(err.Error(), "\n", "; ")))
			return
		}
		respond(w, http.StatusOK, result)
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
func (m *Mock) act(w http.ResponseWriter, r *http.Request, action action) (any, error) {
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

// text is content that is not JSON.
type text string

func respond(w http.ResponseWriter, status int, content any) {
	contentType := "application/json; charset=utf-8"
	var body bytes.Buffer
	if plain, is := content.(text); is {
		contentType = "text/plain; charset=utf-8"
		body.WriteString(string(plain))
	} else {
		encoder := json.NewEncoder(&body)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(content); err != nil {
			panic(err) // what was accepted can be encoded
		}
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}
