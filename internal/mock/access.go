package mock

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// AllowOrigins lets browsers send requests from pages of loopback origins, such as
// http://localhost:3000, and of the given ones. It responds to their preflights.
func AllowOrigins(origins []string, next http.Handler) (http.Handler, error) {
	for _, origin := range origins {
		if err := checkOrigin(origin); err != nil {
			return nil, err
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !isLoopbackOrigin(origin) && !slices.Contains(origins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Expose-Headers", "*")
		if isPreflight(r) {
			w.Header().Set("Access-Control-Allow-Methods", r.Header.Get("Access-Control-Request-Method"))
			w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

// isPreflight reports whether a browser asks if it may send a request.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
}

var hostName = regexp.MustCompile(`^[0-9A-Za-z._-]+$`)

// checkOrigin rejects an origin that no browser sends: it would match no request.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return notAnOrigin(origin)
	}
	host, port := strings.ToLower(u.Hostname()), uint64(0)
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		host = "[" + ip.String() + "]"
	} else if !hostName.MatchString(host) {
		return notAnOrigin(origin)
	}
	if u.Port() != "" {
		if port, err = strconv.ParseUint(u.Port(), 10, 16); err != nil {
			return notAnOrigin(origin)
		}
	}
	sent := u.Scheme + "://" + host
	if port != 0 && port != map[string]uint64{"http": 80, "https": 443}[u.Scheme] {
		sent += fmt.Sprintf(":%d", port)
	}
	if sent != origin {
		return fmt.Errorf("%q is not an origin as browsers send it: use %s", origin, sent)
	}
	return nil
}

func notAnOrigin(origin string) error {
	return fmt.Errorf("%q is not an origin as browsers send it, such as https://app.example.com or http://192.0.2.1:8080", origin)
}

// refusal says why a request may not use the control API, "" if it may. The Host
// header tells a page whose name was made to resolve to the loopback address.
func (m *Mock) refusal(r *http.Request) string {
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	local := from.Addr().Unmap().IsLoopback() && isLoopback(r.Host)
	if !local && !m.options.ControlFromAnywhere {
		return "only this machine may control the mock, under a name such as localhost; start it with --control-from-anywhere to allow others"
	}
	origin := r.Header.Get("Origin")
	if origin != "" && !isLoopbackOrigin(origin) && origin != "http://"+r.Host {
		return "pages of the origin " + origin + " may not control the mock; serve them from a loopback origin such as http://localhost:3000"
	}
	return ""
}

func isLoopbackOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isLoopback(u.Host)
}

// isLoopback reports whether a host, perhaps with a port, is this machine's
// loopback interface by its name alone.
func isLoopback(host string) bool {
	name := strings.ToLower((&url.URL{Host: host}).Hostname())
	ip, _ := netip.ParseAddr(name)
	return ip.Unmap().IsLoopback() || name == "localhost" || strings.HasSuffix(name, ".localhost")
}
