package connection

import (
	"fmt"
	"log/slog"
	"strings"
)

const (
	// maxSecret bounds a client secret, a password and a federated token in bytes. Entra's own secrets have 40; a token of a cluster has 1,500.
	maxSecret = 16 << 10
	// maxCertificate bounds a certificate with its chain and key in bytes.
	maxCertificate = 256 << 10
)

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

// word checks that a source holds one word and nothing else, as every client secret, key and token is. The error never holds a part of it.
func word(content []byte, where string) (redacted, error) {
	text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	switch {
	case text == "":
		return redacted{}, problemf("put the secret's value there", "%s is empty or not set", where)
	case len(text) > maxSecret:
		return redacted{}, problemf("put only the secret's value there", "%s is over %d bytes", where, maxSecret)
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return redacted{}, problemf("put only the secret's value there", "%s holds a space, a line break or another character that no secret has", where)
	}
	return redact(text), nil
}

// problem is what is wrong and what to do about it. Neither holds any part of a secret.
type problem struct{ cause, remedy string }

func (p *problem) Error() string { return p.cause + "; " + p.remedy }

// problemf formats the cause.
func problemf(remedy, format string, args ...any) error {
	return &problem{fmt.Sprintf(format, args...), remedy}
}
