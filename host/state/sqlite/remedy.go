package sqlite

import (
	driver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/postern-dev/postern/abi"
)

// remedyOf tells what the operator does about a result of SQLite's.
// Source: https://www.sqlite.org/rescode.html
func remedyOf(failure *driver.Error) (abi.Code, string) {
	const primary = 0xff // the rest tells the cases of one code apart
	switch failure.Code() & primary {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
		return abi.Internal, damaged
	case sqlite3.SQLITE_FULL:
		return abi.Quota, "free space on its disk; nothing of this change was kept"
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return abi.Conflict, "another process changes it; try again"
	case sqlite3.SQLITE_IOERR:
		return abi.Internal, "look after its disk"
	default:
		return abi.Internal, "see that the host's user may read and write it and its folder"
	}
}

// damaged is the remedy for a file that is not what it was.
const damaged = "the file is damaged, or no such file: restore it from a copy together with its -wal file, or move both away. " +
	"Triggers start anew then, and records can come twice"
