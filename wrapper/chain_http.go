package wrapper

import (
	"errors"

	"github.com/cimg-go/cimg/internal/exchange"
	"github.com/cimg-go/cimg/internal/plain"
)

// send sends the request once and reads the whole response, at most maxBytes.
func send(clients *exchange.Clients, maxBytes int64) handler {
	return func(c *call) (*response, error) {
		if c.cut != nil { // a hook may have taken the end from the context
			return nil, notSent(c, c.cut)
		}
		request := exchange.Request{
			Request: c.req, Content: c.body, Mutating: c.op.mutates, Limit: c.timeLimit, MaxBytes: maxBytes,
		}
		r, failure := clients.Send(request)
		if failure == nil {
			// The token is looked for in what will be decoded: it, too, can be
			// written in several ways.
			return &response{status: r.Status, header: r.Header, body: plain.JSON(r.Body)}, nil
		}
		broken := newCallError(c, nil, c.secret.HideError(failure.Cause)) // before the message may be truncated within it
		if failure.NotSent {
			broken = notSent(c, broken.cause)
		}
		broken.connection = !errors.Is(failure.Cause, ErrResponseTooLarge)
		return nil, broken
	}
}
