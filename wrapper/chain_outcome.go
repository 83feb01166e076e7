package wrapper

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/cimg-go/cimg/internal/errno"
	"github.com/cimg-go/cimg/internal/oneline"
)

// target is what a request is for.
type target struct {
	region     string
	names      []string // create, import: of the new images; changeName: the new names
	imageUUIDs []string // changeName, delete
	items      int
}

// add adds what is known of an item.
func (t *target) add(name, imageUUID string) {
	if name != "" {
		t.names = append(t.names, name)
	}
	if imageUUID != "" {
		t.imageUUIDs = append(t.imageUUIDs, imageUUID)
	}
}

// targetOf reads the target from the body of a POST, or from a query.
func targetOf(req *http.Request, body []byte) target {
	if req.Method == http.MethodGet {
		return target{region: req.URL.Query().Get("regionId")}
	}
	type item struct {
		Name     string `json:"name"`
		CIMGUUID string `json:"cimgUuid"`
	}
	var content struct {
		RegionID string          `json:"regionId"`
		CIMG     json.RawMessage `json:"cimg"`
	}
	var items []item
	// Callers of the generated client may send any body; an unreadable one is
	// for the service to reject.
	if json.Unmarshal(body, &content) == nil && json.Unmarshal(content.CIMG, &items) != nil {
		var one item // the form of the published examples
		if json.Unmarshal(content.CIMG, &one) == nil {
			items = []item{one}
		}
	}
	t := target{region: content.RegionID, items: len(items)}
	for _, i := range items {
		t.add(i.Name, i.CIMGUUID)
	}
	return t
}

// Outcome is how a call ended. Of a read-only call, rejected means that the
// service rejected it, and unknown that there was no valid response.
type Outcome string

// The four outcomes, see "Four outcomes" in the package's documentation.
const (
	OutcomeAccepted Outcome = "accepted"
	OutcomeRejected Outcome = "rejected"
	OutcomeNotSent  Outcome = "not sent"
	OutcomeUnknown  Outcome = "unknown"
)

// OutcomeOf returns how a call ended, given its error:
//
//	switch job, err := client.CreateImage(ctx, region, image); wrapper.OutcomeOf(err) {
//	case wrapper.OutcomeAccepted: // wait for job
//	case wrapper.OutcomeRejected: // fix the cause
//	case wrapper.OutcomeNotSent: // call again
//	case wrapper.OutcomeUnknown: // reconcile
//	}
//
// An invalid argument counts as not sent. Of errors that are no call's, such as a
// wait's, the outcome is unknown.
func OutcomeOf(err error) Outcome {
	var rejected *APIError
	switch {
	case err == nil:
		return OutcomeAccepted
	case errors.As(err, new(*OutcomeUnknownError)), errors.As(err, new(*WaitError)):
		return OutcomeUnknown
	case errors.Is(err, ErrNotSent), errors.As(err, new(*InputError)):
		return OutcomeNotSent
	case errors.As(err, &rejected) && isRejection(rejected):
		return OutcomeRejected
	}
	return OutcomeUnknown
}

// isRejection reports whether a response says that nothing was done. A status of
// [ErrServer] never does, whatever the body: a gateway may have lost the response.
// After an errno that is not listed, the outcome is unknown.
func isRejection(e *APIError) bool {
	switch e.HTTPStatus {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		return true
	}
	return !errors.Is(sentinel(0, e.HTTPStatus), ErrServer) && errno.Find(e.Errno).Changed == errno.No
}

// isRejected reports whether a mutating call was rejected. Data would contradict it.
func isRejected(r *response, err error) bool {
	rejected, found := errors.AsType[*APIError](err)
	return found && isRejection(rejected) && r != nil && isEmpty(r.envelope.Data)
}

// classifyOutcome gives a mutating call that was not accepted one of the three
// other outcomes: rejected, not sent or unknown. Read-only calls pass unchanged.
func classifyOutcome(next handler) handler {
	return func(c *call) (*response, error) {
		if !c.op.mutates {
			return next(c)
		}
		r, err := next(c)
		if err == nil || errors.Is(err, ErrNotSent) || isRejected(r, err) {
			return r, err
		}
		return nil, newUnknown(c, r, err)
	}
}

func newUnknown(c *call, r *response, cause error) *OutcomeUnknownError {
	unknown := &OutcomeUnknownError{
		Op:         c.op.id,
		Region:     c.target.region,
		Names:      c.target.names,
		ImageUUIDs: c.target.imageUUIDs,
		SentAt:     c.sentAt,
		Cause:      cause,
	}
	if r != nil {
		unknown.RequestID = r.envelope.RequestID
		for _, job := range r.jobs {
			unknown.Jobs = append(unknown.Jobs, refOf(c.target.region, job, c.sentAt))
		}
	}
	return unknown
}

// keepOutcome makes the panic of a hook an unknown outcome, once a mutating call was
// sent: who recovers a panic has none of the jobs that the call started.
func keepOutcome(next handler) handler {
	return func(c *call) (r *response, err error) {
		defer func() {
			if c.received == nil || !c.op.mutates {
				return // it goes on to the caller
			}
			if p := recover(); p != nil {
				r, err = nil, newUnknown(c, c.received, fmt.Errorf("%w: %s", errPanicked, oneline.Panic(p)))
			}
		}()
		return next(c)
	}
}
