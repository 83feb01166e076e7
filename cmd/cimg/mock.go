package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/internal/mock"
)

const mockExample = `For instance, to see what a program does whose first create is carried out, but whose response is lost:

  cimg mock --scenario lost-response

`

func mockCommand() *cli.Command {
	var addr, scenario string
	var origins []string
	var duration time.Duration
	var seed uint64
	var quiet bool
	var options mock.Options
	return &cli.Command{
		Name:        "mock",
		Usage:       "serve an emulator of the service until interrupted",
		Description: mockExample + mock.Help,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Usage: "listen on `HOST:PORT`; port 0 takes a free one", Value: "127.0.0.1:8080", Destination: &addr},
			&cli.StringFlag{Name: "token", Usage: "accept `TOKEN` as the bearer token", Value: emulator.DefaultToken, Destination: &options.Emulator.Token},
			&cli.StringFlag{Name: "scenario", Usage: "behave as `FILE` says, or as one of these: " + strings.Join(mock.Shipped(), ", "), Destination: &scenario},
			&cli.DurationFlag{Name: "job-duration", Usage: "let each job take `DURATION`, for instance 500ms or 2m, where the scenario does not say", Value: emulator.DefaultDuration, Destination: &duration},
			&cli.BoolFlag{Name: "strict", Usage: "reject the form of the published examples, which is not in the contract (one object as cimg, no regionId, a list without start)", Destination: &options.Emulator.Strict},
			&cli.Uint64Flag{Name: "seed", Usage: "make ids reproducible: the same for the same `NUMBER` and the same requests", DefaultText: "random ids", Destination: &seed},
			&cli.StringSliceFlag{Name: "cors", Usage: "let pages of `ORIGIN`, such as https://app.example.com, call the operations, but not the control API; those of loopback origins may use both anyway", Destination: &origins},
			&cli.BoolFlag{Name: "control-from-anywhere", Usage: "let other machines use the control API", Destination: &options.ControlFromAnywhere},
			&cli.BoolFlag{Name: "quiet", Usage: "write no line for each request", Destination: &quiet},
		},
		Before: commandline.NoArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			_, port, _ := net.SplitHostPort(addr)
			_, wrongPort := net.LookupPort("tcp", port)
			switch {
			case port == "":
				return commandline.UsageErrorf("--addr: %q has no port, unlike 127.0.0.1:8080; port 0 takes a free one", addr)
			case wrongPort != nil:
				return commandline.UsageErrorf("--addr: %w", wrongPort)
			case duration < 0:
				return commandline.UsageErrorf("--job-duration: %v is negative", duration)
			case options.Emulator.Token == "":
				return commandline.UsageErrorf("--token: it is empty")
			case strings.ContainsFunc(options.Emulator.Token, func(r rune) bool { return r <= ' ' || r > '~' }):
				return commandline.UsageErrorf("--token: it has a character that is not allowed in a header")
			}
			options.Emulator.Stock = stock()
			options.Emulator.Plan = func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: duration} }
			if cmd.IsSet("seed") {
				options.Emulator.Seed = &seed
			}
			if cmd.IsSet("scenario") {
				var err error
				if options.Scenario, err = mock.Load(scenario, options.Emulator.Stock); err != nil {
					return commandline.UsageErrorf("--scenario: %w", err)
				}
			}
			return serveMock(ctx, cmd, addr, options, origins, quiet)
		},
	}
}

// stock returns the emulator's default stock and what the contract's examples need
// in gz, so that each can be sent as it is: the images to rename and to delete, and
// the jobs to query.
func stock() *emulator.Stock {
	stock := emulator.DefaultStock()
	gz, bj := &stock.Regions[0], stock.Regions[1]
	for _, known := range []struct{ uuid, id, name string }{
		{"cbdba09c4ad4475f9f3d399947aaa99e", "cimg-x2m7qv4e", "openapi自定义镜像跨地域"},
		{"579ddc8d6c364e6fa798698113260e6b", "cimg-t8r1c5wn", "广州02"},
	} {
		image := bj.Images[0]
		image.UUID, image.ID, image.Name = known.uuid, known.id, known.name
		image.Regions, image.Zones, image.BackupStorages = []string{"gz"}, []string{"gz01"}, nil
		gz.Images = append(gz.Images, image)
	}
	gz.Jobs = []gen.Job{
		finished("CreateCIMG", "3fd352092a3f553cb124223f6a7f09b4", "14eebc3af5ac42bd88c6444dc56f9e15"), // whose image is gone
		finished("ImportCIMG", "051f6d7688df5542be1a91123473d0df", gz.Images[0].UUID),
	}
	return stock
}

// finished returns a job that succeeded.
func finished(jobType, jobUUID, imageUUID string) gen.Job {
	return gen.Job{Type: jobType, JobUUID: jobUUID, UUID: jobUUID, ResourceUUID: imageUUID, Done: true, Success: true, Progress: 100}
}

// serveMock serves a mock until ctx ends.
func serveMock(ctx context.Context, cmd *cli.Command, addr string, options mock.Options, origins []string, quiet bool) error {
	// The reader of the output may have gone. The mock serves others.
	signal.Ignore(syscall.SIGPIPE)
	commandline.ResultsOf(cmd).MayClose = true
	mocked, err := mock.New(options)
	if err != nil {
		return err
	}
	pages, err := withPages(mocked, options.Emulator.Token)
	if err != nil {
		return err
	}
	handler, err := mock.AllowOrigins(origins, pages)
	if err != nil {
		return commandline.UsageErrorf("--cors: %w", err)
	}
	if !quiet {
		if handler, err = mock.Logged(cmd.Root().ErrWriter, handler); err != nil {
			return err
		}
	}
	server, err := commandline.Serve(addr, handler)
	if err != nil {
		return err
	}
	defer server.Stop()

	announce(cmd, server.URL, options.Emulator)
	select {
	case <-ctx.Done():
		if !commandline.IsJSON(cmd) {
			fmt.Fprintln(cmd.Root().Writer, "Stopped.")
		}
		return nil
	case err := <-server.Failed:
		return err
	}
}

// announce prints where the mock is, for a person or a program.
func announce(cmd *cli.Command, url string, options emulator.Options) {
	out := cmd.Root().Writer
	if commandline.IsJSON(cmd) {
		json.NewEncoder(out).Encode(map[string]string{"baseUrl": url, "token": options.Token}) //nolint:errcheck // stdout keeps it
		return
	}
	fmt.Fprintf(out, `Base URL  %[1]s
Token     %[2]s
Snapshot  %[3]s in gz
Images    %[5]s
Pages     %[1]s/ to try it in a browser; the contract at /openapi.yaml and /openapi.json
Control   %[1]s/_emulator/ explains how to make it fail

Try it:

curl -s %[1]s/dicloud/i/storage/cimg/create -H %[4]s -H 'Content-Type: application/json' -d '{"regionId":"gz","cimg":[{"name":"web-01","snapUuid":"%[3]s"}]}'

Stop with Ctrl-C.
`, url, options.Token, snapshotUUID, shellQuote("Authorization: Bearer "+options.Token), listImages(options.Stock))
}

// listImages lists the images of a stock for the banner, one a line.
func listImages(stock *emulator.Stock) string {
	var lines []string
	for _, region := range stock.Regions {
		for _, image := range region.Images {
			lines = append(lines, fmt.Sprintf("%s in %s, %s", image.UUID, region.ID, image.Name))
		}
	}
	return strings.Join(lines, "\n          ")
}
