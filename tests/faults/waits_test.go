package faults

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/polling"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// transport is an emulator's transport that a test may stand in front of.
type transport struct {
	*emulator.Emulator
	instead func(*http.Request) (*http.Response, error) // nil, nil: the emulator responds

	mu    sync.Mutex
	polls []time.Time
}

func (s *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		s.mu.Lock()
		s.polls = append(s.polls, time.Now())
		s.mu.Unlock()
	}
	if s.instead != nil {
		if response, err := s.instead(r); response != nil || err != nil {
			return response, err
		}
	}
	return s.Transport().RoundTrip(r)
}

// inVirtualTime runs a test with a client of an emulator.
func inVirtualTime(t *testing.T, settings emulator.Options, test func(*testing.T, *transport, *wrapper.Client), options ...wrapper.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		emu, err := emulator.New(settings)
		require.NoError(t, err)
		s := &transport{Emulator: emu}
		client, err := wrapper.New(wrapper.StaticToken(token), append([]wrapper.Option{
			wrapper.WithBaseURL("http://127.0.0.1"), wrapper.WithHTTPClient(&http.Client{Transport: s}),
		}, options...)...)
		require.NoError(t, err)
		test(t, s, client)
		for i := range s.polls {
			if i > 0 {
				require.GreaterOrEqual(t, s.polls[i].Sub(s.polls[i-1]), time.Second, "the pace")
			}
		}
	})
}

// createAll starts a job for each name.
func createAll(t *testing.T, client *wrapper.Client, n int) (jobs []*wrapper.JobHandle) {
	t.Helper()
	images := make([]wrapper.CreateImageInput, n)
	for i := range images {
		images[i] = wrapper.CreateImageInput{Name: fmt.Sprint("web-", i), SnapUUID: snapshot}
	}
	jobs, err := client.CreateImages(t.Context(), "gz", images)
	require.NoError(t, err)
	return jobs
}

func reply(status int, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {"application/json"}}
		for i := 0; i+1 < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

// failingPolls are the ways in which a poll can fail.
var failingPolls = map[string]func(*http.Request) (*http.Response, error){
	"HTTP 500":       reply(500, `{"errno":2}`),
	"HTTP 502 HTML":  reply(502, "<html>"),
	"HTTP 408":       reply(408, ""),
	"HTTP 425":       reply(425, ""),
	"HTTP 200 HTML":  reply(200, "<html>"),
	"errno 2":        reply(200, `{"errno":2,"errmsg":"busy","requestId":"r"}`),
	"errno 1":        reply(200, `{"errno":1,"errmsg":"no","requestId":"r"}`),
	"errno 41026":    reply(200, `{"errno":41026,"errmsg":"no","requestId":"r"}`),
	"errno 10000001": reply(200, `{"errno":10000001,"errmsg":"no","requestId":"r"}`),
	"errno 424242":   reply(200, `{"errno":424242,"errmsg":"no","requestId":"r"}`),
	"HTTP 403":       reply(403, "<html>"),
	"HTTP 404":       reply(404, "<html>"),
	"HTTP 431":       reply(431, ""),
	"reset":          func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset by peer") },
	"no response": func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	},
}

// Row 38: the ids of some jobs spoil each poll that they are in, from the start or
// shortly before the jobs end. The others finish, at most twice as late as without them
// and after the time limit of a poll that gets no response; those fail alone; the pace
// is kept.
func TestPoisonedPolls(t *testing.T) {
	settings := emulator.Options{Plan: lasting(10 * time.Minute)}
	const usual = 17 * time.Second // how late the adaptive policy is with these jobs, at most
	sizes := []int{3, 40}
	if underRace {
		sizes = sizes[:1]
	}
	test := func(t *testing.T, size int, poisoned []int, from, late time.Duration, fails func(*http.Request) (*http.Response, error)) {
		inVirtualTime(t, settings, func(t *testing.T, s *transport, client *wrapper.Client) {
			jobs := createAll(t, client, size)
			began := time.Now()
			s.instead = func(r *http.Request) (*http.Response, error) {
				for _, i := range poisoned {
					if strings.Contains(r.URL.RawQuery, jobs[i].Ref.JobUUID) && time.Since(began) >= from {
						return fails(r)
					}
				}
				return nil, nil
			}
			for i, outcome := range client.WatchAll(t.Context(), jobs) {
				switch {
				case !outcome.Job.Done && outcome.Err == nil:
				case slices.Contains(poisoned, i):
					var wait *wrapper.WaitError
					require.ErrorAs(t, outcome.Err, &wait)
					require.Equal(t, []wrapper.JobRef{jobs[i].Ref}, wait.Refs)
				default:
					require.NoError(t, outcome.Err)
					require.LessOrEqual(t, time.Since(began), 10*time.Minute+late)
				}
			}
		})
	}
	for _, size := range sizes {
		for _, poisoned := range [][]int{{0}, {1}, {2}, {0, 2}} {
			for name, fails := range failingPolls {
				late := 2 * usual
				t.Run(fmt.Sprint(name, " ", size, poisoned), func(t *testing.T) {
					test(t, size, poisoned, 0, late, fails)
				})
				if name == "no response" {
					late += time.Minute // the limit, and shorter ones of the parts
				}
				t.Run(fmt.Sprint(name, " ", size, poisoned, " late"), func(t *testing.T) {
					test(t, size, poisoned, 585*time.Second, late, fails)
				})
			}
		}
	}
}

// Row 38, the other half: what all polls meet is an outage, which waits outlive if
// it is over in three minutes; the service gets few requests while it lasts.
func TestOutages(t *testing.T) {
	for name, fails := range failingPolls {
		if slices.Contains([]string{"errno 1", "errno 41026", "errno 10000001", "errno 424242", "HTTP 403"}, name) {
			continue // not an outage
		}
		for _, n := range []int{1, 3, 40} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				inVirtualTime(t, emulator.Options{Plan: lasting(10 * time.Minute)}, func(t *testing.T, s *transport, client *wrapper.Client) {
					jobs := createAll(t, client, n)
					began := time.Now()
					var during atomic.Int32
					s.instead = func(r *http.Request) (*http.Response, error) {
						if at := time.Since(began); at < 4*time.Minute || at > 7*time.Minute {
							return nil, nil
						}
						during.Add(1)
						return fails(r)
					}
					_, err := client.WaitAll(t.Context(), jobs)
					require.NoError(t, err)
					require.LessOrEqual(t, during.Load(), int32(16))
				})
			})
		}
	}
}

// Row 39: a response in which one state cannot be read is news of the others.
func TestOneStateThatCannotBeRead(t *testing.T) {
	for _, field := range []string{`"done":true`, `"done":"half"`, `"done":true,"success":"yes"`} {
		t.Run(field, func(t *testing.T) {
			inVirtualTime(t, emulator.Options{}, func(t *testing.T, s *transport, client *wrapper.Client) {
				jobs := createAll(t, client, 3)
				s.instead = func(r *http.Request) (*http.Response, error) {
					if r.Method != http.MethodGet {
						return nil, nil
					}
					var states []string
					for id := range strings.SplitSeq(r.URL.Query().Get("jobUuids"), ",") {
						state := `"done":true,"success":true,"progress":100`
						if id == jobs[1].Ref.JobUUID {
							state = field
						}
						states = append(states, fmt.Sprintf(`{"jobUuid":"%s","type":"CreateCIMG",%s}`, id, state))
					}
					return reply(200, `{"errno":0,"errmsg":"ok","requestId":"r","data":[`+strings.Join(states, ",")+`]}`)(r)
				}
				outcomes, err := client.WaitAll(t.Context(), jobs)
				require.NoError(t, outcomes[0].Err)
				require.NoError(t, outcomes[2].Err)
				require.Equal(t, []wrapper.JobOutcome{outcomes[0], outcomes[2]}, slices.DeleteFunc(slices.Clone(outcomes), func(o wrapper.JobOutcome) bool { return o.Err != nil }))
				require.ErrorIs(t, err, wrapper.ErrMalformedResponse)
				var wait *wrapper.WaitError
				require.ErrorAs(t, err, &wait)
				require.Equal(t, []wrapper.JobRef{jobs[1].Ref}, wait.Refs)
			})
		})
	}
}

// Row 40: for a while after a create the service does not know the jobs, however it
// says so.
func TestJustCreated(t *testing.T) {
	for _, name := range []string{"errno 41026", "HTTP 404", "errno 1", "absence"} {
		for _, n := range []int{1, 3, 20} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				inVirtualTime(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, s *transport, client *wrapper.Client) {
					jobs, began := createAll(t, client, n), time.Now()
					s.instead = func(r *http.Request) (*http.Response, error) {
						switch {
						case time.Since(began) > 5*time.Second:
							return nil, nil
						case name == "absence":
							return reply(200, `{"errno":0,"data":[]}`)(r)
						}
						return failingPolls[name](r)
					}
					_, err := client.WaitAll(t.Context(), jobs)
					require.NoError(t, err)

					began = time.Now().Add(time.Hour) // for good
					_, err = client.WaitAll(t.Context(), jobs)
					unknown := wrapper.ErrJobUnknown
					if name == "HTTP 404" {
						require.NotErrorIs(t, err, unknown, "a gateway cannot know")
						unknown = wrapper.ErrNotFound
					}
					require.ErrorIs(t, err, unknown)
					require.GreaterOrEqual(t, time.Since(began.Add(-time.Hour)), 30*time.Second)
				})
			})
		}
	}
}

// Row 43: the service announces how long an outage lasts, again and again.
func TestAnnouncedOutages(t *testing.T) {
	for _, status := range []int{503, 429} {
		inVirtualTime(t, emulator.Options{Plan: lasting(time.Hour)}, func(t *testing.T, s *transport, client *wrapper.Client) {
			jobs, began := createAll(t, client, 3), time.Now()
			s.instead = func(r *http.Request) (*http.Response, error) {
				if time.Since(began) > 150*time.Minute {
					return nil, nil
				}
				return reply(status, "", "Retry-After", "900")(r)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
			defer cancel()
			_, err := client.WaitAll(ctx, jobs, wrapper.MaxFailures(0))
			require.NoError(t, err)
			require.LessOrEqual(t, len(s.polls), 15)
		})
	}
}

// Row 44: a token expires while jobs are waited for.
func TestATokenExpires(t *testing.T) {
	validFor := func(lifetime time.Duration) (issue wrapper.TokenFunc, isValid func(*http.Request) bool) {
		began := time.Now()
		current := func() string { return fmt.Sprintf("%064d", time.Since(began)/lifetime) }
		return func(context.Context) (string, error) { return current(), nil },
			func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer "+current() }
	}
	for name, rejects := range map[string]func(*http.Request) (*http.Response, error){
		"HTTP 401": reply(401, "<html>"), "errno 4": reply(200, `{"errno":4,"errmsg":"AccessDenied"}`),
	} {
		t.Run(name, func(t *testing.T) {
			for _, test := range []struct {
				name   string
				source func(*testing.T, wrapper.TokenFunc) wrapper.TokenSource
				fails  bool
			}{
				{"asked each time", func(_ *testing.T, issue wrapper.TokenFunc) wrapper.TokenSource { return issue }, false},
				{"cached for too long", func(_ *testing.T, issue wrapper.TokenFunc) wrapper.TokenSource {
					return wrapper.CacheToken(issue, 24*time.Hour)
				}, false},
				{"a file that is replaced late", func(t *testing.T, issue wrapper.TokenFunc) wrapper.TokenSource {
					path := filepath.Join(t.TempDir(), "token")
					replace := func() {
						token, _ := issue(t.Context())
						require.NoError(t, os.WriteFile(path, []byte(token+"\n"), 0o600))
					}
					replace()
					for i := range 10 {
						time.AfterFunc(time.Duration(i)*30*time.Minute+40*time.Second, replace)
					}
					return wrapper.FileToken(path)
				}, false},
				{"static", func(_ *testing.T, issue wrapper.TokenFunc) wrapper.TokenSource {
					token, _ := issue(context.Background())
					return wrapper.StaticToken(token)
				}, true},
				{"static, cached", func(_ *testing.T, issue wrapper.TokenFunc) wrapper.TokenSource {
					token, _ := issue(context.Background())
					return wrapper.CacheToken(wrapper.StaticToken(token), time.Hour)
				}, true},
			} {
				t.Run(test.name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						issue, isValid := validFor(30 * time.Minute)
						emu, err := emulator.New(emulator.Options{Plan: lasting(2 * time.Hour)})
						require.NoError(t, err)
						rejected := 0
						s := &transport{Emulator: emu, instead: func(r *http.Request) (*http.Response, error) {
							if isValid(r) {
								r.Header.Set("Authorization", "Bearer "+emulator.DefaultToken)
								return nil, nil
							}
							rejected++
							return rejects(r)
						}}
						client, err := wrapper.New(test.source(t, issue), wrapper.WithBaseURL("http://127.0.0.1"), wrapper.WithHTTPClient(&http.Client{Transport: s}))
						require.NoError(t, err)
						_, err = client.WaitAll(t.Context(), createAll(t, client, 3))
						if test.fails {
							require.ErrorIs(t, err, wrapper.ErrAuth)
							require.Equal(t, 1, rejected, "at once")
							return
						}
						require.NoError(t, err)
					})
				})
			}
		})
	}
}

// Row 46: many calls and waits share a rate limit that is far too low for them. They
// take their time; none fails.
func TestATightRateLimit(t *testing.T) {
	inVirtualTime(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, s *transport, client *wrapper.Client) {
		recovery, err := reconcile.New(client)
		require.NoError(t, err)
		var group sync.WaitGroup
		for i := range 300 {
			group.Go(func() {
				image, err := recovery.EnsureImage(context.Background(), "gz", wrapper.CreateImageInput{Name: fmt.Sprint("web-", i), SnapUUID: snapshot})
				if err == nil {
					_, err = image.Wait(context.Background())
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		s.polls = nil // they waited for their turn, and then came as the limit allows
	}, wrapper.WithRateLimit(5, 5))
}

// A token source that hangs in one poll is given up, like a service that does.
func TestATokenSourceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		emu, err := emulator.New(emulator.Options{Plan: lasting(time.Minute)})
		require.NoError(t, err)
		var hangs atomic.Bool
		source := wrapper.TokenFunc(func(ctx context.Context) (string, error) {
			if hangs.CompareAndSwap(true, false) {
				<-ctx.Done()
				return "", ctx.Err()
			}
			return emulator.DefaultToken, nil
		})
		client, err := wrapper.New(source, wrapper.WithBaseURL("http://127.0.0.1"), wrapper.WithHTTPClient(&http.Client{Transport: emu.Transport()}))
		require.NoError(t, err)
		jobs := createAll(t, client, 3)
		hangs.Store(true)
		_, err = client.WaitAll(t.Context(), jobs)
		require.NoError(t, err)
		hangs.Store(true)
		_, err = client.CreateImage(t.Context(), "gz", wrapper.CreateImageInput{Name: "late", SnapUUID: snapshot})
		require.ErrorIs(t, err, wrapper.ErrNotSent)
		require.NotErrorIs(t, err, context.DeadlineExceeded)
	})
}

// panicking panics once, in the poll that it is armed for.
type panicking struct {
	armed atomic.Bool
	slog.Handler
}

func (p *panicking) panic() {
	if p.armed.CompareAndSwap(true, false) {
		panic("caller's code: " + token)
	}
}

func (p *panicking) Handle(context.Context, slog.Record) error { p.panic(); return nil }
func (p *panicking) Enabled(context.Context, slog.Level) bool  { return true }

func (p *panicking) Pause(time.Duration, polling.History) time.Duration {
	p.panic()
	return time.Second
}

// Row 51: a caller's code panics in a poll. That wait ends with an error, others go
// on, and a later one for the job is served.
func TestPanicsInPolls(t *testing.T) {
	p := &panicking{}
	for name, options := range map[string][]wrapper.Option{
		"begin":   {wrapper.WithHooks(wrapper.Hooks{Begin: func(ctx context.Context, _ wrapper.Call) context.Context { p.panic(); return ctx }})},
		"attempt": {wrapper.WithHooks(wrapper.Hooks{Attempt: func(context.Context, wrapper.Attempt) { p.panic() }})},
		"end":     {wrapper.WithHooks(wrapper.Hooks{End: func(context.Context, wrapper.CallEnd) { p.panic() }})},
		"logger":  {wrapper.WithLogger(slog.New(p))},
		"policy":  {wrapper.WithWaitOptions(wrapper.PollPolicy(p))},
	} {
		t.Run(name, func(t *testing.T) {
			inVirtualTime(t, emulator.Options{Plan: lasting(time.Minute)}, func(t *testing.T, _ *transport, client *wrapper.Client) {
				jobs := createAll(t, client, 2)
				var group sync.WaitGroup
				group.Go(func() {
					time.Sleep(10 * time.Second)
					p.armed.Store(true)
				})
				_, err := jobs[0].Wait(t.Context())
				group.Wait()
				var wait *wrapper.WaitError
				require.ErrorAs(t, err, &wait)
				require.ErrorContains(t, err, "panicked")
				require.NotContains(t, err.Error(), token)
				_, err = client.WaitAll(t.Context(), jobs)
				require.NoError(t, err)
			}, options...)
		})
	}
}
