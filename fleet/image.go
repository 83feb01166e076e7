package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/cimg-go/cimg/wrapper"
)

// Source is what an image is made of: a snapshot, or an image, of a region.
type Source struct {
	Region   string
	Snapshot string `json:",omitempty"`
	Image    string `json:",omitempty"`
}

// ImageOrder is an order for one image in one region. Without an Image in From, it
// is created from From.Snapshot, which is in the same region.
type ImageOrder struct {
	Region      string
	Name        string
	Description string `json:",omitempty"`
	From        Source
	Settings    Settings
	// Carried is for the workflow's own use: where an earlier run of it stopped.
	Carried *Attempts `json:",omitempty"`
}

// Attempts is what a run of [Image] or [Delete] leaves to the next, if its call is
// postponed for so long that its history gets too long.
type Attempts struct {
	Calls  int        // that may still be sent
	Image  string     `json:",omitempty"` // of the last job
	Failed *FailedJob `json:",omitempty"` // the last job, if it failed
	// CheckedBy is the run that knows what earlier ones have sent.
	CheckedBy string `json:",omitempty"`
}

// Copy is an image in a region, or why there is none.
type Copy struct {
	Region string
	Name   string
	Image  string `json:",omitempty"` // its id
	Exists bool   `json:",omitempty"` // it was there before
	Error  string `json:",omitempty"`
}

// ImageID returns the id of the workflow [Image] for an image. That Temporal runs one
// workflow of an id at a time is a part of "never twice": always use it.
func ImageID(taskQueue, region, name string) string {
	return taskQueue + "/" + region + "/" + name
}

// Image makes an image in a region, unless it has one of that exact name, waits for it,
// and verifies that it is listed as it should be. If it is cancelled, the Copy as far as
// it has come is in the details of the [temporal.CanceledError].
func Image(ctx workflow.Context, order ImageOrder) (Copy, error) {
	order.Settings = order.Settings.withDefaults()
	setSubject(ctx, order.Region, order.Name)
	result, err := makeImage(ctx, order)
	if temporal.IsCanceledError(err) {
		err = temporal.NewCanceledError(result) // beside an error, Temporal keeps no result
	}
	return result, end(ctx, err)
}

func makeImage(ctx workflow.Context, order ImageOrder) (Copy, error) {
	result := Copy{Region: order.Region, Name: order.Name}
	call, err := order.call(workflow.Now(ctx))
	if err != nil {
		return result, failure(InvalidOrder, err.Error(), nil)
	}
	attempts := cmp.Or(order.Carried, &Attempts{Calls: order.Settings.MaxCalls})
	var a *Activities
	for pause := min(30*time.Second, order.Settings.MaxPause); ; pause = min(2*pause, order.Settings.MaxPause) {
		effect, err := once(ctx, call, attempts, order.Settings)
		switch {
		case errors.Is(err, errLongHistory):
			order.Carried = attempts
			return result, workflow.NewContinueAsNewError(ctx, Image, order)
		case err != nil:
			return result, err
		case attempts.Failed != nil && effect.Exists && effect.Image == attempts.Image: // it is listed all the same
			return result, attempts.Failed.failure()
		}
		result.Exists = effect.Exists
		result.Image, err = waitFor(ctx, effect, call.Intent, order.Settings)
		if err == nil {
			setState(ctx, StateWaiting)
			err = workflow.ExecuteActivity(patient(ctx, order.Settings), a.Verify, result).Get(ctx, nil)
		}
		attempts.Image, attempts.Failed = result.Image, nil
		isGone := IsFailure(err, JobFailed, &attempts.Failed) || IsFailure(err, NotObserved, nil)
		if !isGone || attempts.Calls <= 0 {
			return result, err
		}
		setState(ctx, StatePostponed)
		if err := workflow.Sleep(ctx, pause); err != nil {
			return result, err
		}
	}
}

// waitFor waits for the job of an effect, if there is one, and returns the image's id.
// What became of a job that the service does not know, the list tells, and the id of an
// image that the job lacks.
func waitFor(ctx workflow.Context, effect Effect, intent wrapper.OutcomeUnknownError, settings Settings) (image string, err error) {
	var a *Activities
	for {
		if effect.Job == nil {
			return effect.Image, nil
		}
		setJob(ctx, *effect.Job)
		var job wrapper.Job
		err := workflow.ExecuteActivity(patient(ctx, settings), a.Wait, *effect.Job).Get(ctx, &job)
		intent.Jobs = []wrapper.JobRef{*effect.Job}
		id := cmp.Or(job.ResourceUUID, effect.Image)
		hasSucceeded := err == nil
		switch {
		case hasSucceeded && id == "":
			intent.Jobs = nil // the list tells which image it made
		case !IsFailure(err, JobUnknown, nil):
			return id, err
		}
		setState(ctx, StateReconciling)
		found, isFound, err := reconciled(ctx, intent, settings)
		switch {
		case err != nil:
			return effect.Image, err
		case !isFound && hasSucceeded: // so no call may follow
			return "", failure(Unverified, fmt.Sprintf("job %s has succeeded, but what it did is not listed", effect.Job.JobUUID), Member{})
		case !isFound:
			return effect.Image, failure(NotObserved, fmt.Sprintf("the service knows neither job %s nor its image", effect.Job.JobUUID), intent)
		}
		effect = found
	}
}

// maxNameBytes is of a region and a name, which are in the workflow's id, of at most 1,000.
const maxNameBytes = 500

// call returns the call that makes the image.
func (o ImageOrder) call(now time.Time) (call Call, err error) {
	var intent *wrapper.OutcomeUnknownError
	switch {
	case o.From.Image != "":
		call.Import = &wrapper.ImportImageInput{Name: o.Name, Description: o.Description, OriginRegionID: o.From.Region, OriginImageUUID: o.From.Image}
		intent, err = wrapper.ImportIntent(o.Region, *call.Import)
	case o.From.Region != o.Region:
		err = errors.New("a snapshot makes an image in its own region only")
	default:
		call.Create = &wrapper.CreateImageInput{Name: o.Name, Description: o.Description, SnapUUID: o.From.Snapshot}
		intent, err = wrapper.CreateIntent(o.Region, *call.Create)
	}
	if err == nil && len(o.Region)+len(o.Name) > maxNameBytes {
		err = fmt.Errorf("region and name take more than %d bytes", maxNameBytes)
	}
	if err = cmp.Or(err, o.Settings.validate()); err != nil {
		return Call{}, err
	}
	call.Intent = *intent
	call.Intent.SentAt = now
	return call, nil
}

// Settings are the times and limits of a workflow. Zero fields take their defaults.
type Settings struct {
	// CallTimeout is how long a mutating call may take; then its outcome is unknown.
	// It should be longer than wrapper.Timeouts.Mutating of the workers. Default, and at
	// most: 3 min.
	CallTimeout time.Duration `json:",omitempty" yaml:"callTimeout"`
	// HeartbeatTimeout is how long a worker may be silent before another continues
	// its waits. Default: 1 min.
	HeartbeatTimeout time.Duration `json:",omitempty" yaml:"heartbeatTimeout"`
	// MaxCalls is how many calls may be sent for an image: one more after a job that
	// failed, but for a deletion, or a call whose effect was not observed. Default: 3.
	MaxCalls int `json:",omitempty" yaml:"maxCalls"`
	// MaxPause is the longest pause before a call that was not carried out, or whose
	// job failed, is made again, unless the service asks for a longer one. Default: 5 min.
	MaxPause time.Duration `json:",omitempty" yaml:"maxPause"`
}

// maxCallTimeout is how long the call of an earlier run is waited for: what that run's
// own limit was is not known.
const maxCallTimeout = 3 * time.Minute

func (s Settings) validate() error {
	for _, d := range []time.Duration{s.CallTimeout, s.HeartbeatTimeout, s.MaxPause} {
		if d != 0 && d < time.Second {
			return fmt.Errorf("%v in the Settings is less than a second: give a unit, as in 30s", d)
		}
	}
	switch {
	case s.CallTimeout > maxCallTimeout:
		return fmt.Errorf("a CallTimeout of %v is longer than %v", s.CallTimeout, maxCallTimeout)
	case s.MaxCalls < 0:
		return errors.New("MaxCalls is negative")
	}
	return nil
}

func (s Settings) withDefaults() Settings {
	s.CallTimeout = orDefault(s.CallTimeout, maxCallTimeout)
	s.HeartbeatTimeout = orDefault(s.HeartbeatTimeout, time.Minute)
	s.MaxCalls = orDefault(s.MaxCalls, 3)
	s.MaxPause = orDefault(s.MaxPause, 5*time.Minute)
	return s
}

func orDefault[T int | time.Duration](value, fallback T) T {
	if value <= 0 {
		return fallback
	}
	return value
}

// patient are the options of an activity that only reads: attempted until it succeeds.
func patient(ctx workflow.Context, settings Settings) workflow.Context {
	settings = settings.withDefaults()
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: 30 * 24 * time.Hour,
		HeartbeatTimeout:    settings.HeartbeatTimeout,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: min(time.Second, settings.MaxPause), MaximumInterval: settings.MaxPause},
	})
}
