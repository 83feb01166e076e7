package mock

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

// decode reads a document strictly. Errors name the line.
func decode(document []byte, into any) error {
	root, err := parse(document)
	if err != nil {
		// Some of JSON is not YAML, such as surrogate pairs in strings.
		if value := jsontext.Value(bytes.Clone(document)); value.Format() == nil {
			document = value
			root, err = parse(document)
		}
	}
	if err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var problems problems
	rejectValues(root, &problems)
	decoder := yaml.NewDecoder(bytes.NewReader(document))
	decoder.KnownFields(true)
	err = decoder.Decode(into)
	if wrong, is := errors.AsType[*yaml.TypeError](err); is {
		for _, text := range wrong.Errors {
			problems = append(problems, inPlainWords(text))
		}
	} else {
		problems.add("", err)
	}
	return problems.err()
}

func parse(document []byte) (*yaml.Node, error) {
	var root yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(document))
	err := decoder.Decode(&root)
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the document is empty")
	case err == nil && !errors.Is(decoder.Decode(new(yaml.Node)), io.EOF):
		return nil, errors.New("there is more than one document")
	}
	return &root, err
}

// problems are what is wrong with a document, each with its place.
type problems []string

// add adds an error, or those that it joins.
func (p *problems) add(place string, err error) {
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			*p = append(*p, place+line)
		}
	}
}

// err returns the problems on one line, nil if there are none.
func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return errors.New(strings.Join(p, "; "))
}

// meansNothing matches the fields that decode as if they were missing, although their
// author wanted something, such as a fault that is met 0 times.
var meansNothing = regexp.MustCompile(`^(?:(?:count|status|errno|maxJobUuids|maxPageSize|for): [-+]?0[xob]?[0_.]*(?:[nuµm]?s|m|h)?|` +
	`(?:operation|region|name|fail|unknownJobs|storeName|body|contentType): "")$`)

// rejectValues finds the scalars that decode to something else than what is
// written: null to the zero value, and what JSON, in which a document is returned,
// cannot hold.
func rejectValues(node *yaml.Node, problems *problems) {
	switch tag, number := node.ShortTag(), 0.0; {
	case tag == "!!null":
		problems.add("", fmt.Errorf("line %d: there is no value", node.Line))
	case tag == "!!binary",
		tag == "!!float" && node.Decode(&number) == nil && (math.IsNaN(number) || math.IsInf(number, 0)):
		problems.add("", fmt.Errorf("line %d: JSON cannot express `%s`", node.Line, node.Value))
	}
	for i, child := range node.Content {
		if node.Kind == yaml.MappingNode && i%2 == 1 && child.Kind == yaml.ScalarNode && child.ShortTag() != "!!null" {
			field := node.Content[i-1].Value + ": " + cmp.Or(child.Value, `""`)
			if meansNothing.MatchString(field) {
				problems.add("", fmt.Errorf("line %d: `%s` means nothing: leave it out", child.Line, field))
			}
		}
		rejectValues(child, problems)
	}
}

var (
	unknownField = regexp.MustCompile(`field (.*) not found in type .*`)
	wrongType    = regexp.MustCompile("cannot unmarshal (!!\\w+)(?: (`.*`))? into (\\S+)")
	plainTypes   = map[string]string{"!!seq": "a list", "!!map": "an object", "bool": "true or false", "float64": "a number", "string": "text"}
)

// inPlainWords returns an error of package yaml without the types of Go and YAML.
func inPlainWords(text string) string {
	text = unknownField.ReplaceAllString(text, "there is no field $1")
	parts := wrongType.FindStringSubmatch(text)
	if parts == nil {
		return text
	}
	wanted := plainTypes[parts[3]]
	switch {
	case strings.HasPrefix(parts[3], "[]"):
		wanted = plainTypes["!!seq"]
	case wanted == "":
		wanted = plainTypes["!!map"]
	}
	return strings.Replace(text, parts[0], cmp.Or(parts[2], plainTypes[parts[1]])+" is not "+wanted, 1)
}

// wrongValue is the error of a value that a type cannot hold.
func wrongValue(node *yaml.Node, wanted string) error {
	shown := cmp.Or(plainTypes[node.ShortTag()], "`"+node.Value+"`")
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s is not %s", node.Line, shown, wanted)}}
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
		return wrongValue(node, "a duration such as 300ms, 10s or 2m")
	}
	*d = duration(parsed)
	return nil
}

// MarshalYAML implements [yaml.Marshaler].
func (d duration) MarshalYAML() (any, error) { return time.Duration(d).String(), nil }

// integer is a number that is written as one: package yaml would cut off a fraction.
type integer int

// UnmarshalYAML implements [yaml.Unmarshaler].
func (i *integer) UnmarshalYAML(node *yaml.Node) error {
	if node.ShortTag() != "!!int" || node.Decode((*int)(i)) != nil {
		return wrongValue(node, "a whole number")
	}
	return nil
}

// values are written as one text or as a list.
type values []string

// UnmarshalYAML implements [yaml.Unmarshaler].
func (v *values) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		*v = values{node.Value}
		return nil
	}
	return node.Decode((*[]string)(v))
}

// MarshalYAML implements [yaml.Marshaler].
func (v values) MarshalYAML() (any, error) {
	if len(v) == 1 {
		return v[0], nil
	}
	return []string(v), nil
}
