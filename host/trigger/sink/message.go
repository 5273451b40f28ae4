// Package sink holds the places where records go: files of lines, a directory, a webhook, NATS, and a function of the embedder's.
//
// What leaves is the same everywhere, one JSON object for each record:
//
//	{"id":"…","trigger":"soc-inbox","key":"…","time":"…","committed":"…","record":{…}}
//
// id is made of trigger and key ([ID]), and the same whenever and however often the record is delivered. time is when it became true, if
// that is known, and committed when Postern kept it. record is what the plugin returned. The blobs that it names stay with the host, but
// for the directory, where they lie beside it.
package sink

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// idSize is how many bytes of a SHA-256 an id has: enough that no two are ever alike by chance.
const idSize = 16

// ID is what tells a record from all others at any sink: 32 hexadecimal digits.
func ID(triggerName, key string) string {
	sum := sha256.Sum256([]byte(triggerName + "\x00" + key))
	return hex.EncodeToString(sum[:idSize])
}

// message makes what leaves of a record: one line, without its end.
func message(d *trigger.Delivery) ([]byte, error) {
	b := append([]byte(idMember), ID(d.Trigger, d.Key)...)
	b = abi.AppendString(append(b, `","trigger":`...), d.Trigger)
	b = abi.AppendString(append(b, `,"key":`...), d.Key)
	if !d.Time.IsZero() {
		b = abi.AppendString(append(b, `,"time":`...), d.Time.UTC().Format(time.RFC3339Nano))
	}
	b = abi.AppendString(append(b, `,"committed":`...), d.Committed.UTC().Format(time.RFC3339Nano))
	line := bytes.NewBuffer(append(b, `,"record":`...))
	line.Grow(len(d.Content) + len("}"))
	if err := json.Compact(line, d.Content); err != nil {
		return nil, &trigger.PermanentError{Reason: "the record is no JSON"}
	}
	return append(line.Bytes(), '}'), nil
}

// idMember begins every message, so that its id is found without parsing.
const idMember = `{"id":"`

// idOf returns the id of a line that message made, or nothing.
func idOf(line []byte) (string, bool) {
	rest, ok := bytes.CutPrefix(line, []byte(idMember))
	if !ok || len(rest) <= 2*idSize || rest[2*idSize] != '"' {
		return "", false
	}
	return string(rest[:2*idSize]), true
}
