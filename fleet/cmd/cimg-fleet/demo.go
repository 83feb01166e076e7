package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v3"
	"go.temporal.io/sdk/client"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/gen"
	"github.com/cimg-go/cimg/wrapper"
)

const demoImages = 20

var demoRegions = []string{"bj", "sh"}

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "copy 20 images to two regions of an emulator, and kill a worker in the middle",
		Description: `It needs a Temporal server, and no account: nothing is sent to the service. It takes about a minute. For instance:

  TEMPORAL_ADDRESS=localhost:7233 cimg-fleet demo`,
		Before: noArguments,
		Action: connected(func(ctx context.Context, cmd *cli.Command, c *connection) error {
			if err := fleet.RegisterAttributes(ctx, c, c.namespace); err != nil {
				return err
			}
			cloud, err := emulator.New(emulator.Options{
				Stock: demoStock(),
				Plan: func(emulator.JobStart) emulator.Plan {
					return emulator.Plan{Duration: 10*time.Second + rand.N(10*time.Second)}
				},
			})
			if err != nil {
				return err
			}
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			server := &http.Server{Handler: cloud, ReadHeaderTimeout: 10 * time.Second}
			go server.Serve(listener) //nolint:errcheck // whoever calls it notices
			defer server.Close()
			ctx, end := context.WithCancelCause(ctx)
			defer end(nil)                                          // which kills the workers
			queue := fmt.Sprintf("cimg-demo-%d", time.Now().Unix()) // no worker of a real service is on it
			return (&demo{c, cmd.Root().ErrWriter, queue, "http://" + listener.Addr().String(), end}).run(ctx)
		}),
	}
}

// demoStock has the originals in gz, and two regions without images.
func demoStock() *emulator.Stock {
	stock := emulator.DefaultStock()
	gz := emulator.Region{ID: "gz", Zones: []string{"gz01"}}
	for i := range demoImages {
		image := stock.Regions[1].Images[0]
		image.UUID, image.ID, image.Name = fmt.Sprintf("%032x", i+1), fmt.Sprintf("cimg-%08d", i+1), fmt.Sprintf("golden-%02d", i+1)
		image.Regions, image.Zones, image.BackupStorages = []string{gz.ID}, gz.Zones, []gen.BackupStorage{}
		gz.Images = append(gz.Images, image)
	}
	return &emulator.Stock{Regions: []emulator.Region{gz, {ID: "bj", Zones: []string{"bj01"}}, {ID: "sh", Zones: []string{"sh01"}}}}
}

// demo is a run of the command demo.
type demo struct {
	*connection
	out            io.Writer
	queue, service string
	end            context.CancelCauseFunc
}

func (d *demo) tell(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) run(ctx context.Context) error {
	d.tell("Temporal on %s, the emulator on %s: nothing leaves this machine.", d.address, d.service)
	list := fleet.List{PerRegion: demoImages, Settings: fleet.Settings{HeartbeatTimeout: 5 * time.Second}}
	for _, image := range demoStock().Regions[0].Images {
		list.Orders = append(list.Orders, fleet.Order{Name: image.Name, From: fleet.Source{Region: "gz", Image: image.UUID}, Regions: demoRegions})
	}
	kill, err := d.startWorker(ctx)
	if err != nil {
		return err
	}
	if _, err := d.startWorker(ctx); err != nil {
		return err
	}
	id := workflowID(d.queue, "fleet", "demo")
	run, err := d.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: d.queue}, fleet.Fleet, list)
	if err != nil {
		return err
	}
	d.tell("Started %s: %d images from gz to %s", id, demoImages, strings.Join(demoRegions, " and "))
	begun, told := time.Now(), ""
	for {
		rows, err := d.list(ctx, "WorkflowType = 'Image' AND TaskQueue = %s", d.queue)
		if err != nil {
			return cmp.Or(context.Cause(ctx), err)
		}
		states, parts := make(map[string]int), []string(nil)
		for _, r := range rows {
			states[r.State]++
		}
		for _, state := range slices.Sorted(maps.Keys(states)) {
			parts = append(parts, fmt.Sprintf("%d %s", states[state], state))
		}
		if now := strings.Join(parts, ", "); now != told {
			d.tell("%3.0f s  %s", time.Since(begun).Seconds(), now)
			told = now
		}
		switch {
		case kill != nil && states[fleet.StateDone] > 0:
			kill()
			kill = nil
			if _, err := d.startWorker(ctx); err != nil {
				return err
			}
		case states[fleet.StateDone]+states[fleet.StateFailed] == demoImages*len(demoRegions):
			if err := run.Get(ctx, nil); err != nil {
				return err
			}
			return d.count(ctx)
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// startWorker starts a worker as a process of its own. The demo ends if that one ends,
// unless it is killed by the function that startWorker returns.
func (d *demo) startWorker(ctx context.Context) (kill func(), err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	worker := exec.CommandContext(ctx, program, "--task-queue", d.queue, "worker", "--base-url", d.service, "--visibility-window", "5s")
	worker.Env = append(os.Environ(), tokenVariable+"="+emulator.DefaultToken, "DIDIYUN_TOKEN_FILE=")
	worker.Stderr = os.Stderr
	if err := worker.Start(); err != nil {
		return nil, err
	}
	d.tell("Started worker %d", worker.Process.Pid)
	var killed atomic.Bool
	go func() {
		if err := worker.Wait(); !killed.Load() {
			d.end(fmt.Errorf("worker %d ended: %w", worker.Process.Pid, err))
		}
	}()
	return func() {
		killed.Store(true)
		worker.Process.Kill() //nolint:errcheck // it may have ended by itself
		d.tell("Killed worker %d in the middle. What it was doing is left to the others.", worker.Process.Pid)
	}, nil
}

// count compares the lists of the service with what was asked for.
func (d *demo) count(ctx context.Context) error {
	cimg, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithBaseURL(d.service))
	if err != nil {
		return err
	}
	for _, region := range demoRegions {
		named := make(map[string]int)
		for image, err := range cimg.Images(ctx, region) {
			if err != nil {
				return err
			}
			named[image.Name]++
		}
		for _, image := range demoStock().Regions[0].Images {
			if named[image.Name] != 1 {
				return fmt.Errorf("%s lists %d images named %s", region, named[image.Name], image.Name)
			}
		}
		d.tell("%s lists %d images, each of the %d names once.", region, len(named), demoImages)
	}
	return nil
}
