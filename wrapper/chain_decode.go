package wrapper

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// envelope is what every response of the service is wrapped in.
//
// It is decoded by the upstream of encoding/json/v2, which refuses duplicate
// members, names in another case, invalid UTF-8 and trailing bytes by itself;
// encoding/json lets each of them pass, and takes about three times as long
// for a response of a hundred jobs.
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
	return func(c *call) (*response, error) {
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
func refusal(c *call, r *response) *APIError {
	return &APIError{
		Op:         c.op.id,
		RequestID:  r.envelope.RequestID,
		HTTPStatus: r.status,
		RetryAfter: retryAfter(r.header, time.Now()),
	}
}

// decodeData decodes the data of a response. That of a change must hold one job
// for each item of the request. Whatever is wrong with the response to a change,
// the jobs that it names are kept.
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
		return nil // no job is known, as some services encode an empty list
	}
	if r.jobs, err = decodeJobs(data); err != nil || !c.op.mutates {
		return err
	}
	return checkStarted(r.jobs, c.target.items)
}

// checkStarted says why jobs are not one for each of the items.
func checkStarted(jobs []Job, items int) error {
	ids := make(map[string]bool, len(jobs))
	for _, job := range jobs {
		if isJobUUID(job.JobUUID) {
			ids[job.JobUUID] = true
		}
	}
	if len(jobs) != items || len(ids) != items {
		return fmt.Errorf("it has %d jobs with %d proper ids for %d items", len(jobs), len(ids), items)
	}
	return nil
}

// isEmpty tells whether data names nothing.
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

// salvageJobs reads what can be read of jobs in data that is not as it should be.
func salvageJobs(data jsontext.Value) []Job {
	var items []jsontext.Value
	if json.Unmarshal(data, &items) != nil {
		return nil
	}
	var jobs []Job
	for _, item := range items {
		var named struct {
			JobUUID      string `json:"jobUuid"`
			Type         string `json:"type"`
			ResourceUUID string `json:"resourceUuid"`
		}
		// An error leaves what came before it.
		_ = json.Unmarshal(item, &named)
		if isJobUUID(named.JobUUID) {
			jobs = append(jobs, Job{JobUUID: named.JobUUID, Type: named.Type, ResourceUUID: named.ResourceUUID})
		}
	}
	return jobs
}

var errNoData = errors.New("it has no data")

// decodeJobs decodes the data of every operation but listCIMG.
func decodeJobs(data jsontext.Value) ([]Job, error) {
	if data.Kind() != jsontext.KindBeginArray {
		return nil, errNoData
	}
	// Success has a meaning once a job is done; absent, it must not read as
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
			return nil, fmt.Errorf("data: job %s is done, but not said to have succeeded or failed", clean(r.JobUUID))
		}
		jobs[i] = r.Job
		jobs[i].Success = r.Success != nil && *r.Success
	}
	return jobs, nil
}

// imagePage is the data of listCIMG.
type imagePage struct {
	count  int64 // 0 when the response did not count
	images []Image
}

// decodeImages decodes the data of listCIMG. Its table promises an array of
// images, the captured response has an object with items; both are read. That
// there are no images must be said: after an unknown outcome, "none" is taken
// for "not created".
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
	if err := json.Unmarshal(data, &page.images); err != nil {
		return page, fmt.Errorf("data: %w", err)
	}
	for i, image := range page.images {
		if image.UUID == "" {
			return page, fmt.Errorf("data: image %d has no id", i)
		}
	}
	return page, nil
}
