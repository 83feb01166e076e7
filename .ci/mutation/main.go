// Command mutation changes package wrapper, one operator at a time, and sees
// whether a test fails. It fails if too few changes are noticed, and if one
// that is not noticed has no reason in survivors.txt.
//
//	go run . [-files redact.go,token.go] [-keep report.json] [-- flags for gremlins]
//	go run . [-files redact.go,token.go] -judge report.json
//
// The changes are made by gremlins, which leaves some things to be put right:
//
//   - It counts as killed what does not compile, as not covered what the
//     coverage profile leaves out, and limits the time of a mutant's tests by
//     that of a test run that may come from the cache. So it finds a stand-in
//     for go in its PATH (see standIn).
//   - It reads sources while it runs. So it works on a copy.
//   - Its report lacks the number of mutants that timed out, and its thresholds
//     do not make it fail. So judge counts and decides.
package main

import (
	"cmp"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	module     = "github.com/cimg-go/cimg"
	mutated    = "wrapper"     // the package that is changed
	otherTests = "./tests/..." // tests of it elsewhere, from the repository's root
	workers    = "2"           // each runs a compiler and a test: one for each core of a small machine
	// A mutant's tests may take that long, but at least three times what all
	// tests took without it: they are compiled anew, two run at a time, and a
	// mutant may bring about retries, with real pauses, before a test fails.
	timeLimit = 60 * time.Second
	realGo    = "MUTATION_GO" // the variable that tells the stand-in where go is
)

// Of a "-", arithmetic-base makes what invert-negatives would make again.
var mutators = []string{
	"--arithmetic-base", "--conditionals-boundary", "--conditionals-negation", "--increment-decrement",
	"--invert-assignments", "--invert-bitwise", "--invert-bwassign", "--invert-logical", "--invert-loopctrl",
	"--remove-self-assignments", "--invert-negatives=false",
}

func main() {
	if filepath.Base(os.Args[0]) == "go" {
		os.Exit(standIn(os.Args[1:]))
	}
	var o options
	flag.StringVar(&o.only, "files", "", "change only these files of the package, separated by commas")
	flag.StringVar(&o.keep, "keep", "", "keep gremlins' report in this file")
	flag.StringVar(&o.judge, "judge", "", "judge this report, of the sources as they are, instead of making one")
	flag.Parse()
	o.extra = flag.Args()
	ok, err := run(o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutation:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

type options struct {
	only, keep, judge string
	extra             []string // flags for gremlins
}

func run(o options) (ok bool, err error) {
	list, err := os.ReadFile("survivors.txt")
	if err != nil {
		return false, fmt.Errorf("run it in its own folder: %w", err)
	}
	accepted, err := parseAccepted(string(list))
	if err != nil {
		return false, err
	}
	accepted = slices.DeleteFunc(accepted, func(e explanation) bool { return !chosen(o.only, e.file) })

	tree := filepath.Join("..", "..")
	report, err := os.ReadFile(o.judge)
	if o.judge == "" {
		temp, tempErr := os.MkdirTemp("", "mutation-")
		if tempErr != nil {
			return false, tempErr
		}
		defer func() { _ = os.RemoveAll(temp) }()
		report, err = makeReport(o, temp, tree)
		tree = filepath.Join(temp, "tree")
	}
	if err != nil {
		return false, err
	}
	if o.keep != "" {
		if err := os.WriteFile(o.keep, report, 0o644); err != nil {
			return false, err
		}
	}
	mutants, err := parseReport(report, os.DirFS(tree))
	if err != nil {
		return false, err
	}
	// What an extra flag leaves out is unknown here, hence also what is stale.
	v := judge(mutants, accepted, len(o.extra) == 0)
	fmt.Print(v)
	return len(v.failures) == 0, nil
}

func makeReport(o options, temp, source string) ([]byte, error) {
	tree, report := filepath.Join(temp, "tree"), filepath.Join(temp, "report.json")
	if err := copyTree(tree, source); err != nil {
		return nil, err
	}
	excluded, err := allBut(o.only, os.DirFS(filepath.Join(tree, mutated)))
	if err != nil {
		return nil, err
	}
	if err := gremlins(temp, tree, slices.Concat([]string{"--output", report}, excluded, o.extra)); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(report)
	if err != nil {
		return nil, fmt.Errorf("gremlins found nothing to change, or was interrupted: %w", err)
	}
	return content, nil
}

// gremlins builds what go.mod pins and runs it in the tree.
func gremlins(temp, tree string, args []string) error {
	goCommand, err := exec.LookPath("go")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bin := filepath.Join(temp, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	if err := os.Symlink(self, filepath.Join(bin, "go")); err != nil {
		return err
	}
	program := filepath.Join(temp, "gremlins")
	steps := []*exec.Cmd{
		exec.Command(goCommand, "build", "-o", program, "github.com/go-gremlins/gremlins/cmd/gremlins"),
		// Compile, see that tests pass, and how long that takes: gremlins
		// multiplies the time of the next such run.
		exec.Command(goCommand, "test", "-run=^$", "-vet=off", "-cover", "-coverpkg=./"+mutated, "./"+mutated+"/...", otherTests),
		exec.Command(goCommand, "test", "-count=1", "-vet=off", "-cover", "-coverpkg=./"+mutated, "./"+mutated+"/...", otherTests),
		exec.Command(program, slices.Concat([]string{
			"unleash", "--workers", workers, "--coverpkg", "./" + mutated, "--output-statuses", "lt",
		}, mutators, args, []string{"./" + mutated})...),
	}
	var took time.Duration
	for i, step := range steps {
		if i > 0 {
			step.Dir = tree
		}
		step.Stdout, step.Stderr = os.Stdout, os.Stderr
		if step.Args[0] == program {
			factor := max(3, 1+int(timeLimit/took))
			step.Args = slices.Insert(step.Args, 2, "--timeout-coefficient", strconv.Itoa(factor))
			step.Env = append(os.Environ(), "TMPDIR="+temp, realGo+"="+goCommand,
				"PATH="+bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
		}
		start := time.Now()
		if err := step.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(step.Args, " "), err)
		}
		took = time.Since(start)
	}
	return nil
}

// chosen says if a file of the package, with or without folder, is in the list.
func chosen(only, file string) bool {
	return only == "" || slices.ContainsFunc(strings.Split(only, ","), func(f string) bool { return path.Base(f) == path.Base(file) })
}

// allBut returns the flags that keep gremlins from files that are not chosen.
func allBut(only string, dir fs.FS) (flags []string, err error) {
	files, err := fs.Glob(dir, "*.go")
	for _, name := range strings.Split(only, ",") {
		if only != "" && !slices.Contains(files, path.Base(name)) {
			err = cmp.Or(err, fmt.Errorf("%s has no file %s", mutated, name))
		}
	}
	for _, file := range files {
		if !chosen(only, file) {
			flags = append(flags, "--exclude-files", "^"+regexp.QuoteMeta(file)+"$")
		}
	}
	return flags, err
}

// copyTree copies the repository, without its history.
func copyTree(to, from string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, e := range entries {
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		switch {
		case e.Name() == ".git":
		case e.IsDir():
			err = os.CopyFS(target, os.DirFS(source))
		default:
			var content []byte
			if content, err = os.ReadFile(source); err == nil {
				err = os.WriteFile(target, content, 0o644)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}
