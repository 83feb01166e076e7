package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/journal"
	"github.com/cimg-go/cimg/internal/oneline"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// state is how far the work on an image has come.
type state string

const (
	stateStarted   state = "started"   // the service has accepted the call
	stateRunning   state = "running"   // its job reports progress
	stateLooking   state = "looking"   // in the list, for what became of the call
	stateSucceeded state = "succeeded" // its job has
	stateExists    state = "exists"    // there was nothing to do
	stateFound     state = "found"     // the call was carried out after all
	stateFailed    state = "failed"    // its job has
	stateUnended   state = "unfinished"
	stateMissing   state = "not observed"
	stateAmbiguous state = "ambiguous"
	stateUnmade    state = "not made" // the call, for another reason than the service's
)

// image is an image that a command works on, and what has become of it: the
// columns of a table, or the fields of a line of JSON.
type image struct {
	Operation string  `json:"operation,omitempty"`
	Region    string  `json:"region"`
	Name      string  `json:"name,omitempty"`
	UUID      string  `json:"cimgUuid,omitempty"`
	State     state   `json:"state"`
	Progress  float64 `json:"progress"`      // in percent
	Job       string  `json:"job,omitempty"` // its ref
	Error     string  `json:"error,omitempty"`

	session   *session
	order     int                          // among the images of the command
	call      *wrapper.OutcomeUnknownError // the mutating call, as the journal has it
	entry     string                       // of the journal; empty if there is none
	startedAt time.Time                    // of the job; zero if it is not known
	changedAt time.Time                    // of the progress
}

// subject returns what a person calls the image.
func (i *image) subject() string { return oneline.Text(cmp.Or(i.Name, i.UUID, i.Job)) }

// is reports a new state.
func (i *image) is(now state) {
	i.State = now
	i.session.report.show(i)
}

// fails reports an error in a new state and returns it, with the image's name if the
// session has others.
func (i *image) fails(now state, err error) error {
	i.Error = commandline.Plain(err.Error())
	i.is(now)
	if i.session.images.Load() == 1 || isShared(err) {
		return err
	}
	return fmt.Errorf("%s in %s: %w", i.subject(), i.Region, err)
}

// made is what a call returned.
type made struct {
	job    *wrapper.JobHandle          // nil if there is nothing to wait for
	uuid   string                      // of the image, as far as it is known
	verify func(context.Context) error // of the image's name, after the job; may be nil
}

// run makes a mutating call, and waits for its job unless the command does not wait.
func (i *image) run(ctx context.Context, about *wrapper.OutcomeUnknownError, call func(context.Context) (made, error)) error {
	result, err := i.send(ctx, &intent{call: about}, call)
	return i.proceed(ctx, result, err)
}

// send makes a mutating call, and journals it before and what became of it after.
func (i *image) send(ctx context.Context, intended *intent, call func(context.Context) (made, error)) (made, error) {
	i.Operation, i.call = intended.call.Op, intended.call
	i.session.turns <- struct{}{}
	result, err := call(context.WithValue(ctx, intentKey{}, intended))
	<-i.session.turns
	i.entry = intended.entry
	if i.entry == "" { // no call was made
		response, isResponse := errors.AsType[*wrapper.APIError](err)
		switch {
		case intended.err != nil:
			err = intended.err
		case isResponse: // of the list, which was sent
			err = response
		}
		return result, err
	}
	noteErr := i.note(result, err)
	if noteErr != nil && result.job != nil {
		ref := result.job.Ref
		unfinished := &wrapper.WaitError{Refs: []wrapper.JobRef{ref}, Cause: noteErr}
		return result, fmt.Errorf("%w; the job runs, continue with: cimg wait %s", unfinished, commandLine([]string{ref.String()})+i.session.settings.where())
	}
	if err == nil {
		err = noteErr
	}
	return result, err
}

// proceed reports what send returned, and waits for the job.
func (i *image) proceed(ctx context.Context, result made, err error) error {
	switch {
	case err == nil:
		return i.follow(ctx, result)
	case i.entry == "":
		return i.fails(stateUnmade, err)
	case errors.As(err, new(*wrapper.WaitError)):
		return i.fails(stateUnended, err)
	}
	return i.fails(state(wrapper.OutcomeOf(err)), err)
}

// note journals what became of a call.
func (i *image) note(result made, err error) error {
	switch outcome := wrapper.OutcomeOf(err); {
	case outcome == wrapper.OutcomeAccepted && result.job != nil:
		return i.session.journal.Accepted(i.entry, result.job.Ref)
	case outcome == wrapper.OutcomeAccepted:
		return i.session.journal.End(i.entry, string(stateFound), result.uuid)
	case outcome == wrapper.OutcomeUnknown:
		if unknown, found := errors.AsType[*wrapper.OutcomeUnknownError](err); found {
			return i.session.journal.Unknown(i.entry, unknown)
		}
		return nil
	default:
		return i.session.journal.End(i.entry, string(outcome), "")
	}
}

// follow waits for the job, if there is one.
func (i *image) follow(ctx context.Context, from made) error {
	i.UUID = cmp.Or(from.uuid, i.UUID)
	if from.job == nil {
		i.Progress = 100
		if i.entry != "" {
			i.is(stateFound)
		} else {
			i.is(stateExists)
		}
		return nil
	}
	i.Job = from.job.Ref.String()
	i.UUID = cmp.Or(from.job.Ref.ResourceUUID, i.UUID)
	i.startedAt = from.job.Ref.StartedAt
	i.is(stateStarted)
	if !i.session.wait {
		return nil
	}
	for job, err := range from.job.Watch(ctx) {
		i.Progress, i.UUID, i.changedAt = job.Progress, cmp.Or(job.ResourceUUID, i.UUID), time.Now()
		failed, isFailed := errors.AsType[*wrapper.JobFailedError](err)
		switch {
		case isFailed:
			return errors.Join(i.fails(stateFailed, err), i.end("failed: "+failed.Job.Result, ""))
		case errors.Is(err, wrapper.ErrJobUnknown) && i.call != nil: // the service may forget old jobs
			return i.resolve(ctx)
		case err != nil:
			return i.fails(stateUnended, err)
		case !job.Done:
			i.is(stateRunning)
		}
	}
	if err := i.end(string(stateSucceeded), i.UUID); err != nil {
		return i.fails(stateSucceeded, err)
	}
	if err := i.checkName(ctx, from.verify); err != nil {
		return i.fails(stateSucceeded, err)
	}
	i.is(stateSucceeded)
	return nil
}

// checkName compares the name of an image that was just made, if the list shows the
// image, and journals that it does: from then on the list tells what became of the
// image. The image exists, so that its name could not be compared is no failure.
func (i *image) checkName(ctx context.Context, verify func(context.Context) error) error {
	if i.call == nil || len(i.call.ImageUUIDs) > 0 || i.UUID == "" {
		return nil
	}
	listed, found, err := i.find(ctx, i.UUID)
	if err == nil && !found && verify != nil {
		verify(ctx) //nolint:errcheck // it waits until the image is listed, by whatever name
		listed, found, err = i.find(ctx, i.UUID)
	}
	if err != nil || !found {
		return nil //nolint:nilerr // see above
	}
	return i.isListed(i.entry, listed)
}

// find looks for an image in the list, which may show it by another name.
func (i *image) find(ctx context.Context, uuid string) (listed wrapper.Image, found bool, err error) {
	for _, names := range [][]string{{i.Name}, nil} {
		images, err := readImages(ctx, i.session.client, i.Region, names...)
		at := slices.IndexFunc(images, func(listed wrapper.Image) bool { return listed.UUID == uuid })
		switch {
		case err != nil:
			return listed, false, err
		case at >= 0:
			return images[at], true, nil
		}
	}
	return listed, false, nil
}

// isListed journals that the list shows the image that an entry's call made. Another
// name than the requested one is an error.
func (i *image) isListed(entry string, listed wrapper.Image) error {
	if entry != "" {
		if err := i.session.journal.Listed(entry, listed.Name); err != nil {
			return err
		}
	}
	if listed.Name != i.Name {
		return &reconcile.StoredNameError{Region: i.Region, Name: i.Name, Image: listed}
	}
	return nil
}

// end journals that nothing is left to do.
func (i *image) end(why, uuid string) error {
	if i.entry == "" {
		return nil
	}
	return i.session.journal.End(i.entry, why, uuid)
}

// resume continues a call that another process left unfinished.
func (i *image) resume(ctx context.Context, left journal.Entry) error {
	i.Operation, i.call, i.entry = left.Call.Op, left.Call, left.ID
	if left.Job == nil {
		return i.resolve(ctx)
	}
	job, err := i.session.client.Resume(*left.Job)
	if err != nil {
		return i.fails(stateUnended, err)
	}
	return i.follow(ctx, made{job: job})
}

// errNotObserved says that a call was not carried out, as far as can be seen.
var errNotObserved = errors.New("it was not carried out, as far as the list of images shows; to make it, run its command again")

// resolve finds out what became of a call, and waits for its job.
func (i *image) resolve(ctx context.Context) error {
	i.is(stateLooking)
	if len(i.call.ImageUUIDs) == 0 && i.UUID != "" { // its job named the image
		switch listed, found, err := i.find(ctx, i.UUID); {
		case err != nil:
			return i.fails(stateUnended, fmt.Errorf("%w; %w", i.call, err))
		case found:
			return i.settle(ctx, reconcile.Finding{Verdict: reconcile.Found, Image: listed})
		}
	}
	findings, err := i.session.recovery.Reconcile(ctx, i.call)
	if err != nil {
		return i.fails(stateUnended, fmt.Errorf("%w; %w", i.call, err))
	}
	return i.settle(ctx, findings[0]) // the calls of this program have one item
}

// settle acts on what was found out about a call.
func (i *image) settle(ctx context.Context, found reconcile.Finding) error {
	i.UUID = cmp.Or(found.Image.UUID, found.ImageUUID)
	switch {
	case found.Verdict == reconcile.Ambiguous:
		return i.isAmbiguous(&reconcile.AmbiguousImageError{Region: i.Region, Name: i.subject(), Images: found.Candidates})
	case found.Verdict == reconcile.NotObserved:
		altered, err := i.alteredNames(ctx)
		switch {
		case err != nil:
			return i.fails(stateUnended, fmt.Errorf("%w; %w", i.call, err))
		case len(altered) > 0:
			ambiguous := &reconcile.AmbiguousImageError{Region: i.Region, Name: i.Name, Images: altered}
			return i.isAmbiguous(fmt.Errorf("%w; %q may be it, if the service alters names", ambiguous, altered[0].Name))
		}
		i.Job = ""
		return errors.Join(i.fails(stateMissing, errNotObserved), i.end(string(stateMissing), ""))
	case found.Job != nil && found.Job.Ref.String() != i.Job:
		if err := i.accepted(found.Job.Ref); err != nil {
			return i.fails(stateUnended, err)
		}
		if i.session.wait {
			return i.follow(ctx, made{job: found.Job})
		}
		i.Job = found.Job.Ref.String()
	default:
		if err := i.end(string(stateFound), i.UUID); err != nil {
			return i.fails(stateFound, err)
		}
		i.Progress = 100
		if isNew := found.ImageUUID == "" && found.Image.Name != ""; isNew {
			if err := i.isListed(i.entry, found.Image); err != nil {
				return i.fails(stateFound, err)
			}
		}
	}
	i.is(stateFound)
	return nil
}

// unresolvedError says that it is not clear what became of a call.
type unresolvedError struct {
	error
	entry string // of the journal; empty if there is none
}

func (e *unresolvedError) Unwrap() error { return e.error }

// isAmbiguous reports that it is not clear which image a call has made, if any.
func (i *image) isAmbiguous(err error) error {
	if i.entry != "" {
		err = fmt.Errorf("%w; try again later, or look what became of it, then run: cimg jobs --forget %s%s", err, i.entry, i.session.settings.journalFlags())
	}
	return i.fails(stateAmbiguous, &unresolvedError{err, i.entry})
}

// alteredNames returns the images that a call may have made, by a name that the
// service has altered: made since the call, of a name that has the requested one in
// it, or is in it, and not known to the journal as another call's.
func (i *image) alteredNames(ctx context.Context) (altered []wrapper.Image, err error) {
	if len(i.call.ImageUUIDs) > 0 || i.call.SentAt.IsZero() {
		return nil, nil
	}
	images, err := readImages(ctx, i.session.client, i.Region)
	if err != nil {
		return nil, err
	}
	entries, err := i.session.journal.Entries()
	if err != nil {
		return nil, err
	}
	ahead, uncertainty, _ := i.session.client.ClockOffset()
	earliest := i.call.SentAt.Add(ahead - uncertainty - reconcile.DefaultClockTolerance)
	name := strings.ToLower(i.Name)
	for _, listed := range images {
		isAnother := func(e journal.Entry) bool {
			return e.ID != i.entry &&
				(e.Result == listed.UUID || e.Job != nil && e.Job.ResourceUUID == listed.UUID || e.Call.Region == i.Region && e.Name() == listed.Name)
		}
		stored := strings.ToLower(listed.Name)
		if (strings.Contains(stored, name) || strings.Contains(name, stored)) && time.UnixMilli(listed.CreateTime).After(earliest) && !slices.ContainsFunc(entries, isAnother) {
			altered = append(altered, listed)
		}
	}
	return altered, nil
}

// accepted journals the job of a call.
func (i *image) accepted(job wrapper.JobRef) error {
	if i.entry == "" {
		return nil
	}
	return i.session.journal.Accepted(i.entry, job)
}
