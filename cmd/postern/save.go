package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"os"

	"github.com/postern-dev/postern/host"
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
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the folder of --save cannot be made: %w", err)
	}
	folder, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("the folder of --save cannot be used: %w", err)
	}
	defer closeAfter(&err, folder.Close)
	store, err := h.Blobs()
	if err != nil {
		return err
	}
	for _, blob := range result.Blobs {
		name := blob.SHA256[:savedName] + extension(blob.ContentType)
		content, _, err := store.Open(blob.Name)
		if err != nil {
			return err
		}
		err = saveFile(folder, name, content)
		switch err = errors.Join(err, content.Close()); {
		case errors.Is(err, fs.ErrExist):
			fmt.Fprintf(c.err, "postern: %s is in %s already and stays as it is\n", name, printable(dir))
		case err != nil:
			return fmt.Errorf("save %s: %w", name, err)
		default:
			fmt.Fprintf(c.err, "postern: saved %s in %s, %d bytes\n", name, printable(dir), blob.Size)
		}
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
