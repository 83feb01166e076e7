package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// blocks returns the fenced blocks of a language.
func blocks(text, language string) []string {
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

// The pages that people read, from the module's root.
var pages = []string{
	"README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md",
	"docs/go.md", "docs/go.zh-CN.md",
	"docs/other-languages.md", "docs/other-languages.zh-CN.md",
	"docs/generated-clients.md", "docs/generated-clients.zh-CN.md",
	"docs/fleet.md", "docs/fleet.zh-CN.md",
}

func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", page))
	require.NoError(t, err)
	return string(text)
}

// asTest makes a part of a program into a test, with a client of an emulator and
// in virtual time.
func asTest(part string) string {
	use := ""
	if strings.Contains(part, "uuid, err := ") {
		use = "fmt.Println(uuid)"
	}
	return fmt.Sprintf(`package readme_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper"
	"github.com/cimg-go/cimg/wrapper/reconcile"
)

var _ *reconcile.Reconciler

func part(ctx context.Context, client *wrapper.Client, images []wrapper.CreateImageInput, snapshot string) (err error) {
	%s
	%s
	return err
}

func TestPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		service, err := emulator.New(emulator.Options{})
		if err != nil {
			t.Fatal(err)
		}
		client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithBaseURL("http://127.0.0.1"),
			wrapper.WithHTTPClient(&http.Client{Transport: service.Transport()}))
		if err != nil {
			t.Fatal(err)
		}
		images := make([]wrapper.CreateImageInput, 500)
		for i := range images {
			images[i] = wrapper.CreateImageInput{Name: fmt.Sprint("web-", i), SnapUUID: %[3]q}
		}
		if err := part(t.Context(), client, images, %[3]q); err != nil {
			t.Fatal(err)
		}
		if service.Requests("createCIMG") != 1 || service.Jobs("gz")[0].Progress != 100 {
			t.Error("it did not create and wait")
		}
	})
}
`, part, use, snapshot)
}

// The programs of the pages compile as they are. Tests, and parts of a program made
// into one, also run. The translations have the same programs, but for comments:
// see TestTranslationsAreComplete.
func TestReadmePrograms(t *testing.T) {
	programs, tests, parts := 0, 0, 0
	for _, text := range blocks(read(t, "README.md")+read(t, "docs/go.md"), "go") {
		switch {
		case strings.HasPrefix(text, "package main\n"):
			programs++
			compile(t, "main.go", text, "build")
		case strings.HasPrefix(text, "package "):
			tests++
			run(t, text)
		default:
			parts++
			run(t, asTest(text))
		}
	}
	require.Equal(t, []int{1, 1, 3}, []int{programs, tests, parts})
}

func run(t *testing.T, test string) {
	t.Helper()
	binary := compile(t, "main_test.go", test, "test", "-c", "-vet=off")
	command := exec.CommandContext(t.Context(), binary, "-test.v")
	command.Dir = t.TempDir()
	out, err := command.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: Test")
}

// compile runs a go command, such as build, on a package of one file and returns
// the path of the binary.
func compile(t *testing.T, file, text string, command ...string) string {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	// The package exists in an overlay only, so that nothing is written into the
	// checkout.
	dir := t.TempDir()
	source := filepath.Join(dir, file)
	require.NoError(t, os.WriteFile(source, []byte(text), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "cmd", "readme", file): source,
	}})
	require.NoError(t, err)
	overlayFile := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))

	binary := filepath.Join(dir, "program")
	build := exec.CommandContext(t.Context(), "go", append(command, "-overlay", overlayFile, "-o", binary, "./cmd/readme")...)
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s:\n%s", text, out)
	return binary
}

// The shell blocks of the README, typed one after the other: from nothing to one image
// in each of two regions.
func TestReadmeCommands(t *testing.T) {
	for _, page := range []string{"README.md", "README.zh-CN.md"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			commands := blocks(read(t, page), "sh")
			require.Len(t, commands, 3)
			out, u := typed(t, strings.Join(commands[:2], "")) // the last is run by .ci/run
			for _, region := range []string{"gz", "bj"} {
				require.Regexp(t, `(?m)^`+region+` +\w{32} +succeeded +web-01$`, out)
				require.Regexp(t, `(?m)^`+region+` +\w{32} +exists +web-01$`, out, "the same again, against the service")
				require.Equal(t, []string{"web-01"}, u.images(t, region))
			}
		})
	}
}

// The commands and files that the pages name exist.
func TestCommandsAndLinksOfThePages(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			text := read(t, page)
			commands := regexp.MustCompile(`\bmake ([a-z-]+)\b`).FindAllStringSubmatch(strings.Join(append(blocks(text, "sh"),
				regexp.MustCompile("`make [a-z-]+").FindAllString(text, -1)...), "\n"), -1)
			require.NotEmpty(t, commands)
			for _, command := range commands {
				require.Contains(t, string(makefile), fmt.Sprintf("\n%s: ## ", command[1]))
			}
			links := regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(text, -1)
			require.NotEmpty(t, links)
			for _, link := range links {
				require.FileExists(t, filepath.Join("..", filepath.Dir(page), link[1]))
			}
		})
	}
}

// Paths that the pages for people name exist. bin/ and dist/ are built, testing/ is
// in Go.
func TestPathsOnThePages(t *testing.T) {
	elsewhere := regexp.MustCompile(`^(bin|dist|testing)/`)
	for _, page := range pages[:6] {
		paths := regexp.MustCompile("`((?:[\\w.-]+/)+[\\w.*-]*)`").FindAllStringSubmatch(read(t, page), -1)
		for _, path := range paths {
			if elsewhere.MatchString(path[1]) {
				continue
			}
			if found, _ := filepath.Glob(filepath.Join("..", path[1])); found == nil {
				t.Errorf("%s names %s, which does not exist", page, path[1])
			}
		}
	}
}

var (
	comment = regexp.MustCompile(`(?m)(^|\s+)(//|#) .*$`)
	outline = regexp.MustCompile(`^(#+ |\||- |\d\. |` + "```" + `\w*)`)
)

// A translation has everything that the original has: headings, tables, lists,
// programs (but for their comments) and links.
func TestTranslationsAreComplete(t *testing.T) {
	for translated, original := range map[string]string{
		"README.zh-CN.md":                 "README.md",
		"docs/go.zh-CN.md":                "docs/go.md",
		"docs/other-languages.zh-CN.md":   "docs/other-languages.md",
		"docs/generated-clients.zh-CN.md": "docs/generated-clients.md",
		"docs/fleet.zh-CN.md":             "docs/fleet.md",
	} {
		// Each links to the other, and to pages in its own language.
		partsOf := func(page string) (lines []string, programs []string, links []string) {
			text := read(t, page)
			for line := range strings.Lines(text) {
				if start := outline.FindString(line); start != "" {
					lines = append(lines, start)
				}
			}
			for _, language := range []string{"go", "sh", "js", "ts", "yaml", "json", "text"} {
				for _, program := range blocks(text, language) {
					programs = append(programs, comment.ReplaceAllString(program, ""))
				}
			}
			for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
				links = append(links, strings.Replace(link[1], ".zh-CN.md", ".md", 1))
			}
			return lines, programs, links
		}
		lines, programs, links := partsOf(original)
		linesOf, programsOf, linksOf := partsOf(translated)
		require.Equal(t, lines, linesOf, translated)
		require.Equal(t, programs, programsOf, translated)
		require.ElementsMatch(t, links, linksOf, translated)
	}
}

// The pages for other languages show the settings and versions that the examples
// run with.
func TestSettingsOnThePageAreThoseOfTheExamples(t *testing.T) {
	page := read(t, "docs/generated-clients.md")
	require.Equal(t, []string{read(t, "tests/contract/clients/ogen/ogen.yml")}, blocks(page, "yaml"))
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	text := read(t, "tests/contract/package-lock.json")
	require.NoError(t, json.Unmarshal([]byte(text), &lock))
	require.NotContains(t, text, `"resolved"`, "the registry is the choice of the machine, see .npmrc")
	named := regexp.MustCompile(`(?:^| )((?:@[\w-]+/)?[\w-]+)@(\d[\d.]*)`)
	for _, command := range append(blocks(page, "sh"), blocks(read(t, "docs/other-languages.md"), "sh")...) {
		for line := range strings.Lines(command) {
			if !strings.HasPrefix(line, "npm install") {
				continue
			}
			for _, tool := range named.FindAllStringSubmatch(line, -1) {
				require.True(t, strings.HasPrefix(lock.Packages["node_modules/"+tool[1]].Version, tool[2]), tool[0])
			}
		}
	}
}
