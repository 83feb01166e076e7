package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/emulator"
)

func mockCommand() *cli.Command {
	var addr, token string
	var strict bool
	var duration time.Duration
	return &cli.Command{
		Name:  "mock",
		Usage: "serve an emulator of the service until interrupted",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "addr", Usage: "listen on `HOST:PORT`; port 0 takes a free one", Value: "127.0.0.1:8080", Destination: &addr},
			&cli.StringFlag{Name: "token", Usage: "accept `TOKEN` as the bearer token", Value: emulator.DefaultToken, Destination: &token},
			&cli.DurationFlag{Name: "job-duration", Usage: "let each job take `DURATION`, for instance 500ms or 2m", Value: emulator.DefaultDuration, Destination: &duration},
			&cli.BoolFlag{Name: "strict", Usage: "reject the form of the published examples, which is not in the contract (one object as cimg, no regionId, a list without start), and repeated parameters", Destination: &strict},
		},
		Before: noArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			switch {
			case duration < 0:
				return fmt.Errorf("--job-duration: %v is negative", duration)
			case token == "":
				return errors.New("--token: it is empty")
			}
			return mock(ctx, cmd.Root().Writer, addr, emulator.Options{
				Token:  token,
				Strict: strict,
				Stock:  stock(),
				Plan:   func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: duration} },
			})
		},
	}
}

// stock returns the emulator's default stock and the images in gz that the
// contract's examples rename and delete, so that each example can be sent as it is.
func stock() *emulator.Stock {
	stock := emulator.DefaultStock()
	gz, bj := &stock.Regions[0], stock.Regions[1]
	for _, known := range []struct{ uuid, id, name string }{
		{"cbdba09c4ad4475f9f3d399947aaa99e", "cimg-x2m7qv4e", copiedName},
		{"579ddc8d6c364e6fa798698113260e6b", "cimg-t8r1c5wn", "广州02"},
	} {
		image := bj.Images[0]
		image.UUID, image.ID, image.Name = known.uuid, known.id, known.name
		image.Regions, image.Zones, image.BackupStorages = []string{"gz"}, []string{"gz01"}, nil
		gz.Images = append(gz.Images, image)
	}
	return stock
}

// mock serves an emulator until ctx ends.
func mock(ctx context.Context, out io.Writer, addr string, options emulator.Options) error {
	cloud, err := emulator.New(options)
	if err != nil {
		return err
	}
	pages, err := withPages(cloud, options.Token)
	if err != nil {
		return err
	}
	server, err := serve(addr, pages)
	if err != nil {
		return err
	}
	defer server.stop()

	fmt.Fprintf(out, `Base URL  %[1]s
Token     %[2]s
Stock     snapshot %[3]s in gz; two images in gz, two in bj
Pages     %[1]s/ to try it in a browser; the contract at /openapi.yaml and /openapi.json

Try it:

curl -s %[1]s/dicloud/i/storage/cimg/create -H %[4]s -H 'Content-Type: application/json' -d '{"regionId":"gz","cimg":[{"name":"web-01","snapUuid":"%[3]s"}]}'

Stop with Ctrl-C.
`, server.url, options.Token, snapshotUUID, shellQuote("Authorization: Bearer "+options.Token))

	select {
	case <-ctx.Done():
		fmt.Fprintln(out, "Stopped.")
		return nil
	case err := <-server.failed:
		return err
	}
}

// shellQuote quotes s for a POSIX shell.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
