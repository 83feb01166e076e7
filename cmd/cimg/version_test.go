package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRevisionOf(t *testing.T) {
	clean := []debug.BuildSetting{
		{Key: "GOOS", Value: "linux"},
		{Key: "vcs", Value: "git"},
		{Key: "vcs.revision", Value: "8bf90267fdac7136b71c335e13202f6d01eb0f7c"},
		{Key: "vcs.time", Value: "2026-11-28T09:41:36Z"},
		{Key: "vcs.modified", Value: "false"},
	}
	modified := append(clean[:4:4], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	require.Equal(t, "revision 8bf90267fdac7136b71c335e13202f6d01eb0f7c of 2026-11-28T09:41:36Z", revisionOf(clean))
	require.Equal(t, "revision 8bf90267fdac7136b71c335e13202f6d01eb0f7c of 2026-11-28T09:41:36Z, modified", revisionOf(modified))
	require.Equal(t, "unknown revision", revisionOf(clean[:1]), "built outside of a clone")
}
