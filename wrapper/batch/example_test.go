package batch_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"slices"
	"time"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/batch"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// newExample returns a client of an emulator in this process, whose jobs succeed
// immediately.
func newExample() *wrapper.Client {
	cloud, err := emulator.New(emulator.Options{Plan: func(emulator.JobStart) emulator.Plan { return emulator.Plan{} }})
	if err != nil {
		log.Fatal(err)
	}
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken),
		wrapper.WithBaseURL("http://127.0.0.1"),
		wrapper.WithHTTPClient(&http.Client{Transport: cloud.Transport()}),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: time.Millisecond})) // nobody else needs this service's request rate
	if err != nil {
		log.Fatal(err)
	}
	return client
}

// Each image has a call of its own, so that each result is known to be its.
func ExampleCreate() {
	ctx := context.Background()
	images := []wrapper.CreateImageInput{{Name: "web-01", SnapUUID: snapshot}, {Name: "web-02", SnapUUID: "no-such-snapshot"}}
	started, err := batch.Create(ctx, newExample(), "gz", images)
	if err != nil {
		log.Fatal(err)
	}
	for i, s := range started {
		switch wrapper.OutcomeOf(s.Err) {
		case wrapper.OutcomeAccepted:
			image, err := s.Job.Wait(ctx)
			fmt.Println(images[i].Name, "is done:", image.Success, err)
		default:
			fmt.Println(images[i].Name, "is", wrapper.OutcomeOf(s.Err))
		}
	}
	// Output:
	// web-01 is done: true <nil>
	// web-02 is rejected
}

// One request creates all images; the list shows which job is whose.
func ExampleMatch() {
	ctx := context.Background()
	client := newExample()
	recovery, err := reconcile.New(client)
	if err != nil {
		log.Fatal(err)
	}
	names := []string{"web-01", "web-02"}
	var images []wrapper.CreateImageInput
	for _, name := range names {
		images = append(images, wrapper.CreateImageInput{Name: name, SnapUUID: snapshot})
	}
	jobs, err := client.CreateImages(ctx, "gz", images)
	if err != nil {
		log.Fatal(err)
	}
	slices.Reverse(jobs) // their order is not promised
	findings, err := batch.Match(ctx, recovery, names, jobs)
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range findings {
		_, err := f.Wait(ctx)
		fmt.Println(f.Name, f.Verdict, f.Name == f.Image.Name, err)
	}
	// Output:
	// web-01 found true <nil>
	// web-02 found true <nil>
}
