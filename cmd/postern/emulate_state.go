package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/internal/durable"
)

// saveEvery is how often a changed tenant is saved while the emulator runs.
const saveEvery = 10 * time.Second

// stateFile keeps a tenant in the file of --state.
type stateFile struct {
	path   string
	server *graphtest.Server
	saved  uint64 // how many changes the file has
}

// keep saves the tenant when it has changed, every so often and when the context ends. A failure in between is told and tried again: the disk
// may have room later.
func (c *cli) keep(ctx context.Context, state *stateFile) error {
	every := time.NewTicker(saveEvery)
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return state.saveChanges()
		case <-every.C:
			if err := state.saveChanges(); err != nil {
				fmt.Fprintf(c.err, "postern: %v\n", err)
			}
		}
	}
}

func (f *stateFile) saveChanges() error {
	if f.server.Changes() == f.saved {
		return nil
	}
	return f.save()
}

// save replaces the file whole or not at all. Only its owner can read it: it holds the secrets of applications.
func (f *stateFile) save() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("the tenant cannot be saved in %s: %w", printable(f.path), err)
		}
	}()
	changes := f.server.Changes()
	folder, err := os.OpenRoot(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	defer folder.Close()
	name := filepath.Base(f.path)
	if err := durable.Replace(folder, name, durable.Draft(name), f.server.Save); err != nil {
		return err
	}
	f.saved = changes
	return nil
}
