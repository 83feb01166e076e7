package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

func doctorCommand() *cli.Command {
	var s settings
	var region string
	return &cli.Command{
		Name:  "doctor",
		Usage: "find out how the service behaves where its documentation does not say; sends reads only",
		Description: `It reports whether the token is accepted, and what the provider leaves open, with the setting to use. For instance:

  cimg doctor --region gz`,
		Flags:  s.flags(regionFlag(&region)),
		Before: noArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if region == "" {
				return errNoRegion
			}
			d := &doctor{region: region}
			var err error
			if d.client, err = s.client(wrapper.WithHooks(wrapper.Hooks{Attempt: d.attempt}), wrapper.WithRetries(wrapper.Retries{MaxAttempts: 1})); err != nil {
				return err
			}
			defer d.client.CloseIdleConnections()
			err = d.examine(ctx, s.baseURL)
			if printErr := d.print(cmd); err == nil {
				err = printErr
			}
			return err
		},
	}
}

// doctor probes a service.
type doctor struct {
	client   *wrapper.Client
	region   string
	findings []finding
	usual    page // the first page of the region, with as many images as cimg requests

	mu       sync.Mutex
	attempts []wrapper.Attempt
}

// finding is what a probe found out.
type finding struct {
	Check   string `json:"check"`
	Result  string `json:"result"`
	Setting string `json:"setting,omitempty"` // what to set; empty if nothing
}

func (d *doctor) found(check, setting, result string, args ...any) {
	d.findings = append(d.findings, finding{check, fmt.Sprintf(result, args...), setting})
}

func (d *doctor) attempt(_ context.Context, a wrapper.Attempt) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attempts = append(d.attempts, a)
}

// last returns the last attempt.
func (d *doctor) last() wrapper.Attempt {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.attempts) == 0 {
		return wrapper.Attempt{}
	}
	return d.attempts[len(d.attempts)-1]
}

// examine makes all probes, until one cannot be made.
func (d *doctor) examine(ctx context.Context, baseURL string) error {
	for _, probe := range []func(context.Context) error{d.list, d.page, d.unknownJob, d.errors, d.wrongToken(baseURL)} {
		if err := probe(ctx); err != nil {
			return err
		}
	}
	d.clock()
	return nil
}

// list finds out whether the token is accepted, and the form of lists.
func (d *doctor) list(ctx context.Context) error {
	one, err := d.readPage(ctx, 1)
	if err != nil {
		return err
	}
	d.found("token", "", "accepted")
	if d.usual, err = d.readPage(ctx, wrapper.DefaultPageSize); err != nil {
		return err
	}
	switch {
	case d.usual.bare:
		d.found("list", "", "a bare array of images; cimg reads it, generated clients of other languages may not")
	case d.usual.images <= 1:
		d.found("list", "", "an object with count and items; the region has too few images to see what count counts")
	case one.count == d.usual.count:
		d.found("list", "", "an object with items, and with the count of all images")
	default:
		d.found("list", "", "an object with items, and with the count of those in the page")
	}
	return nil
}

// page is what a response to listCIMG shows.
type page struct {
	bare   bool // an array, not an object
	count  int
	images int
}

func (d *doctor) readPage(ctx context.Context, limit int) (page, error) {
	req, err := gen.NewListCIMGRequest(d.client.BaseURL()+"/", gen.ListCIMGRequest{RegionID: d.region, Limit: int64(limit)})
	if err != nil {
		return page{}, err
	}
	resp, err := d.client.Do(req.WithContext(ctx))
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return page{}, err
	}
	var envelope struct{ Data json.RawMessage }
	if err := json.Unmarshal(body, &envelope); err != nil {
		return page{}, err
	}
	var items []json.RawMessage
	if json.Unmarshal(envelope.Data, &items) == nil {
		return page{bare: true, count: len(items), images: len(items)}, nil
	}
	var object struct {
		Count int
		Items []json.RawMessage
	}
	err = json.Unmarshal(envelope.Data, &object)
	return page{count: object.Count, images: len(object.Items)}, err
}

// page finds out how many images a request may ask for.
func (d *doctor) page(ctx context.Context) error {
	const many = 1000
	switch large, err := d.readPage(ctx, many); {
	case isResponse(err):
		d.found("page size", "", "%d images in a request are accepted, %d are not: %s", wrapper.DefaultPageSize, many, reason(err))
	case err != nil:
		return err
	case large.images > d.usual.images:
		d.found("page size", fmt.Sprintf("--page-size %d", large.images), "%d images come in a response to a request for %d", large.images, many)
	case d.usual.images < wrapper.DefaultPageSize && d.usual.count > d.usual.images:
		d.found("page size", fmt.Sprintf("--page-size %d", d.usual.images), "at most %d images come in a response", d.usual.images)
	default:
		d.found("page size", "", "requests for %d images are accepted; the region has too few to see how many come", many)
	}
	return nil
}

// unknownJob finds out what becomes of an unknown job id, and how many ids a
// request may carry.
func (d *doctor) unknownJob(ctx context.Context) error {
	jobs, err := d.client.JobResults(ctx, d.region, unknownIDs(1)...)
	switch {
	case isResponse(err):
		d.found("unknown job", "", "the request is rejected: %s", reason(err))
		d.found("ids per poll", "", "cannot be seen, because requests with unknown ids are rejected")
		return nil
	case err != nil:
		return err
	case len(jobs) > 0:
		d.found("unknown job", "", "a job is reported, though there is none of this id")
	default:
		d.found("unknown job", "", "it is left out of the response")
	}
	accepted := 1
	for _, n := range []int{50, 100, 200, 400, 800, 1600} {
		switch _, err := d.client.JobResults(ctx, d.region, unknownIDs(n)...); {
		case isResponse(err):
			d.found("ids per poll", fmt.Sprintf("--jobs-per-poll %d", accepted), "%d ids are accepted, %d are not: %s", accepted, n, reason(err))
			return nil
		case err != nil:
			return err
		}
		accepted = n
	}
	d.found("ids per poll", "", "%d ids are accepted, more were not tried", accepted)
	return nil
}

// unknownIDs returns ids that no job has.
func unknownIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("%032x", i+1)
	}
	return ids
}

// errors finds out how errors come back.
func (d *doctor) errors(ctx context.Context) error {
	for _, err := range d.client.Images(ctx, "no-such-region") {
		if err == nil {
			continue
		}
		if !isResponse(err) {
			return err
		}
		d.found("errors", "", "errno %d with HTTP status %d, for an unknown region", d.last().Errno, d.last().HTTPStatus)
		return nil
	}
	d.found("errors", "", "none, even for an unknown region")
	return nil
}

// wrongToken returns the probe of how a wrong token is rejected.
func (d *doctor) wrongToken(baseURL string) func(context.Context) error {
	return func(ctx context.Context) error {
		stranger, err := wrapper.New(wrapper.StaticToken("cimg-doctor-not-a-token"), wrapper.WithBaseURL(baseURL),
			wrapper.WithHooks(wrapper.Hooks{Attempt: d.attempt}), wrapper.WithRetries(wrapper.Retries{MaxAttempts: 1}))
		if err != nil {
			return err
		}
		defer stranger.CloseIdleConnections()
		for _, err := range stranger.Images(ctx, d.region) {
			if err == nil {
				break
			}
			if !isResponse(err) {
				return err
			}
			d.found("wrong token", "", "errno %d with HTTP status %d", d.last().Errno, d.last().HTTPStatus)
			return nil
		}
		d.found("wrong token", "", "accepted: anybody can use the account")
		return nil
	}
}

// clock reports what the responses so far show of time.
func (d *doctor) clock() {
	if ahead, uncertainty, measured := d.client.ClockOffset(); measured {
		d.found("clock", "", "the service's clock is %v from this machine's, give or take %v", ahead.Round(time.Millisecond), uncertainty.Round(time.Millisecond))
	} else {
		d.found("clock", "", "responses have no Date")
	}
	var took []time.Duration
	for _, a := range d.attempts {
		took = append(took, a.Duration)
	}
	slices.Sort(took)
	d.found("latency", "", "%v at the median of %d requests, %v at most",
		took[len(took)/2].Round(time.Millisecond/10), len(took), took[len(took)-1].Round(time.Millisecond/10))
}

// isResponse reports whether the service or a gateway responded with an error.
func isResponse(err error) bool { return errors.As(err, new(*wrapper.APIError)) }

// reason returns what an error says about a response.
func reason(err error) string {
	response, _ := errors.AsType[*wrapper.APIError](err)
	return fmt.Sprintf("errno %d, HTTP status %d", response.Errno, response.HTTPStatus)
}

func (d *doctor) print(cmd *cli.Command) error {
	if len(d.findings) == 0 {
		return nil
	}
	return printAll(cmd, d.findings, []string{"CHECK", "SETTING", "RESULT"}, func(f finding) []string {
		return []string{f.Check, cmp.Or(f.Setting, "-"), f.Result}
	})
}
