package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// newExample returns a client of an emulator in this process, whose jobs
// succeed immediately.
func newExample() (*wrapper.Client, *reconcile.Reconciler, *emulator.Emulator) {
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
	// This emulator has no lag.
	recovery, err := reconcile.New(client, reconcile.WithVisibilityWindow(time.Millisecond))
	if err != nil {
		log.Fatal(err)
	}
	return client, recovery, cloud
}

// Nothing was found within the visibility window: whether to call again is now
// the caller's decision.
func ExampleReconciler_Reconcile() {
	ctx := context.Background()
	client, recovery, cloud := newExample()
	if err := cloud.Inject(emulator.Fault{Operation: "createCIMG", Reset: true}); err != nil {
		log.Fatal(err)
	}

	_, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	var unknown *wrapper.OutcomeUnknownError
	if !errors.As(err, &unknown) {
		log.Fatal(err)
	}
	findings, err := recovery.Reconcile(ctx, unknown)
	if err != nil {
		log.Fatal(err)
	}
	switch f := findings[0]; f.Verdict {
	case reconcile.Found:
		uuid, err := f.Wait(ctx)
		fmt.Println("found:", uuid, err)
	case reconcile.NotObserved:
		fmt.Println("not there: create it again?")
	case reconcile.Ambiguous:
		fmt.Println("a person must look:", f.Candidates)
	}
	// Output: not there: create it again?
}

// Calling it again creates nothing.
func ExampleReconciler_EnsureImage() {
	ctx := context.Background()
	_, recovery, _ := newExample()
	for range 2 {
		image, err := recovery.EnsureImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
		if err != nil {
			log.Fatal(err)
		}
		_, err = image.Wait(ctx)
		fmt.Println(image.Created, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}

// Two images have the name: the caller must choose.
func ExampleAmbiguousImageError() {
	ctx := context.Background()
	client, recovery, _ := newExample()
	image := wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot}
	for range 2 { // names need not be unique
		if _, err := client.CreateImage(ctx, "gz", image); err != nil {
			log.Fatal(err)
		}
	}
	_, err := recovery.EnsureImage(ctx, "gz", image)
	var ambiguous *reconcile.AmbiguousImageError
	fmt.Println(errors.As(err, &ambiguous), len(ambiguous.Images))
	// Output: true 2
}
