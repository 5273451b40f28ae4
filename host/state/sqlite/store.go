// Package sqlite keeps triggers in one file on one machine, for any number of processes there.
//
// The file is an SQLite database in WAL mode, synchronised in full at every commit: what a method has done survives kill -9 and, as far as
// the disk keeps its promises, a power failure. Beside it are SQLite's own -wal and -shm files, which belong to it and must be
// moved and copied with it, and a folder of locks: each open store holds one, so that the lease of a process that has ended is free at once
// instead of at the end of its time. The file must be on a local disk.
package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gofrs/flock"
	driver "modernc.org/sqlite"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

const (
	// FileName is the file's usual name in the state folder.
	FileName = "triggers.db"
	// busyTimeout is how long a change waits for those of other processes. Each takes milliseconds, but for a commit of the largest size.
	busyTimeout = 30 * time.Second
	// connections bounds how many statements run at once; one of them at most changes something.
	connections = 4
	// lockPoll is how often the lock is asked for within which the file is made.
	lockPoll = 10 * time.Millisecond

	folderMode = 0o700
	fileMode   = 0o600
	others     = 0o077
)

// Options are those of a store. The zero value is for production.
type Options struct {
	// Now is the clock of leases and counters; nil is [time.Now].
	Now func() time.Time
}

// Store is a [trigger.Store] in a file.
type Store struct {
	path     string
	db       *sql.DB
	now      func() time.Time
	presence *presence
}

var _ trigger.Store = (*Store)(nil)

// Open opens the file, and makes it if it is not there, for its owner alone. Its folder must exist. A file that others may read, that is
// damaged, of another program or of a later version of Postern is an error, and stays as it is.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	if options.Now == nil {
		options.Now = time.Now
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	s := &Store{path: path, now: options.Now}
	if err := s.open(ctx); err != nil {
		return nil, s.explain(err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) (err error) {
	// SQLite fails, whatever the timeout, when two processes turn a new file to WAL mode at once.
	lock := flock.New(s.path+".lock", flock.SetPermissions(fileMode))
	if ok, err := lock.TryLockContext(ctx, lockPoll); err != nil || !ok {
		return fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	defer lock.Unlock()
	if err := s.makeFile(); err != nil {
		return err
	}
	connector, err := driver.NewConnector(dataSource(s.path))
	if err != nil {
		return err
	}
	s.db = sql.OpenDB(connector)
	s.db.SetMaxOpenConns(connections)
	s.db.SetMaxIdleConns(connections)
	if err := s.migrate(ctx); err != nil {
		return errors.Join(err, s.db.Close())
	}
	if s.presence, err = enter(s.path + ".holders"); err != nil {
		return errors.Join(err, s.db.Close())
	}
	return nil
}

// makeFile makes the file with its mode, or looks at that of the one that is there. A file that SQLite may have open is never opened
// here: closing it would give up SQLite's locks (https://www.sqlite.org/howtocorrupt.html, 2.2).
func (s *Store) makeFile() error {
	info, err := os.Stat(s.path)
	if err == nil {
		if runtime.GOOS != "windows" && info.Mode().Perm()&others != 0 {
			return fmt.Errorf("others than its owner may use the file (mode %04o); set it to 0600", info.Mode().Perm())
		}
		if !info.Mode().IsRegular() {
			return errors.New("it is not a file")
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	draft := s.path + "." + rand.Text()
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(draft, s.path)
}

// dataSource spells a path and how to open it for the driver.
func dataSource(path string) string {
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/…
	}
	query := url.Values{
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds()),
			"synchronous(FULL)",
			"trusted_schema(OFF)",
			"cell_size_check(ON)",
			"secure_delete(FAST)", // what was delivered is mail; it need not linger
			"journal_size_limit(16777216)",
		},
		"_txlock":    {"immediate"},
		"_dqs":       {"false"},
		"_defensive": {"true"},
		"_error_rc":  {"true"},
	}
	return (&url.URL{Scheme: "file", Path: slashed, RawQuery: query.Encode()}).String()
}

// Close ends the leases that this store has, and closes it.
func (s *Store) Close() error {
	err := s.write(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec(`UPDATE trigger SET holder = '', process = '', until = 0 WHERE process = ?`, s.presence.id)
		return err
	})
	return errors.Join(err, s.explain(s.db.Close()), s.presence.leave())
}

// write runs do in a transaction that nothing else changes the file in, and keeps all of it if do returns no error.
func (s *Store) write(ctx context.Context, do func(*sql.Tx) error) error {
	return s.transact(ctx, nil, do)
}

// read runs do on one unchanging state of the file.
func (s *Store) read(ctx context.Context, do func(*sql.Tx) error) error {
	return s.transact(ctx, &sql.TxOptions{ReadOnly: true}, do)
}

func (s *Store) transact(ctx context.Context, options *sql.TxOptions, do func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, options)
	if err != nil {
		return s.explain(err)
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the transaction is over in any case, and err says why
		return s.explain(err)
	}
	return s.explain(tx.Commit())
}

// explain says what to do about an error of the database. Errors that say so already stay.
func (s *Store) explain(err error) error {
	var known *abi.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, trigger.ErrLost), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	code, remedy := abi.Internal, "see that the host's user may read and write it and its folder"
	var failure *driver.Error
	if errors.As(err, &failure) {
		code, remedy = remedyOf(failure)
	}
	return &abi.Error{Code: code, Message: fmt.Sprintf("the triggers' file %s cannot be used: %v; %s", s.path, err, remedy)}
}

// micro and since are how times are kept: microseconds since 1970, and 0 for none.
func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func since(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro).UTC()
}
