package wrapper

import (
	"errors"

	"github.com/cimg-go/cimg/internal/exchange"
	"github.com/cimg-go/cimg/internal/plain"
)

// send sends the request once and reads the whole response, at most maxBytes. What
// comes back shows no token, before it is decoded, truncated or logged.
func send(clients *exchange.Clients, userAgent string, maxBytes int64) handler {
	return func(c *call) (*response, error) {
		if c.cut != nil { // a hook may have taken the end from the context
			return nil, notSent(c, c.cut)
		}
		r, failure := clients.Send(exchange.Request{
			Request: c.req, Content: c.body, Mutating: c.op.mutates, Limit: c.timeLimit, MaxBytes: maxBytes,
			Authorization: "Bearer " + c.token, UserAgent: userAgent,
		})
		if failure == nil {
			body := c.secret.HideBytes(plain.JSON(r.Body)) // a token, too, has many spellings
			return &response{status: r.Status, header: c.secret.HideHeader(r.Header), body: body}, nil
		}
		broken := newCallError(c, nil, c.secret.HideError(failure.Cause))
		if failure.NotSent {
			broken = notSent(c, broken.cause)
		}
		broken.connection = !errors.Is(failure.Cause, ErrResponseTooLarge)
		return nil, broken
	}
}
