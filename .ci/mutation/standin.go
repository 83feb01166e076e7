package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// standIn does what gremlins expects of go:
//
//   - `go test` exits with 2 if and only if something does not compile. Go's
//     status is 1, as for a test that fails, and gremlins would call it killed.
//   - No result comes from the cache: gremlins allows each mutant a multiple of
//     the time that the first run takes.
//   - What survives the tests of its package must survive the other tests, too.
//   - There is no vet: the question is what tests notice.
//   - The coverage profile has all that runs (see alsoCovered).
func standIn(args []string) int {
	if len(args) == 0 || args[0] != "test" {
		return runGo(args...)
	}
	args = slices.Concat([]string{"test", "-count=1", "-vet=off"}, args[1:])
	if i := slices.Index(args, "-coverprofile"); i >= 0 { // once, before all mutants, in the root
		if status := runGo(append(args, otherTests)...); status != 0 {
			return status
		}
		if err := alsoCovered(args[i+1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	status := runGo(args...)
	if status == 0 {
		args[len(args)-1] = module + strings.TrimPrefix(otherTests, ".")
		status = runGo(args...)
	}
	return status
}

var notCompiled = regexp.MustCompile(`(?m)^FAIL\t\S+ \[(build|setup) failed\]$`)

func runGo(args ...string) (status int) {
	out, err := exec.Command(os.Getenv(realGo), args...).CombinedOutput()
	fmt.Print(string(out))
	switch {
	case err == nil:
		return 0
	case notCompiled.Match(out):
		return 2
	}
	return 1
}

// alsoCovered adds to a coverage profile what no block of it can hold: the
// conditions of a switch's cases, and what is outside of functions. Those that
// no test reaches then count as survivors, which is on the safe side.
func alsoCovered(profile string) error {
	files, err := filepath.Glob(filepath.Join(mutated, "*.go"))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(profile, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		tree, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		add := func(from, to token.Pos) {
			a, b := set.Position(from), set.Position(to)
			fmt.Fprintf(f, "%s/%s:%d.%d,%d.%d 1 1\n", module, filepath.ToSlash(file), a.Line, a.Column, b.Line, b.Column)
		}
		for _, decl := range tree.Decls {
			if d, ok := decl.(*ast.GenDecl); ok {
				add(d.Pos(), d.End())
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if c, ok := n.(*ast.CaseClause); ok {
				add(c.Case, c.Colon)
			}
			return true
		})
	}
	return f.Close()
}
