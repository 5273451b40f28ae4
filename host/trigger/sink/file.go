package sink

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/internal/durable"
)

const (
	// DefaultMaxSize is the size at which a file of lines is put aside, in bytes.
	DefaultMaxSize = 100 << 20
	// maxLine bounds a line that is read back: a record, its key, and what is around them.
	maxLine = abi.MaxRecord + 16<<10
	// clockSlack is by how much clocks may differ, when it is told from the time of a file whether it can hold a line.
	clockSlack = time.Hour
	// lockPoll is how often the lock is asked for that another process has.
	lockPoll = 10 * time.Millisecond

	fileMode   = 0o600
	folderMode = 0o700
)

// FileOptions are those of a file of lines.
type FileOptions struct {
	// Path is the file's. Its folder is made if it is not there.
	Path string
	// MaxSize is the size in bytes at which the file becomes PATH.000001, PATH.000002 and so on; 0 is [DefaultMaxSize].
	MaxSize int64
	// Keep is how many of those are kept, the oldest being removed; 0 keeps all.
	Keep int
}

// File is a [trigger.Sink] that appends JSON Lines to a file and synchronises it before it acknowledges. Several triggers and processes may
// share one. A line that a crash has cut is removed, and the file itself tells which records it has.
//
// Whoever takes lines away, does so from the files that were put aside; after a crash a record whose line is gone is delivered again.
type File struct {
	options FileOptions
}

var _ trigger.Sink = (*File)(nil)

// NewFile makes the sink. It touches no file yet.
func NewFile(options FileOptions) (*File, error) {
	if options.Path == "" || options.MaxSize < 0 || options.Keep < 0 {
		return nil, errors.New("a file of lines needs a path, and sizes and numbers that are not negative")
	}
	if options.MaxSize == 0 {
		options.MaxSize = DefaultMaxSize
	}
	path, err := filepath.Abs(options.Path)
	if err != nil {
		return nil, err
	}
	options.Path = path
	return &File{options: options}, nil
}

// Close does nothing: files are open only while they are used.
func (f *File) Close() error { return nil }

// Deliver appends the records and synchronises the file once.
func (f *File) Deliver(ctx context.Context, records []trigger.Delivery) (int, error) {
	var lines []byte
	var refused error
	n := len(records)
	for i := range records {
		line, err := message(&records[i])
		if err != nil {
			n, refused = i, err // those before it can go
			break
		}
		lines = append(append(lines, line...), '\n')
	}
	err := f.locked(ctx, func() error { return f.append(lines) })
	if err != nil {
		return 0, err
	}
	return n, refused
}

// locked runs do while no other process does so.
func (f *File) locked(ctx context.Context, do func() error) error {
	if err := os.MkdirAll(filepath.Dir(f.options.Path), folderMode); err != nil {
		return err
	}
	lock := flock.New(f.options.Path+".lock", flock.SetPermissions(fileMode))
	if ok, err := lock.TryLockContext(ctx, lockPoll); err != nil || !ok {
		return fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	defer lock.Unlock()
	return do()
}

func (f *File) append(lines []byte) (err error) {
	file, size, err := f.open()
	if err != nil {
		return err
	}
	if size > 0 && size+int64(len(lines)) > f.options.MaxSize {
		if err := errors.Join(file.Close(), f.putAside()); err != nil {
			return err
		}
		if file, size, err = f.open(); err != nil {
			return err
		}
	}
	defer func() {
		if closing := file.Close(); err == nil && closing != nil {
			err = &trigger.DoubtError{Reason: closing.Error()}
		}
	}()
	_, err = file.WriteAt(lines, size)
	if err == nil {
		err = file.Sync()
	}
	if err == nil {
		return nil
	}
	// The error may have left a part, or all of it, in the file. Without it, it is certain that nothing was delivered.
	if cut := errors.Join(file.Truncate(size), file.Sync()); cut != nil {
		return &trigger.DoubtError{Reason: errors.Join(err, cut).Error()}
	}
	return err
}

// open opens the file, and cuts the line off that a crash has left unfinished.
func (f *File) open() (_ *os.File, size int64, err error) {
	_, missing := os.Stat(f.options.Path)
	file, err := os.OpenFile(f.options.Path, os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, 0, err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if errors.Is(missing, fs.ErrNotExist) {
		if err := durable.SyncFolder(os.Open, filepath.Dir(f.options.Path)); err != nil {
			return nil, 0, err
		}
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a file", f.options.Path)
	}
	if size, err = lastEnd(file, info.Size()); err != nil || size == info.Size() {
		return file, size, err
	}
	if err = isOurs(file, size); err == nil {
		err = errors.Join(file.Truncate(size), file.Sync())
	}
	return file, size, err
}

// isOurs refuses to cut off what does not begin as a line of this sink's.
func isOurs(file io.ReaderAt, at int64) error {
	begin := make([]byte, len(idMember))
	n, err := file.ReadAt(begin, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if !strings.HasPrefix(idMember, string(begin[:n])) {
		return errForeign
	}
	return nil
}

var errForeign = errors.New("the file does not end with a line of this sink's; name another one")

// lastEnd returns where the last whole line of a file ends.
func lastEnd(file io.ReaderAt, size int64) (int64, error) {
	const step = 64 << 10
	for end := size; end > 0; {
		from := max(end-step, 0)
		b := make([]byte, end-from)
		if _, err := file.ReadAt(b, from); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			return from + int64(i) + 1, nil
		}
		if size-from > 2*maxLine {
			return 0, errForeign
		}
		end = from
	}
	return 0, nil
}

// putAside gives the file its number, and removes those that are too many.
func (f *File) putAside() error {
	numbers, err := f.aside()
	if err != nil {
		return err
	}
	next := 1
	if len(numbers) > 0 {
		next = numbers[len(numbers)-1] + 1
	}
	if err := os.Rename(f.options.Path, f.numbered(next)); err != nil {
		return err
	}
	if numbers = append(numbers, next); f.options.Keep > 0 && len(numbers) > f.options.Keep {
		for _, old := range numbers[:len(numbers)-f.options.Keep] {
			if err := os.Remove(f.numbered(old)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return durable.SyncFolder(os.Open, filepath.Dir(f.options.Path))
}

func (f *File) numbered(n int) string { return fmt.Sprintf("%s.%06d", f.options.Path, n) }

// aside returns the numbers of the files that were put aside, oldest first.
func (f *File) aside() ([]int, error) {
	entries, err := os.ReadDir(filepath.Dir(f.options.Path))
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, entry := range entries {
		digits, ok := strings.CutPrefix(entry.Name(), filepath.Base(f.options.Path)+".")
		if n, err := strconv.Atoi(digits); ok && err == nil && n > 0 && f.numbered(n) == filepath.Join(filepath.Dir(f.options.Path), entry.Name()) {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// Holds looks for the records in the file, and in those that were put aside since the first of them began.
func (f *File) Holds(ctx context.Context, records []trigger.Delivery) ([]bool, error) {
	holds := make([]bool, len(records))
	wanted := map[string][]int{}
	var oldest time.Time
	for i := range records {
		id := ID(records[i].Trigger, records[i].Key)
		wanted[id] = append(wanted[id], i)
		if begun := records[i].Begun; oldest.IsZero() || begun.Before(oldest) {
			oldest = begun
		}
	}
	err := f.locked(ctx, func() error {
		file, _, err := f.open()
		if err != nil {
			return err
		}
		// What the killed process wrote may be in memory only, and a power failure would take it.
		if err := errors.Join(file.Sync(), file.Close()); err != nil {
			return err
		}
		numbers, err := f.aside()
		if err != nil {
			return err
		}
		paths := []string{f.options.Path}
		for _, n := range slices.Backward(numbers) {
			paths = append(paths, f.numbered(n))
		}
		for _, path := range paths {
			if err := ctx.Err(); err != nil {
				return err
			}
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if path != f.options.Path && info.ModTime().Before(oldest.Add(-clockSlack)) {
				break
			}
			if err := find(path, wanted, holds); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return holds, nil
}

// find marks the records that a file has.
func find(path string, wanted map[string][]int, holds []bool) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 64<<10)
	for {
		// The id is at the beginning; the rest of a long line is passed over.
		line, err := r.ReadSlice('\n')
		if id, ok := idOf(line); ok {
			for _, i := range wanted[id] {
				holds[i] = true
			}
		}
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.ReadSlice('\n')
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
