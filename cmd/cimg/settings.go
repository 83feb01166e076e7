package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/journal"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

const tokenVariable = "DIDIYUN_ACCESS_TOKEN" // also in the texts of --help

// settings are what all commands have in common that use the service.
type settings struct {
	baseURL, tokenFile, journalDir      string
	pageSize, jobsPerPoll               int
	pollInterval, visibility, timeLimit time.Duration
	noWait                              bool
	source                              wrapper.TokenSource // nil: that of the flag or the environment
}

const serviceFlags = "Service and journal"

// flags returns the flags of a command that uses the service.
func (s *settings) flags(more ...cli.Flag) []cli.Flag {
	return append(more,
		&cli.StringFlag{Name: "base-url", Category: serviceFlags, Usage: "send requests to `URL`, for instance of cimg mock", Value: wrapper.DefaultBaseURL, Sources: cli.EnvVars("DIDIYUN_BASE_URL"), Destination: &s.baseURL},
		&cli.StringFlag{Name: "token-file", Category: serviceFlags, Usage: "read the token from `FILE`, before each request. Without it, the token is in the environment variable " + tokenVariable, Sources: cli.EnvVars("DIDIYUN_TOKEN_FILE"), Destination: &s.tokenFile},
		&cli.IntFlag{Name: "page-size", Category: serviceFlags, Usage: "request `N` images at a time; cimg doctor finds out how many the service accepts", Value: wrapper.DefaultPageSize, Sources: cli.EnvVars("CIMG_PAGE_SIZE"), Destination: &s.pageSize},
	)
}

// jobFlags returns the flags of a command that starts jobs or waits for them.
func (s *settings) jobFlags(more ...cli.Flag) []cli.Flag {
	return s.flags(append(more,
		&cli.DurationFlag{Name: "timeout", Usage: "give up after `DURATION`, for instance 30m; the service goes on with its jobs. 0: never", Destination: &s.timeLimit},
		&cli.DurationFlag{Name: "poll-interval", Category: serviceFlags, Usage: "send at most one poll in `DURATION` to a region", Value: time.Second, Sources: cli.EnvVars("CIMG_POLL_INTERVAL"), Destination: &s.pollInterval},
		&cli.IntFlag{Name: "jobs-per-poll", Category: serviceFlags, Usage: "poll at most `N` jobs in a request", Value: 100, Sources: cli.EnvVars("CIMG_JOBS_PER_POLL"), Destination: &s.jobsPerPoll},
		&cli.DurationFlag{Name: "visibility-window", Category: serviceFlags, Usage: "look for an image for `DURATION` before reporting that there is none: how soon a new one is listed is not published", Value: reconcile.DefaultVisibilityWindow, Sources: cli.EnvVars("CIMG_VISIBILITY_WINDOW"), Destination: &s.visibility},
		s.journalFlag(),
	)...)
}

// startFlags returns the flags of a command that starts jobs.
func (s *settings) startFlags(more ...cli.Flag) []cli.Flag {
	return s.jobFlags(append(more,
		&cli.BoolFlag{Name: "no-wait", Usage: "do not wait: print a ref of each job, for cimg wait", Destination: &s.noWait})...)
}

func (s *settings) journalFlag() cli.Flag {
	return &cli.StringFlag{Name: "journal", Category: serviceFlags, Usage: "keep the journal of calls in `DIRECTORY`. Default: in the user's state directory", Sources: cli.EnvVars("CIMG_JOURNAL"), Destination: &s.journalDir}
}

func regionFlag(region *string) cli.Flag {
	return &cli.StringFlag{Name: "region", Usage: "the region, by its `ID` such as gz", Sources: cli.EnvVars("DIDIYUN_REGION"), Destination: region}
}

// token returns where the token is.
func (s *settings) token() (wrapper.TokenSource, error) {
	if s.source != nil {
		return s.source, nil
	}
	if s.tokenFile != "" {
		return wrapper.FileToken(s.tokenFile), nil
	}
	if os.Getenv(tokenVariable) == "" {
		return nil, usageErrorf("no token: set the environment variable %s, or name a file with --token-file", tokenVariable)
	}
	return wrapper.EnvToken(tokenVariable), nil
}

// client returns a client for the settings.
func (s *settings) client(more ...wrapper.Option) (*wrapper.Client, error) {
	source, err := s.token()
	if err != nil {
		return nil, err
	}
	client, err := wrapper.New(source, append(more,
		wrapper.WithBaseURL(s.baseURL),
		wrapper.WithUserAgent("cimg"),
		wrapper.WithPageSize(s.pageSize),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: s.pollInterval, MaxJobs: s.jobsPerPoll}),
	)...)
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}

// journal returns the journal of the calls to the service.
func (s *settings) journal(service string) (*journal.Journal, error) {
	dir := s.journalDir
	if dir == "" {
		var err error
		if dir, err = journal.DefaultDir(); err != nil {
			return nil, usageErrorf("no place for the journal: %w; name a directory with --journal", err)
		}
	}
	return journal.New(dir, service, append([]string{"cimg"}, os.Args[1:]...)), nil
}

// where returns the flags with which another command finds the same service and
// journal, in a form for a shell.
func (s *settings) where() string {
	return given("--base-url", "DIDIYUN_BASE_URL", s.baseURL, wrapper.DefaultBaseURL) +
		given("--token-file", "DIDIYUN_TOKEN_FILE", s.tokenFile, "") +
		given("--page-size", "CIMG_PAGE_SIZE", strconv.Itoa(s.pageSize), strconv.Itoa(wrapper.DefaultPageSize)) + s.journalFlags()
}

// journalFlags are those with which another command finds the same journal.
func (s *settings) journalFlags() string { return given("--journal", "CIMG_JOURNAL", s.journalDir, "") }

// given returns a flag for a shell; nothing if it is not needed.
func given(name, variable, value, byDefault string) string {
	if value == cmp.Or(os.Getenv(variable), byDefault) {
		return ""
	}
	return " " + commandLine([]string{name, value})
}

// limit returns a context that ends after --timeout.
func (s *settings) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.timeLimit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, s.timeLimit, timedOut(s.timeLimit))
}

// timedOut says that --timeout is over.
type timedOut time.Duration

func (d timedOut) Error() string { return fmt.Sprintf("timed out after %v", time.Duration(d)) }

func (d timedOut) Is(target error) bool { return target == context.DeadlineExceeded }

// output is a format of results.
type output string

const (
	table     output = "table"
	jsonLines output = "json"
)

func outputFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "output", Usage: "print results as a `FORMAT`: table, or json with one object a line", Value: string(table), Sources: cli.EnvVars("CIMG_OUTPUT"),
		Validator: func(value string) error {
			if value != string(table) && value != string(jsonLines) {
				return fmt.Errorf("%q is neither table nor json", value)
			}
			return nil
		},
	}
}

func outputOf(cmd *cli.Command) output { return output(cmd.String("output")) }

// errNoRegion is wrong usage of a command that needs a region.
var errNoRegion = usageErrorf("no region: name one with --region, or in the environment variable DIDIYUN_REGION")
