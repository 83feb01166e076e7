package wrapper

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/cimg-go/cimg/internal/oneline"
)

// Hooks are functions that the client calls for metrics and traces. Each may be
// nil. They run in the goroutine of the call, which waits for them, or for a
// poll in one of the client's own, and must be safe for concurrent use. Their
// arguments do not show the token. Calls that fail with an [InputError] are not
// reported.
//
// One that panics after a mutating call was sent makes it an [OutcomeUnknownError],
// which has the jobs of the response. Other panics reach the caller, and end the wait
// for whose poll they are.
type Hooks struct {
	// Begin is called when a call begins. The call continues with the context
	// that it returns, which must be derived from ctx, or nil for ctx itself: a
	// span in it is the parent of what follows.
	Begin func(ctx context.Context, call Call) context.Context
	// Attempt is called after each attempt. A mutating call has at most one, unless
	// the client has WithMutatingRetries, a read-only call up to
	// Retries.MaxAttempts.
	Attempt func(ctx context.Context, attempt Attempt)
	// End is called after the call, with the context that Begin returned.
	End func(ctx context.Context, end CallEnd)
}

// Call identifies a call.
type Call struct {
	Op     string // operationId of the contract, for instance getJobResult; of any other request, method and path
	Region string // empty if the request has none
}

// Attempt is one request and its response.
type Attempt struct {
	Call
	Number     int // 1 for the first
	StartedAt  time.Time
	Duration   time.Duration
	HTTPStatus int         // 0 without a readable response
	Header     http.Header // of the response, not to be modified: Content-Type, Date, Retry-After, Server, Via and X-Request-Id
	Errno      int64       // 0 also if the response has none: see Err
	RequestID  string      // of the envelope
	Err        error       // nil: errno 0 and the data that the contract promises
}

// CallEnd describes how a call ended.
type CallEnd struct {
	Call
	Outcome   Outcome
	Attempts  int
	StartedAt time.Time
	Duration  time.Duration // including the pauses between attempts
	Err       error         // what the call returns
}

// WithHooks adds hooks. Several such options nest: the first one's Begin is
// called first, its End last.
func WithHooks(hooks Hooks) Option {
	return func(c *config) error {
		c.hooks = append(c.hooks, hooks)
		return nil
	}
}

// WithLogger logs each attempt in one line: at level Debug if it succeeded, else
// at Warn. Without this option nothing is logged.
func WithLogger(logger *slog.Logger) Option {
	return func(c *config) error {
		if logger == nil {
			return errors.New("logger: it is nil")
		}
		c.hooks = append(c.hooks, Hooks{Attempt: func(ctx context.Context, a Attempt) {
			level := slog.LevelDebug
			if a.Err != nil {
				level = slog.LevelWarn
			}
			logger.LogAttrs(ctx, level, "cimg attempt", a.LogValue().Group()...)
		}})
		return nil
	}
}

// LogValue makes slog log the fields that are set one by one.
func (a Attempt) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("op", a.Op),
		slog.String("region", a.Region),
		slog.Int("attempt", a.Number),
		slog.Duration("duration", a.Duration),
	}
	if a.HTTPStatus != 0 {
		attrs = append(attrs, slog.Int("httpStatus", a.HTTPStatus), slog.Int64("errno", a.Errno), slog.String("requestId", a.RequestID))
	}
	for _, name := range shownHeaders {
		if value := a.Header.Get(name); value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	if a.Err != nil {
		attrs = append(attrs, slog.String("error", a.Err.Error()))
	}
	return slog.GroupValue(attrs...)
}

// shownHeaders are the fields of a response's header that hooks may see: they
// say who responded and how, and hold no secret.
var shownHeaders = []string{"Content-Type", "Date", "Retry-After", "Server", "Via", "X-Request-Id"}

func shownHeader(header http.Header) http.Header {
	shown := make(http.Header)
	for _, name := range shownHeaders {
		if values := header.Values(name); len(values) > 0 {
			shown.Set(name, oneline.Text(strings.Join(values, ", ")))
		}
	}
	return shown
}

// public is what hooks may see of a call.
func (c *call) public() Call { return Call{Op: c.op.id, Region: oneline.Text(c.target.region)} }

// observeAttempts calls the hooks after each attempt.
func observeAttempts(next handler, hooks []Hooks) handler {
	return func(c *call) (*response, error) {
		c.attempts++
		c.received = nil
		startedAt := time.Now()
		r, err := next(c)
		if !errors.Is(err, ErrNotSent) {
			if c.received = r; r == nil {
				c.received = &response{}
			}
		}
		if len(hooks) == 0 {
			return r, err
		}
		attempt := Attempt{Call: c.public(), Number: c.attempts, StartedAt: startedAt, Duration: time.Since(startedAt), Err: err}
		if r != nil {
			attempt.HTTPStatus = r.status
			attempt.Header = shownHeader(r.header)
			attempt.RequestID = oneline.Text(r.envelope.RequestID)
			if r.envelope.Errno != nil {
				attempt.Errno = *r.envelope.Errno
			}
		}
		for _, h := range hooks {
			if h.Attempt != nil {
				h.Attempt(c.req.Context(), attempt)
			}
		}
		return r, err
	}
}

// observeCalls calls the hooks around each call.
func observeCalls(next handler, hooks []Hooks) handler {
	if len(hooks) == 0 {
		return next
	}
	return func(c *call) (*response, error) {
		end := CallEnd{Call: c.public(), StartedAt: time.Now()}
		ctx := c.req.Context()
		contexts := make([]context.Context, len(hooks))
		for i, h := range hooks {
			if h.Begin != nil {
				if derived := h.Begin(ctx, end.Call); derived != nil {
					ctx = derived
				}
			}
			contexts[i] = ctx
		}
		c.req = c.req.WithContext(ctx)
		r, err := next(c)
		end.Outcome, end.Attempts, end.Err = OutcomeOf(err), c.attempts, err
		end.Duration = time.Since(end.StartedAt)
		for i, h := range slices.Backward(hooks) {
			if h.End != nil {
				h.End(contexts[i], end)
			}
		}
		return r, err
	}
}
