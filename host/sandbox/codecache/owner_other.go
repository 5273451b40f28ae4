//go:build !unix

package codecache

import "io/fs"

// own reports whether a file belongs to this process's user. Here files have no owner that Go could tell.
func own(fs.FileInfo) bool { return true }
