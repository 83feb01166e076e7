package cimgotel_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
	cimgotel "github.com/cimg-go/cimg/tests/otel"
	"github.com/cimg-go/cimg/wrapper"
)

// A service exports to a collector, with sdktrace.WithBatcher and
// sdkmetric.NewPeriodicReader, and calls the provider; the example does both in
// this process.
func Example() {
	spans := tracetest.NewInMemoryExporter()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	hooks, err := cimgotel.Hooks(tracers, meters)
	if err != nil {
		log.Fatal(err)
	}
	cloud, err := emulator.New(emulator.Options{})
	if err != nil {
		log.Fatal(err)
	}
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken),
		wrapper.WithBaseURL("http://127.0.0.1"),
		wrapper.WithHTTPClient(&http.Client{Transport: cloud.Transport()}),
		wrapper.WithRetries(wrapper.Retries{BaseDelay: time.Millisecond}),
		wrapper.WithHooks(hooks))
	if err != nil {
		log.Fatal(err)
	}

	// The first response to the list comes from a gateway, so the client
	// retries. The response to the create is lost, and a create is never sent
	// again.
	ctx := context.Background()
	for _, fault := range []emulator.Fault{
		{Operation: "listCIMG", Status: http.StatusServiceUnavailable},
		{Operation: "createCIMG", After: true, Reset: true},
	} {
		if err := cloud.Inject(fault); err != nil {
			log.Fatal(err)
		}
	}
	if _, err := client.Generated().ListCIMGWithResponse(ctx, gen.ListCIMGRequest{RegionID: "bj", Limit: 10}); err != nil {
		log.Fatal(err)
	}
	_, err = client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	fmt.Println(err != nil)

	for _, span := range spans.GetSpans() { // in the order in which they ended
		fmt.Println(span.Name, "-", span.Status.Code)
	}
	// Output:
	// true
	// listCIMG attempt - Error
	// listCIMG attempt - Unset
	// listCIMG - Unset
	// createCIMG attempt - Error
	// createCIMG - Error
}
