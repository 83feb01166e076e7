package wrapper_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

// newExample makes a client of an emulator in this process, whose jobs succeed
// at once unless their image is called "cursed".
func newExample() (*wrapper.Client, *emulator.Emulator) {
	cloud, err := emulator.New(emulator.Options{Plan: func(job emulator.JobStart) emulator.Plan {
		if job.Name == "cursed" {
			return emulator.Plan{Failure: "the snapshot could not be read"}
		}
		return emulator.Plan{}
	}})
	if err != nil {
		log.Fatal(err)
	}
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken),
		wrapper.WithBaseURL("http://127.0.0.1"),
		wrapper.WithHTTPClient(&http.Client{Transport: cloud.Transport()}),
		wrapper.WithPolling(wrapper.Polling{MinInterval: time.Millisecond}))
	if err != nil {
		log.Fatal(err)
	}
	return client, cloud
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

// Save what was started before waiting for it; go on from there after a crash.
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

// A rejected call changed nothing; the sentinel says why.
func ExampleAPIError() {
	client, _ := newExample()
	_, err := client.CreateImage(context.Background(), "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: "no-such-snapshot"})
	var refused *wrapper.APIError
	fmt.Println(errors.As(err, &refused), refused.Errno, errors.Is(err, wrapper.ErrNotFound))
	// Output: true 41017 true
}

// The reply was lost: the image may exist. Look before calling again.
func ExampleOutcomeUnknownError() {
	ctx := context.Background()
	client, cloud := newExample()
	if err := cloud.Inject(emulator.Fault{Operation: "createCIMG", After: true, Reset: true}); err != nil {
		log.Fatal(err)
	}

	_, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	var unknown *wrapper.OutcomeUnknownError
	if errors.As(err, &unknown) {
		for image, err := range client.Images(ctx, unknown.Region, unknown.Names...) {
			fmt.Println("found", image.Name, err)
		}
	}
	// Output: found web-01 <nil>
}

// Nothing was sent: call again.
func ExampleClient_CreateImage_notSent() {
	client, cloud := newExample()
	if err := cloud.Inject(emulator.Fault{Operation: "createCIMG", Refuse: true}); err != nil {
		log.Fatal(err)
	}
	for {
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
