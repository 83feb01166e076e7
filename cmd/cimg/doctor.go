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
	"github.com/cimg-go/cimg/internal/commandline"
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
		Before: commandline.NoArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if region == "" {
				return errNoRegion
			}
			d := &doctor{region: region, pageSize: s.PageSize}
			var err error
			if d.client, err = s.client(d.observed()); err != nil {
				return err
			}
			defer d.client.CloseIdleConnections()
			err = d.examine(ctx, s.BaseURL)
			d.print(cmd)
			return err
		},
	}
}

// doctor probes a service.
type doctor struct {
	client   *wrapper.Client
	region   string
	pageSize int // as set
	findings []finding

	rejectsUnknownJobs bool

	mu   sync.Mutex
	took []time.Duration // by each request
}

func (d *doctor) observed() wrapper.Option {
	return wrapper.WithHooks(wrapper.Hooks{Attempt: d.attempt})
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
	d.took = append(d.took, a.Duration)
}

// examine makes all probes. Only the first one, whether the service can be used at
// all, must succeed for the others to be made.
func (d *doctor) examine(ctx context.Context, baseURL string) error {
	one, err := d.readPage(ctx, d.client, d.region, 0, 1)
	if err != nil {
		return err
	}
	d.found("token", "", "accepted")
	var errs []error
	for _, probe := range []struct {
		check string
		make  func(context.Context) error
	}{
		{"page size", func(ctx context.Context) error { return d.lists(ctx, one) }},
		{"unknown job", d.unknownJob},
		{"ids per poll", d.idsPerPoll},
		{"errors", d.unknownRegion},
		{"wrong token", func(ctx context.Context) error { return d.wrongToken(ctx, baseURL) }},
	} {
		err := probe.make(ctx)
		if ctx.Err() != nil {
			return err
		}
		if err != nil {
			d.found(probe.check, "", "could not be checked")
			errs = append(errs, fmt.Errorf("%s: %w", probe.check, err))
		}
	}
	d.clock()
	return joined(errs)
}

// page is what a response to listCIMG shows.
type page struct {
	bare   bool // an array, not an object
	count  int
	images int
}

func (d *doctor) readPage(ctx context.Context, client *wrapper.Client, region string, start, limit int) (page, error) {
	req, err := gen.NewListCIMGRequest(client.BaseURL()+"/", gen.ListCIMGRequest{RegionID: region, Start: int64(start), Limit: int64(limit)})
	if err != nil {
		return page{}, err
	}
	resp, err := client.Do(req.WithContext(ctx))
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

// lists finds out how many images a request may ask for, how many come, and the
// form of lists. one is the response to a request for a single image: so a service
// that fails for many, in whatever way, does so because they are many.
func (d *doctor) lists(ctx context.Context, one page) error {
	sizes := []int{1000, wrapper.DefaultPageSize, 50, 20, 10}
	if d.pageSize > 1 {
		sizes = append(sizes, d.pageSize)
	}
	slices.SortFunc(sizes, func(a, b int) int { return b - a })
	largest, size, rejected, why := one, 1, 0, ""
	for _, limit := range slices.Compact(sizes) {
		response, err := d.readPage(ctx, d.client, d.region, 0, limit)
		if err == nil {
			largest, size = response, limit
			break
		}
		if !isResponse(err) {
			return err
		}
		rejected, why = limit, reason(err)
	}
	d.listForm(one, largest)

	more := page{}
	if 0 < largest.images && largest.images < size {
		var err error
		if more, err = d.readPage(ctx, d.client, d.region, largest.images, 1); err != nil && !isRejected(err) {
			return err
		}
	}
	accepted := fmt.Sprintf("requests for %s are accepted", count(size, "image", "images"))
	if rejected > 0 {
		accepted += fmt.Sprintf(", for %d they are not: %s", rejected, why)
	}
	switch full := largest.images >= size; {
	case more.images > 0 || full && rejected == 0:
		d.found("page size", fmt.Sprintf("--page-size %d", largest.images), "at most %s in a response; %s", count(largest.images, "image comes", "images come"), accepted)
	case rejected > 0 && size != wrapper.DefaultPageSize:
		d.found("page size", fmt.Sprintf("--page-size %d", size), "%s", accepted)
	case full:
		d.found("page size", "", "%s", accepted)
	default:
		d.found("page size", "", "%s; the region has only %s", accepted, count(largest.images, "image", "images"))
	}
	return nil
}

// listForm reports the form of lists, from responses to requests for one image and
// for many.
func (d *doctor) listForm(one, many page) {
	switch {
	case many.bare:
		d.found("list", "", "a bare array of images; cimg reads it, generated clients of other languages may not")
	case many.images <= 1:
		d.found("list", "", "an object with count and items; the region has too few images to see what count counts")
	case one.count == many.count:
		d.found("list", "", "an object with items, and with the count of all images")
	default:
		d.found("list", "", "an object with items, and with the count of those in the page")
	}
}

// unknownJob finds out what becomes of an unknown job id.
func (d *doctor) unknownJob(ctx context.Context) error {
	jobs, err := d.client.JobResults(ctx, d.region, unknownIDs(1)...)
	switch {
	case isRejected(err):
		d.found("unknown job", "", "the request is rejected: %s", reason(err))
		d.rejectsUnknownJobs = true
	case err != nil:
		return err
	case len(jobs) > 0:
		d.found("unknown job", "", "a job is reported, though there is none of this id")
	default:
		d.found("unknown job", "", "it is left out of the response")
	}
	return nil
}

// idsPerPoll finds out how many ids a request may carry.
func (d *doctor) idsPerPoll(ctx context.Context) error {
	if d.rejectsUnknownJobs {
		d.found("ids per poll", "", "cannot be seen, because requests with unknown ids are rejected")
		return nil
	}
	accepted := 1
	for _, n := range []int{10, 20, 50, 100, 200, 400, 800, 1600} {
		switch _, err := d.client.JobResults(ctx, d.region, unknownIDs(n)...); {
		case isRejected(err):
			d.found("ids per poll", fmt.Sprintf("--jobs-per-poll %d", accepted), "%s accepted, %d are not: %s", count(accepted, "id is", "ids are"), n, reason(err))
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

// unknownRegion finds out how errors come back.
func (d *doctor) unknownRegion(ctx context.Context) error {
	switch _, err := d.readPage(ctx, d.client, "no-such-region", 0, 1); {
	case isRejected(err):
		d.found("errors", "", "%s, for an unknown region", reason(err))
	case err != nil:
		return err
	default:
		d.found("errors", "", "none, even for an unknown region")
	}
	return nil
}

// wrongToken finds out how a wrong token is rejected.
func (d *doctor) wrongToken(ctx context.Context, baseURL string) error {
	stranger, err := wrapper.New(wrapper.StaticToken("cimg-doctor-not-a-token"), wrapper.WithBaseURL(baseURL), d.observed())
	if err != nil {
		return err
	}
	defer stranger.CloseIdleConnections()
	switch _, err := d.readPage(ctx, stranger, d.region, 0, 1); {
	case isRejected(err):
		d.found("wrong token", "", "%s", reason(err))
	case err != nil:
		return err
	default:
		d.found("wrong token", "", "accepted: anybody can use the account")
	}
	return nil
}

// clock reports what the responses so far show of time.
func (d *doctor) clock() {
	ahead, uncertainty, measured := d.client.ClockOffset()
	off, within := ahead.Abs().Round(time.Millisecond), uncertainty.Round(time.Millisecond)
	switch {
	case !measured:
		d.found("clock", "", "responses have no Date")
	case off <= within:
		d.found("clock", "", "the service's clock is the same as this machine's, within %v", within)
	case ahead > 0:
		d.found("clock", "", "the service's clock is %v ahead of this machine's, give or take %v", off, within)
	default:
		d.found("clock", "", "the service's clock is %v behind this machine's, give or take %v", off, within)
	}
	slices.Sort(d.took)
	d.found("latency", "", "%v at the median of %d requests, %v at most",
		d.took[len(d.took)/2].Round(time.Millisecond/10), len(d.took), d.took[len(d.took)-1].Round(time.Millisecond/10))
}

// isResponse reports whether the service or a gateway responded with an error.
func isResponse(err error) bool { return errors.As(err, new(*wrapper.APIError)) }

// isRejected reports whether the service rejected a request for what is in it. An
// error that may not recur says nothing of that.
func isRejected(err error) bool {
	return isResponse(err) && !errors.Is(err, wrapper.ErrServer) && !errors.Is(err, wrapper.ErrRateLimited)
}

// reason returns what an error says about a response.
func reason(err error) string {
	response, _ := errors.AsType[*wrapper.APIError](err)
	if response.Errno == 0 {
		return fmt.Sprintf("HTTP status %d without an errno", response.HTTPStatus)
	}
	return fmt.Sprintf("errno %d with HTTP status %d", response.Errno, response.HTTPStatus)
}

func (d *doctor) print(cmd *cli.Command) {
	if len(d.findings) == 0 {
		return
	}
	commandline.Print(cmd, d.findings, []string{"CHECK", "SETTING", "RESULT"}, func(f finding) []string {
		return []string{f.Check, cmp.Or(f.Setting, "-"), f.Result}
	})
}
