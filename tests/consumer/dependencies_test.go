package consumer

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What an import of the wrapper may cost: at most so many modules, this one
// not counted, and none of what only tests, the emulator and the command need.
const mostModules = 6

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

func TestWhatAnImportOfTheWrapperCompiles(t *testing.T) {
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
			t.Error("an import of the wrapper compiles the contract in")
		}
		if module != "" && module != "github.com/cimg-go/cimg" && !slices.Contains(modules, module) {
			modules = append(modules, module)
		}
	}
	if len(modules) == 0 || len(modules) > mostModules {
		t.Errorf("an import of the wrapper pays for %d modules: %q", len(modules), modules)
	}
	t.Logf("modules: %q", modules)
}
