package main

import "github.com/urfave/cli/v3"

// describeCompletion shows the library's command in the help.
func describeCompletion(completion *cli.Command) {
	completion.Hidden = false
	completion.Usage = "print a script that completes commands and flags in a shell"
	completion.UsageText = "cimg completion bash|zsh|fish|pwsh"
	completion.Description = `For instance, for bash, and from its next start on:

  cimg completion bash >> ~/.bashrc`
}
