package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/cimg-go/cimg/internal/commandline"
)

// describeCompletion shows the library's command in the help.
func describeCompletion(completion *cli.Command) {
	completion.Hidden = false
	completion.Usage = "print a script that completes commands and flags in a shell"
	completion.Action = commandline.UnknownCommand
	completion.UsageText = "cimg completion bash|zsh|fish|pwsh"
	completion.Description = `For instance, for bash with its package bash-completion, and from its next start on:

  cimg completion bash >> ~/.bashrc`
}

// complete prints what may come next, without the quotes that name a flag's value in
// its help.
func complete(ctx context.Context, cmd *cli.Command) {
	var suggestions strings.Builder
	root := cmd.Root()
	results := root.Writer
	root.Writer = &suggestions
	cli.DefaultCompleteWithFlags(ctx, cmd)
	root.Writer = results
	fmt.Fprint(results, strings.ReplaceAll(suggestions.String(), "`", ""))
}
