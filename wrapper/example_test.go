package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/polling"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// newExample returns a client of an emulator in this process. Jobs succeed
// immediately unless their image is named "cursed".
func newExample(options ...wrapper.Option) (*wrapper.Client, *emulator.Emulator) {
	cloud, err := emulator.New(emulator.Options{Plan: func(job emulator.JobStart) emulator.Plan {
		if job.Name == "cursed" {
			return emulator.Plan{Failure: "the snapshot could not be read"}
		}
		return emulator.Plan{}
	}})
	if err != nil {
		log.Fatal(err)
	}
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), append(options,
		wrapper.WithBaseURL("http://127.0.0.1"),
		wrapper.WithHTTPClient(&http.Client{Transport: cloud.Transport()}),
		// This emulator has no lag, and nobody else needs its request rate.
		wrapper.WithPolling(wrapper.Polling{RequestInterval: time.Millisecond}), wrapper.WithWaitOptions(wrapper.MissingGrace(time.Millisecond)),
		wrapper.WithRetries(wrapper.Retries{BaseDelay: time.Millisecond}))...)
	if err != nil {
		log.Fatal(err)
	}
	return client, cloud
}

func inject(cloud *emulator.Emulator, fault emulator.Fault) {
	if err := cloud.Inject(fault); err != nil {
		log.Fatal(err)
	}
}

func Example() {
	ctx := context.Background()
	client, _ := newExample()

	created, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	if err != nil {
		log.Fatal(err)
	}
	image, err := created.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	copied, err := client.ImportImage(ctx, "bj", wrapper.ImportImageInput{
		Name: "web-01", OriginRegionID: "gz", OriginImageUUID: image.ResourceUUID,
	})
	if err != nil {
		log.Fatal(err)
	}
	for job, err := range copied.Watch(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(job.Type, job.Progress, job.Done)
	}
	// Output: ImportCIMG 100 true
}

// A process saves what it is about to do, and dies before it has saved the handle.
// The next one finds the image.
func ExampleCreateIntent() {
	ctx := context.Background()
	client, _ := newExample()
	image := wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot}

	intent, err := wrapper.CreateIntent("gz", image)
	if err != nil {
		log.Fatal(err)
	}
	saved, err := intent.MarshalText() // to a file, and fsync it
	if err != nil {
		log.Fatal(err)
	}
	if _, err := client.CreateImage(ctx, "gz", image); err != nil {
		log.Fatal(err)
	}

	// In the next process:
	var found wrapper.OutcomeUnknownError
	if err := found.UnmarshalText(saved); err != nil {
		log.Fatal(err)
	}
	recovery, err := reconcile.New(client)
	if err != nil {
		log.Fatal(err)
	}
	findings, err := recovery.Reconcile(ctx, &found)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(findings[0].Name, findings[0].Verdict)
	// Output: web-01 found
}

func ExampleClient_WaitAll() {
	ctx := context.Background()
	client, _ := newExample()

	created, err := client.CreateImages(ctx, "gz", []wrapper.CreateImageInput{
		{Name: "web-01", SnapUUID: snapshot},
		{Name: "cursed", SnapUUID: snapshot},
		{Name: "web-02", SnapUUID: snapshot},
	})
	if err != nil {
		log.Fatal(err)
	}
	outcomes, err := client.WaitAll(ctx, created)
	for _, outcome := range outcomes {
		fmt.Println(outcome.Job.Success)
	}
	var failed *wrapper.JobFailedError
	fmt.Println(errors.As(err, &failed), failed.Job.Result)
	// Output:
	// true
	// false
	// true
	// true the snapshot could not be read
}

// WatchAll yields each result as soon as it is known.
func ExampleClient_WatchAll() {
	ctx := context.Background()
	client, _ := newExample()
	created, err := client.CreateImages(ctx, "gz", []wrapper.CreateImageInput{
		{Name: "web-01", SnapUUID: snapshot},
		{Name: "cursed", SnapUUID: snapshot},
	})
	if err != nil {
		log.Fatal(err)
	}
	for i, outcome := range client.WatchAll(ctx, created) {
		switch {
		case outcome.Err != nil:
			fmt.Println(i, "did not succeed:", outcome.Job.Result)
		case outcome.Job.Done:
			fmt.Println(i, "is done")
		default:
			fmt.Println(i, outcome.Job.Progress)
		}
	}
	// Unordered output:
	// 0 is done
	// 1 did not succeed: the snapshot could not be read
}

// patient is a custom policy that waits a minute before the first poll, because
// these jobs never take less.
type patient struct{ polling.Adaptive }

func (p patient) Pause(elapsed time.Duration, seen polling.History) time.Duration {
	return max(p.Adaptive.Pause(elapsed, seen), time.Minute-elapsed)
}

func ExamplePollPolicy() {
	fmt.Println(patient{}.Pause(0, polling.History{}))
	fmt.Println(patient{}.Pause(2*time.Minute, polling.History{Polls: 1, Unchanged: 1}))

	_, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithWaitOptions(wrapper.PollPolicy(patient{})))
	fmt.Println(err)
	// Output:
	// 1m0s
	// 30s
	// <nil>
}

func ExampleClient_Images() {
	client, _ := newExample()
	for image, err := range client.Images(context.Background(), "bj", "北京02") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(image.UUID, image.Status, image.Name)
	}
	// Output: 4a48f88391134a01befe88ff98b68a88 Ready 北京02
}

// Save a reference before waiting; resume from it after a crash.
func ExampleClient_Resume() {
	ctx := context.Background()
	client, _ := newExample()
	created, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	if err != nil {
		log.Fatal(err)
	}
	saved := created.Ref.String()

	var ref wrapper.JobRef
	if err := ref.UnmarshalText([]byte(saved)); err != nil {
		log.Fatal(err)
	}
	resumed, err := client.Resume(ref)
	if err != nil {
		log.Fatal(err)
	}
	job, err := resumed.Wait(ctx)
	fmt.Println(job.Type, job.Success, err)
	// Output: CreateCIMG true <nil>
}

// A rejected call changed nothing; the sentinel is the reason.
func ExampleAPIError() {
	client, _ := newExample()
	_, err := client.CreateImage(context.Background(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: "no-such-snapshot"})
	var apiErr *wrapper.APIError
	fmt.Println(errors.As(err, &apiErr), apiErr.Errno, errors.Is(err, wrapper.ErrNotFound))
	// Output: true 41017 true
}

// The response was lost: the image may exist. Save the error, then find out.
func ExampleOutcomeUnknownError() {
	ctx := context.Background()
	client, cloud := newExample()
	inject(cloud, emulator.Fault{Operation: "createCIMG", After: true, Reset: true})

	_, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	var unknown *wrapper.OutcomeUnknownError
	if !errors.As(err, &unknown) {
		log.Fatal(err)
	}
	saved, err := unknown.MarshalText()
	if err != nil {
		log.Fatal(err)
	}

	// In this process, or in another one after a crash:
	var read wrapper.OutcomeUnknownError
	if err := read.UnmarshalText(saved); err != nil {
		log.Fatal(err)
	}
	recovery, err := reconcile.New(client)
	if err != nil {
		log.Fatal(err)
	}
	findings, err := recovery.Reconcile(ctx, &read)
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range findings {
		_, err := f.Wait(ctx)
		fmt.Println(f.Name, f.Verdict, err)
	}
	// Output: web-01 found <nil>
}

// The job failed: Job.Result is the reason.
func ExampleJobFailedError() {
	ctx := context.Background()
	client, _ := newExample()
	created, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "cursed", SnapUUID: snapshot})
	if err != nil {
		log.Fatal(err)
	}
	_, err = created.Wait(ctx)
	var failed *wrapper.JobFailedError
	fmt.Println(errors.As(err, &failed), failed.Job.Result)
	// Output: true the snapshot could not be read
}

// The context ended before the job did: resume later, perhaps in another
// process.
func ExampleWaitError() {
	ctx := context.Background()
	client, _ := newExample()
	created, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	if err != nil {
		log.Fatal(err)
	}
	impatient, cancel := context.WithTimeout(ctx, 0)
	defer cancel()
	_, err = created.Wait(impatient)
	var wait *wrapper.WaitError
	if !errors.As(err, &wait) {
		log.Fatal(err)
	}
	resumed, err := client.Resume(wait.Refs[0])
	if err != nil {
		log.Fatal(err)
	}
	job, err := resumed.Wait(ctx)
	fmt.Println(job.Success, err)
	// Output: true <nil>
}

// Field and Reason describe what to fix; nothing was sent.
func ExampleInputError() {
	client, _ := newExample()
	_, err := client.CreateImages(context.Background(), "gz", []wrapper.CreateImageInput{
		{Name: "web-01", SnapUUID: snapshot},
		{Name: "web-01", SnapUUID: snapshot},
	})
	var input *wrapper.InputError
	fmt.Println(errors.As(err, &input), input.Field, "-", input.Reason)
	// Output: true images[1].Name - "web-01" is already at index 0
}

// The logger gets one line per attempt; without one, nothing is logged.
func ExampleWithLogger() {
	var out strings.Builder
	client, _ := newExample(wrapper.WithLogger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	if _, err := client.CreateImage(context.Background(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Contains(out.String(), `msg="cimg attempt" op=createCIMG region=gz attempt=1`))
	// Output: true
}

// Hooks for metrics and traces; tests/otel in the repository has
// OpenTelemetry's.
func ExampleWithHooks() {
	client, cloud := newExample(wrapper.WithHooks(wrapper.Hooks{
		Attempt: func(_ context.Context, a wrapper.Attempt) { fmt.Println(a.Op, a.Region, a.Number, a.HTTPStatus) },
		End:     func(_ context.Context, end wrapper.CallEnd) { fmt.Println(end.Outcome, end.Attempts) },
	}))
	inject(cloud, emulator.Fault{Operation: "getJobResult", Status: 502})

	if _, err := client.JobResults(context.Background(), "gz", "72e3500c85675df7b59a025e5e784426"); err != nil {
		log.Fatal(err)
	}
	// Output:
	// getJobResult gz 1 502
	// getJobResult gz 2 200
	// accepted 2
}

// Nothing was sent: call again, a few times.
func ExampleClient_CreateImage_notSent() {
	client, cloud := newExample()
	inject(cloud, emulator.Fault{Operation: "createCIMG", Refuse: true})
	for attempt := range 3 {
		time.Sleep(time.Duration(attempt) * time.Millisecond) // a real program waits for seconds
		_, err := client.CreateImage(context.Background(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
		if !errors.Is(err, wrapper.ErrNotSent) {
			fmt.Println("sent:", err)
			return
		}
		fmt.Println("not sent")
	}
	// Output:
	// not sent
	// sent: <nil>
}

// The generated client keeps the wrapper's promises.
func ExampleClient_Generated() {
	client, _ := newExample()
	page, err := client.Generated().ListCIMGWithResponse(context.Background(), gen.ListCIMGRequest{RegionID: "bj", Limit: 1})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(page.JSON200.Data.Items))

	_, err = client.Generated().ListCIMGWithResponse(context.Background(), gen.ListCIMGRequest{RegionID: "mars", Limit: 1})
	fmt.Println(errors.Is(err, wrapper.ErrNotFound))
	// Output:
	// 1
	// true
}
