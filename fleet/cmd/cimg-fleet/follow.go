package main

import (
	"context"
	"errors"
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
		select {
		case <-ctx.Done():
			return fmt.Errorf("interrupted; %s goes on, see: cimg-fleet status %[1]s", id)
		case err := <-ended:
			if ctx.Err() != nil {
				continue
			}
			rows, showErr := c.show(ctx, id)
			return errors.Join(showErr, write(cmd.Root().Writer, cmd.String("output"), rows...), err)
		case <-ticks.C:
		}
		rows, _ := c.show(ctx, id) // or the next time
		for _, r := range rows {
			line := strings.Join(strings.Fields(strings.Join(r.cells(), " ")), " ")
			if key := r.ID + r.Region + r.Name; told[key] != line {
				told[key] = line
				fmt.Fprintln(cmd.Root().ErrWriter, line)
			}
		}
	}
}
