package wrapper

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// envelope is what every reply of the service is wrapped in.
//
// It is decoded by the upstream of encoding/json/v2, which refuses duplicate
// members, names in another case, invalid UTF-8 and trailing bytes by itself;
// encoding/json lets each of them pass, and takes about three times as long
// for a reply of a hundred jobs.
type envelope struct {
	Errno     *int64         `json:"errno"` // nil: absent or null
	Errmsg    string         `json:"errmsg"`
	RequestID string         `json:"requestId"`
	Data      jsontext.Value `json:"data"`
}

var errNoErrno = errors.New("it has no errno")

// parseEnvelope returns, beside an error, what of a proper JSON object it could
// read: the errno may be missing or no number.
func parseEnvelope(body []byte) (envelope, error) {
	var e envelope
	err := json.Unmarshal(body, &e)
	if err == nil && e.Errno != nil {
		return e, nil
	}
	if err == nil {
		err = errNoErrno
	}
	var rest struct {
		RequestID string         `json:"requestId"`
		Data      jsontext.Value `json:"data"`
	}
	if json.Unmarshal(body, &rest) != nil {
		return envelope{}, err
	}
	return envelope{RequestID: rest.RequestID, Data: rest.Data}, err
}

// decodeEnvelope lets only HTTP 200 with errno 0 pass.
func decodeEnvelope(next handler) handler {
	return func(c *call) (*reply, error) {
		r, err := next(c)
		if err != nil {
			return nil, err
		}
		e, err := parseEnvelope(r.body)
		r.envelope = e
		switch {
		case err == nil && *e.Errno != 0:
			refused := refusal(c, r)
			refused.Errno, refused.Errmsg = *e.Errno, e.Errmsg
			return r, refused
		case r.status >= 300:
			// A gateway's answer, or an errno 0 that its status contradicts.
			return r, refusal(c, r)
		case r.status != http.StatusOK:
			return r, malformed(c, r, fmt.Errorf("HTTP %d is not the 200 that the service answers with", r.status))
		case err != nil:
			return r, malformed(c, r, err)
		}
		return r, nil
	}
}

// refusal is the error of an answer that is no success.
func refusal(c *call, r *reply) *APIError {
	return &APIError{
		Op:         c.op.id,
		RequestID:  r.envelope.RequestID,
		HTTPStatus: r.status,
		RetryAfter: retryAfter(r.header, time.Now()),
	}
}
