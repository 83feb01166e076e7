package wrapper

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// redact removes the token from a response's body and header.
func redact(next handler) handler {
	return func(c *call) (*response, error) {
		r, err := next(c)
		if err != nil || c.secret.Token() == "" {
			return r, err
		}
		if bytes.IndexByte(r.body, '\\') >= 0 {
			// Each character of a JSON string may be escaped. What cannot be
			// decoded stays as it is.
			if plain, err := jsontext.AppendFormat(nil, r.body,
				jsontext.PreserveRawStrings(false), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true),
			); err == nil {
				r.body = plain
			}
		}
		r.body = c.secret.HideBytes(r.body)
		for _, values := range r.header {
			for i := range values {
				values[i] = c.secret.Hide(values[i])
			}
		}
		return r, nil
	}
}
