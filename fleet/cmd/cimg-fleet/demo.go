package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"time"

	"github.com/urfave/cli/v3"
	"go.temporal.io/sdk/client"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
)

const demoImages = 20

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "copy 20 images to two regions of an emulator, and kill a worker in the middle",
		Description: `It needs a Temporal server, and no account: nothing is sent to the service. It takes about a minute. For instance:

  TEMPORAL_ADDRESS=localhost:7233 cimg-fleet demo`,
		Before: commandline.NoArguments,
		Action: connected(func(ctx context.Context, cmd *cli.Command, c *connection) error {
			if err := fleet.RegisterAttributes(ctx, c, c.namespace); err != nil {
				return err
			}
			stock := emulator.DefaultStock()
			stock.Regions = append(stock.Regions, emulator.Region{ID: "sh", Zones: []string{"sh01"}})
			list := fleet.List{PerRegion: demoImages, Settings: fleet.Settings{HeartbeatTimeout: 5 * time.Second}}
			for i := range demoImages {
				image := stock.Regions[1].Images[0]
				image.UUID, image.ID, image.Name = fmt.Sprintf("%032x", i+1), fmt.Sprintf("cimg-%08d", i+1), fmt.Sprintf("golden-%02d", i+1)
				stock.Regions[1].Images = append(stock.Regions[1].Images, image)
				list.Orders = append(list.Orders, fleet.Order{Name: image.Name, From: fleet.Source{Region: "bj", Image: image.UUID}, Regions: []string{"gz", "sh"}})
			}
			cloud, err := emulator.New(emulator.Options{Stock: stock, Plan: func(emulator.JobStart) emulator.Plan {
				return emulator.Plan{Duration: 10*time.Second + rand.N(10*time.Second)}
			}})
			if err != nil {
				return err
			}
			server, err := commandline.Serve("127.0.0.1:0", cloud)
			if err != nil {
				return err
			}
			defer server.Stop()
			ctx, end := context.WithCancelCause(ctx)
			defer end(nil)                                          // which kills the workers
			queue := fmt.Sprintf("cimg-demo-%d", time.Now().Unix()) // no worker of a real service is on it
			d := &demo{cmd.Root().ErrWriter, queue, server.URL, end}
			d.say("Temporal is at %s, the emulator at %s", c.address, server.URL)
			d.startWorker(ctx)
			victim := d.startWorker(ctx)
			id := workflowID(queue, "fleet", "demo")
			if _, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue}, fleet.Fleet, list); err != nil {
				return cmp.Or(context.Cause(ctx), err)
			}
			d.say("Copying %d images from bj to gz and sh", demoImages)
			defer time.AfterFunc(12*time.Second, func() { // some are there, and some not
				victim.Kill() //nolint:errcheck // it may have ended by itself
				d.say("Killed worker %d: another one continues its work", victim.Pid)
				d.startWorker(ctx)
			}).Stop()
			if err := c.follow(ctx, cmd, id); err != nil {
				return cmp.Or(context.Cause(ctx), err)
			}
			return d.count(cloud, list)
		}),
	}
}

// demo is a run of the command demo.
type demo struct {
	out            io.Writer
	queue, service string
	end            context.CancelCauseFunc
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

// startWorker starts a worker as a process of its own. The demo ends with it, unless it
// was killed.
func (d *demo) startWorker(ctx context.Context) *os.Process {
	program, err := os.Executable()
	worker := exec.CommandContext(ctx, program, "--task-queue", d.queue, "worker", "--base-url", d.service, "--visibility-window", "5s")
	worker.Env = append(os.Environ(), commandline.TokenVariable+"="+emulator.DefaultToken, "DIDIYUN_TOKEN_FILE=")
	worker.Stderr = os.Stderr
	if err = cmp.Or(err, worker.Start()); err != nil {
		d.end(err)
		return new(os.Process)
	}
	d.say("Started worker %d", worker.Process.Pid)
	go func() {
		worker.Wait() //nolint:errcheck // the state says more
		if worker.ProcessState.Exited() {
			d.end(fmt.Errorf("worker %d ended: %v", worker.Process.Pid, worker.ProcessState))
		}
	}()
	return worker.Process
}

// count compares what the emulator has with what was ordered.
func (d *demo) count(cloud *emulator.Emulator, list fleet.List) error {
	for _, region := range list.Orders[0].Regions {
		named := make(map[string]int)
		for _, image := range cloud.Images(region) {
			named[image.Name]++
		}
		for _, order := range list.Orders {
			if named[order.Name] != 1 {
				return fmt.Errorf("%s has %d images named %s", region, named[order.Name], order.Name)
			}
		}
		d.say("%s has %d images, each of the %d names once", region, len(cloud.Images(region)), len(list.Orders))
	}
	return nil
}
