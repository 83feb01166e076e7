package consumer

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// An import of the wrapper compiles at most so much of other modules, adds at most so
// many lines to go.sum, and compiles nothing that only the tests, the emulator or the
// command need.
const maxModules, maxPackages, maxSums = 5, 11, 44

var forbidden = []string{
	"github.com/getkin/kin-openapi",
	"github.com/stretchr/testify",
	"github.com/urfave/cli",
	"github.com/swaggest/swgui",
	"go.yaml.in/yaml",
	"github.com/cimg-go/cimg/emulator",
	"testing",
	"net/http/httptest",
	"embed",
}

func TestDependenciesOfTheWrapper(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps",
		"-f", "{{.ImportPath}} {{with .Module}}{{.Path}}{{end}}", "github.com/cimg-go/cimg/wrapper").Output()
	if err != nil {
		t.Fatal(err)
	}
	var modules []string
	packages := 0
	for line := range strings.Lines(string(out)) {
		pkg, module, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, prefix := range forbidden {
			if pkg == prefix || strings.HasPrefix(pkg, prefix+"/") {
				t.Errorf("an import of the wrapper compiles %s", pkg)
			}
		}
		if pkg == "github.com/cimg-go/cimg" {
			t.Error("an import of the wrapper embeds the contract")
		}
		if module == "" || module == "github.com/cimg-go/cimg" {
			continue
		}
		packages++
		if !slices.Contains(modules, module) {
			modules = append(modules, module)
		}
	}
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Count(sums, []byte("\n"))
	if len(modules) == 0 || len(modules) > maxModules || packages > maxPackages || lines > maxSums {
		t.Errorf("an import of the wrapper needs %d packages of %d modules, and %d lines in go.sum: %q", packages, len(modules), lines, modules)
	}
	t.Logf("%d packages of modules %q, %d lines in go.sum", packages, modules, lines)
}
