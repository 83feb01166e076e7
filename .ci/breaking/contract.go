package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

type contract struct {
	name    string // as people know it: a file, or REVISION:file
	content []byte
	release bool
}

// read returns the document with its references resolved. One that is not valid
// would make oasdiff compare what is not there.
func (c contract) read() (*openapi3.T, error) {
	var doc *openapi3.T
	// First as YAML: the loader tries JSON, too, and would tell what it lacks.
	err := yaml.Unmarshal(c.content, new(any))
	if err == nil {
		doc, err = openapi3.NewLoader().LoadFromData(c.content)
	}
	if err == nil {
		err = doc.Validate(context.Background(), openapi3.DisableExamplesValidation())
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not a readable contract: %w", c.name, err)
	}
	return doc, nil
}

// readBoth returns the contract as it is written, and flat.
func (c contract) readBoth() (written, flat *openapi3.T, err error) {
	if written, err = c.read(); err != nil {
		return nil, nil, err
	}
	flat, err = c.readFlat()
	return written, flat, err
}

// An endpoint is where an operation is found in both contracts.
type endpoint struct{ method, path string }

type operation struct {
	*openapi3.Operation
	endpoint
	name       string                         // what people call it
	parameters map[string]*openapi3.Parameter // by place and name, those of the path included
	servers    openapi3.Servers
	security   openapi3.SecurityRequirements
}

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// key leaves out the names of path parameters, which no caller sends.
func (e endpoint) key() string {
	return e.method + " " + pathParameter.ReplaceAllString(e.path, "{}")
}

// operations are what holds for each operation, wherever the contract says it.
func operations(doc *openapi3.T) map[string]operation {
	all := map[string]operation{}
	for path, item := range doc.Paths.Map() {
		for method, o := range item.Operations() {
			op := operation{
				Operation: o, endpoint: endpoint{method, path}, name: o.OperationID,
				parameters: map[string]*openapi3.Parameter{}, servers: doc.Servers, security: doc.Security,
			}
			if op.name == "" {
				op.name = method + " " + path
			}
			for _, p := range slices.Concat(item.Parameters, o.Parameters) {
				op.parameters[p.Value.In+" "+p.Value.Name] = p.Value
			}
			if len(item.Servers) > 0 {
				op.servers = item.Servers
			}
			if o.Servers != nil && len(*o.Servers) > 0 {
				op.servers = *o.Servers
			}
			if o.Security != nil { // an empty one says that none is needed
				op.security = *o.Security
			}
			all[op.key()] = op
		}
	}
	return all
}

// inBoth calls for each operation that has the same method and path in both.
func inBoth(base, revision *openapi3.T, f func(before, after operation)) {
	later := operations(revision)
	for key, before := range ordered(operations(base)) {
		if after, ok := later[key]; ok {
			f(before, after)
		}
	}
}

// ordered makes reports, and tests, the same each time.
func ordered[V any](m map[string]V) func(func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, key := range slices.Sorted(maps.Keys(m)) {
			if !yield(key, m[key]) {
				return
			}
		}
	}
}

// component returns the name that a reference has in the components.
func component(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }
