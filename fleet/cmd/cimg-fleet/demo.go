package main

import (
	"context"
	"errors"
	"fmt"
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

func demoCommand() *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "copy 20 images to two regions of an emulator, and kill a worker in the middle",
		Description: `It needs a Temporal server, and no account: nothing is sent to the service. It takes about a minute. For instance:

  TEMPORAL_ADDRESS=localhost:7233 cimg-fleet demo`,
		Before: noArguments,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			temporal, err := connect(ctx)
			if err != nil {
				return err
			}
			defer temporal.Close()
			if err := fleet.RegisterAttributes(ctx, temporal, temporal.namespace); err != nil {
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
			d := &demo{
				connection: temporal,
				queue:      fmt.Sprintf("cimg-demo-%d", time.Now().Unix()), // no worker of a real service is on it
				service:    "http://" + listener.Addr().String(),
				tell: func(format string, args ...any) {
					fmt.Fprintf(cmd.Root().ErrWriter, format+"\n", args...)
				},
			}
			return d.run(ctx)
		},
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
	queue, service string
	tell           func(format string, args ...any)
	end            context.CancelCauseFunc
}

func (d *demo) run(ctx context.Context) error {
	order := fleet.List{PerRegion: demoImages, Settings: fleet.Settings{HeartbeatTimeout: 5 * time.Second}}
	for _, image := range demoStock().Regions[0].Images {
		order.Orders = append(order.Orders, fleet.Order{Name: image.Name, From: fleet.Source{Region: "gz", Image: image.UUID}, Regions: []string{"bj", "sh"}})
	}
	d.tell("Temporal on %s, the emulator on %s: nothing leaves this machine.", d.address, d.service)
	ctx, d.end = context.WithCancelCause(ctx)
	defer d.end(nil) // which kills the workers
	kill, err := d.startWorker(ctx)
	if err != nil {
		return err
	}
	if _, err := d.startWorker(ctx); err != nil {
		return err
	}
	id := workflowID(d.queue, "fleet", "demo")
	run, err := d.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: d.queue}, fleet.Fleet, order)
	if err != nil {
		return err
	}
	d.tell("Started %s: %d images from gz to bj and sh", id, demoImages)
	begun := time.Now()
	told := ""
	for {
		rows, err := d.list(ctx, "WorkflowType = 'Image' AND TaskQueue = %s", d.queue)
		if err != nil {
			return err
		}
		if now := countStates(rows); now != told {
			told = now
			d.tell("%3.0f s  %s", time.Since(begun).Seconds(), now)
		}
		switch {
		case kill != nil && slices.ContainsFunc(rows, func(r row) bool { return r.State == fleet.StateDone }):
			kill()
			kill = nil
			if _, err := d.startWorker(ctx); err != nil {
				return err
			}
		case len(rows) == 2*demoImages && !slices.ContainsFunc(rows, func(r row) bool { return r.Status == "Running" }):
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

// countStates says how many images are in each state.
func countStates(rows []row) string {
	counts := make(map[string]int)
	for _, r := range rows {
		counts[r.State]++
	}
	var parts []string
	for _, state := range []string{fleet.StateSending, fleet.StatePostponed, fleet.StateReconciling, fleet.StateWaiting, fleet.StateDone, fleet.StateFailed} {
		if counts[state] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[state], state))
		}
	}
	return strings.Join(parts, ", ")
}

// count compares the lists of the service with what was asked for.
func (d *demo) count(ctx context.Context) error {
	cimg, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithBaseURL(d.service))
	if err != nil {
		return err
	}
	for _, region := range []string{"bj", "sh"} {
		named := make(map[string]int)
		for image, err := range cimg.Images(ctx, region) {
			if err != nil {
				return err
			}
			named[image.Name]++
		}
		for _, image := range demoStock().Regions[0].Images {
			if named[image.Name] != 1 {
				return errors.New("the list of " + region + " has " + fmt.Sprint(named[image.Name]) + " images named " + image.Name)
			}
		}
		d.tell("%s lists %d images, each of the %d names once.", region, len(named), demoImages)
	}
	return nil
}
