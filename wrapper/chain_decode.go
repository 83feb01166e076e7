package wrapper

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/cimg-go/cimg/internal/exchange"
	"github.com/cimg-go/cimg/internal/plain"
)

// envelope wraps every response of the service.
//
// It is decoded by the upstream of encoding/json/v2, which rejects duplicate
// fields, names in another case and trailing bytes; encoding/json accepts each of
// them, and takes about three times as long for a response of a hundred jobs. Of
// what the contract does not know, duplicates are accepted: see plain.Unmarshal.
type envelope[Data any] struct {
	Errno     *int64 `json:"errno"` // nil: absent or null
	Errmsg    string `json:"errmsg"`
	RequestID string `json:"requestId"`
	Data      Data   `json:"data"`
}

type rawEnvelope = envelope[jsontext.Value]

var (
	errNoErrno = errors.New("it has no errno")
	errNoData  = errors.New("it has no data")
)

// parseEnvelope returns, beside an error, what it could read, but no errno.
func parseEnvelope(body []byte) (rawEnvelope, error) {
	e, err := plain.Unmarshal[rawEnvelope](body)
	if err == nil && e.Errno == nil {
		err = errNoErrno
	}
	if err != nil {
		e.Errno = nil
	}
	return e, err
}

// decodeEnvelope lets only HTTP 200 with errno 0 pass.
func decodeEnvelope(next handler) handler {
	return func(c *call) (*response, error) {
		r, err := next(c)
		if err != nil {
			return nil, err
		}
		if r.decodeAtOnce(c) {
			return r, nil
		}
		e, err := parseEnvelope(r.body)
		r.envelope = e
		switch {
		case err == nil && *e.Errno != 0:
			rejected := newAPIError(c, r)
			rejected.Errno, rejected.Errmsg = *e.Errno, e.Errmsg
			return r, rejected
		case r.status >= 300:
			// A gateway's response, or an errno 0 that its status contradicts.
			return r, newAPIError(c, r)
		case r.status != http.StatusOK:
			return r, malformed(c, r, fmt.Errorf("the service responds with HTTP 200, not %d", r.status))
		case err != nil:
			return r, malformed(c, r, err)
		}
		return r, nil
	}
}

// decodeAtOnce decodes in one pass what nearly all responses are: exactly what the
// contract promises, of jobs that have not failed. Of any other it reports false and
// keeps nothing: that is decoded piece by piece.
func (r *response) decodeAtOnce(c *call) bool {
	if r.status != http.StatusOK || c.op == opList {
		return false
	}
	whole := envelope[[]Job]{Data: make([]Job, 0, min(c.target.items, len(r.body)/len(`{"jobUuid":"j"}`)))}
	if json.Unmarshal(r.body, &whole) != nil || whole.Errno == nil || *whole.Errno != 0 || len(whole.Data) == 0 {
		return false
	}
	for _, job := range whole.Data {
		if !isJobUUID(job.JobUUID) || job.Done && !job.Success { // it has failed, or has no success field
			return false
		}
	}
	if c.op.mutates && checkStarted(len(whole.Data), whole.Data, c.target.items) != nil {
		return false
	}
	r.envelope = rawEnvelope{Errno: whole.Errno, Errmsg: whole.Errmsg, RequestID: whole.RequestID}
	r.jobs, r.isDecoded = whole.Data, true
	return true
}

// newAPIError returns the error of a response other than success, without errno.
func newAPIError(c *call, r *response) *APIError {
	return &APIError{
		Op:         c.op.id,
		RequestID:  r.envelope.RequestID,
		HTTPStatus: r.status,
		RetryAfter: exchange.RetryAfter(r.header, time.Now()),
	}
}

// decodeData decodes the data of a response. That of a mutating call must hold one
// job for each item of the request. Whatever is wrong with the response to a
// mutating call, the jobs that it names are returned.
func decodeData(next handler) handler {
	return func(c *call) (*response, error) {
		r, err := next(c)
		switch {
		case err == nil && !r.isDecoded:
			if err = r.decode(c); err != nil {
				err = malformed(c, r, err)
			}
		case err != nil && r != nil && c.op.mutates:
			_ = r.decodeJobs(c)
		}
		return r, err
	}
}

func (r *response) decode(c *call) (err error) {
	data := r.envelope.Data
	switch {
	case c.op == opList:
		r.page, err = decodeImages(data)
		return err
	case c.op == opJobResult && data.Kind() == jsontext.KindNull:
		return nil // as some services encode an empty list: no job is known
	case data.Kind() != jsontext.KindBeginArray:
		return errNoData
	}
	return r.decodeJobs(c)
}

// decodeJobs decodes jobs one by one: what is wrong with one says nothing of others.
// It returns what is wrong with the first. A mutating call's is wanted nevertheless.
func (r *response) decodeJobs(c *call) (first error) {
	r.unreadable = make(map[string]error)
	items, _ := plain.Unmarshal[[]jsontext.Value](r.envelope.Data) // none, if it is no array
	for i, item := range items {
		job, err := decodeJob(item)
		switch {
		case !isJobUUID(job.JobUUID):
			r.unnamed++
		case err != nil && !c.op.mutates:
			r.unreadable[job.JobUUID] = malformed(c, r, fmt.Errorf("job %s: %w", job.JobUUID, err))
		default:
			r.jobs = append(r.jobs, job)
		}
		if err != nil && first == nil {
			first = fmt.Errorf("data: job %d: %w", i, err)
		}
	}
	switch {
	case first != nil:
		return first
	case c.op.mutates:
		return checkStarted(len(items), r.jobs, c.target.items)
	case len(items) > 0 && r.unnamed == len(items):
		return errors.New("data: no job has an id")
	}
	return nil
}

// checkStarted returns an error unless there is one job for each of the items.
func checkStarted(entries int, jobs []Job, items int) error {
	ids := make(map[string]bool, len(jobs))
	for _, job := range jobs {
		ids[job.JobUUID] = true
	}
	if entries != items || len(ids) != items {
		return fmt.Errorf("it has %d jobs with %d valid ids for %d items", entries, len(ids), items)
	}
	return nil
}

// isEmpty reports whether data holds nothing.
func isEmpty(data jsontext.Value) bool {
	data = slices.Clone(data)
	_ = data.Compact() // it is JSON, or there is none
	isList := data.Kind() == jsontext.KindBeginArray || data.Kind() == jsontext.KindBeginObject
	return !isList || len(data) == len("[]")
}

// decodeEntry decodes an entry of a list. What cannot be read of it is zero, and an error
// only if it is needed: the rest is only shown.
func decodeEntry[Entry, Needed any](entry jsontext.Value) (Entry, error) {
	decoded, err := plain.Unmarshal[Entry](entry)
	if err != nil {
		_, err = plain.Unmarshal[Needed](entry)
	}
	return decoded, err
}

// decodeJob returns, beside an error, what it can read of the job. Success matters
// once it is done: if that cannot be read, it must not be read as a failure.
func decodeJob(item jsontext.Value) (Job, error) {
	job, err := decodeEntry[struct {
		Job
		Success jsontext.Value `json:"success"`
	}, struct {
		JobUUID      string `json:"jobUuid"`
		ResourceUUID string `json:"resourceUuid"`
		Done         bool   `json:"done"`
	}](item)
	job.Job.Success = job.Success.Kind() == jsontext.KindTrue
	if err == nil && job.Done && !job.Job.Success && job.Success.Kind() != jsontext.KindFalse {
		err = errors.New("it is done, but has no success field")
	}
	return job.Job, err
}

// imagePage is the data of listCIMG.
type imagePage struct {
	count  int64 // 0 if the response has none
	images []Image
}

// decodeImages decodes the data of listCIMG. The published table has an array of
// images, the captured response an object with items; both are accepted. That
// there are no images must be explicit: after an unknown outcome, "none" is
// taken for "not created".
func decodeImages(data jsontext.Value) (page imagePage, err error) {
	if data.Kind() == jsontext.KindBeginObject {
		object, err := plain.Unmarshal[struct {
			Count int64          `json:"count"`
			Items jsontext.Value `json:"items"`
		}](data)
		if err != nil {
			return page, fmt.Errorf("data: %w", err)
		}
		if object.Count == 0 && object.Items.Kind() == jsontext.KindNull {
			return page, nil
		}
		page.count, data = object.Count, object.Items
	}
	if data.Kind() != jsontext.KindBeginArray {
		return page, errNoData
	}
	items, err := plain.Unmarshal[[]jsontext.Value](data)
	for i, item := range items {
		// Nobody could tell which image it is without id and name.
		image, err := decodeEntry[Image, struct {
			UUID string `json:"cimgUuid"`
			Name string `json:"name"`
		}](item)
		if err != nil {
			return page, fmt.Errorf("data: image %d: %w", i, err)
		}
		if image.UUID == "" {
			return page, fmt.Errorf("data: image %d has no id", i)
		}
		page.images = append(page.images, image)
	}
	return page, err
}
