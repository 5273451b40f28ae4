package sqlite_test

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	driver "modernc.org/sqlite"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/state/sqlite"
	"github.com/postern-dev/postern/host/trigger"
)

const name = "soc-inbox"

func lease(t *testing.T, s trigger.Store, holder string) trigger.Lease {
	t.Helper()
	l, err := s.Lease(t.Context(), name, holder, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fill commits n records of some size.
func fill(t *testing.T, s trigger.Store, n int) {
	t.Helper()
	var records []trigger.Record
	for i := range n {
		records = append(records, trigger.Record{Key: fmt.Sprint("key", i), Content: fmt.Appendf(nil, `{"a":%q}`, strings.Repeat("x", 900))})
	}
	if _, err := s.Commit(t.Context(), lease(t, s, "a"), trigger.Commit{Records: records, Sinks: []string{"siem"}, Retain: time.Hour}); err != nil {
		t.Fatal(err)
	}
}

func TestFilesAreForTheirOwnerAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a #?%.db") // a path of any characters
	s := open(t, path, nil)
	fill(t, s, 1)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, strings.TrimPrefix(entry.Name(), filepath.Base(path)))
		if info, err := entry.Info(); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v, %v", entry.Name(), info.Mode(), err)
		}
	}
	if got := strings.Join(names, " "); got != " -shm -wal .holders .lock" {
		t.Errorf("there are %s", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{}); err == nil || !strings.Contains(err.Error(), "set it to 0600") {
		t.Errorf("a file for all to read: %v", err)
	}
}

func TestAFileThatIsNotOursStaysAsItIs(t *testing.T) {
	for what, c := range map[string]struct {
		spoil func(t *testing.T, path string) error
		want  string
	}{
		"text": {func(_ *testing.T, path string) error {
			return os.WriteFile(path, bytes.Repeat([]byte("mail "), 2000), 0o600)
		}, "is damaged"},
		"a folder":  {func(_ *testing.T, path string) error { return os.Mkdir(path, 0o700) }, "not a file"},
		"another's": {func(t *testing.T, path string) error { return execute(t, path, `CREATE TABLE mail (id)`) }, "is damaged, or no such file"},
		"a later version": {func(t *testing.T, path string) error {
			if err := open(t, path, nil).Close(); err != nil {
				return err
			}
			return execute(t, path, `PRAGMA user_version = 7`)
		}, "is of version 7, and this Postern knows 2"},
		"half of it": {func(t *testing.T, path string) error {
			s := open(t, path, nil)
			fill(t, s, 500)
			if err := s.Close(); err != nil {
				return err
			}
			return os.Truncate(path, 8192)
		}, "is damaged"},
	} {
		t.Run(what, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), sqlite.FileName)
			if err := c.spoil(t, path); err != nil {
				t.Fatal(err)
			}
			before, _ := os.ReadFile(path)
			s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err == nil {
				_, err = s.Pending(t.Context(), name, "siem", 1000)
				s.Close()
			}
			var known *abi.Error
			if !errors.As(err, &known) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
}

func execute(t *testing.T, path, statement string) error {
	t.Helper()
	connector, err := driver.NewConnector(path)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	_, err = db.Exec(statement)
	return errors.Join(err, db.Close(), os.Chmod(path, 0o600))
}

func TestDamageWithinIsAnErrorAndNoPanic(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	s := open(t, path, nil)
	fill(t, s, 200)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for at := 100; at < len(whole); at += 7001 {
		damaged := bytes.Clone(whole)
		for i := range 16 {
			damaged[min(at+i, len(damaged)-1)] ^= 0xff
		}
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, rest := range []string{"-wal", "-shm"} {
			if err := os.Remove(path + rest); err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		}
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{})
		if err == nil {
			_, err = s.Load(t.Context(), name)
			_, more := s.Pending(t.Context(), name, "siem", 1000)
			err = errors.Join(err, more, s.Close())
		}
		if err != nil {
			told++
		}
	}
	if told == 0 {
		t.Error("no damage was told of")
	}
}

func TestKeysAreForgottenInTime(t *testing.T) {
	c := &clock{now: time.Now()}
	s := open(t, filepath.Join(t.TempDir(), sqlite.FileName), c)
	fill(t, s, 3)
	c.pass(90 * time.Minute) // retained for one hour, and noted by the hour
	fill(t, s, 1)
	seen, err := s.Seen(t.Context(), name, []string{"key0", "key1"})
	if err != nil || !seen[0] || !seen[1] {
		t.Errorf("too soon: %v, %v", seen, err)
	}
	c.pass(3 * time.Hour)
	if _, err := s.Commit(t.Context(), lease(t, s, "a"), trigger.Commit{Retain: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if seen, err = s.Seen(t.Context(), name, []string{"key0", "key1"}); err != nil || seen[0] || seen[1] {
		t.Errorf("kept for good: %v, %v", seen, err)
	}
}

func TestStoresThatAreGoneLeaveNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), sqlite.FileName)
	for range 3 {
		if err := open(t, path, nil).Close(); err != nil {
			t.Fatal(err)
		}
	}
	dead := filepath.Join(path+".holders", "DEAD")
	if err := os.WriteFile(dead, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	open(t, path, nil)
	if entries, err := os.ReadDir(path + ".holders"); err != nil || len(entries) != 1 || entries[0].Name() == "DEAD" {
		t.Errorf("there are %v, %v", entries, err)
	}
}

func TestAnEarlierVersionIsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "triggers.db")
	s := open(t, path, nil)
	fill(t, s, 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, column := range []string{"watch_until", "watch_code", "watch_message"} {
		if err := execute(t, path, `ALTER TABLE trigger DROP COLUMN `+column); err != nil {
			t.Fatal(err)
		}
	}
	if err := execute(t, path, `PRAGMA user_version = 1`); err != nil {
		t.Fatal(err)
	}
	known, err := open(t, path, nil).Load(t.Context(), name)
	if err != nil || known.Counters.Records != 1 || known.Watch != (trigger.Watch{}) {
		t.Errorf("%+v, %v", known, err)
	}
}
