package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
)

// maxPiped bounds a message from standard input, in bytes: the largest that Exchange Online takes, and its encoding.
const maxPiped = 256 << 20

// message is one message in a file.
type message struct {
	name string
	// number counts the messages of a mailbox file from 1; 0 is the only one of its file.
	number int
	// open gives the content, and what closes it.
	open func() (io.ReadSeeker, func() error, error)
	// err tells why there is no message.
	err error
}

// messages yields the messages that arguments name, in their order; those of a folder in the order of their names.
func messages(args []string, in io.Reader) iter.Seq[message] {
	return func(yield func(message) bool) {
		for _, name := range args {
			if name == "-" {
				if !yieldPiped(in, yield) {
					return
				}
				continue
			}
			info, err := os.Stat(name)
			switch {
			case err != nil:
				if !yield(message{name: name, err: &unreadableError{err}}) {
					return
				}
			case info.IsDir():
				if !yieldFolder(name, yield) {
					return
				}
			default:
				if !yieldFile(name, yield) {
					return
				}
			}
		}
	}
}

func yieldPiped(in io.Reader, yield func(message) bool) bool {
	content, err := io.ReadAll(io.LimitReader(in, maxPiped+1))
	if err == nil && len(content) > maxPiped {
		err = fmt.Errorf("it is over %d MiB; give it as a file", maxPiped>>20)
	}
	if err != nil {
		return yield(message{name: "-", err: &unreadableError{fmt.Errorf("standard input: %w", err)}})
	}
	return yieldSections("-", bytes.NewReader(content), int64(len(content)), func() (io.ReaderAt, func() error, error) {
		return bytes.NewReader(content), func() error { return nil }, nil
	}, yield)
}

// yieldFolder yields what looks like mail by its name: .eml and mailbox files, and what stands in the folders of a Maildir. A folder without any
// is most likely not the one that was meant.
func yieldFolder(dir string, yield func(message) bool) bool {
	goesOn, found := true, false
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if goesOn = yield(message{name: path, err: &unreadableError{err}}); !goesOn {
				return fs.SkipAll
			}
			return nil
		}
		if entry.Type().IsRegular() && isMailFile(path) {
			found = true
			if goesOn = yieldFile(path, yield); !goesOn {
				return fs.SkipAll
			}
		}
		return nil
	})
	if err == nil && goesOn && !found {
		err = errors.New("there is no mail in this folder: no .eml, .mbox, .mbx, .mime or .mht file, and no Maildir; name other files one by one")
	}
	if err != nil && goesOn {
		return yield(message{name: dir, err: &unreadableError{err}})
	}
	return goesOn
}

func isMailFile(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".eml", ".mbox", ".mbx", ".mime", ".mht":
		return true
	}
	parent := filepath.Base(filepath.Dir(path))
	return parent == "cur" || parent == "new"
}

// yieldFile yields the messages of one file.
func yieldFile(name string, yield func(message) bool) bool {
	open := func() (io.ReaderAt, func() error, error) {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		return file, file.Close, nil
	}
	content, closeContent, err := open()
	if err != nil {
		return yield(message{name: name, err: &unreadableError{err}})
	}
	file := content.(*os.File)
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no file; give a pipe as standard input, -", name)
	}
	if err != nil {
		return yield(message{name: name, err: &unreadableError{errors.Join(err, closeContent())}})
	}
	goesOn := yieldSections(name, io.NewSectionReader(file, 0, info.Size()), info.Size(), open, yield)
	if err := closeContent(); err != nil && goesOn {
		return yield(message{name: name, err: &unreadableError{err}})
	}
	return goesOn
}

// yieldSections yields the whole content, or the messages of a mailbox file (RFC 4155).
func yieldSections(name string, content io.Reader, size int64, open func() (io.ReaderAt, func() error, error), yield func(message) bool) bool {
	starts, err := mailboxStarts(content)
	if err != nil {
		return yield(message{name: name, err: &unreadableError{err}})
	}
	if len(starts) < 2 {
		starts = []int64{0}
	}
	for i, start := range starts {
		end := size
		if i+1 < len(starts) {
			end = starts[i+1]
		}
		m := message{name: name, open: func() (io.ReadSeeker, func() error, error) {
			all, closeAll, err := open()
			if err != nil {
				return nil, nil, err
			}
			return io.NewSectionReader(all, start, end-start), closeAll, nil
		}}
		if len(starts) > 1 {
			m.number = i + 1
		}
		if !yield(m) {
			return false
		}
	}
	return true
}

// mailboxStarts finds where the messages of a mailbox file begin: at a line of From, an address and a date, that is the first one or
// follows an empty one. There are none if the first line is none.
func mailboxStarts(content io.Reader) ([]int64, error) {
	var starts []int64
	lines := bufio.NewReader(content)
	offset, isAfterEmpty := int64(0), true
	for {
		line, err := lines.ReadSlice('\n')
		isWhole := !errors.Is(err, bufio.ErrBufferFull)
		if isAfterEmpty && isMailboxLine(line) {
			starts = append(starts, offset)
		}
		if offset == 0 && len(starts) == 0 {
			return nil, nil
		}
		offset += int64(len(line))
		isAfterEmpty = isWhole && len(bytes.TrimRight(line, "\r\n")) == 0
		switch {
		case errors.Is(err, io.EOF):
			return starts, nil
		case err != nil && isWhole:
			return nil, err
		}
	}
}

// isMailboxLine reports whether a line is one such as "From ann@example.com Thu Jan  1 00:00:00 2026".
func isMailboxLine(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("From "))
	if !ok {
		return false
	}
	fields := bytes.Fields(rest)
	const address, weekday, month, day, clock = 1, 1, 1, 1, 1
	return len(fields) >= address+weekday+month+day+clock && bytes.Count(rest, []byte(":")) >= 1
}
