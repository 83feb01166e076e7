package mock

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cimg-go/cimg"
)

// Logged writes a line for each request but health checks: method, operation or
// else path, HTTP status, errno and errmsg, if any, and duration. A preflight has
// the operation of the request that it is for. Neither headers nor parameters are in
// a line.
func Logged(out io.Writer, next http.Handler) (http.Handler, error) {
	names, err := operationNames()
	if err != nil {
		return nil, err
	}
	lines := log.New(out, "", log.Ltime)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isHealthCheck(r) {
			next.ServeHTTP(w, r)
			return
		}
		started := time.Now()
		method := r.Method
		if isPreflight(r) {
			method = r.Header.Get("Access-Control-Request-Method")
		}
		what := cmp.Or(names[method+" "+r.URL.Path], r.URL.EscapedPath(), "/")
		seen := &recorder{ResponseWriter: w}
		defer func() { // also if the handler breaks the connection by a panic
			lines.Println(r.Method, what, seen.result(r.Method), time.Since(started).Round(10*time.Microsecond))
		}()
		next.ServeHTTP(seen, r)
	}), nil
}

// operationNames returns the operationIds of the contract by "METHOD path".
var operationNames = sync.OnceValues(func() (map[string]string, error) {
	var contract struct {
		Paths map[string]map[string]struct {
			OperationID string `yaml:"operationId"`
		}
	}
	if err := yaml.Unmarshal(cimg.Spec, &contract); err != nil {
		return nil, err
	}
	names := map[string]string{}
	for path, operations := range contract.Paths {
		for method, operation := range operations {
			names[strings.ToUpper(method)+" "+path] = operation.OperationID
		}
	}
	return names, nil
})

// recorder keeps what a handler sent. The handler can still hijack the connection,
// by http.ResponseController.
type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// Unwrap is for [http.ResponseController].
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// WriteHeader implements [http.ResponseWriter].
func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	r.body.Write(p)
	return r.ResponseWriter.Write(p)
}

// result describes the response to a request of a method.
func (r *recorder) result(method string) string {
	if r.status == 0 {
		return "no response"
	}
	result := fmt.Sprintf("HTTP %d", r.status)
	if length, err := strconv.Atoi(r.Header().Get("Content-Length")); err == nil && length > r.body.Len() && method != http.MethodHead {
		return result + " truncated"
	}
	var envelope struct {
		Errno  *int64
		Errmsg string
	}
	if json.Unmarshal(r.body.Bytes(), &envelope) == nil && envelope.Errno != nil {
		result += fmt.Sprintf(" errno %d %q", *envelope.Errno, envelope.Errmsg)
	}
	return result
}
