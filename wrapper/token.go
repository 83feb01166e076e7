package wrapper

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// TokenSource supplies the bearer token of the account. It is asked before
// each request, so a token may be replaced while the client is in use. It must
// be safe for concurrent use and return when its context ends.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// TokenFunc makes a function a [TokenSource].
type TokenFunc func(ctx context.Context) (string, error)

// Token calls f.
func (f TokenFunc) Token(ctx context.Context) (string, error) { return f(ctx) }

// StaticToken is a token that does not change. [New] refuses one that is empty
// or holds a character that no header can carry.
func StaticToken(token string) TokenSource {
	return localSource(func() (string, error) { return token, nil })
}

// EnvToken reads the token from an environment variable, by convention
// DIDIYUN_ACCESS_TOKEN. [New] refuses a variable that is unset or empty.
func EnvToken(name string) TokenSource {
	return localSource(func() (string, error) {
		token := os.Getenv(name)
		if token == "" {
			return "", fmt.Errorf("no token: environment variable %s is unset or empty", name)
		}
		return token, nil
	})
}

// localSource is a source that costs nothing to ask, so New can ask it at once
// and refuse a bad token early. It is a function and not a struct because fmt
// prints the fields of a struct, secrets included, and the address of a
// function.
type localSource func() (string, error)

func (s localSource) Token(context.Context) (string, error) { return s() }

// checkToken refuses what the Authorization header cannot carry. It never
// shows the token.
func checkToken(token string) error {
	if token == "" {
		return errors.New("no token: it is empty")
	}
	for _, b := range []byte(token) {
		if b <= ' ' || b >= 0x7f {
			return errors.New("bad token: it contains a space, a control character or one outside ASCII; check for a line break at its end")
		}
	}
	return nil
}

// authorize asks the source for the token and puts it on the request, if the
// request is for the host that the token belongs to.
func authorize(next handler, source TokenSource, base baseURL) handler {
	return func(c *call) (*reply, error) {
		if !base.covers(c.req) {
			return nil, notSent(c.op, fmt.Errorf("the request is for %q, the client and its token belong to %q", c.req.URL.Host, base.Host))
		}
		token, err := source.Token(c.req.Context())
		if err != nil {
			return nil, notSent(c.op, fmt.Errorf("token source: %w", err))
		}
		if err := checkToken(token); err != nil {
			return nil, notSent(c.op, err)
		}
		authorized := *c
		authorized.token = token
		authorized.req = c.req.Clone(c.req.Context())
		if authorized.req.Header == nil {
			authorized.req.Header = make(http.Header)
		}
		authorized.req.Header.Set("Authorization", "Bearer "+token)
		return next(&authorized)
	}
}
