package main

import (
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
)

// Wherever the contract names a server, the interactive page has the mock.
func TestThePageHasNoServerButTheMock(t *testing.T) {
	const servers = "servers: [{url: 'https://a.example'}, {url: 'https://b.example'}]\n"
	contract := strings.NewReplacer(
		"  /dicloud/i/result:\n", "  /dicloud/i/result:\n    "+servers,
		"      operationId: createCIMG\n", "      operationId: createCIMG\n      "+servers,
	).Replace(string(cimg.Spec))
	shown, err := forSwaggerUI([]byte(contract), "a-token")
	require.NoError(t, err)
	document, err := openapi3.NewLoader().LoadFromData(shown)
	require.NoError(t, err)
	for _, list := range []openapi3.Servers{
		document.Servers,
		document.Paths.Value("/dicloud/i/result").Servers,
		*document.Paths.Value("/dicloud/i/storage/cimg/create").Post.Servers,
	} {
		require.Len(t, list, 1)
		require.Equal(t, "..", list[0].URL)
	}
	require.NotContains(t, string(shown), "https://b.example")
}

func TestFoldSections(t *testing.T) {
	require.Equal(t, "intro\n\n<details><summary>A</summary>\n\ntext\n\n\n</details>\n\n<details><summary>C</summary>\n\n| d |\n\n</details>\n",
		foldSections("intro\n\n## A\n\ntext\n\n\n## C\n\n| d |\n"))
}
