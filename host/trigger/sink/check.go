package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/postern-dev/postern/host/trigger"
)

// What follows finds out, without delivering anything, whether a sink would take records. An error says why it would not, and what to do.

// CheckFile looks whether a file of lines could be written.
func CheckFile(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return CheckFolder(filepath.Dir(path))
	case err != nil:
		return fmt.Errorf("%w; let the user that runs Postern write it", err)
	}
	return file.Close()
}

// CheckFolder looks whether files could be made in a folder, or in the one above in which it would be made. What it makes to find out, it removes.
func CheckFolder(path string) error {
	info, err := os.Stat(path)
	switch parent := filepath.Dir(path); {
	case errors.Is(err, fs.ErrNotExist) && parent != path:
		return CheckFolder(parent)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no folder; choose another path", path)
	}
	made, err := os.CreateTemp(path, ".postern-*")
	if err != nil {
		return fmt.Errorf("%w; let the user that runs Postern write there", err)
	}
	return errors.Join(made.Close(), os.Remove(made.Name()))
}

// Check asks the receiver whether it has a record that never was. tells reports whether it knows an answer, as it needs to for a delivery in doubt.
func (w *Webhook) Check(ctx context.Context) (tells bool, err error) {
	has, err := w.ask(ctx, ID("", "")) // no trigger has an empty name
	switch {
	case errors.Is(err, trigger.ErrCannotTell):
		return false, nil
	case err != nil:
		return false, err
	case has:
		return true, errors.New("the receiver says that it has a record which was never sent, so one in doubt would count as delivered and be lost; " +
			"have it answer 404 to GET with the header " + RecordHeader + " for what it has not")
	}
	return true, nil
}

// Check looks for the stream, and whether it takes the subject.
func (n *NATS) Check(ctx context.Context) error {
	found, err := n.js.StreamNameBySubject(ctx, n.options.Subject)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound), err == nil && found != n.options.Stream:
		return fmt.Errorf("the stream %s does not take the subject %s; make it so that it does", n.options.Stream, n.options.Subject)
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return errors.New("the server keeps no streams; turn JetStream on")
	case err != nil:
		return fmt.Errorf("stream %s: %w", n.options.Stream, err)
	}
	return nil
}
