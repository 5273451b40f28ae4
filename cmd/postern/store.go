package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/manifests"
)

// fileValue is a file whose content is to be the value of a parameter of the type blob.
type fileValue string

// maxStored is how many bytes of files the parameters of one command may name: a few attachments of the largest size that Outlook takes.
const maxStored = 1 << 30

// storeFiles puts the files that parameters of the type blob name, as @FILE, into the host's store, and their names in the files' place.
func storeFiles(ctx context.Context, h *host.Host, parameters []host.Parameter, given map[string]any) error {
	s := &storing{ctx: ctx, host: h}
	for _, p := range parameters {
		if p.Type != manifests.TypeBlob {
			continue
		}
		objects := []map[string]any{given}
		if text, ok := given[p.In].(json.RawMessage); ok && p.In != "" {
			var list []any
			if json.Unmarshal(text, &list) == nil { // else the host says what is wrong with it
				given[p.In] = list
			}
		}
		if list, ok := given[p.In].([]any); ok && p.In != "" {
			for _, item := range list {
				if object, ok := item.(map[string]any); ok {
					objects = append(objects, object)
				}
			}
		}
		for _, object := range objects {
			if err := s.replace(object, p.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

// storing puts files into the store of a host, which it opens for the first.
type storing struct {
	ctx  context.Context
	host *host.Host
	set  *blob.Set
}

func (s *storing) replace(object map[string]any, name string) error {
	var path string
	switch v := object[name].(type) {
	case fileValue:
		path = string(v)
	case string:
		var ok bool
		if path, ok = strings.CutPrefix(v, "@"); !ok {
			return nil
		}
	default:
		return nil
	}
	if s.set == nil {
		store, err := s.host.Blobs()
		if err != nil {
			return err
		}
		s.set = store.NewSet(maxStored)
	}
	file, err := os.Open(path)
	if err != nil {
		return usagef("the value of %s cannot be read: %w", name, err)
	}
	stored, err := s.set.Create(s.ctx, file, "")
	if err = errors.Join(err, file.Close()); err != nil {
		return usagef("the value of %s cannot be stored: %w", name, err)
	}
	object[name] = stored.Name
	return nil
}
