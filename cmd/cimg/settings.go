package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/journal"
	"github.com/cimg-go/cimg/wrapper"
)

// settings are what all commands have in common that use the service.
type settings struct {
	commandline.Service
	journalDir string
	timeLimit  time.Duration
	noWait     bool
}

// flags returns the flags of a command that uses the service.
func (s *settings) flags(more ...cli.Flag) []cli.Flag { return append(more, s.Flags()...) }

// jobFlags returns the flags of a command that starts jobs or waits for them.
func (s *settings) jobFlags(more ...cli.Flag) []cli.Flag {
	return append(append(more, s.JobFlags()...), s.journalFlag(),
		&cli.DurationFlag{Name: "timeout", Usage: "give up after `DURATION`, for instance 30m; the service goes on with its jobs. 0: never", Destination: &s.timeLimit})
}

// startFlags returns the flags of a command that starts jobs.
func (s *settings) startFlags(more ...cli.Flag) []cli.Flag {
	return s.jobFlags(append(more,
		&cli.BoolFlag{Name: "no-wait", Usage: "do not wait: print a ref of each job, for cimg wait", Destination: &s.noWait})...)
}

func (s *settings) journalFlag() cli.Flag {
	return &cli.StringFlag{Name: "journal", Category: commandline.ServiceFlags, Usage: "keep the journal of calls in `DIRECTORY`. Default: in the user's state directory", Sources: cli.EnvVars("CIMG_JOURNAL"), Destination: &s.journalDir}
}

func regionFlag(region *string) cli.Flag {
	return &cli.StringFlag{Name: "region", Usage: "the region, by its `ID` such as gz", Sources: cli.EnvVars("DIDIYUN_REGION"), Destination: region}
}

// client returns a client for the settings.
func (s *settings) client(more ...wrapper.Option) (*wrapper.Client, error) {
	return s.Client(append(more, wrapper.WithUserAgent("cimg"))...)
}

// journal returns the journal of the calls to the service.
func (s *settings) journal(service string) (*journal.Journal, error) {
	dir := s.journalDir
	if dir == "" {
		var err error
		if dir, err = journal.DefaultDir(); err != nil {
			return nil, commandline.UsageErrorf("no place for the journal: %w; name a directory with --journal", err)
		}
	}
	return journal.New(dir, service, append([]string{"cimg"}, os.Args[1:]...)), nil
}

// where returns the flags with which another command finds the same service and
// journal, in a form for a shell.
func (s *settings) where() string {
	return given("--base-url", "DIDIYUN_BASE_URL", s.BaseURL, wrapper.DefaultBaseURL) +
		given("--token-file", "DIDIYUN_TOKEN_FILE", s.TokenFile, "") +
		given("--page-size", "CIMG_PAGE_SIZE", strconv.Itoa(s.PageSize), strconv.Itoa(wrapper.DefaultPageSize)) + s.journalFlags()
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

// errNoRegion is wrong usage of a command that needs a region.
var errNoRegion = commandline.UsageErrorf("no region: name one with --region, or in the environment variable DIDIYUN_REGION")
