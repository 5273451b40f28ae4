package abi

import (
	"strconv"
	"time"

	"github.com/valyala/fastjson"
)

// Record is one row of a trigger: what happened once. It is a JSON object of the plugin's own making, of which the contract
// knows two members.
type Record struct {
	// Key is the member "key", required: 1 to [MaxKey] visible ASCII characters that stand for this event and no other, such as an immutable
	// message id. A record whose key the trigger has handed over before is dropped, for as long as the host remembers keys.
	Key string
	// Time is the member "time", by RFC 3339: when the event became true, such as a message's receivedDateTime. Zero if it is
	// not there. What is told about late records is counted by it.
	Time time.Time
	// Value is the whole object.
	Value *fastjson.Value
}

// AppendJSON appends the record as the plugin made it.
func (record *Record) AppendJSON(dst []byte) []byte { return AppendValue(dst, record.Value) }

// ReadRecord reads a row as a record. The error is a [*FormatError].
func ReadRecord(v *fastjson.Value) (Record, error) {
	r := reader{document: "record"}
	record := Record{Value: v}
	r.object(v, "it", func(name string, v *fastjson.Value) bool {
		switch name {
		case "key":
			record.Key = r.key(v, name)
		case "time":
			record.Time = r.time(v, name)
		}
		return true
	})
	if record.Key == "" {
		r.fail("key must be there")
	}
	if len(AppendValue(nil, v)) > MaxRecord {
		r.fail("it is over " + strconv.Itoa(MaxRecord) + " bytes; keep its long parts as blobs")
	}
	return record, r.err()
}

// ParseRecord reads a record, as a sink gets it. Its value belongs to p.
func ParseRecord(p *fastjson.Parser, b []byte) (*Record, error) {
	v, err := Parse(p, b, MaxRecord)
	if err != nil {
		return nil, err
	}
	record, err := ReadRecord(v)
	return &record, err
}

// key reads a record's key. It has to pass through file names, HTTP headers and logs unharmed.
func (r *reader) key(v *fastjson.Value, name string) string {
	key := r.text(v, name, MaxKey)
	visible := key != ""
	for i := range len(key) {
		visible = visible && key[i] > ' ' && key[i] <= '~'
	}
	if !visible {
		r.fail(name + " must be 1 to " + strconv.Itoa(MaxKey) + " visible ASCII characters")
	}
	return key
}
