package emulator

import (
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/routers"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxBody is the longest request body that is read.
const maxBody = 1 << 20

// call is a request on its way through the emulator.
type call struct {
	request  *http.Request
	query    url.Values
	body     []byte
	route    *routers.Route // nil where the contract has no such operation
	routeErr error          // and why not
}

// newCall finds the operation that a request is for.
func (c *contract) newCall(request *http.Request) *call {
	route, _, err := c.router.FindRoute(request)
	return &call{request: request, query: request.URL.Query(), route: route, routeErr: err}
}

// operation returns the id of the operation that is called, "" if none is.
func (c *call) operation() string {
	if c.route == nil {
		return ""
	}
	return c.route.Operation.OperationID
}

// receive reads the request's body, one byte further than it may be long.
func (c *call) receive() error {
	if c.request.Body == nil {
		return nil
	}
	var err error
	c.body, err = io.ReadAll(io.LimitReader(c.request.Body, maxBody+1))
	return err
}

// checkToken refuses a request without the token. It never shows either.
func (c *call) checkToken(accepted string) *refusal {
	scheme, token, _ := strings.Cut(c.request.Header.Get("Authorization"), " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return refuse(errnoTokenRejected, `the request has no "Authorization: Bearer <token>" header`)
	case token != accepted:
		return refuse(errnoTokenRejected, "the token is not the one this emulator accepts")
	}
	return nil
}

// checkForm refuses a body that cannot be read as JSON at all.
func (c *call) checkForm() *refusal {
	if c.request.Method == http.MethodGet {
		return nil
	}
	if len(c.body) > maxBody {
		return refuse(errnoBadRequest, "the body is longer than %d bytes", maxBody)
	}
	given := c.request.Header.Get("Content-Type")
	if mediaType, _, err := mime.ParseMediaType(given); err != nil || mediaType != "application/json" {
		return refuse(errnoBadRequest, "Content-Type: %q must be application/json", given)
	}
	// Duplicate members and invalid UTF-8 are refused here: what is checked
	// against the contract must be what is acted on.
	var anything jsontext.Value
	if err := json.Unmarshal(c.body, &anything); err != nil {
		return refuse(errnoBadRequest, "the body cannot be read as JSON: %s", strings.TrimPrefix(err.Error(), "jsontext: "))
	}
	return nil
}

// checkRepetition refuses a parameter that stands in the query more than once.
// Clients that do not know the contract's explode: false send jobUuids so, and
// of what they ask only the first is read.
func (c *call) checkRepetition() *refusal {
	for _, name := range slices.Sorted(maps.Keys(c.query)) {
		if times := len(c.query[name]); times > 1 {
			return refuse(errnoBadCall, "%s: given %d times, send it once; several values are joined by commas", name, times)
		}
	}
	return nil
}
