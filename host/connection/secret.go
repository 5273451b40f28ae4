package connection

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/postern-dev/postern/manifests"
)

// maxSecret bounds a client secret in bytes. Entra's own have 40.
const maxSecret = 4 << 10

// redacted is a text that only reveal shows. It sits in a closure because printers reach into unexported fields and
// call no methods there.
type redacted struct{ reveal func() string }

func redact(s string) redacted { return redacted{func() string { return s }} }

const mask = "[redacted]"

func (redacted) String() string               { return mask }
func (redacted) GoString() string             { return mask }
func (redacted) Format(f fmt.State, _ rune)   { fmt.Fprint(f, mask) }
func (redacted) MarshalText() ([]byte, error) { return []byte(mask), nil }
func (redacted) LogValue() slog.Value         { return slog.StringValue(mask) }

// source is where a secret is: a file or an environment variable.
type source struct {
	what      string // for messages
	file, env string
	getenv    func(string) string
	log       *slog.Logger
}

// sourceOf is where the configuration says that a secret is.
func sourceOf(what string, named manifests.Source, opts Options, log *slog.Logger) source {
	s := source{what: what, getenv: opts.Getenv, log: log}
	if file, ok := named.File(); ok {
		s.file = resolve(opts.Dir, file)
	}
	s.env, _ = named.Env()
	return s
}

// read gets the secret. The error never holds a part of it.
func (s source) read() (redacted, error) {
	text, where := "", ""
	if s.file != "" {
		b, err := s.readFile()
		if err != nil {
			return redacted{}, err
		}
		text, where = string(b), "file "+s.file
	} else {
		text, where = s.getenv(s.env), "environment variable "+s.env
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	switch {
	case text == "":
		return redacted{}, fmt.Errorf("%s is empty or not set; put the secret's value there", where)
	case len(text) > maxSecret:
		return redacted{}, fmt.Errorf("%s is over %d bytes; put only the secret's value there", where, maxSecret)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return redacted{}, fmt.Errorf("%s holds a space, a line break or another character that no %s has; put only the secret's value there", where, s.what)
	}
	return redact(text), nil
}

// readFile reads a little more than the most that a secret may have.
func (s source) readFile() ([]byte, error) {
	info, err := os.Stat(s.file)
	if err != nil {
		return nil, fmt.Errorf("file %s cannot be read: %w; create it or correct its name", s.file, cause(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file; put the secret's value in one", s.file)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		s.log.Warn("other users may read the "+s.what+"; make its file readable to you alone", "file", s.file, "mode", info.Mode().Perm().String())
	}
	f, err := os.Open(s.file)
	if err != nil {
		return nil, fmt.Errorf("file %s cannot be read: %w; let the host's user read it", s.file, cause(err))
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+2+1)) // A line break of two bytes does not count.
	if err != nil {
		return nil, fmt.Errorf("file %s cannot be read: %w", s.file, cause(err))
	}
	return b, nil
}

// cause drops the path that the error repeats.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// resolve gives the full name of a file of the configuration.
func resolve(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}
