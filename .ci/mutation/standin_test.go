package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// repository makes a small one, of the same shape, the current directory.
func repository(t *testing.T, wrapper string) {
	t.Helper()
	goCommand, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(realGo, goCommand)
	t.Chdir(t.TempDir())
	for name, content := range map[string]string{
		"go.mod":                  "module " + module + "\n\ngo 1.26.0\n",
		"wrapper/wrapper.go":      wrapper,
		"wrapper/wrapper_test.go": "package wrapper\n\nimport \"testing\"\n\nfunc Test(t *testing.T) {\n\tif Small(9) {\n\t\tt.Fail()\n\t}\n}\n",
		"tests/tests_test.go":     "package tests\n\nimport (\n\t\"testing\"\n\n\t\"" + module + "/wrapper\"\n)\n\nfunc Test(t *testing.T) {\n\tif !wrapper.Small(0) {\n\t\tt.Fail()\n\t}\n}\n",
	} {
		if dir, _, found := strings.Cut(name, "/"); found {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func small(condition string) string {
	return "package wrapper\n\nconst limit = 2 + 2\n\nfunc Small(n int) bool {\n\tswitch {\n\tcase " + condition + ":\n\t\treturn true\n\t}\n\treturn false\n}\n"
}

func TestStatusOfAMutant(t *testing.T) {
	for condition, want := range map[string]int{
		"n < limit":   0,
		"n < 9+1":     1, // its own test notices
		"n > 99":      1, // the other test notices
		`n < "a"-"b"`: 2, // does not compile
		"n < | 3":     2, // cannot be read
	} {
		t.Run(condition, func(t *testing.T) {
			repository(t, small(condition))
			if got := standIn([]string{"test", "-timeout", "1m", "-failfast", module + "/wrapper"}); got != want {
				t.Errorf("got %d, want %d", got, want)
			}
		})
	}
}

func TestCoverageHasCasesAndDeclarations(t *testing.T) {
	repository(t, small("n < limit"))
	if got := standIn([]string{"test", "-coverpkg", "./wrapper", "-cover", "-coverprofile", "profile", "./wrapper/..."}); got != 0 {
		t.Fatalf("status %d", got)
	}
	profile, err := os.ReadFile("profile")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		":3.1,3.20 1 1\n",  // const limit = 2 + 2
		":7.2,7.16 1 1\n",  // case n < limit
		":7.17,8.14 1 1\n", // return true, which a test outside of the package reaches
	} {
		if !strings.Contains(string(profile), want) {
			t.Errorf("no %q in\n%s", want, profile)
		}
	}
}
