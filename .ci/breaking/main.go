// Command breaking compares the contract, openapi.yaml, with that of the last
// release or of a given revision, prints what breaks for whom, and fails if
// something does although info.version did not go up a major.
//
//	breaking [REVISION]
//
// Exit status: 0 if nothing breaks, if a new major version says that something
// does, or if there is no release yet to compare with; 1 if it breaks, or if the
// version cannot be right; 2 if there is nothing to judge, because a contract is
// missing or cannot be read.
//
// The comparison is oasdiff's. Where it calls compatible what breaks our users,
// levels.go says so; where it has no check, a file of its own has one:
// parameters.go, serialization.go, servers.go, security.go, requests.go,
// enums.go, alternatives.go, statuses.go and generated.go. What no check knows is
// listed, for eyes.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	spec "github.com/cimg-go/cimg/internal/contract"
)

const contractFile = "openapi.yaml"

func main() {
	os.Exit(run(os.Args[1:], ".", os.Stdout, os.Stderr))
}

func run(args []string, dir string, out, problems io.Writer) (status int) {
	report, err := compareInRepository(args, dir)
	switch {
	case err != nil:
		if _, broken := errors.AsType[*spec.Problem](err); broken {
			fmt.Fprintln(problems, err) // a line for each, as compilers write it
		} else {
			fmt.Fprintln(problems, "breaking:", oneLine(err))
		}
		return 2
	case report == nil:
		fmt.Fprint(out, noRelease)
		return 0
	}
	fmt.Fprint(out, report)
	if !report.judge().ok {
		return 1
	}
	return 0
}

const noRelease = `Not compared: there is no release, no tag like v1.2.3 is reachable from HEAD.
Nothing is said about what breaks. If there are releases, this clone lacks their
tags: git fetch --tags. Or name another revision: make breaking REV=main
`

// compareInRepository returns no report if there is no release yet.
func compareInRepository(args []string, dir string) (*Report, error) {
	if len(args) > 1 {
		return nil, fmt.Errorf("want one revision at most, got %q", args)
	}
	repository, err := openRepository(dir)
	if err != nil {
		return nil, err
	}
	var name string
	if len(args) == 1 && args[0] != "" { // make breaking REV=
		name = args[0]
	} else if name, err = repository.lastRelease(); err != nil || name == "" {
		return nil, err
	}
	base, err := repository.contractAt(name)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(filepath.Join(repository.root, contractFile))
	if err != nil {
		return nil, err
	}
	return compare(base, contract{name: contractFile, content: content})
}
