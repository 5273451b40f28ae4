//go:build unix

package codecache

import (
	"io/fs"
	"os"
	"syscall"
)

// own reports whether a file belongs to this process's user.
func own(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int64(stat.Uid) == int64(os.Geteuid())
}
