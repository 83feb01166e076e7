package cimgotel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
	cimgotel "github.com/cimg-go/cimg/tests/otel"
	"github.com/cimg-go/cimg/wrapper"
)

const snapshot = "3fd352092a3f553cb124223f6a7f09b4" // in the emulator's region gz

// fixture is an observed client of an emulator, and what was exported.
type fixture struct {
	cloud   *emulator.Emulator
	client  *wrapper.Client
	tracers *sdktrace.TracerProvider
	spans   *tracetest.InMemoryExporter
	reader  *sdkmetric.ManualReader
}

// observed runs a test in virtual time: delays between attempts take no real
// time, and durations are exact.
func observed(t *testing.T, test func(*testing.T, *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := &fixture{spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
		f.tracers = sdktrace.NewTracerProvider(sdktrace.WithSyncer(f.spans))
		hooks, err := cimgotel.Hooks(f.tracers, sdkmetric.NewMeterProvider(sdkmetric.WithReader(f.reader)))
		require.NoError(t, err)
		f.cloud, err = emulator.New(emulator.Options{})
		require.NoError(t, err)
		f.client, err = wrapper.New(wrapper.StaticToken(emulator.DefaultToken),
			wrapper.WithBaseURL("http://127.0.0.1"),
			wrapper.WithHTTPClient(&http.Client{Transport: f.cloud.Transport()}),
			wrapper.WithHooks(hooks))
		require.NoError(t, err)
		test(t, f)
	})
}

func (f *fixture) create(ctx context.Context, name string) error {
	_, err := f.client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: name, SnapUUID: snapshot})
	return err
}

// list reads one page with one call; [wrapper.Client.Images] makes several.
func (f *fixture) list(ctx context.Context) error {
	_, err := f.client.Generated().ListCIMGWithResponse(ctx, gen.ListCIMGRequest{RegionID: "bj", Limit: 10})
	return err
}

// call returns the span of the only call and those of its attempts, and checks
// their parents and times.
func (f *fixture) call(t *testing.T) (tracetest.SpanStub, tracetest.SpanStubs) {
	t.Helper()
	spans := f.spans.GetSpans()
	require.NotEmpty(t, spans)
	call, attempts := spans[len(spans)-1], spans[:len(spans)-1] // it ends last
	require.Equal(t, trace.SpanKindClient, call.SpanKind)
	require.Equal(t, len(attempts), call.ChildSpanCount)
	start := call.StartTime
	for _, attempt := range attempts {
		require.Equal(t, call.Name+" attempt", attempt.Name)
		require.Equal(t, trace.SpanKindClient, attempt.SpanKind)
		require.Equal(t, call.SpanContext.SpanID(), attempt.Parent.SpanID())
		require.Equal(t, call.SpanContext.TraceID(), attempt.SpanContext.TraceID())
		require.False(t, attempt.StartTime.Before(start), "attempts overlap")
		require.False(t, attempt.EndTime.Before(attempt.StartTime))
		start = attempt.EndTime
	}
	require.False(t, call.EndTime.Before(start), "the call ended before its last attempt")
	return call, attempts
}

func attributes(attrs []attribute.KeyValue) map[attribute.Key]any {
	values := make(map[attribute.Key]any, len(attrs))
	for _, attr := range attrs {
		values[attr.Key] = attr.Value.AsInterface()
	}
	return values
}

// series is a metric's value for one set of attributes.
type series struct {
	attrs map[attribute.Key]any
	count uint64  // of calls or attempts
	sum   float64 // of the calls' seconds
}

func (f *fixture) metrics(t *testing.T) (durations, attempts []series) {
	t.Helper()
	var got metricdata.ResourceMetrics
	require.NoError(t, f.reader.Collect(t.Context(), &got))
	require.Len(t, got.ScopeMetrics, 1)
	for _, m := range got.ScopeMetrics[0].Metrics {
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			require.Equal(t, "cimg.call.duration", m.Name)
			require.Equal(t, "s", m.Unit)
			for _, point := range data.DataPoints {
				require.Contains(t, point.Bounds, 0.1, "the bounds are too coarse for seconds")
				durations = append(durations, series{attributes(point.Attributes.ToSlice()), point.Count, point.Sum})
			}
		case metricdata.Sum[int64]:
			require.Equal(t, "cimg.attempts", m.Name)
			require.True(t, data.IsMonotonic)
			for _, point := range data.DataPoints {
				attempts = append(attempts, series{attributes(point.Attributes.ToSlice()), uint64(point.Value), 0})
			}
		default:
			require.Fail(t, "unexpected metric", "%s: %T", m.Name, data)
		}
	}
	return durations, attempts
}

func TestAcceptedCreate(t *testing.T) {
	observed(t, func(t *testing.T, f *fixture) {
		ctx, parent := f.tracers.Tracer("test").Start(t.Context(), "parent")
		require.NoError(t, f.create(ctx, "web-01"))

		call, attempts := f.call(t)
		require.Equal(t, "createCIMG", call.Name)
		require.Equal(t, parent.SpanContext().SpanID(), call.Parent.SpanID())
		require.Equal(t, codes.Unset, call.Status.Code)
		require.Equal(t, map[attribute.Key]any{
			"cimg.op": "createCIMG", "cimg.region": "gz", "cimg.outcome": "accepted",
		}, attributes(call.Attributes))

		require.Len(t, attempts, 1)
		require.Equal(t, codes.Unset, attempts[0].Status.Code)
		attrs := attributes(attempts[0].Attributes)
		require.NotEmpty(t, attrs["cimg.request_id"])
		delete(attrs, "cimg.request_id")
		require.Equal(t, map[attribute.Key]any{
			"cimg.op": "createCIMG", "cimg.region": "gz",
			"http.response.status_code": int64(http.StatusOK), "cimg.errno": int64(0),
		}, attrs)

		durations, counts := f.metrics(t)
		require.Equal(t, []series{{attributes(call.Attributes), 1, 0}}, durations)
		require.Equal(t, []series{{map[attribute.Key]any{
			"cimg.op": "createCIMG", "http.response.status_code": int64(http.StatusOK),
		}, 1, 0}}, counts)
	})
}

func TestRetriedRead(t *testing.T) {
	observed(t, func(t *testing.T, f *fixture) {
		f.cloud.InjectFor(t, emulator.Fault{
			Operation: "listCIMG", Status: http.StatusServiceUnavailable,
			Delay: time.Second, Header: http.Header{"Retry-After": {"5"}},
		})
		start := time.Now()
		require.NoError(t, f.list(t.Context()))

		call, attempts := f.call(t)
		require.Equal(t, "listCIMG", call.Name)
		require.Equal(t, codes.Unset, call.Status.Code, "a call that finally succeeded is not an error")
		require.Equal(t, "accepted", attributes(call.Attributes)["cimg.outcome"])
		require.True(t, call.StartTime.Equal(start))
		require.Equal(t, 6*time.Second, call.EndTime.Sub(call.StartTime))

		require.Len(t, attempts, 2)
		failed, retried := attributes(attempts[0].Attributes), attributes(attempts[1].Attributes)
		require.Equal(t, codes.Error, attempts[0].Status.Code)
		require.Contains(t, attempts[0].Status.Description, "HTTP 503")
		require.Equal(t, map[attribute.Key]any{
			"cimg.op": "listCIMG", "cimg.region": "bj",
			"http.response.status_code": int64(http.StatusServiceUnavailable), "error.type": "server error",
		}, failed, "no errno and no request id, which the response lacks, and no resend count")
		require.True(t, attempts[0].StartTime.Equal(start))
		require.True(t, attempts[0].EndTime.Equal(start.Add(time.Second)))
		require.Equal(t, codes.Unset, attempts[1].Status.Code)
		require.EqualValues(t, 1, retried["http.request.resend_count"])
		require.EqualValues(t, http.StatusOK, retried["http.response.status_code"])
		require.True(t, attempts[1].StartTime.Equal(start.Add(6*time.Second)))

		durations, counts := f.metrics(t)
		require.Equal(t, []series{{attributes(call.Attributes), 1, 6}}, durations, "including delays")
		require.ElementsMatch(t, []series{
			{map[attribute.Key]any{"cimg.op": "listCIMG", "http.response.status_code": int64(http.StatusOK)}, 1, 0},
			{map[attribute.Key]any{
				"cimg.op": "listCIMG", "http.response.status_code": int64(http.StatusServiceUnavailable), "error.type": "server error",
			}, 1, 0},
		}, counts)
	})
}

// An attempt is reported late when other hooks are slow; a request of the
// generated client may have no region.
func TestLateAttemptWithoutRegion(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	hooks, err := cimgotel.Hooks(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), metricnoop.NewMeterProvider())
	require.NoError(t, err)
	start := time.Now().Add(-time.Hour)
	hooks.Attempt(t.Context(), wrapper.Attempt{
		Call: wrapper.Call{Op: "getJobResult"}, Number: 1, StartedAt: start, Duration: time.Minute, HTTPStatus: http.StatusOK,
	})
	require.Len(t, spans.GetSpans(), 1)
	attempt := spans.GetSpans()[0]
	require.True(t, attempt.StartTime.Equal(start))
	require.True(t, attempt.EndTime.Equal(start.Add(time.Minute)))
	require.NotContains(t, attributes(attempt.Attributes), attribute.Key("cimg.region"))
}

func TestFailedCreate(t *testing.T) {
	for name, test := range map[string]struct {
		fault   emulator.Fault
		outcome string
		kind    string // error.type, of the call and of its attempt
		attempt map[attribute.Key]any
	}{
		"its response was lost": {
			emulator.Fault{After: true, Reset: true}, "unknown", "_OTHER", map[attribute.Key]any{},
		},
		"the connection was refused": {
			emulator.Fault{Refuse: true}, "not sent", "not sent", map[attribute.Key]any{},
		},
		"the service rejected it": {
			emulator.Fault{Errno: 1000011}, "rejected", "account in arrears",
			map[attribute.Key]any{"http.response.status_code": int64(http.StatusOK), "cimg.errno": int64(1000011)},
		},
		"the errno is unlisted": {
			emulator.Fault{Body: `{"errno":987654,"errmsg":"","requestId":""}`, ContentType: "application/json"}, "unknown", "_OTHER",
			map[attribute.Key]any{"http.response.status_code": int64(http.StatusOK), "cimg.errno": int64(987654)},
		},
		"a gateway responded": {
			emulator.Fault{Status: http.StatusBadGateway, Body: "<html>"}, "unknown", "server error",
			map[attribute.Key]any{"http.response.status_code": int64(http.StatusBadGateway)},
		},
		"the response was malformed": {
			emulator.Fault{Body: `{"errno":0}`}, "unknown", "malformed response",
			map[attribute.Key]any{"http.response.status_code": int64(http.StatusOK)},
		},
		"its time ran out": {
			emulator.Fault{Delay: time.Hour}, "unknown", "context deadline exceeded", map[attribute.Key]any{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			observed(t, func(t *testing.T, f *fixture) {
				test.fault.Operation = "createCIMG"
				f.cloud.InjectFor(t, test.fault)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := f.create(ctx, "web-01")
				require.Error(t, err)
				var unknown *wrapper.OutcomeUnknownError
				require.Equal(t, test.outcome == "unknown", errors.As(err, &unknown))

				call, attempts := f.call(t)
				require.Equal(t, sdktrace.Status{Code: codes.Error, Description: err.Error()}, call.Status)
				require.Equal(t, map[attribute.Key]any{
					"cimg.op": "createCIMG", "cimg.region": "gz", "cimg.outcome": test.outcome, "error.type": test.kind,
				}, attributes(call.Attributes))

				require.Len(t, attempts, 1)
				require.Equal(t, codes.Error, attempts[0].Status.Code)
				attrs := attributes(attempts[0].Attributes)
				require.Equal(t, test.kind, attrs["error.type"])
				for _, key := range []attribute.Key{"cimg.op", "cimg.region", "error.type", "cimg.request_id"} {
					delete(attrs, key)
				}
				require.Equal(t, test.attempt, attrs)

				durations, counts := f.metrics(t)
				require.Len(t, durations, 1)
				require.Equal(t, map[attribute.Key]any{
					"cimg.op": "createCIMG", "cimg.region": "gz", "cimg.outcome": test.outcome,
				}, durations[0].attrs)
				expected := map[attribute.Key]any{"cimg.op": "createCIMG", "error.type": test.kind}
				if status, ok := test.attempt["http.response.status_code"]; ok {
					expected["http.response.status_code"] = status
				}
				require.Equal(t, []series{{expected, 1, 0}}, counts)
			})
		})
	}
}

// No telemetry has the token, even if a response repeats it. No metric has
// request ids or names, whose number is unbounded.
func TestSecretsAndNamesAreNotExported(t *testing.T) {
	observed(t, func(t *testing.T, f *fixture) {
		const requestID, name = "0123456789abcdef", "a-name-like-no-other"
		require.NoError(t, f.create(t.Context(), name))
		require.NoError(t, f.list(t.Context()))
		for _, fault := range []emulator.Fault{
			{After: true, Reset: true},
			{Errno: 41017},
			{
				Body: fmt.Sprintf(`{"errno":4,"errmsg":"token %s of %s","requestId":"%s %[1]s","data":[]}`,
					emulator.DefaultToken, name, requestID),
				ContentType: "application/json",
				Header:      http.Header{"X-Request-Id": {emulator.DefaultToken}},
			},
			{Body: emulator.DefaultToken},
		} {
			fault.Operation = "createCIMG"
			f.cloud.InjectFor(t, fault)
			require.Error(t, f.create(t.Context(), name))
		}

		spans := f.spans.GetSpans()
		var metrics metricdata.ResourceMetrics
		require.NoError(t, f.reader.Collect(t.Context(), &metrics))
		spansText, metricsText := inFull(t, spans), inFull(t, metrics)
		require.Len(t, spans, 2*6)
		require.Contains(t, spansText, requestID, "the search works")
		require.Contains(t, metricsText, "createCIMG", "the search works")
		require.NotContains(t, spansText, emulator.DefaultToken)
		require.NotContains(t, metricsText, emulator.DefaultToken)
		require.NotContains(t, metricsText, requestID)
		require.NotContains(t, metricsText, name)
	})
}

// inFull formats a value with fmt and with encoding/json, which follow
// different pointers.
func inFull(t *testing.T, v any) string {
	t.Helper()
	asJSON, err := json.Marshal(v)
	require.NoError(t, err)
	return fmt.Sprintf("%+v\n%s", v, asJSON)
}

// Goroutines share a client, and therefore its hooks.
func TestConcurrentCalls(t *testing.T) {
	observed(t, func(t *testing.T, f *fixture) {
		const calls = 20
		var wg sync.WaitGroup
		for range calls {
			wg.Go(func() {
				if err := f.list(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()

		parents := make(map[trace.SpanID]int)
		for _, span := range f.spans.GetSpans() {
			if strings.HasSuffix(span.Name, " attempt") {
				parents[span.Parent.SpanID()]++
			}
		}
		require.Len(t, parents, calls, "each call is the parent of its attempt")
		durations, counts := f.metrics(t)
		require.Len(t, durations, 1)
		require.EqualValues(t, calls, durations[0].count)
		require.Len(t, counts, 1)
		require.EqualValues(t, calls, counts[0].count)
	})
}

// brokenMeters cannot create histograms.
type brokenMeters struct{ metricnoop.MeterProvider }

type brokenMeter struct{ metricnoop.Meter }

var errNoHistogram = errors.New("no histogram")

func (brokenMeters) Meter(string, ...metric.MeterOption) metric.Meter { return brokenMeter{} }

func (brokenMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return nil, errNoHistogram
}

func TestHooksReturnsInstrumentErrors(t *testing.T) {
	_, err := cimgotel.Hooks(tracenoop.NewTracerProvider(), brokenMeters{})
	require.ErrorIs(t, err, errNoHistogram)
}
