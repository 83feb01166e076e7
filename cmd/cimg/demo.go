package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/polling"
)

// The values in the examples of the provider's two pages; the emulator's stock has
// them.
const (
	snapshotUUID = "3fd352092a3f553cb124223f6a7f09b4"
	createdName  = "openapi自定义镜像"
	copiedName   = "openapi自定义镜像跨地域"
)

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:   "demo",
		Usage:  "create an image in gz, copy it to bj and list both, against an emulator of its own",
		Before: noArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			return demo(ctx, cmd.Root().Writer)
		},
	}
}

// demo takes an image from a snapshot to a second region. It ignores the
// environment: address and token are those of its own emulator.
func demo(ctx context.Context, out io.Writer) error {
	cloud, err := emulator.New(emulator.Options{
		Plan: func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: 2 * time.Second} },
	})
	if err != nil {
		return err
	}
	server, err := serve("127.0.0.1:0", cloud)
	if err != nil {
		return err
	}
	defer server.stop()

	client, err := wrapper.New(
		wrapper.StaticToken(emulator.DefaultToken),
		wrapper.WithBaseURL(server.url),
		wrapper.WithPolling(wrapper.Polling{RequestInterval: 200 * time.Millisecond}),
		wrapper.WithWaitOptions(wrapper.PollPolicy(polling.Constant(200*time.Millisecond))),
	)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	fmt.Fprintf(out, "An emulator of the service runs on %s.\nNothing leaves this machine.\n\n", server.url)

	fmt.Fprintf(out, "Create %q in gz from snapshot %s\n", createdName, snapshotUUID)
	created, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{
		Name:        createdName,
		SnapUUID:    snapshotUUID,
		Description: "测试自定义镜像",
	})
	if err != nil {
		return err
	}
	image, err := follow(ctx, out, created)
	if err != nil {
		return err
	}

	fmt.Fprintf(out, "Copy it to bj as %q\n", copiedName)
	copied, err := client.ImportImage(ctx, "bj", wrapper.ImportImageInput{
		Name:            copiedName,
		OriginRegionID:  "gz",
		OriginImageUUID: image.ResourceUUID,
		Description:     "openapi测试",
	})
	if err != nil {
		return err
	}
	if _, err := follow(ctx, out, copied); err != nil {
		return err
	}
	return list(ctx, out, client, "gz", "bj")
}

// follow shows a job's progress as it changes and returns its last state.
func follow(ctx context.Context, out io.Writer, handle *wrapper.JobHandle) (wrapper.Job, error) {
	fmt.Fprintf(out, "  job %s\n", handle.Ref.JobUUID)
	started := time.Now()
	var last wrapper.Job
	for job, err := range handle.Watch(ctx) {
		if err != nil {
			return job, err
		}
		fmt.Fprintf(out, "  %s %3.0f %%\n", bar(job.Progress), job.Progress)
		last = job
	}
	fmt.Fprintf(out, "  done after %.1f s: image %s\n\n", time.Since(started).Seconds(), last.ResourceUUID)
	return last, nil
}

// bar draws a percentage.
func bar(percent float64) string {
	const width = 25
	full := min(max(int(percent/100*width), 0), width)
	return strings.Repeat("█", full) + strings.Repeat("░", width-full)
}

// list prints the images of regions as a table. The name comes last: Chinese
// characters are two columns wide, which would shift the columns after it.
func list(ctx context.Context, out io.Writer, client *wrapper.Client, regions ...string) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "REGION\tIMAGE\tSTATUS\tNAME")
	for _, region := range regions {
		for image, err := range client.Images(ctx, region) {
			if err != nil {
				return err
			}
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", region, image.UUID, image.Status, image.Name)
		}
	}
	return table.Flush()
}
