// Package version tells which version of this module a program was built with.
package version

import (
	"runtime/debug"
	"strings"
)

const module = "github.com/cimg-go/cimg"

// Version returns the version without its "v", or "devel" if it is not known.
func Version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if version, released := strings.CutPrefix(m.Version, "v"); m.Path == module && released {
				return version
			}
		}
	}
	return "devel"
}
