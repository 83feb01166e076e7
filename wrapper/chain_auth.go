package wrapper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cimg-go/cimg/internal/secret"
)

// authorize gets the token from the source and sets the Authorization header, if
// the request is for the host that the token belongs to.
func authorize(next handler, source TokenSource, base baseURL, userAgent string) handler {
	var tokens secret.Tokens
	return func(c *call) (*response, error) {
		if !base.covers(c.req) {
			return nil, notSent(c, fmt.Errorf("the request is for %q, but the client and its token are for %q", c.req.URL.Scheme+"://"+c.req.URL.Host, base.Scheme+"://"+base.Host))
		}
		ctx, cancel := context.WithTimeout(c.req.Context(), c.timeLimit) // a poll's has no other end
		token, err := source.Token(ctx)
		cancel()
		if err != nil {
			return nil, notSent(c, fmt.Errorf("token source: %w", tokens.HideError(err)))
		}
		if err := checkToken(token); err != nil {
			return nil, notSent(c, err)
		}
		c.sentAt = time.Now()
		authorized := *c
		authorized.secret = tokens.Use(token)
		authorized.req = c.req.Clone(c.req.Context())
		if authorized.req.Header == nil {
			authorized.req.Header = make(http.Header)
		}
		authorized.req.Header.Set("Authorization", "Bearer "+token)
		if authorized.req.Header.Get("User-Agent") == "" {
			authorized.req.Header.Set("User-Agent", userAgent)
		}
		r, err := next(&authorized)
		if rejected, found := errors.AsType[*APIError](err); found && errors.Is(rejected, ErrAuth) {
			forget(source, token)
			rejected.mayRenew = mayRenew(source)
		}
		return r, err
	}
}
