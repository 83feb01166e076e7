package faults

import (
	"cmp"
	"context"
	"encoding"
	"errors"
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// process is one run of the program.
type process struct {
	*world
	ctx      context.Context
	crash    func()
	client   *wrapper.Client
	recovery *reconcile.Reconciler
	polledAt time.Time
}

// crashedError is why a process has ended, and when.
type crashedError struct{ at time.Time }

func (crashedError) Error() string { return "the process has crashed" }

type attemptsKey struct{} // of the number of a call's requests, in its context

func (w *world) newProcess() *process {
	p := &process{world: w}
	ctx, cancel := context.WithCancelCause(context.Background())
	p.ctx, p.crash = ctx, func() { cancel(crashedError{time.Now()}) }
	source := wrapper.CacheToken(wrapper.TokenFunc(func(context.Context) (string, error) { return token, nil }), time.Hour)
	var err error
	p.client, err = wrapper.New(source, wrapper.WithBaseURL("http://127.0.0.1"), wrapper.WithHTTPClient(&http.Client{Transport: p}),
		wrapper.WithHooks(wrapper.Hooks{Begin: func(ctx context.Context, _ wrapper.Call) context.Context {
			return context.WithValue(ctx, attemptsKey{}, new(atomic.Int32))
		}}))
	w.verifyNoError(err)
	p.recovery, err = reconcile.New(p.client, reconcile.WithVisibilityWindow(window))
	w.verifyNoError(err)
	return p
}

const imageName = "web-01"

func (p *process) create(ctx context.Context) (reconcile.EnsuredImage, error) {
	job, err := p.client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: imageName, SnapUUID: snapshot})
	return reconcile.EnsuredImage{Job: job}, err
}

func (p *process) importImage(ctx context.Context) (reconcile.EnsuredImage, error) {
	job, err := p.client.ImportImage(ctx, "gz", wrapper.ImportImageInput{Name: imageName, OriginRegionID: "bj", OriginImageUUID: imageID})
	return reconcile.EnsuredImage{Job: job}, err
}

func (p *process) ensure(ctx context.Context) (reconcile.EnsuredImage, error) {
	return p.recovery.EnsureImage(ctx, "gz", wrapper.CreateImageInput{Name: imageName, SnapUUID: snapshot})
}

// operationAt has the operations by the ends of their paths.
var operationAt = map[string]struct {
	id          string
	at          place
	maxAttempts int32
}{
	"create": {"createCIMG", atPOST, 1},
	"import": {"importCIMG", atPOST, 1},
	"list":   {"listCIMG", atList, 3},
	"result": {"getJobResult", atPoll, 1},
}

// RoundTrip passes a request to the service and makes the next fault happen to
// it. A process that has crashed sends nothing.
func (p *process) RoundTrip(r *http.Request) (*http.Response, error) {
	if p.ctx.Err() != nil {
		return nil, context.Cause(p.ctx)
	}
	op := operationAt[path.Base(r.URL.Path)]
	fault := p.next(op.at)
	if fault.crash == crashBefore {
		p.crash()
		return nil, context.Cause(p.ctx)
	}
	attempt := r.Context().Value(attemptsKey{}).(*atomic.Int32).Add(1)
	p.verify(attempt <= op.maxAttempts, "%s was sent %d times", op.id, attempt)
	if op.at == atPoll {
		p.verify(time.Since(p.polledAt) >= time.Second, "polled twice within %v", time.Since(p.polledAt))
		p.polledAt = time.Now()
	}
	if fault.crash == noCrash && fault.name != "" {
		fault.fault.Operation = op.id
		p.verifyNoError(p.cloud.Inject(fault.fault))
	}
	response, err := p.cloud.Transport().RoundTrip(r)
	if fault.crash == crashAfter {
		p.crash()
	}
	return response, err
}

// run continues from what is saved.
func (p *process) run() error {
	for p.saved.image == "" {
		limit, step := 5*time.Minute, p.start
		switch {
		case p.saved.job != "":
			limit, step = time.Hour, p.wait // it ends long before
		case p.saved.unknown != "":
			step = p.reconcile
		}
		ctx, cancel := context.WithTimeout(p.ctx, limit)
		begun := time.Now()
		err := step(ctx)
		p.verify(time.Since(begun) <= limit, "a step took %v", time.Since(begun))
		cancel()
		if crashed, found := errors.AsType[crashedError](context.Cause(p.ctx)); found {
			p.verify(time.Since(crashed.at) <= promptly, "a step outlasted its context by %v", time.Since(crashed.at))
			return crashed
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// save replaces what was saved. A process that has crashed saves nothing.
func (p *process) save(s saved) {
	if p.ctx.Err() == nil {
		p.saved = s
	}
}

func (p *process) text(v encoding.TextMarshaler) string {
	text, err := v.MarshalText()
	p.verifyNoError(err)
	return string(text)
}

// intent returns what is saved before the call, so that the call can be
// reconciled if nothing is saved after it.
func (p *process) intent() string {
	intent, err := wrapper.CreateIntent("gz", wrapper.CreateImageInput{Name: imageName, SnapUUID: snapshot})
	if p.program.op == "importCIMG" {
		intent, err = wrapper.ImportIntent("gz", wrapper.ImportImageInput{Name: imageName, OriginImageUUID: "i1", OriginRegionID: "bj"})
	}
	p.verifyNoError(err)
	return p.text(intent)
}

// start saves the intent, makes the call and saves its outcome.
func (p *process) start(ctx context.Context) error {
	if p.next(atIntent).crash == crashBefore {
		p.crash()
	}
	p.save(saved{unknown: p.intent()})
	before := p.mutations()
	made, err := p.program.call(p, ctx)
	p.verify(p.mutations()-before <= 1, "sent more than once")

	var unknown *wrapper.OutcomeUnknownError
	switch {
	case errors.As(err, &unknown):
		p.save(saved{unknown: p.text(unknown)})
		return nil
	case err != nil: // rejected or not sent
		p.save(saved{})
		return err
	}
	p.saveImage(made.Image.UUID, made.Job)
	if p.program.again {
		again, err := p.program.call(p, ctx)
		p.verify(err != nil || again.Image.UUID == made.Image.UUID, "made again: %s", again.Image.UUID)
	}
	return nil
}

// mutations is how many mutating requests reached the service.
func (p *process) mutations() int {
	return p.cloud.Requests("createCIMG") + p.cloud.Requests("importCIMG")
}

// reconcile finds out what became of the intent, or of the unknown outcome.
func (p *process) reconcile(ctx context.Context) error {
	var unknown wrapper.OutcomeUnknownError
	if err := unknown.UnmarshalText([]byte(p.saved.unknown)); err != nil {
		return err
	}
	before := p.mutations()
	findings, err := p.recovery.Reconcile(ctx, &unknown)
	p.verify(p.mutations() == before, "reconciling sent a mutating call")
	if err = cmp.Or(context.Cause(p.ctx), err); err != nil {
		return err
	}
	switch f := findings[0]; f.Verdict {
	case reconcile.Found:
		p.saveImage(f.Image.UUID, f.Job)
	case reconcile.NotObserved:
		p.verify(len(p.cloud.Images("gz")) == 0, "not observed, but it exists")
		p.notObserved++
		p.save(saved{}) // the call may be made again
	default:
		p.ambiguous = true
		return fmt.Errorf("%s is ambiguous: %v", f.Name, f.Candidates)
	}
	return nil
}

// wait waits for the job that was saved.
func (p *process) wait(ctx context.Context) error {
	var ref wrapper.JobRef
	if err := ref.UnmarshalText([]byte(p.saved.job)); err != nil {
		return err
	}
	handle, err := p.client.Resume(ref)
	if err != nil {
		return err
	}
	job, err := handle.Wait(ctx)
	p.verify(err == nil || p.ctx.Err() != nil, "the wait ended early: %v", err)
	if err == nil {
		p.saveImage(job.ResourceUUID, nil)
	}
	return err
}

// saveImage saves the job that works on an image or, if there is none, the image
// as the result.
func (p *process) saveImage(uuid string, job *wrapper.JobHandle) {
	if job != nil {
		p.save(saved{job: p.text(job.Ref)})
		return
	}
	isDone := func(i wrapper.Image) bool { return i.UUID == uuid && i.Status == "Ready" }
	p.verify(slices.ContainsFunc(p.cloud.Images("gz"), isDone), "%s is not done", uuid)
	p.save(saved{image: uuid})
}
