package wrapper

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cimg-go/cimg/internal/secret"
)

// authorize gets the token from the source, if the request is for the host that the
// token belongs to.
func authorize(next handler, source TokenSource, base baseURL) handler {
	var tokens secret.Tokens
	return func(c *call) (*response, error) {
		if !base.covers(c.req) {
			return nil, notSent(c, fmt.Errorf("the request is for %q, but the client and its token are for %q", c.req.URL.Scheme+"://"+c.req.URL.Host, base.Scheme+"://"+base.Host))
		}
		token, err := tokenOf(source, c)
		if err != nil {
			return nil, notSent(c, fmt.Errorf("token source: %w", tokens.HideError(err)))
		}
		if err := checkToken(token); err != nil {
			return nil, notSent(c, err)
		}
		c.sentAt = time.Now()
		c.token, c.secret = token, tokens.Use(token)
		r, err := next(c)
		if rejected, found := errors.AsType[*APIError](err); found && errors.Is(rejected, ErrAuth) {
			forget(source, token)
			rejected.mayRenew = mayRenew(source)
		}
		return r, err
	}
}

// tokenOf asks a source, which may take its time unless it is local.
func tokenOf(source TokenSource, c *call) (string, error) {
	if local, found := source.(localSource); found {
		return local.token()
	}
	ctx, cancel := context.WithTimeout(c.req.Context(), c.timeLimit) // a poll's has no other end
	defer cancel()
	return source.Token(ctx)
}
