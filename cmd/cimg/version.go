package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v3"
	"go.yaml.in/yaml/v3"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/internal/commandline"
)

func versionCommand() *cli.Command {
	cli.VersionPrinter = printVersion // of --version
	return &cli.Command{
		Name:  "version",
		Usage: "print the versions of the program, the contract and Go, and the revision it was built from",
		Description: `For instance:

  cimg version`,
		Before: commandline.NoArguments,
		Action: func(_ context.Context, cmd *cli.Command) error {
			cli.ShowVersion(cmd.Root())
			return nil
		},
	}
}

// printVersion prints, on one line, what a report about a bug should name.
func printVersion(root *cli.Command) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = new(debug.BuildInfo)
	}
	if commandline.IsJSON(root) {
		json.NewEncoder(root.Writer).Encode(map[string]string{ //nolint:errcheck // stdout keeps it
			"version": root.Version, "revision": revisionOf(info.Settings), "contract": contractVersion(cimg.Spec),
			"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
		})
		return
	}
	fmt.Fprintf(root.Writer, "%s version %s (%s, contract %s, %s %s/%s)\n", root.Name, root.Version,
		revisionOf(info.Settings), contractVersion(cimg.Spec), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// revisionOf returns the commit that a program was built from. Only a build in a
// clone records it.
func revisionOf(settings []debug.BuildSetting) string {
	values := map[string]string{}
	for _, setting := range settings {
		values[setting.Key] = setting.Value
	}
	if values["vcs.revision"] == "" {
		return "unknown revision"
	}
	text := "revision " + values["vcs.revision"] + " of " + values["vcs.time"]
	if values["vcs.modified"] == "true" {
		text += ", modified"
	}
	return text
}

// contractVersion returns info.version of a contract.
func contractVersion(contract []byte) string {
	var document struct {
		Info struct{ Version string }
	}
	if yaml.Unmarshal(contract, &document) != nil {
		return "unknown"
	}
	return document.Info.Version
}
