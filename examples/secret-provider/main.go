// Command secret-provider hands Postern its secrets from a folder: NAME/KEY for the secret KEY of the connection NAME. It shows how a
// provider is written; one that asks a vault differs in one function.
//
//	[provider.folder]
//	command = ["secret-provider", "/run/secrets/postern"]
//	sha256 = "…"                      # sha256sum secret-provider
//
//	[connection.contoso]
//	client_secret = { provider = "folder" }
package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/postern-dev/postern/host/connection/provider"
)

func main() {
	folder := "."
	if len(os.Args) > 1 {
		folder = os.Args[1]
	}
	provider.Serve(provider.Func(func(_ context.Context, r provider.Request) ([]byte, error) {
		return read(folder, r)
	}))
}

// read returns the content of the secret's file. A root keeps the names inside the folder, whatever they are.
func read(folder string, r provider.Request) ([]byte, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.Open(filepath.Join(r.Connection, r.Key))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, provider.ErrNotFound
	case errors.Is(err, fs.ErrPermission):
		return nil, provider.ErrDenied
	case err != nil:
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, provider.MaxSecret+1))
}
