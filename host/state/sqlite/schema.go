package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/postern-dev/postern/abi"
)

// application marks the file as one of ours: "Post" in ASCII.
// Source: https://www.sqlite.org/pragma.html#pragma_application_id
const application = 0x506f7374

// migrations lead from each version of the schema to the next; the version of a file is how many of them it has had. What
// was released is never changed, only followed.
func migrations() []string {
	return []string{schema1, schema2}
}

// schema1 is the first version. Times are microseconds since 1970, 0 for none; records' own times are text, as exact as they came.
const schema1 = `
CREATE TABLE trigger (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	state BLOB,
	holder TEXT NOT NULL DEFAULT '',  -- '' is nobody
	process TEXT NOT NULL DEFAULT '', -- the store that took the lease
	fence INTEGER NOT NULL DEFAULT 0,
	until INTEGER NOT NULL DEFAULT 0,
	paused INTEGER NOT NULL DEFAULT 0,
	paused_by TEXT NOT NULL DEFAULT '',
	paused_since INTEGER NOT NULL DEFAULT 0,
	next INTEGER NOT NULL DEFAULT 0,
	last_run INTEGER NOT NULL DEFAULT 0,
	last_success INTEGER NOT NULL DEFAULT 0,
	passed INTEGER NOT NULL DEFAULT 0,
	failures INTEGER NOT NULL DEFAULT 0,
	failure_code TEXT NOT NULL DEFAULT '',
	failure_message TEXT NOT NULL DEFAULT '',
	failure_time INTEGER NOT NULL DEFAULT 0,
	runs INTEGER NOT NULL DEFAULT 0,
	records INTEGER NOT NULL DEFAULT 0,
	repeated INTEGER NOT NULL DEFAULT 0,
	late INTEGER NOT NULL DEFAULT 0,
	greatest_lateness INTEGER NOT NULL DEFAULT 0 -- nanoseconds
) STRICT;

CREATE TABLE seen (
	trigger INTEGER NOT NULL,
	digest BLOB NOT NULL, -- SHA-256 of the key, so that entries are short whatever keys are
	asked INTEGER NOT NULL,
	PRIMARY KEY (trigger, digest)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_asked ON seen (trigger, asked);

CREATE TABLE record (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	key TEXT NOT NULL,
	time TEXT NOT NULL,
	committed INTEGER NOT NULL,
	content BLOB NOT NULL
) STRICT;

CREATE TABLE blob (
	record INTEGER NOT NULL,
	place INTEGER NOT NULL,
	name TEXT NOT NULL,
	PRIMARY KEY (record, place)
) STRICT, WITHOUT ROWID;
CREATE INDEX blob_name ON blob (name);

CREATE TABLE sink (
	trigger INTEGER NOT NULL,
	name TEXT NOT NULL,
	delivered INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (trigger, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
	seq INTEGER PRIMARY KEY AUTOINCREMENT,
	trigger INTEGER NOT NULL,
	sink TEXT NOT NULL,
	record INTEGER NOT NULL,
	attempts INTEGER NOT NULL DEFAULT 0,
	reason TEXT NOT NULL DEFAULT '',
	not_before INTEGER NOT NULL DEFAULT 0,
	begun INTEGER NOT NULL DEFAULT 0 -- in doubt if not 0
) STRICT;
CREATE INDEX outbox_order ON outbox (trigger, sink, seq);
CREATE INDEX outbox_record ON outbox (record);

CREATE TABLE parked (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	trigger INTEGER NOT NULL,
	sink TEXT NOT NULL,
	record INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	reason TEXT NOT NULL,
	begun INTEGER NOT NULL,
	since INTEGER NOT NULL
) STRICT;
CREATE INDEX parked_order ON parked (trigger, id);
CREATE INDEX parked_record ON parked (record);
`

// schema2 adds what is known of change notifications.
const schema2 = `
ALTER TABLE trigger ADD COLUMN watch_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE trigger ADD COLUMN watch_code TEXT NOT NULL DEFAULT '';
ALTER TABLE trigger ADD COLUMN watch_message TEXT NOT NULL DEFAULT '';
`

// migrate makes the schema, or brings that of an earlier version up to date, in one transaction.
func (s *Store) migrate(ctx context.Context) error {
	all := migrations()
	var version int
	err := s.read(ctx, func(tx *sql.Tx) (err error) {
		version, err = s.version(tx, len(all))
		return err
	})
	if err != nil {
		return err
	}
	// The file keeps the mode. It is not among what is set for each connection, since it changes the file, be it whose it is.
	if _, err := s.db.ExecContext(ctx, `PRAGMA journal_mode = WAL`); err != nil || version == len(all) {
		return err
	}
	return s.write(ctx, func(tx *sql.Tx) error {
		for _, step := range all[version:] {
			if _, err := tx.Exec(step); err != nil {
				return err
			}
		}
		_, err := tx.Exec(fmt.Sprintf(`PRAGMA application_id = %d; PRAGMA user_version = %d`, application, len(all)))
		return err
	})
}

// version reads the version of the file's schema, 0 of a new file, and refuses a file that is none of ours or later than ours.
func (s *Store) version(tx *sql.Tx, latest int) (version int, err error) {
	var id, objects int
	for pragma, value := range map[string]*int{
		`PRAGMA application_id`: &id, `PRAGMA user_version`: &version, `SELECT count(*) FROM sqlite_schema`: &objects,
	} {
		if err := tx.QueryRow(pragma).Scan(value); err != nil {
			return 0, err
		}
	}
	switch {
	case id != application && objects > 0, version < 0, (version == 0) != (objects == 0):
		return 0, &abi.Error{Code: abi.Internal, Message: fmt.Sprintf("the triggers' file %s cannot be used; %s", s.path, damaged)}
	case version > latest:
		return 0, &abi.Error{Code: abi.NotSupported, Message: fmt.Sprintf(
			"the triggers' file %s is of version %d, and this Postern knows %d; use the later one that wrote it", s.path, version, latest)}
	}
	return version, nil
}
