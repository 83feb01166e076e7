package errno_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cimg-go/cimg"
	"github.com/cimg-go/cimg/internal/errno"
)

// The table is the contract's, line by line.
func TestTableIsTheContracts(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^ *\| (\d+) \| [^|]+ \| (\w+) \| (.+) \|$`).FindAllStringSubmatch(string(cimg.Spec), -1)
	require.Len(t, errno.Table, len(rows))
	for i, row := range rows {
		entry := errno.Table[i]
		got := []string{fmt.Sprint(entry.Errno), string(entry.Changed), entry.Errmsg}
		require.Equal(t, row[1:], got)
		require.Equal(t, entry, errno.Find(entry.Errno))
		require.NotEqual(t, errno.Unlisted, entry.Meaning)
	}
	require.Equal(t, errno.Entry{Errno: 424242, Changed: errno.Unknown}, errno.Find(424242))
}
