package manifests

import (
	"maps"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Sink is where the records of triggers go.
type Sink struct {
	// Name by which triggers refer to it: [a-z][a-z0-9_-]{0,62}.
	Name string
	// Kind says what it is, and which of the following keys it needs and takes. TOML: kind, required.
	Kind SinkKind
	// Path is the file of JSON lines, "-" for standard output, or the folder of a directory; at most [MaxPath] bytes.
	// TOML: path, required for jsonl and directory.
	Path string
	// Rotate is the size at which a file of JSON lines is put aside and the next one begun, from [MinRotate] to [MaxRotate].
	// TOML: rotate = "100MiB", default [DefaultRotate], for jsonl.
	Rotate Size
	// Files is how many files of JSON lines that were put aside are kept, from 1 to [MaxFiles]; the oldest are removed. Zero removes none.
	// TOML: files, default none, for jsonl.
	Files int
	// URL is where a webhook or NATS is: https://…, for a host of this machine http://… too; nats://… or tls://….
	// TOML: url, required for webhook and nats.
	URL string
	// Secret says where the key is that a webhook's requests are signed with: at least 24 bytes of text, or "whsec_" and base64.
	// TOML: secret = { env = "…" }, or another [Source], required for webhook.
	Secret Source
	// InDoubt says what becomes of a record that a webhook may or may not have got and cannot tell of. TOML: in_doubt, default "park", for webhook.
	InDoubt InDoubt
	// Timeout bounds one delivery, from [MinSinkTimeout] to [MaxSinkTimeout]. TOML: timeout = "30s", default [DefaultSinkTimeout], for webhook.
	Timeout time.Duration
	// Settle is how long after its sender was through with it a webhook is not asked yet about a delivery in doubt, from one second to [MaxSettle]:
	// longer than it, and what stands before it, keep a request whose sender is gone. TOML: settle = "60s", default [DefaultSettle], for webhook.
	Settle time.Duration
	// CAFile holds one more root certificate (PEM) to trust for the URL. TOML: ca_file, default none, for webhook and nats.
	CAFile string
	// Subject is what NATS messages are published on, and Stream the stream of JetStream that keeps them, which must exist. TOML: subject and
	// stream, required for nats.
	Subject, Stream string
	// Credentials says where the credentials file (a user's JWT and seed) for NATS is. TOML: credentials = { file = "…" }, or another [Source],
	// default none, for nats.
	Credentials Source
}

// SinkKind is what a sink is.
type SinkKind string

// The kinds of sinks.
const (
	SinkJSONLines SinkKind = "jsonl"     // a file of JSON lines, or standard output
	SinkDirectory SinkKind = "directory" // a file for each record, and for each of its blobs
	SinkWebhook   SinkKind = "webhook"   // a signed POST for each record
	SinkNATS      SinkKind = "nats"      // a message for each record, in a stream of JetStream
	SinkCallback  SinkKind = "callback"  // a function of the program that embeds the host
)

// StandardOutput is the name of the sink that needs no table: where "postern poll" writes the records of triggers without a sink.
const StandardOutput = "stdout"

// InDoubt is what becomes of a record when nobody can tell whether the sink has it.
type InDoubt string

// What may become of it.
const (
	InDoubtPark   InDoubt = "park"   // it waits for the operator: never twice, possibly late
	InDoubtRepeat InDoubt = "repeat" // it is delivered again: never late, possibly twice
)

// Bounds and defaults of sinks.
const (
	MaxSinks           = 100
	MinRotate     Size = 1 << 20
	MaxRotate     Size = 1 << 40
	DefaultRotate Size = 100 << 20
	MaxFiles           = 100_000
	MaxSubject         = 255

	MinSinkTimeout     = time.Second
	MaxSinkTimeout     = 5 * time.Minute
	DefaultSinkTimeout = 30 * time.Second
	MaxSettle          = time.Hour
	DefaultSettle      = time.Minute
)

// Sink returns the sink of this name.
func (c *Config) Sink(name string) (*Sink, bool) {
	i := slices.IndexFunc(c.Sinks, func(s Sink) bool { return s.Name == name })
	if i < 0 {
		return nil, false
	}
	return &c.Sinks[i], true
}

// keysOf lists the keys of a kind of sink: true for those that must be there.
func (k SinkKind) keysOf() map[string]bool {
	switch k {
	case SinkJSONLines:
		return map[string]bool{"path": true, "rotate": false, "files": false}
	case SinkDirectory:
		return map[string]bool{"path": true}
	case SinkWebhook:
		return map[string]bool{"url": true, "secret": true, "in_doubt": false, "timeout": false, "settle": false, "ca_file": false}
	case SinkNATS:
		return map[string]bool{"url": true, "subject": true, "stream": true, "credentials": false, "ca_file": false}
	case SinkCallback:
		return map[string]bool{}
	default:
		return nil
	}
}

func readSink(name string, t *table) Sink {
	if _, f := parseLocalName(name); f != nil {
		t.self(f)
	} else if name == StandardOutput {
		t.self(flawf("rename it, or leave the sinks of the trigger out", "the name is that of standard output, which needs no table"))
	}
	s := Sink{
		Name:        name,
		Kind:        parsedRequired(t, "kind", `"webhook"`, word(SinkJSONLines, SinkDirectory, SinkWebhook, SinkNATS, SinkCallback)),
		Path:        parsed(t, "path", "", parsePath),
		Rotate:      parsed(t, "rotate", DefaultRotate, sizeWithin(MinRotate, MaxRotate)),
		Files:       int(t.integer("files", 1, MaxFiles, 0)),
		Secret:      readSource(t, "secret"),
		InDoubt:     parsed(t, "in_doubt", InDoubtPark, word(InDoubtPark, InDoubtRepeat)),
		Timeout:     parsed(t, "timeout", DefaultSinkTimeout, durationWithin(MinSinkTimeout, MaxSinkTimeout)),
		Settle:      parsed(t, "settle", DefaultSettle, durationWithin(time.Second, MaxSettle)),
		CAFile:      parsed(t, "ca_file", "", parsePath),
		Subject:     parsed(t, "subject", "", parseSubject),
		Stream:      parsed(t, "stream", "", parseStream),
		Credentials: readSource(t, "credentials"),
	}
	s.URL = parsed(t, "url", "", s.Kind.parseURL)
	t.finish()
	if s.Kind == "" {
		return s
	}
	keys := s.Kind.keysOf()
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if _, ok := keys[key]; !ok && key != "kind" && slices.Contains(t.known, key) {
			t.flaw(key, flawf("remove it", "the key does nothing for the kind %q", string(s.Kind)))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if keys[key] && !t.has(key) {
			t.missing(key, s.Kind.example(key))
		}
	}
	if s.Path == "-" && (t.has("rotate") || t.has("files") || s.Kind == SinkDirectory) {
		t.flaw("path", flawf("name a file or folder", "standard output is one stream of lines"))
	}
	return s
}

// checkPaths refuses two sinks with one file or folder: each would find there what the other has put, and take it for its own.
func checkPaths(sinks []Sink, tables []*table) {
	taken := map[string]string{}
	for i, s := range sinks {
		if s.Path == "" || s.Path == "-" {
			continue
		}
		path := filepath.Clean(s.Path)
		if other, ok := taken[path]; ok {
			tables[i].flaw("path", flawf("name another, or one sink in both places", "it is that of the sink %q", other))
		}
		taken[path] = s.Name
	}
}

func (k SinkKind) example(key string) string {
	switch key {
	case "path":
		if k == SinkDirectory {
			return `"records"`
		}
		return `"records.jsonl"`
	case "url":
		if k == SinkNATS {
			return `"tls://nats.example:4222"`
		}
		return `"https://siem.example/postern"`
	case "secret":
		return `{ env = "SIEM_SECRET" }`
	case "subject":
		return `"postern.soc"`
	default:
		return `"POSTERN"`
	}
}

// parseURL accepts the address of a webhook or of NATS. It never quotes the value: an operator may have put a password there.
func (k SinkKind) parseURL(text string) (string, *flaw) {
	example := "write for example " + k.example("url")
	u, err := url.Parse(text)
	if err != nil || len(text) > MaxPath || u.Opaque != "" || u.Fragment != "" || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") {
		return "", flawf(example, "the value is not an address")
	}
	if u.User != nil {
		return "", flawf("move them to a source, such as credentials = { file = \"…\" }; treat the old password as leaked",
			"a user and a password are never written in this file")
	}
	allowed := []string{"https", "http"}
	if k == SinkNATS {
		allowed = []string{"tls", "nats"}
		if u.Path != "" || u.RawQuery != "" {
			return "", flawf(example, "the value is more than the address of a server")
		}
	}
	switch {
	case !slices.Contains(allowed, u.Scheme):
		return "", flawf(example, "the address does not begin with %s://", allowed[0])
	case u.Scheme != allowed[0] && !isLoopback(u.Hostname()):
		return "", flawf(example, "%s:// is for this machine only: elsewhere records would travel unprotected", u.Scheme)
	}
	return text, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// parseSubject accepts a subject of NATS to publish on: words joined by dots, without wildcards.
// Source: https://docs.nats.io/nats-concepts/subjects
func parseSubject(subject string) (string, *flaw) {
	ok := len(subject) <= MaxSubject
	for _, token := range strings.Split(subject, ".") {
		ok = ok && token != "" && !strings.ContainsFunc(token, func(c rune) bool { return !isWord(c) && c != '-' })
	}
	if !ok {
		return "", flawf(`write for example "postern.soc"`, "%q is not a subject: words of letters, digits, '_' and '-', joined by dots", shorten(subject))
	}
	return subject, nil
}

func parseStream(name string) (string, *flaw) {
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, func(c rune) bool { return !isWord(c) && c != '-' }) {
		return "", flawf(`write for example "POSTERN"`, "%q is not the name of a stream: letters, digits, '_' and '-', at most %d", shorten(name), maxName)
	}
	return name, nil
}
