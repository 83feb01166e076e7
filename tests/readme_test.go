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

// The pages people read, from the module's root; the READMEs are one text in
// two languages.
var (
	readmes = []string{"README.md", "README.zh-CN.md"}
	pages   = append([]string{"docs/other-languages.md", "docs/other-languages.zh-CN.md"}, readmes...)
)

func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", page))
	require.NoError(t, err)
	return string(text)
}

// complete makes a program of a part of one, which runs against an emulator and
// prints what became of it.
func complete(part string) string {
	before := `created, err := client.CreateImage(ctx, "gz", wrapper.CreateImageInput{Name: "web-01", SnapUUID: snapshot})
	if err != nil { panic(err) }`
	after := "fmt.Println(job.Success, err)"
	if strings.Contains(part, "created, createErr :=") {
		before, after = "", "fmt.Println(len(outcomes), createErr, waitErr)"
	}
	return fmt.Sprintf(`package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/cimg-go/cimg/emulator"
	"github.com/cimg-go/cimg/wrapper/polling"
	"github.com/cimg-go/cimg/wrapper"
)

var _ polling.Policy

func main() {
	ctx, snapshot := context.Background(), %q
	service, err := emulator.New(emulator.Options{Plan: func(emulator.JobStart) emulator.Plan {
		return emulator.Plan{Duration: time.Millisecond}
	}})
	if err != nil { panic(err) }
	client, err := wrapper.New(wrapper.StaticToken(emulator.DefaultToken), wrapper.WithBaseURL("http://127.0.0.1"),
		wrapper.WithHTTPClient(&http.Client{Transport: service.Transport()}),
		wrapper.WithPolling(wrapper.Polling{Gap: time.Millisecond}))
	if err != nil { panic(err) }
	{
		%s
		%s
		%s
	}
}
`, snapshot, before, strings.ReplaceAll(part, "5*time.Second", "5*time.Millisecond"), after)
}

// The READMEs' programs compile, as they stand there; parts of one also run.
func TestReadmePrograms(t *testing.T) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	for _, page := range readmes {
		t.Run(page, func(t *testing.T) {
			programs := blocks(read(t, page), "go")
			require.NotEmpty(t, programs)
			for i, program := range programs {
				checkProgram(t, root, i, program)
			}
		})
	}
}

func checkProgram(t *testing.T, root string, i int, program string) {
	t.Helper()
	part := !strings.HasPrefix(program, "package main\n")
	if part {
		program = complete(program)
	}
	// An overlay shows the compiler a folder that is not there, so that
	// nothing is written into the checkout.
	dir := t.TempDir()
	source := filepath.Join(dir, "main.go")
	require.NoError(t, os.WriteFile(source, []byte(program), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "cmd", "readme", "main.go"): source,
	}})
	require.NoError(t, err)
	overlayFile := filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlayFile, overlay, 0o600))

	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlayFile, "-o", filepath.Join(dir, "program"), "./cmd/readme")
	build.Dir = root
	out, err := build.CombinedOutput()
	require.NoError(t, err, "block %d:\n%s", i, out)
	if part {
		out, err = exec.CommandContext(t.Context(), filepath.Join(dir, "program")).CombinedOutput()
		require.NoError(t, err, "block %d:\n%s", i, out)
		require.Regexp(t, `^(true <nil>|500 <nil> <nil>)\n$`, string(out))
	}
}

// The commands that the pages name are there, and so are the files.
func TestCommandsAndLinksOfThePages(t *testing.T) {
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			text := read(t, page)
			commands := regexp.MustCompile(`\bmake ([a-z]+)\b`).FindAllStringSubmatch(strings.Join(append(blocks(text, "sh"),
				regexp.MustCompile("`make [a-z]+").FindAllString(text, -1)...), "\n"), -1)
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

var (
	comment = regexp.MustCompile(`(?m)(^|\s+)(//|#) .*$`)
	outline = regexp.MustCompile(`^(#+ |\||- |\d\. |` + "```" + `\w*)`)
)

// Whatever one of them has, the other has: headings, tables, lists, programs
// but for their comments, and links.
func TestTranslationsAreComplete(t *testing.T) {
	for translated, original := range map[string]string{
		"README.zh-CN.md":               "README.md",
		"docs/other-languages.zh-CN.md": "docs/other-languages.md",
	} {
		// Each links to the other, and to what there is in its language.
		partsOf := func(page string) (lines []string, programs []string, links []string) {
			text := read(t, page)
			for line := range strings.Lines(text) {
				if start := outline.FindString(line); start != "" {
					lines = append(lines, start)
				}
			}
			for _, language := range []string{"go", "sh", "js", "ts", "yaml", "json"} {
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

// The settings that the page for other languages shows are those that the
// examples are run with: files as a whole, but for programs.
func TestSettingsOnThePageAreThoseOfTheExamples(t *testing.T) {
	page := read(t, "docs/other-languages.md")
	require.Equal(t, []string{read(t, "tests/contract/clients/ogen/ogen.yml")}, blocks(page, "yaml"))
	require.Equal(t, []string{read(t, "tests/contract/clients/postman/options.json")}, blocks(page, "json"))
	programs := read(t, "tests/contract/clients/openapi-fetch/client.ts") + read(t, "tests/contract/clients/hey-api/client.ts")
	for _, setting := range blocks(page, "ts") {
		require.Contains(t, programs, setting)
	}
	var lock struct {
		Packages map[string]struct{ Version string }
	}
	text := read(t, "tests/contract/package-lock.json")
	require.NoError(t, json.Unmarshal([]byte(text), &lock))
	require.NotContains(t, text, `"resolved"`, "whoever installs chooses the registry, see .npmrc")
	named := regexp.MustCompile(`(?:^| )((?:@[\w-]+/)?[\w-]+)@(\d[\d.]*)`)
	for _, command := range blocks(page, "sh") {
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
