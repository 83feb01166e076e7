package mock

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

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

// yamlToJSON encodes a value with the names that it has in YAML.
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
