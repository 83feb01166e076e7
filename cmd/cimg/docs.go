package main

import (
	"context"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/internal/docs"
)

func docsCommand() *cli.Command {
	return &cli.Command{
		Name:   "docs",
		Usage:  "print the contract as one HTML page, for instance: cimg docs > cimg.html",
		Before: noArguments,
		Action: func(_ context.Context, cmd *cli.Command) error {
			return docs.Write(cmd.Root().Writer, "openapi.yaml", cimg.Spec)
		},
	}
}
