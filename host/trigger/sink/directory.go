package sink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/internal/durable"
)

const (
	// recordFile is the record's file in its folder.
	recordFile = "record.json"
	// drafts is the folder of what is being written, and marks that of what may have been moved into place.
	drafts = ".postern/new"
	marks  = ".postern/placed"
	// readable is how much of a key a folder's name shows.
	readable = 80
)

// Directory is a [trigger.Sink] that makes a folder for each record:
//
//	DIR/TRIGGER/NAME-ID/record.json     what the record is
//	DIR/TRIGGER/NAME-ID/sha256-…        each blob that it names
//
// NAME is the beginning of the record's key, as far as it can stand in a file's name. A folder appears whole, by one rename. Whoever
// takes it may move it away at once: the sink remembers what it has put in place until the store knows.
type Directory struct {
	root *os.Root
	open func(ctx context.Context, name string) (io.ReadCloser, error)
}

var _ trigger.Sink = (*Directory)(nil)

// NewDirectory makes the sink, and the folder if it is not there. open opens a blob by its name.
func NewDirectory(dir string, open func(ctx context.Context, name string) (io.ReadCloser, error)) (*Directory, error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Directory{root, open}, nil
}

// Close releases the folder.
func (d *Directory) Close() error { return d.root.Close() }

// Deliver puts a folder in place for each record.
func (d *Directory) Deliver(ctx context.Context, records []trigger.Delivery) (int, error) {
	if len(records) == 0 {
		return 0, nil
	}
	if err := d.prepare(records); err != nil {
		return 0, err
	}
	for i := range records {
		if err := ctx.Err(); err != nil {
			return i, err
		}
		if err := d.deliver(ctx, &records[i]); err != nil {
			return i, err
		}
	}
	return len(records), nil
}

// place is where a record is.
type place struct{ id, final, draft, mark string }

func placeOf(r *trigger.Delivery) place {
	id := ID(r.Trigger, r.Key)
	return place{
		id:    id,
		final: path.Join(r.Trigger, safe(r.Key)+"-"+id),
		draft: path.Join(drafts, r.Trigger+"-"+id),
		mark:  path.Join(marks, r.Trigger, id),
	}
}

// prepare makes the folders, and forgets what was put in place before: that another delivery of the trigger is asked for means that the
// store knows how the last one ended.
func (d *Directory) prepare(records []trigger.Delivery) error {
	name := records[0].Trigger
	for _, folder := range []string{name, drafts, path.Join(marks, name)} {
		if err := d.root.MkdirAll(folder, folderMode); err != nil {
			return err
		}
	}
	current := map[string]bool{}
	for i := range records {
		current[placeOf(&records[i]).id] = true
	}
	old, err := fs.ReadDir(d.root.FS(), path.Join(marks, name))
	if err != nil {
		return err
	}
	for _, mark := range old {
		if current[mark.Name()] {
			continue
		}
		if err := d.remove(path.Join(marks, name, mark.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (d *Directory) remove(name string) error {
	if err := d.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (d *Directory) deliver(ctx context.Context, r *trigger.Delivery) error {
	p := placeOf(r)
	if ok, err := d.has(p.final); ok || err != nil {
		return err // it was replayed, and is there
	}
	// The mark goes before the draft: with the mark and without a draft, it would be as if the record had been put in place.
	if err := errors.Join(d.remove(p.mark), d.sync(path.Dir(p.mark)), d.root.RemoveAll(p.draft)); err != nil {
		return err
	}
	if err := d.write(ctx, r, p.draft); err != nil {
		return errors.Join(err, d.root.RemoveAll(p.draft))
	}
	mark, err := d.root.OpenFile(p.mark, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	if err := errors.Join(mark.Close(), d.sync(path.Dir(p.mark))); err != nil {
		return err
	}
	if err := d.root.Rename(p.draft, p.final); err != nil {
		return err
	}
	if err := errors.Join(d.sync(r.Trigger), d.sync(drafts)); err != nil {
		return &trigger.DoubtError{Reason: "the record is in place, but may not survive a power failure: " + err.Error()}
	}
	return nil
}

// write makes the draft with all that belongs to the record.
func (d *Directory) write(ctx context.Context, r *trigger.Delivery, draft string) error {
	line, err := message(r)
	if err != nil {
		return err
	}
	if err := d.root.Mkdir(draft, folderMode); err != nil {
		return err
	}
	if err := d.copy(path.Join(draft, recordFile), strings.NewReader(string(line)+"\n")); err != nil {
		return err
	}
	written := map[string]bool{}
	for _, name := range r.Blobs {
		if written[name] {
			continue
		}
		written[name] = true
		content, err := d.open(ctx, name)
		if err != nil {
			return fmt.Errorf("blob %s: %w", name, err)
		}
		err = d.copy(path.Join(draft, strings.ReplaceAll(name, ":", "-")), content)
		if err = errors.Join(err, content.Close()); err != nil {
			return fmt.Errorf("blob %s: %w", name, err)
		}
	}
	return errors.Join(d.sync(draft), d.sync(drafts))
}

func (d *Directory) copy(name string, content io.Reader) error {
	return durable.Create(d.root, name, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	})
}

func (d *Directory) sync(folder string) error { return durable.SyncFolder(d.root.Open, folder) }

func (d *Directory) has(name string) (bool, error) {
	_, err := d.root.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Holds tells which records were put in place, be they still there or not.
func (d *Directory) Holds(_ context.Context, records []trigger.Delivery) ([]bool, error) {
	holds := make([]bool, len(records))
	for i := range records {
		p := placeOf(&records[i])
		there, err := d.has(p.final)
		if err != nil {
			return nil, err
		}
		draft, err := d.has(p.draft)
		if err != nil {
			return nil, err
		}
		mark, err := d.has(p.mark)
		if err != nil {
			return nil, err
		}
		holds[i] = there || mark && !draft
		if there { // the rename may be in memory only
			if err := d.sync(records[i].Trigger); err != nil {
				return nil, err
			}
		}
	}
	return holds, nil
}

// safe is the beginning of a key, as far as it can stand in a name on any system. What tells names apart is the id after it.
func safe(key string) string {
	name := []byte(key[:min(len(key), readable)])
	for i, c := range name {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && (c != '.' && c != '-' && c != '_' || i == 0) {
			name[i] = '_'
		}
	}
	return string(name)
}
