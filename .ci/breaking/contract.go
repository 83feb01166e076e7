package main

import (
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	spec "github.com/cimg-go/cimg/internal/contract"
)

type contract struct {
	name    string // as people know it: a file, or REVISION:file
	content []byte
	tag     string // of the release that it is, if it is one
	isPast  bool   // it cannot be mended any more
}

// read returns the document with its references resolved. One that is broken is
// told of with file, line and reason; examples break nobody. A past one need only
// be OpenAPI: rules that came later would make it incomparable for good.
func (c contract) read() (*openapi3.T, error) {
	doc, err := c.load()
	if err != nil && c.isPast {
		if past := loadPast(c.content); past != nil {
			doc, err = past, nil
		}
	}
	if err == nil && doc.Components == nil {
		doc.Components = &openapi3.Components{}
	}
	return doc, err
}

// load holds the contract to the house's rules.
func (c contract) load() (*openapi3.T, error) {
	return spec.Load(c.name, c.content, openapi3.DisableExamplesValidation())
}

// A document is a contract that was read: as it is written, flat, and as a tree
// that keeps what the others do not know.
type document struct {
	written, flat *openapi3.T
	tree          any
}

// readAll reads the contract anew for each, because making one flat changes it.
func (c contract) readAll() (d document, err error) {
	if d.written, err = c.read(); err != nil {
		return document{}, err
	}
	if d.flat, err = c.readFlat(); err != nil {
		return document{}, err
	}
	d.tree, err = parseTree(c.content)
	return d, err
}

// An endpoint is where an operation is found in both contracts.
type endpoint struct{ method, path string }

type operation struct {
	*openapi3.Operation
	endpoint
	name       string                         // what people call it
	parameters map[string]*openapi3.Parameter // by their keys, those of the path item included
	servers    openapi3.Servers
	security   openapi3.SecurityRequirements
}

var pathParameter = regexp.MustCompile(`\{[^}]*\}`)

// key leaves out the names of path parameters, which no caller sends.
func (e endpoint) key() string {
	return e.method + " " + pathParameter.ReplaceAllString(e.path, "{}")
}

// keyOf is what tells a parameter from others. One of the path is known by where it
// stands there.
func (e endpoint) keyOf(p *openapi3.Parameter) string {
	if p.In == openapi3.ParameterInPath {
		return fmt.Sprintf("%s %d", p.In, slices.Index(e.pathNames(), p.Name)+1)
	}
	return p.In + " " + p.Name
}

// pathNames are the names of the parameters of the path, in its order.
func (e endpoint) pathNames() (names []string) {
	for _, name := range pathParameter.FindAllString(e.path, -1) {
		names = append(names, strings.Trim(name, "{}"))
	}
	return names
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
				op.parameters[op.keyOf(p.Value)] = p.Value
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
func ordered[V any](m map[string]V) iter.Seq2[string, V] {
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
