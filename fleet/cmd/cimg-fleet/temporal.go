package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/urfave/cli/v3"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
)

// connection is a client of Temporal, and what it has been configured with.
type connection struct {
	client.Client
	address, namespace string
}

// connected returns an action that is given a connection.
func connected(action func(context.Context, *cli.Command, *connection) error) cli.ActionFunc {
	return func(ctx context.Context, cmd *cli.Command) error {
		c, err := connect(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		return action(ctx, cmd, c)
	}
}

// connect connects to the Temporal of the environment.
func connect(ctx context.Context) (*connection, error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, commandline.UsageErrorf("the configuration of Temporal: %w", err)
	}
	c := &connection{address: cmp.Or(options.HostPort, client.DefaultHostPort), namespace: cmp.Or(options.Namespace, client.DefaultNamespace)}
	options.Logger = log.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if c.Client, err = client.DialContext(ctx, options); err != nil {
		return nil, fmt.Errorf("cannot reach Temporal at %s (TEMPORAL_ADDRESS): %w", c.address, err)
	}
	return c, nil
}

// checkAttributes fails if the namespace lacks a search attribute: workflows would get
// stuck at their first step.
func (c *connection) checkAttributes(ctx context.Context) error {
	missing, err := fleet.MissingAttributes(ctx, c, c.namespace)
	switch {
	case err != nil:
		return fmt.Errorf("reading the search attributes of namespace %s: %w", c.namespace, err)
	case len(missing) > 0:
		return commandline.UsageErrorf("namespace %s lacks the search attributes %q; add them with: cimg-fleet setup", c.namespace, missing)
	}
	return nil
}

// list returns the workflows that a query of Temporal's visibility finds; its verbs
// stand for the quoted args.
func (c *connection) list(ctx context.Context, query string, args ...any) (rows []row, err error) {
	for i, arg := range args {
		args[i] = "'" + fleet.Quote(fmt.Sprint(arg)) + "'"
	}
	request := &workflowservice.ListWorkflowExecutionsRequest{Query: fmt.Sprintf(query, args...)}
	for {
		page, err := c.ListWorkflow(ctx, request)
		if err != nil {
			return nil, fmt.Errorf("listing workflows: %w", err)
		}
		for _, info := range page.GetExecutions() {
			rows = append(rows, rowOf(info))
		}
		if request.NextPageToken = page.GetNextPageToken(); len(request.NextPageToken) == 0 {
			return rows, nil
		}
	}
}
