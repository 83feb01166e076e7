package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
)

// follow prints a line for each change of a workflow until it ends, and then what
// became of it.
func (c *connection) follow(ctx context.Context, cmd *cli.Command, id string) error {
	ended := make(chan error, 1)
	go func() { ended <- c.GetWorkflow(ctx, id, "").Get(ctx, nil) }()
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	told := make(map[string]string)
	for {
		lines, err := c.lines(ctx, id)
		for key, line := range lines {
			if err == nil && told[key] != line {
				told[key] = line
				fmt.Fprintln(cmd.Root().ErrWriter, line)
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("interrupted; %s goes on, see: cimg-fleet status %[1]s", id)
		case err := <-ended:
			if ctx.Err() != nil {
				continue
			}
			shown, showErr := c.show(ctx, id)
			if showErr == nil {
				showErr = shown.write(cmd)
			}
			if err != nil {
				return err
			}
			return showErr
		case <-ticks.C:
		}
	}
}

// lines says how far a workflow is, by what each line is about.
func (c *connection) lines(ctx context.Context, id string) (map[string]string, error) {
	shown, err := c.show(ctx, id)
	if err != nil {
		return nil, err
	}
	lines := make(map[string]string)
	if shown.workflow.Progress != nil {
		lines[""] = progressText(shown.workflow.Progress)
	}
	for _, image := range shown.images {
		lines[image.Region+"/"+image.Name] = strings.TrimSpace(fmt.Sprintf("%s in %s: %s %s", image.Name, image.Region, image.State, image.Error))
	}
	return lines, nil
}
