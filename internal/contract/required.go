package contract

import "go.yaml.in/yaml/v3"

// checkRequired refuses schemas that require what is no property. JSON Schema
// allows it, for a value may have members that are not listed, but it is almost
// always a misspelling. It is left alone where others have a say: in a schema
// that is combined with some, or one that speaks of further properties.
func (c *checker) checkRequired() {
	combined := make(map[*yaml.Node]bool)
	for _, schema := range c.schemas {
		for _, part := range parts(schema, "allOf", "anyOf", "oneOf", "not") {
			combined[schema.yaml], combined[part.yaml] = true, true
		}
	}
	for _, schema := range c.schemas {
		properties := schema.Member("properties")
		further := schema.Member("additionalProperties")
		if !properties.Exists() || combined[schema.yaml] || further.Exists() && further.Value() != "false" {
			continue
		}
		for _, name := range schema.Member("required").Items() {
			if !properties.Member(name.Value()).Exists() {
				c.add(name, "required names %q, which is no property", name.Value())
			}
		}
	}
}
