package wrapper

// redact removes the client's tokens from a response's body and header.
func redact(next handler) handler {
	return func(c *call) (*response, error) {
		r, err := next(c)
		if err != nil {
			return r, err
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
