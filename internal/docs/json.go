package docs

import (
	"bytes"
	"encoding/json"

	"github.com/cimg-go/cimg/internal/contract"
)

// indented is a value of the contract as JSON, its members in the order of the
// contract.
func indented(value contract.Node) (string, error) {
	var compact, indented bytes.Buffer
	if err := writeJSON(&compact, value); err != nil {
		return "", err
	}
	err := json.Indent(&indented, compact.Bytes(), "", "  ")
	return indented.String(), err
}

func writeJSON(out *bytes.Buffer, n contract.Node) error {
	switch {
	case n.IsObject():
		out.WriteByte('{')
		separator := ""
		for name, value := range n.Members() {
			out.WriteString(separator)
			if err := writeValue(out, name); err != nil {
				return err
			}
			out.WriteByte(':')
			if err := writeJSON(out, value); err != nil {
				return err
			}
			separator = ","
		}
		out.WriteByte('}')
	case n.IsArray():
		out.WriteByte('[')
		for i, item := range n.Items() {
			if i > 0 {
				out.WriteByte(',')
			}
			if err := writeJSON(out, item); err != nil {
				return err
			}
		}
		out.WriteByte(']')
	case n.YAML().ShortTag() == "!!timestamp": // JSON knows no dates
		return writeValue(out, n.Value())
	default:
		var value any
		if err := n.YAML().Decode(&value); err != nil {
			return err
		}
		return writeValue(out, value)
	}
	return nil
}

func writeValue(out *bytes.Buffer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
