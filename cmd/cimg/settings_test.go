package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/internal/commandline"
	"github.com/cimg-go/cimg/wrapper"
)

// A flag that overrides the environment is needed, also if it names the default.
func TestGivenOverTheEnvironment(t *testing.T) {
	require.Empty(t, (&settings{Service: commandline.Service{BaseURL: wrapper.DefaultBaseURL, PageSize: wrapper.DefaultPageSize}}).where())
	t.Setenv("DIDIYUN_BASE_URL", "http://127.0.0.1:8080")
	require.Equal(t, " --base-url "+wrapper.DefaultBaseURL, given("--base-url", "DIDIYUN_BASE_URL", wrapper.DefaultBaseURL, wrapper.DefaultBaseURL))
	require.Empty(t, given("--base-url", "DIDIYUN_BASE_URL", "http://127.0.0.1:8080", wrapper.DefaultBaseURL))
}
