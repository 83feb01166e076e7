package consumer

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// An import of the wrapper may compile at most this many other modules, and
// nothing that only the tests, the emulator or the command need.
const maxModules = 6

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
		if module != "" && module != "github.com/cimg-go/cimg" && !slices.Contains(modules, module) {
			modules = append(modules, module)
		}
	}
	if len(modules) == 0 || len(modules) > maxModules {
		t.Errorf("an import of the wrapper needs %d modules: %q", len(modules), modules)
	}
	t.Logf("modules: %q", modules)
}
