package extract

import (
	"bytes"
	"errors"
	"io"
)

// lines reads a source line by line, within a fixed window.
type lines struct {
	source  io.Reader
	window  []byte
	from    int // of what is not taken yet
	to      int // of what was read
	ended   bool
	failure error // of the source
	// pushed is taken before what is in the window.
	pushed []byte
	// isMid says that the last piece did not end its line.
	isMid bool
	// newline ends lines: LF, or CR in a source that has no other.
	newline byte
}

func newLines(source io.Reader) *lines { return &lines{source: source, window: make([]byte, chunk)} }

// newShortLines is for what does not look for boundaries: the window, and with it the longest piece of a line, is smaller.
func newShortLines(source io.Reader) *lines {
	return &lines{source: source, window: make([]byte, shortChunk)}
}

// next returns the next line with its ending. A line that is longer than the window comes in pieces: isStart tells the first of them. It is
// good until the next call; nil is the end.
func (l *lines) next() (line []byte, isStart bool) {
	isStart = !l.isMid
	if l.newline == 0 {
		l.fill()
		l.newline = '\n'
		if held := l.window[l.from:l.to]; bytes.IndexByte(held, '\n') < 0 && bytes.IndexByte(held, '\r') >= 0 {
			l.newline = '\r'
		}
	}
	if len(l.pushed) > 0 {
		line = l.pushed
		if i := bytes.IndexByte(line, l.newline); i >= 0 {
			line = line[:i+1]
		}
		l.pushed = l.pushed[len(line):]
		l.isMid = line[len(line)-1] != l.newline
		return line, isStart
	}
	for {
		held := l.window[l.from:l.to]
		if i := bytes.IndexByte(held, l.newline); i >= 0 {
			l.from += i + 1
			l.isMid = false
			return held[:i+1], isStart
		}
		if l.ended || len(held) == len(l.window) {
			l.from = l.to
			l.isMid = true
			if len(held) == 0 {
				held = nil
			}
			return held, isStart
		}
		l.fill()
	}
}

// push gives text back, to be taken next. It has to begin a line.
func (l *lines) push(text []byte) {
	l.pushed = append(bytes.Clone(text), l.pushed...)
	l.isMid = false
}

// fill reads once more into the window, whose taken bytes it drops.
func (l *lines) fill() {
	copy(l.window, l.window[l.from:l.to])
	l.to -= l.from
	l.from = 0
	for range 100 { // readers may return nothing now and then, but not for ever
		n, err := l.source.Read(l.window[l.to:])
		l.to += n
		if err != nil {
			l.ended = true
			if !errors.Is(err, io.EOF) {
				l.failure = err
			}
			return
		}
		if n > 0 {
			return
		}
	}
	l.ended, l.failure = true, io.ErrNoProgress
}

// bare is a line without its ending.
func bare(line []byte) []byte { return bytes.TrimRight(line, "\r\n") }
