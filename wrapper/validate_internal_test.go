package wrapper

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is not checked any further has nothing but letters, digits and hyphens.
func TestIsWord(t *testing.T) {
	word := regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	require.False(t, isWord(""))
	for c := range 256 {
		for _, text := range []string{string([]byte{byte(c)}), string([]byte{'a', byte(c)}), string([]byte{byte(c), '0'})} {
			require.Equal(t, word.MatchString(text), isWord(text), "%q", text)
		}
	}
}
