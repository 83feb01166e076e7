// Package handwritten is what a careful author writes for two operations, with
// net/http and encoding/json alone: the measure for the wrapper's calls. It makes
// the same checks of a response, with exceptions that the test of both lists: of what is
// wrong with one job, the wrapper returns the others, and data that is null is a list
// without jobs; encoding/json accepts fields in another case, and twice; and the wrapper
// checks which jobs a response has, and that their ids can be sent.
package handwritten

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	timeLimit        = 2 * time.Minute
	maxResponseBytes = 4 << 20
)

// Client calls the API at a base URL.
type Client struct {
	baseURL       string
	authorization string
	http          *http.Client
}

// New returns a client that sends its requests with a transport.
func New(baseURL, token string, transport http.RoundTripper) *Client {
	return &Client{
		baseURL:       baseURL,
		authorization: "Bearer " + token,
		http: &http.Client{
			Transport: transport,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // elsewhere, nobody may see the token
			},
		},
	}
}

// Job is the state of a job.
type Job struct {
	JobUUID      string  `json:"jobUuid"`
	Type         string  `json:"type"`
	Progress     float64 `json:"progress"`
	Done         bool    `json:"done"`
	Success      *bool   `json:"success"` // nil: absent
	ResourceUUID string  `json:"resourceUuid"`
	ResourceType string  `json:"resourceType"`
	Status       string  `json:"status"`
	Result       string  `json:"result"`
}

// Image is an image to create from a snapshot.
type Image struct {
	Name        string `json:"name"`
	SnapUUID    string `json:"snapUuid"`
	Description string `json:"description,omitempty"`
}

// Error is a response other than success.
type Error struct {
	Status    int // of HTTP
	Errno     int64
	Errmsg    string
	RequestID string
}

func (e *Error) Error() string {
	return fmt.Sprintf("HTTP %d, errno %d: %q (request %s)", e.Status, e.Errno, e.Errmsg, e.RequestID)
}

// JobResults returns the state of jobs, those that the service knows.
func (c *Client) JobResults(ctx context.Context, region string, ids ...string) ([]Job, error) {
	query := url.Values{"regionId": {region}, "jobUuids": {strings.Join(ids, ",")}}
	return c.send(ctx, http.MethodGet, "/dicloud/i/result?"+query.Encode(), nil)
}

// CreateImages starts a job for each image.
func (c *Client) CreateImages(ctx context.Context, region string, images []Image) ([]Job, error) {
	body, err := json.Marshal(struct {
		RegionID string  `json:"regionId"`
		CIMG     []Image `json:"cimg"`
	}{region, images})
	if err != nil {
		return nil, err
	}
	jobs, err := c.send(ctx, http.MethodPost, "/dicloud/i/storage/cimg/create", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	started := make(map[string]bool, len(jobs))
	for _, job := range jobs {
		started[job.JobUUID] = true
	}
	if len(jobs) != len(images) || len(started) != len(images) {
		return nil, fmt.Errorf("%d jobs with %d ids for %d images", len(jobs), len(started), len(images))
	}
	return jobs, nil
}

func (c *Client) send(ctx context.Context, method, path string, body io.Reader) ([]Job, error) {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.baseURL+path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", c.authorization)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
		request.GetBody = nil // with it, net/http may send the request twice
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxResponseBytes {
		return nil, fmt.Errorf("HTTP %d with more than %d bytes", response.StatusCode, maxResponseBytes)
	}
	var envelope struct {
		Errno     *int64 `json:"errno"` // nil: there is none
		Errmsg    string `json:"errmsg"`
		RequestID string `json:"requestId"`
		Data      []Job  `json:"data"` // nil: there is none, or null
	}
	err = json.Unmarshal(content, &envelope) // which rejects trailing bytes
	if err == nil && envelope.Errno == nil {
		err = errors.New("it has no errno")
	}
	switch {
	case err == nil && *envelope.Errno != 0:
		return nil, &Error{response.StatusCode, *envelope.Errno, envelope.Errmsg, envelope.RequestID}
	case response.StatusCode != http.StatusOK:
		return nil, &Error{Status: response.StatusCode, RequestID: envelope.RequestID}
	case err != nil:
		return nil, fmt.Errorf("malformed response: %w", err)
	case envelope.Data == nil:
		return nil, errors.New("malformed response: it has no data")
	}
	for _, job := range envelope.Data {
		if job.JobUUID == "" || job.Done && job.Success == nil {
			return nil, errors.New("malformed response: a job has no id, or is done without success")
		}
	}
	return envelope.Data, nil
}
