package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"
	"go.temporal.io/sdk/log"

	"github.com/cimg-go/cimg/fleet"
)

// connection is a client of Temporal, and what it has been configured with.
type connection struct {
	client.Client
	address, namespace string
}

// connect connects to the Temporal of the environment.
func connect(ctx context.Context) (*connection, error) {
	options, err := envconfig.LoadDefaultClientOptions()
	if err != nil {
		return nil, usageErrorf("the configuration of Temporal: %w", err)
	}
	c := &connection{address: orDefault(options.HostPort, client.DefaultHostPort), namespace: orDefault(options.Namespace, client.DefaultNamespace)}
	options.Logger = log.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if c.Client, err = client.DialContext(ctx, options); err != nil {
		return nil, fmt.Errorf("cannot reach Temporal at %s (TEMPORAL_ADDRESS): %w", c.address, err)
	}
	return c, nil
}

func orDefault(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}

// checkAttributes fails if the namespace lacks a search attribute: workflows would get
// stuck at their first step.
func (c *connection) checkAttributes(ctx context.Context) error {
	missing, err := fleet.MissingAttributes(ctx, c, c.namespace)
	switch {
	case err != nil:
		return fmt.Errorf("reading the search attributes of namespace %s: %w", c.namespace, err)
	case len(missing) > 0:
		return usageErrorf("namespace %s lacks the search attributes %q; add them with: cimg-fleet setup", c.namespace, missing)
	}
	return nil
}
