package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// Take notes one more event under a name, if it is one of at most count in any span of time per, over all processes that
// share the folder. If it would be one too many, it is not noted, and wait is how long until it may be.
//
// The times of the latest events are a file of the name, eight bytes each, which is replaced as a whole under a lock: a
// process that ends in between leaves the old one. The clock is the machine's; events of the future, after the clock was set back, count.
// The name is a plain file name of the caller's own, never input.
func (s *Store) Take(name string, count int, per time.Duration, now time.Time) (wait time.Duration, err error) {
	unlock, err := s.lock(name + ".lock")
	if err != nil {
		return 0, fmt.Errorf("lock %s: %w", name, err)
	}
	defer unlock()
	times, err := s.times(name)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", name, err)
	}
	times = slices.DeleteFunc(times, func(t time.Time) bool { return !t.After(now.Add(-per)) })
	if len(times) >= count {
		slices.SortFunc(times, time.Time.Compare)
		return times[len(times)-count].Add(per).Sub(now), nil
	}
	var content []byte
	for _, t := range append(times, now) {
		content = binary.LittleEndian.AppendUint64(content, uint64(t.UnixNano()))
	}
	if err := s.replace(name, content); err != nil {
		return 0, fmt.Errorf("write %s: %w", name, err)
	}
	return 0, nil
}

// maxTimes bounds what is read of a file of times: more than any count that was ever configured is no such file.
const maxTimes = 1 << 20

func (s *Store) times(name string) ([]time.Time, error) {
	f, err := s.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, 8*maxTimes+1))
	if err != nil {
		return nil, err
	}
	if len(content)%8 != 0 || len(content) > 8*maxTimes {
		return nil, errors.New("the file is damaged; remove it, and the count starts anew")
	}
	var times []time.Time
	for ; len(content) > 0; content = content[8:] {
		times = append(times, time.Unix(0, int64(binary.LittleEndian.Uint64(content))))
	}
	return times, nil
}

// replace puts a file in the place of another, whole or not at all.
func (s *Store) replace(name string, content []byte) error {
	draft := name + ".new" // only one process at a time has the lock
	f, err := s.root.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return s.root.Rename(draft, name)
}

// lock takes the lock of that name, and waits for it. It ends with the process, whatever that ends of.
func (s *Store) lock(name string) (unlock func(), err error) {
	f, err := s.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil // which gives the lock back; nothing was written that could be lost
}
