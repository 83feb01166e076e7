package main

import (
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

const tokenVariable = "DIDIYUN_ACCESS_TOKEN" // also in the texts of --help

// service is how a worker talks to the service. Its flags and variables are those of
// cimg.
type service struct {
	baseURL, tokenFile       string
	pageSize, jobsPerPoll    int
	pollInterval, visibility time.Duration
	rateLimit                float64
}

func (s *service) flags(more ...cli.Flag) []cli.Flag {
	const category = "Service"
	return append(more,
		&cli.StringFlag{Name: "base-url", Category: category, Usage: "send requests to `URL`, for instance of cimg mock", Value: wrapper.DefaultBaseURL, Sources: cli.EnvVars("DIDIYUN_BASE_URL"), Destination: &s.baseURL},
		&cli.StringFlag{Name: "token-file", Category: category, Usage: "read the token from `FILE`, before each request. Without it, the token is in the environment variable " + tokenVariable, Sources: cli.EnvVars("DIDIYUN_TOKEN_FILE"), Destination: &s.tokenFile},
		&cli.IntFlag{Name: "page-size", Category: category, Usage: "request `N` images at a time; cimg doctor finds out how many the service accepts", Value: wrapper.DefaultPageSize, Sources: cli.EnvVars("CIMG_PAGE_SIZE"), Destination: &s.pageSize},
		&cli.DurationFlag{Name: "poll-interval", Category: category, Usage: "send at most one poll in `DURATION` to a region", Value: time.Second, Sources: cli.EnvVars("CIMG_POLL_INTERVAL"), Destination: &s.pollInterval},
		&cli.IntFlag{Name: "jobs-per-poll", Category: category, Usage: "poll at most `N` jobs in a request", Value: 100, Sources: cli.EnvVars("CIMG_JOBS_PER_POLL"), Destination: &s.jobsPerPoll},
		&cli.DurationFlag{Name: "visibility-window", Category: category, Usage: "look for an image for `DURATION` before its call is taken for lost: how soon a new one is listed is not published", Value: reconcile.DefaultVisibilityWindow, Sources: cli.EnvVars("CIMG_VISIBILITY_WINDOW"), Destination: &s.visibility},
		&cli.FloatFlag{Name: "rate-limit", Category: category, Usage: "send at most `N` requests a second, of whatever kind; divide the account's limit by the workers", DefaultText: "no limit", Sources: cli.EnvVars("CIMG_RATE_LIMIT"), Destination: &s.rateLimit},
	)
}

// client returns a client of the service.
func (s *service) client() (*wrapper.Client, error) {
	token := wrapper.EnvToken(tokenVariable)
	switch {
	case s.tokenFile != "":
		token = wrapper.FileToken(s.tokenFile)
	case os.Getenv(tokenVariable) == "":
		return nil, usageErrorf("no token: set the environment variable %s, or name a file with --token-file", tokenVariable)
	}
	options := []wrapper.Option{
		wrapper.WithBaseURL(s.baseURL),
		wrapper.WithUserAgent("cimg-fleet"),
		wrapper.WithPageSize(s.pageSize),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: s.pollInterval, MaxJobs: s.jobsPerPoll}),
	}
	if s.rateLimit != 0 {
		options = append(options, wrapper.WithRateLimit(s.rateLimit, max(1, int(s.rateLimit))))
	}
	client, err := wrapper.New(token, options...)
	if err != nil {
		return nil, usageError{err}
	}
	return client, nil
}
