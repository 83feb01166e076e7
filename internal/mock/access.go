package mock

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// AllowOrigins lets browsers send requests from pages of loopback origins, such as
// http://localhost:3000, and of the given ones. It responds to their preflights.
func AllowOrigins(origins []string, next http.Handler) (http.Handler, error) {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || origin != u.Scheme+"://"+u.Host {
			return nil, fmt.Errorf("%q is not an origin such as https://app.example.com", origin)
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
		if method := r.Header.Get("Access-Control-Request-Method"); r.Method == http.MethodOptions && method != "" {
			w.Header().Set("Access-Control-Allow-Methods", method)
			w.Header().Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
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
		return "pages of the origin " + origin + " may not control the mock"
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
