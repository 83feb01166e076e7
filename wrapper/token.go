package wrapper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// TokenSource supplies the bearer token of the account. It is called before each
// request, so a token may be replaced while the client is in use. It must be safe
// for concurrent use and return when its context ends.
type TokenSource interface {
	Token(ctx context.Context) (string, error)
}

// TokenFunc makes a function a [TokenSource].
type TokenFunc func(ctx context.Context) (string, error)

// Token calls f.
func (f TokenFunc) Token(ctx context.Context) (string, error) { return f(ctx) }

// StaticToken is a token that does not change. [New] rejects one that is empty or
// has a character that RFC 6750 does not allow.
func StaticToken(token string) TokenSource {
	return localSource{token: func() (string, error) { return token, nil }}
}

// EnvToken reads the token from an environment variable, by convention
// DIDIYUN_ACCESS_TOKEN. [New] rejects a variable that is unset or empty.
func EnvToken(name string) TokenSource {
	return localSource{token: func() (string, error) {
		token := os.Getenv(name)
		if token == "" {
			return "", fmt.Errorf("no token: environment variable %s is unset or empty", name)
		}
		return token, nil
	}}
}

// FileToken reads the token from a file, such as a mounted secret, before each
// request, so a new token is used from the next request on. A line break at its
// end is not part of the token. [New] rejects a file that cannot be read.
func FileToken(path string) TokenSource {
	return localSource{renews: true, token: func() (string, error) {
		file, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("token file: %w", err)
		}
		defer file.Close()
		content, err := io.ReadAll(io.LimitReader(file, 16<<10))
		if err != nil {
			return "", fmt.Errorf("token file %s: %w", path, err)
		}
		if len(content) == 16<<10 {
			return "", fmt.Errorf("token file %s: it is too large for a token", path)
		}
		return strings.TrimRight(string(content), "\r\n"), nil
	}}
}

// CacheToken caches the token of a source that is slow or costly to call, for at
// most lifetime. A token that the service rejects (errno 4, HTTP 401) is dropped:
// the next request calls the source again. (A source that wraps this one is not
// told about rejected tokens.)
func CacheToken(source TokenSource, lifetime time.Duration) TokenSource {
	var mu sync.Mutex // guards token and until
	var token string
	var until time.Time
	cached := func() (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		return token, time.Now().Before(until)
	}
	store := func(fresh string) {
		mu.Lock()
		defer mu.Unlock()
		token, until = fresh, time.Now().Add(lifetime)
	}
	calling := make(chan struct{}, 1) // one at a time; waiting ends with the context
	return cachedSource{
		check:  func() error { return checkSource(source) },
		renews: mayRenew(source),
		token: func(ctx context.Context) (string, error) {
			if token, valid := cached(); valid {
				return token, nil
			}
			select {
			case calling <- struct{}{}:
				defer func() { <-calling }()
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
			if token, valid := cached(); valid {
				return token, nil
			}
			fresh, err := source.Token(ctx)
			if err == nil && checkToken(fresh) == nil {
				store(fresh)
			}
			return fresh, err
		},
		forget: func(rejected string) {
			forget(source, rejected)
			mu.Lock()
			defer mu.Unlock()
			if token == rejected { // another call may have stored a new one meanwhile
				until = time.Time{}
			}
		},
	}
}

// cachedSource holds functions for the same reason as [localSource] is one.
type cachedSource struct {
	check  func() error
	renews bool
	token  func(context.Context) (string, error)
	forget func(rejected string)
}

func (s cachedSource) Token(ctx context.Context) (string, error) { return s.token(ctx) }

// forget makes a source that caches tokens drop one that the service rejected.
func forget(source TokenSource, rejected string) {
	if cache, ok := source.(cachedSource); ok {
		cache.forget(rejected)
	}
}

// mayRenew reports whether a source may have another token than one that was
// rejected, now or in a moment.
func mayRenew(source TokenSource) bool {
	switch s := source.(type) {
	case localSource:
		return s.renews
	case cachedSource:
		return s.renews
	}
	return true
}

// localSource is a source that costs nothing to call, so New can call it at once
// and reject a bad token early. It holds a function because fmt prints the fields
// of a struct, secrets included, but only the address of a function.
type localSource struct {
	token  func() (string, error)
	renews bool
}

func (s localSource) Token(context.Context) (string, error) { return s.token() }

// tokenCharacters are those of a bearer token, by RFC 6750, section 2.1. Neither
// fmt nor net/http escapes any of them, so that a token is found in their texts.
const tokenCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="

// checkToken rejects what is not a bearer token. Its errors do not show it.
func checkToken(token string) error {
	if token == "" {
		return errors.New("no token: it is empty")
	}
	if strings.Trim(token, tokenCharacters) != "" {
		return errors.New("invalid token: it contains a character that no bearer token has, such as a space or a line break")
	}
	return nil
}
