package wrapper

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// DefaultBaseURL is the production service.
const DefaultBaseURL = "https://open.didiyunapi.com"

// baseURL is where the client's token may be sent.
type baseURL struct{ *url.URL }

// parseBaseURL accepts https URLs, and http URLs of a loopback address, with an
// optional path. Its errors do not show the URL's userinfo.
func parseBaseURL(raw string) (baseURL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The text of a parse error repeats the URL, maybe with a password.
		return baseURL{}, errors.New("base URL: it cannot be parsed; write it like https://host")
	}
	switch {
	case u.User != nil:
		return baseURL{}, errors.New("base URL: it contains a user or a password; remove them, the token authenticates")
	case u.Hostname() == "":
		// What was meant as userinfo or query may be elsewhere in it.
		return baseURL{}, errors.New("base URL: it has no host; write it like https://host")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return baseURL{}, fmt.Errorf("base URL of host %q: it has a query or a fragment; remove it", u.Host)
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	case u.Scheme == "http":
		return baseURL{}, fmt.Errorf("base URL of host %q: plain http would show the token to the network; use https", u.Host)
	default:
		return baseURL{}, fmt.Errorf("base URL of host %q: scheme %q is neither https nor http", u.Host, u.Scheme)
	}
	u.Host = strings.ToLower(u.Host) // net/http compares hosts as they are written
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return baseURL{u}, nil
}

func isLoopback(host string) bool {
	return strings.EqualFold(host, "localhost") || net.ParseIP(host).IsLoopback()
}

// covers reports whether a request is for the host that the token is for.
func (b baseURL) covers(req *http.Request) bool {
	return req.URL.Scheme == b.Scheme && strings.EqualFold(req.URL.Host, b.Host) && req.URL.User == nil &&
		(req.Host == "" || strings.EqualFold(req.Host, b.Host))
}
