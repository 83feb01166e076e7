package wrapper

import (
	jsonv1 "encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/cimg-go/cimg/internal/oneline"
)

// envelope wraps every response of the service.
//
// It is decoded by the upstream of encoding/json/v2, which rejects duplicate
// fields, names in another case and trailing bytes; encoding/json accepts each of
// them, and takes about three times as long for a response of a hundred jobs.
type envelope struct {
	Errno     *int64         `json:"errno"` // nil: absent or null
	Errmsg    string         `json:"errmsg"`
	RequestID string         `json:"requestId"`
	Data      jsontext.Value `json:"data"`
}

var errNoErrno = errors.New("it has no errno")

// parseEnvelope returns, beside an error, what it could read of a valid JSON
// object: the errno may be missing or not a number.
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
	return func(c *call) (*response, error) {
		r, err := next(c)
		if err != nil {
			return nil, err
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

// newAPIError returns the error of a response other than success, without errno.
func newAPIError(c *call, r *response) *APIError {
	return &APIError{
		Op:         c.op.id,
		RequestID:  r.envelope.RequestID,
		HTTPStatus: r.status,
		RetryAfter: parseRetryAfter(r.header, time.Now()),
	}
}

// decodeData decodes the data of a response. That of a mutating call must hold one
// job for each item of the request. Whatever is wrong with the response to a
// mutating call, the jobs that it names are returned.
func decodeData(next handler) handler {
	return func(c *call) (*response, error) {
		r, err := next(c)
		if err == nil {
			if err = r.decode(c); err != nil {
				err = malformed(c, r, err)
			}
		}
		if err != nil && r != nil && c.op.mutates {
			r.jobs = salvageJobs(r.envelope.Data)
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
	}
	r.jobs, err = decodeJobs(data)
	switch {
	case err != nil && c.op == opJobResult:
		r.decodeEach(c)
	case err == nil && c.op.mutates:
		return checkStarted(r.jobs, c.target.items)
	case err == nil && len(r.jobs) > 0 && !slices.ContainsFunc(r.jobs, func(job Job) bool { return isJobUUID(job.JobUUID) }):
		r.jobs, err = nil, errors.New("data: no job has an id")
	}
	return err
}

// checkStarted returns an error unless there is one job for each of the items.
func checkStarted(jobs []Job, items int) error {
	ids := make(map[string]bool, len(jobs))
	for _, job := range jobs {
		if isJobUUID(job.JobUUID) {
			ids[job.JobUUID] = true
		}
	}
	if len(jobs) != items || len(ids) != items {
		return fmt.Errorf("it has %d jobs with %d valid ids for %d items", len(jobs), len(ids), items)
	}
	return nil
}

// isEmpty reports whether data holds nothing.
func isEmpty(data jsontext.Value) bool {
	data = slices.Clone(data)
	if data.Compact() != nil {
		return true
	}
	switch data.Kind() {
	case jsontext.KindBeginArray, jsontext.KindBeginObject:
		return len(data) == len("[]")
	}
	return true
}

// salvageJobs reads what it can of the jobs in malformed data.
func salvageJobs(data jsontext.Value) []Job {
	var items []jsontext.Value
	if json.Unmarshal(data, &items) != nil {
		return nil
	}
	var jobs []Job
	for _, item := range items {
		if job := salvageJob(item); isJobUUID(job.JobUUID) {
			jobs = append(jobs, job)
		}
	}
	return jobs
}

// salvageJob reads the id of a malformed job, and what it can of the rest.
func salvageJob(item jsontext.Value) Job {
	var id struct {
		JobUUID string `json:"jobUuid"`
	}
	var rest struct {
		Type         string `json:"type"`
		ResourceUUID string `json:"resourceUuid"`
	}
	// After an error, what came before it is set.
	_, _ = json.Unmarshal(item, &id), json.Unmarshal(item, &rest)
	return Job{JobUUID: id.JobUUID, Type: rest.Type, ResourceUUID: rest.ResourceUUID}
}

var errNoData = errors.New("it has no data")

// decodeJobs decodes the data of every operation but listCIMG.
func decodeJobs(data jsontext.Value) ([]Job, error) {
	if data.Kind() != jsontext.KindBeginArray {
		return nil, errNoData
	}
	// Success matters once a job is done; if absent, it must not be read as a
	// failure.
	var reported []struct {
		Job
		Success *bool `json:"success"`
	}
	if err := json.Unmarshal(data, &reported); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	jobs := make([]Job, len(reported))
	for i, r := range reported {
		if r.Done && r.Success == nil {
			return nil, fmt.Errorf("data: job %s is done, but has no success field", oneline.Text(r.JobUUID))
		}
		jobs[i] = r.Job
		jobs[i].Success = r.Success != nil && *r.Success
	}
	return jobs, nil
}

// decodeEach decodes the jobs of a response one by one, of which not all can be
// read: that is the trouble of those jobs alone.
func (r *response) decodeEach(c *call) {
	var items []jsontext.Value
	_ = json.Unmarshal(r.envelope.Data, &items)
	r.unreadable = make(map[string]error)
	for _, item := range items {
		single, err := decodeJobs(slices.Concat(jsontext.Value("["), item, jsontext.Value("]")))
		if err == nil && isJobUUID(single[0].JobUUID) {
			r.jobs = append(r.jobs, single[0])
		}
		if id := salvageJob(item).JobUUID; err != nil && isJobUUID(id) {
			r.unreadable[id] = malformed(c, r, fmt.Errorf("job %s: %w", id, err))
		}
	}
}

// imagePage is the data of listCIMG.
type imagePage struct {
	count  int64 // 0 if the response has none
	images []Image
}

// keepDigits decodes the numbers in fields of any type, like cimgTags, as they are
// written, where a float64 would round them.
var keepDigits = json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != jsontext.KindNumber {
		return errors.ErrUnsupported
	}
	number, err := dec.ReadValue()
	*v = jsonv1.Number(number)
	return err
}))

// decodeImages decodes the data of listCIMG. The published table has an array of
// images, the captured response an object with items; both are accepted. That
// there are no images must be explicit: after an unknown outcome, "none" is
// taken for "not created".
func decodeImages(data jsontext.Value) (imagePage, error) {
	var page imagePage
	if data.Kind() == jsontext.KindBeginObject {
		var object struct {
			Count int64          `json:"count"`
			Items jsontext.Value `json:"items"`
		}
		if err := json.Unmarshal(data, &object); err != nil {
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
	if err := json.Unmarshal(data, &page.images, keepDigits); err != nil {
		return page, fmt.Errorf("data: %w", err)
	}
	for i, image := range page.images {
		if image.UUID == "" {
			return page, fmt.Errorf("data: image %d has no id", i)
		}
	}
	return page, nil
}
