package commandline

import (
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

// TokenVariable is the environment variable with the token.
const TokenVariable = "DIDIYUN_ACCESS_TOKEN" // also in the texts of --help

// Service is how a command reaches the service.
type Service struct {
	BaseURL, TokenFile             string
	PageSize, JobsPerPoll          int
	PollInterval, VisibilityWindow time.Duration
	Token                          wrapper.TokenSource // nil: that of the file or the environment
}

// ServiceFlags is the category of these flags in --help.
const ServiceFlags = "Settings"

// Flags returns the flags of a command that uses the service.
func (s *Service) Flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "base-url", Category: ServiceFlags, Usage: "send requests to `URL`, for instance of cimg mock", Value: wrapper.DefaultBaseURL, Sources: cli.EnvVars("DIDIYUN_BASE_URL"), Destination: &s.BaseURL},
		&cli.StringFlag{Name: "token-file", Category: ServiceFlags, Usage: "read the token from `FILE`, before each request. Without it, the token is in the environment variable " + TokenVariable, Sources: cli.EnvVars("DIDIYUN_TOKEN_FILE"), Destination: &s.TokenFile},
		&cli.IntFlag{Name: "page-size", Category: ServiceFlags, Usage: "request `N` images at a time; cimg doctor finds out how many the service accepts", Value: wrapper.DefaultPageSize, Sources: cli.EnvVars("CIMG_PAGE_SIZE"), Destination: &s.PageSize},
	}
}

// JobFlags returns those of a command that waits for jobs, too.
func (s *Service) JobFlags() []cli.Flag {
	return append(s.Flags(),
		&cli.DurationFlag{Name: "poll-interval", Category: ServiceFlags, Usage: "send at most one poll in `DURATION` to a region", Value: time.Second, Sources: cli.EnvVars("CIMG_POLL_INTERVAL"), Destination: &s.PollInterval},
		&cli.IntFlag{Name: "jobs-per-poll", Category: ServiceFlags, Usage: "poll at most `N` jobs in a request", Value: 100, Sources: cli.EnvVars("CIMG_JOBS_PER_POLL"), Destination: &s.JobsPerPoll},
		&cli.DurationFlag{Name: "visibility-window", Category: ServiceFlags, Usage: "look for an image for `DURATION` before reporting that there is none: how soon a new one is listed is not published", Value: reconcile.DefaultVisibilityWindow, Sources: cli.EnvVars("CIMG_VISIBILITY_WINDOW"), Destination: &s.VisibilityWindow},
	)
}

// Client returns a client of the service.
func (s *Service) Client(more ...wrapper.Option) (*wrapper.Client, error) {
	token := s.Token
	switch {
	case token != nil:
	case s.TokenFile != "":
		token = wrapper.FileToken(s.TokenFile)
	case os.Getenv(TokenVariable) == "":
		return nil, UsageErrorf("no token: set the environment variable %s, or name a file with --token-file", TokenVariable)
	default:
		token = wrapper.EnvToken(TokenVariable)
	}
	client, err := wrapper.New(token, append(more,
		wrapper.WithBaseURL(s.BaseURL),
		wrapper.WithPageSize(s.PageSize),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: s.PollInterval, MaxJobs: s.JobsPerPoll}),
	)...)
	if err != nil {
		return nil, UsageErrorf("%w", err)
	}
	return client, nil
}
