package graphtest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"runtime"
	"strings"
	"sync"
)

const (
	// batchMails is how many mails are read before they are added together.
	batchMails = 256
	// batchBytes bounds a batch by the size of its mails.
	batchBytes = 32 << 20
)

// AddFolders adds the mail of a file system and returns how many messages it found. The .eml files of the top go to the Inbox, those of a
// sub-folder to the mail folder of the same path, such as "Sent Items" or "Inbox/phishing"; a file NAME.mbox is the mail folder NAME. A
// Maildir, which is a folder with cur and new in it, gives every file there, read if its flags say seen; its sub-folders may be named as
// Maildir++ does, with dots. Other files, hidden ones and everything that is not an ordinary file are passed over.
//
// Messages are kept byte for byte, however malformed. Those before an error stay in the mailbox.
func (m *Mailbox) AddFolders(files fs.FS) (int, error) {
	mail := arrivals{mailbox: m}
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if passedOver(files, name) {
				return fs.SkipDir
			}
			return nil
		}
		return mail.addFile(files, name)
	})
	return mail.end(err)
}

// AddMbox adds the messages of an mbox file to a folder and returns how many there were. Both usual ways to quote "From " are read, mboxrd
// and mboxo.
func (m *Mailbox) AddMbox(folder string, source io.Reader) (int, error) {
	mail := arrivals{mailbox: m}
	return mail.end(mail.addMbox(folder, source))
}

// passedOver reports whether a folder holds no mail: the drafts of a Maildir, and what is hidden.
func passedOver(files fs.FS, name string) bool {
	base := path.Base(name)
	switch {
	case base == "tmp":
		return isMaildir(files, path.Dir(name))
	case name != "." && strings.HasPrefix(base, "."):
		return !isMaildir(files, name)
	}
	return false
}

func isMaildir(files fs.FS, name string) bool {
	info, err := fs.Stat(files, path.Join(name, "cur"))
	return err == nil && info.IsDir()
}

// mailFolder is the path of the mail folder that a folder of files stands for.
func mailFolder(files fs.FS, dir string) string {
	if base := path.Base(dir); (base == "cur" || base == "new") && isMaildir(files, path.Dir(dir)) {
		dir = path.Dir(dir)
	}
	var names []string
	for name := range strings.SplitSeq(dir, "/") {
		if rest, dotted := strings.CutPrefix(name, "."); dotted {
			for part := range strings.SplitSeq(rest, ".") {
				names = append(names, escapeFolderName(part))
			}
			continue
		}
		names = append(names, escapeFolderName(name))
	}
	if joined := strings.Trim(strings.Join(names, "/"), "/"); joined != "" {
		return joined
	}
	return "Inbox"
}

// arrivals gathers mails for a mailbox and adds them in batches, so that all processors read MIME at once.
type arrivals struct {
	mailbox *Mailbox
	waiting []arrival
	bytes   int
	added   int
}

type arrival struct {
	folder  string
	source  []byte
	read    bool
	content *content
}

// addFile adds what a file holds, if it is mail.
func (a *arrivals) addFile(files fs.FS, name string) (err error) {
	dir, base := path.Split(name)
	dir = path.Clean(dir)
	kind := strings.ToLower(path.Ext(base))
	inMaildir := (path.Base(dir) == "cur" || path.Base(dir) == "new") && isMaildir(files, path.Dir(dir))
	if strings.HasPrefix(base, ".") || !inMaildir && kind != ".eml" && kind != ".mbox" {
		return nil
	}
	info, err := fs.Stat(files, name)
	if err != nil || !info.Mode().IsRegular() {
		return err
	}
	file, err := files.Open(name)
	if err != nil {
		return err
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			err = fmt.Errorf("%s: %w", name, err)
		}
	}()
	if kind == ".mbox" && !inMaildir {
		return a.addMbox(mailFolder(files, path.Join(dir, base[:len(base)-len(kind)])), file)
	}
	source, err := readMessage(file)
	if err != nil {
		return err
	}
	_, flags, _ := strings.Cut(base, ":2,")
	return a.add(mailFolder(files, dir), source, inMaildir && strings.Contains(flags, "S"))
}

func (a *arrivals) addMbox(folder string, source io.Reader) error {
	number := 0
	for message, err := range readMbox(source, maxMessageSize) {
		number++
		if err == nil {
			err = a.add(folder, message, false)
		}
		if err != nil {
			return fmt.Errorf("message %d: %w", number, err)
		}
	}
	return nil
}

func (a *arrivals) add(folder string, source []byte, read bool) error {
	a.waiting = append(a.waiting, arrival{folder: folder, source: source, read: read})
	a.bytes += len(source)
	if len(a.waiting) < batchMails && a.bytes < batchBytes {
		return nil
	}
	return a.flush()
}

// end adds what still waits, also after an error.
func (a *arrivals) end(err error) (int, error) {
	if err = errors.Join(err, a.flush()); err != nil {
		err = fmt.Errorf("load mail: %w", err)
	}
	return a.added, err
}

// inParallel does something for each number below count, on all processors at once.
func inParallel(count int, do func(i int)) {
	var workers sync.WaitGroup
	step := runtime.GOMAXPROCS(0)
	for first := range step {
		workers.Go(func() {
			for i := first; i < count; i += step {
				do(i)
			}
		})
	}
	workers.Wait()
}

func (a *arrivals) flush() error {
	inParallel(len(a.waiting), func(i int) { a.waiting[i].content = parseMIME(a.waiting[i].source, 0) })
	m := a.mailbox
	m.server.mu.Lock()
	defer m.server.mu.Unlock()
	for _, one := range a.waiting {
		f, err := m.makeFolder(one.folder)
		if err != nil {
			return err
		}
		m.deliver(f, one.content, one.read)
		a.added++
	}
	a.waiting, a.bytes = nil, 0
	return nil
}
