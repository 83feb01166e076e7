package oneline_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg/internal/oneline"
)

func TestTextAndEscape(t *testing.T) {
	require.Equal(t, `web-01\x1b[31m\n\t 北京`, oneline.Escape("web-01\x1b[31m\n\t 北京"))
	long := strings.Repeat("北京", 100)
	require.Equal(t, long, oneline.Escape(long))
	require.Len(t, oneline.Text(long), 201+len("..."))
}

func TestList(t *testing.T) {
	require.Empty(t, oneline.List(nil, strconv.Itoa))
	require.Equal(t, "1, 2", oneline.List([]int{1, 2}, strconv.Itoa))
	require.Equal(t, "0, 0, 0, 0, 0, 0, 0, 0, 0, 0, and 2 more", oneline.List(make([]int, 12), strconv.Itoa))
	require.Equal(t, `a\nb`, oneline.List([]string{"a\nb"}, func(s string) string { return s }))
}
