package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"os"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/blob"
)

// savedName is how many hexadecimal digits of a file's SHA-256 make its name.
const savedName = 16

// saveBlobs copies what an invocation saved into a folder. Names come from the content, never from Microsoft 365: a
// stranger chose those. A file that is there stays as it is.
func (c *cli) saveBlobs(h *host.Host, result *host.Result, dir string) (err error) {
	if len(result.Blobs) == 0 {
		fmt.Fprintln(c.err, "postern: the action saved no file, so there is nothing to copy")
		return nil
	}
	folder, err := openSaveFolder(dir)
	if err != nil {
		return err
	}
	defer closeAfter(&err, folder.Close)
	store, err := h.Blobs()
	if err != nil {
		return err
	}
	for _, blob := range result.Blobs {
		if err := c.saveBlob(folder, store, blob); err != nil {
			return err
		}
	}
	return nil
}

// openSaveFolder makes and opens the folder of --save.
func openSaveFolder(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of --save cannot be made: %w", err)
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("the folder of --save cannot be used: %w", err)
	}
	return folder, nil
}

func (c *cli) saveBlob(folder *os.Root, store *blob.Store, kept host.Blob) error {
	name := kept.SHA256[:savedName] + extension(kept.ContentType)
	content, _, err := store.Open(kept.Name)
	if err != nil {
		return err
	}
	err = saveFile(folder, name, content)
	switch err = errors.Join(err, content.Close()); {
	case errors.Is(err, fs.ErrExist):
		fmt.Fprintf(c.err, "postern: %s is in %s already and stays as it is\n", name, printable(folder.Name()))
	case err != nil:
		return fmt.Errorf("save %s: %w", name, err)
	default:
		fmt.Fprintf(c.err, "postern: saved %s in %s, %d bytes\n", name, printable(folder.Name()), kept.Size)
	}
	return nil
}

func saveFile(folder *os.Root, name string, content io.Reader) (err error) {
	file, err := folder.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer closeAfter(&err, file.Close)
	_, err = io.Copy(file, content)
	return err
}

// extension returns the ending for a content type. Those of programs are not among them: a double click on a saved
// attachment must start nothing.
func extension(contentType string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ".bin"
	}
	switch kind {
	case "message/rfc822":
		return ".eml"
	case "text/plain":
		return ".txt"
	case "text/csv":
		return ".csv"
	case "application/json":
		return ".json"
	case "application/pdf":
		return ".pdf"
	case "application/zip":
		return ".zip"
	case "image/gif":
		return ".gif"
	case "image/jpeg":
		return ".jpg"
	case "image/png":
		return ".png"
	default:
		return ".bin"
	}
}
