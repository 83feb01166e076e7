package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/wrapper"
)

// snapshotUUID is the snapshot in the examples of the provider's pages; the
// emulator's stock has it.
const snapshotUUID = "3fd352092a3f553cb124223f6a7f09b4"

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "create an image in gz, copy it to bj and list both, against an emulator of its own",
		Description: `It needs no account, and sends nothing to the service. For instance:

  cimg demo`,
		Before: commandline.NoArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			cloud, err := emulator.New(emulator.Options{
				Plan: func(emulator.JobStart) emulator.Plan { return emulator.Plan{Duration: 2 * time.Second} },
			})
			if err != nil {
				return err
			}
			server, err := commandline.Serve("127.0.0.1:0", cloud)
			if err != nil {
				return err
			}
			defer server.Stop()
			dir, err := os.MkdirTemp("", "cimg-demo")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir) //nolint:errcheck // the system cleans up, too
			// It ignores the environment: all of this is its own.
			s := &settings{
				Service: commandline.Service{
					BaseURL: server.URL, Token: wrapper.StaticToken(emulator.DefaultToken),
					PageSize: wrapper.DefaultPageSize, PollInterval: 200 * time.Millisecond,
				},
				journalDir: dir,
			}
			return s.inSession(demo)(ctx, cmd)
		},
	}
}

// demo takes an image from a snapshot to a second region.
func demo(ctx context.Context, cmd *cli.Command, run *session) error {
	run.lost = "the service would go on with the job, and cimg wait --resume would continue; the emulator of this demo has ended"
	tell := func(format string, args ...any) {
		if !commandline.IsJSON(cmd) {
			fmt.Fprintf(cmd.Root().ErrWriter, format, args...)
		}
	}
	tell("Against an emulator on %s: nothing leaves this machine.\n\n", run.client.BaseURL())
	tell("1. Create the image web-01 in gz from a snapshot:\n")
	original := run.image("gz", "web-01")
	if err := original.ensureCreated(ctx, wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshotUUID}); err != nil {
		return err
	}
	run.report.pause()
	tell("\n2. Copy it to bj:\n")
	err := run.image("bj", "web-01").ensureImported(ctx, wrapper.ImportImageInput{
		Name: "web-01", OriginRegionID: "gz", OriginImageUUID: original.UUID,
	})
	if err != nil {
		return err
	}
	run.report.pause()
	tell("\n3. Now both regions have one:\n")
	run.report.close()
	tell(`
The same by hand: start an emulator in another terminal, with
  cimg mock --addr 127.0.0.1:8080
and then
  export DIDIYUN_BASE_URL=http://127.0.0.1:8080
  export DIDIYUN_ACCESS_TOKEN=%s
  cimg create --region gz --snapshot %s web-01
  cimg replicate --from gz --to bj web-01
  cimg list --region gz,bj
`, emulator.DefaultToken, snapshotUUID)
	return nil
}
