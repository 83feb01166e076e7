// Package cimgotel reports the calls of a cimg client to OpenTelemetry. It is
// an example to copy and change: the client itself depends on no telemetry.
package cimgotel

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/cimg-go/cimg/wrapper"
)

const scope = "github.com/cimg-go/cimg/tests/otel"

// Hooks returns hooks, for [wrapper.WithHooks], that make a span of each call
// and a child span of each of its attempts, and that record the histogram
// cimg.call.duration and the counter cimg.attempts.
//
// Only spans have request ids and error messages, which may contain the names
// of images: a metric has one series for each value that it has seen. The
// operations and regions in metrics come from the program, so a program that
// gets them from untrusted input should validate them first.
func Hooks(tracers trace.TracerProvider, meters metric.MeterProvider) (wrapper.Hooks, error) {
	tracer := tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))
	meter := meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	duration, durationErr := meter.Float64Histogram("cimg.call.duration",
		metric.WithUnit("s"), metric.WithDescription("How long calls took, including the delays between attempts."),
		// The default bounds are for milliseconds.
		metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120))
	attempts, attemptsErr := meter.Int64Counter("cimg.attempts",
		metric.WithUnit("{attempt}"), metric.WithDescription("How many attempts were made."))
	if err := errors.Join(durationErr, attemptsErr); err != nil {
		return wrapper.Hooks{}, err
	}

	return wrapper.Hooks{
		Begin: func(ctx context.Context, call wrapper.Call) context.Context {
			ctx, _ = tracer.Start(ctx, call.Op, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(about(call)...))
			return ctx
		},
		Attempt: func(ctx context.Context, a wrapper.Attempt) {
			result := resultOf(a)
			attempts.Add(ctx, 1, metric.WithAttributes(opKey.String(a.Op)), metric.WithAttributes(result...))
			_, span := tracer.Start(ctx, a.Op+" attempt", // the attempt is over, hence the timestamps
				trace.WithSpanKind(trace.SpanKindClient),
				trace.WithTimestamp(a.StartedAt),
				trace.WithAttributes(about(a.Call)...), trace.WithAttributes(result...))
			if a.Number > 1 {
				span.SetAttributes(semconv.HTTPRequestResendCount(a.Number - 1))
			}
			if a.Errno != 0 || a.Err == nil { // otherwise there was no errno
				span.SetAttributes(attribute.Int64("cimg.errno", a.Errno))
			}
			if a.RequestID != "" {
				span.SetAttributes(attribute.String("cimg.request_id", a.RequestID))
			}
			setStatus(span, a.Err)
			span.End(trace.WithTimestamp(a.StartedAt.Add(a.Duration)))
		},
		End: func(ctx context.Context, end wrapper.CallEnd) {
			outcome := attribute.String("cimg.outcome", string(end.Outcome))
			duration.Record(ctx, end.Duration.Seconds(), metric.WithAttributes(about(end.Call)...), metric.WithAttributes(outcome))
			span := trace.SpanFromContext(ctx)
			span.SetAttributes(outcome)
			setStatus(span, end.Err)
			span.End()
		},
	}, nil
}

const opKey = attribute.Key("cimg.op")

// about describes a call. An empty region is omitted.
func about(call wrapper.Call) []attribute.KeyValue {
	attrs := []attribute.KeyValue{opKey.String(call.Op)}
	if call.Region != "" {
		attrs = append(attrs, attribute.String("cimg.region", call.Region))
	}
	return attrs
}

// resultOf describes how an attempt ended, with values of low cardinality.
func resultOf(a wrapper.Attempt) (attrs []attribute.KeyValue) {
	if a.HTTPStatus != 0 {
		attrs = append(attrs, semconv.HTTPResponseStatusCode(a.HTTPStatus))
	}
	if a.Err != nil {
		attrs = append(attrs, errorType(a.Err))
	}
	return attrs
}

func setStatus(span trace.Span, err error) {
	if err != nil {
		span.SetAttributes(errorType(err))
		span.SetStatus(codes.Error, err.Error()) // the client's errors do not contain the token
	}
}

// errorType names the kind of an error. The client's sentinels are few; errnos
// are not, because the service may respond with unlisted ones.
func errorType(err error) attribute.KeyValue {
	for _, kind := range []error{
		wrapper.ErrNotSent, wrapper.ErrAuth, wrapper.ErrPermission, wrapper.ErrBadParameter,
		wrapper.ErrArrears, wrapper.ErrBalance, wrapper.ErrNotFound, wrapper.ErrRateLimited, wrapper.ErrServer,
		wrapper.ErrMalformedResponse, wrapper.ErrResponseTooLarge, context.DeadlineExceeded, context.Canceled,
	} {
		if errors.Is(err, kind) {
			return semconv.ErrorTypeKey.String(kind.Error())
		}
	}
	return semconv.ErrorTypeOther
}
