package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v3"
	"go.temporal.io/api/serviceerror"

	"github.com/cimg-go/cimg/fleet"
	"github.com/cimg-go/cimg/internal/commandline"
)

// run runs a command as main does, and returns what a person reads and a script sees.
func run(t *testing.T, args ...string) (message string, code int) {
	t.Helper()
	t.Setenv("TEMPORAL_ADDRESS", "127.0.0.1:1") // where nothing listens
	t.Setenv("TEMPORAL_CONFIG_FILE", t.TempDir()+"/none.toml")
	t.Setenv(commandline.TokenVariable, "")
	root := command()
	root.Reader = strings.NewReader("orders: []")
	root.Writer, root.ErrWriter = &commandline.Stdout{Writer: io.Discard}, io.Discard
	err := root.Run(t.Context(), append([]string{"cimg-fleet"}, args...))
	if err == nil {
		return "", 0
	}
	return text(err), exitCodeOf(err, false)
}

func TestWrongUsage(t *testing.T) {
	for args, problem := range map[string]string{
		"begin":                             `no command "begin"; see cimg-fleet --help`,
		"start rol":                         `no command "rol"; see cimg-fleet start --help`,
		"status --output yaml":              `invalid value "yaml" for flag -output: "yaml" is neither table nor json; see cimg-fleet status --help`,
		"status a b":                        "status takes the id of a workflow, or nothing; see cimg-fleet status --help",
		"cancel":                            "cancel takes the id of a workflow; see cimg-fleet cancel --help",
		"setup now":                         `setup takes no argument, got "now"`,
		"worker":                            "no token: set the environment variable DIDIYUN_ACCESS_TOKEN, or name a file with --token-file",
		"worker --max-activities 0":         "invalid value \"0\" for flag -max-activities: it is not positive; see cimg-fleet worker --help",
		"worker --token secret":             "flag provided but not defined: -token; see cimg-fleet worker --help",
		"start fleet --name weekly":         "a fleet needs a --name and a --file",
		"start fleet --name a --file none":  "--file: open none: no such file or directory",
		"start fleet --name a --file -":     "there are no Orders; see cimg-fleet start fleet --help",
		"start roll --family web --build x": `version "x" is not of digits with points between them; see cimg-fleet start roll --help`,
		"start roll --family web --build 2 --from gz --snapshot s --to gz --except web-1": `excepted version "web-1" is not of digits with points between them; see cimg-fleet start roll --help`,
		"start replicate --from gz":                                         "the order has no Name; see cimg-fleet start replicate --help",
		"start replicate --name a":                                          "the order has no From.Region; see cimg-fleet start replicate --help",
		"start replicate --name a --from gz --to bj":                        "the order needs either a From.Snapshot or a From.Image; see cimg-fleet start replicate --help",
		"start replicate --name a --from gz --image i":                      "the order has no Regions; see cimg-fleet start replicate --help",
		"start replicate --name a --from gz --image i --to gz":              "the image is in gz already, and no other region is listed; see cimg-fleet start replicate --help",
		"start replicate --name a --from gz --image i --snapshot s --to bj": "the order needs either a From.Snapshot or a From.Image; see cimg-fleet start replicate --help",
	} {
		t.Run(args, func(t *testing.T) {
			message, code := run(t, strings.Fields(args)...)
			require.Equal(t, problem, message)
			require.Equal(t, 2, code)
		})
	}
}

func TestTemporalCannotBeReached(t *testing.T) {
	message, code := run(t, "status")
	require.Regexp(t, `^cannot reach Temporal at 127\.0\.0\.1:1 \(TEMPORAL_ADDRESS\): .*connection refused`, message)
	require.NotContains(t, message, "\n")
	require.Equal(t, 1, code)
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
		text string
	}{
		{errors.New("two\nlines"), 1, "two; lines"},
		{commandline.UsageErrorf("none"), 2, "none"},
		{serviceerror.NewNamespaceNotFound("images"), 2, "Namespace images is not found; name one that exists in TEMPORAL_NAMESPACE"},
		{fmt.Errorf("cimg/fleet:a: %w", serviceerror.NewNotFound("workflow not found")), 3, "cimg/fleet:a: workflow not found; cimg-fleet status lists those that run"},
	} {
		require.Equal(t, test.code, exitCodeOf(test.err, false))
		require.Equal(t, test.text, text(test.err))
		require.Equal(t, 130, exitCodeOf(test.err, true))
	}
}

// Every command shows how it is used, and each example is right: nothing is wrong with
// it until it looks for Temporal. None takes the token, which others could see.
func TestHelp(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("DIDIYUN_TOKEN_FILE", "token")
	require.NoError(t, os.WriteFile("token", []byte("secret"), 0o600))
	_, list, _ := strings.Cut(startFleetCommand().Description, "weekly.yaml:\n")
	list, _, _ = strings.Cut(list, "  cimg-fleet")
	require.NoError(t, os.WriteFile("weekly.yaml", []byte(list), 0o600))
	commandline.Each(command(), func(cmd *cli.Command) {
		examples := regexp.MustCompile(`(?m)^  (?:[A-Z_]+=\S+ )*cimg-fleet (.*)$`).FindAllStringSubmatch(cmd.Description, -1)
		require.NotEmpty(t, examples, cmd.Name)
		for _, example := range examples {
			message, code := run(t, strings.Fields(example[1])...)
			require.Equal(t, 1, code, message)
			require.Contains(t, message, "cannot reach Temporal", example[1])
		}
		require.NotEmpty(t, cmd.Usage)
		for _, flag := range cmd.Flags {
			require.NotContains(t, flag.Names(), "token")
		}
	})
}

// The id of no image is that of a replication, a roll or a fleet.
func TestWorkflowID(t *testing.T) {
	require.Equal(t, "cimg/replicate:web-01", workflowID("cimg", "replicate", "web-01"))
	require.NotEqual(t, fleet.ImageID("cimg", "gz", "web-01"), workflowID("cimg", "replicate", "web-01"))
}
