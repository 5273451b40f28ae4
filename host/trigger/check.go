package trigger

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/postern-dev/postern/abi"
)

// What follows is for the stores: each checks the same before it keeps anything.

// CheckName finds what is wrong with the name of a trigger or sink: a lower-case letter, then those, digits, hyphens and
// underscores, as a table's name in the operator's file. The error is [abi.InvalidInput].
func CheckName(kind, name string) error {
	ok := name != "" && len(name) <= MaxName
	for i, c := range []byte(name) {
		letter := 'a' <= c && c <= 'z'
		ok = ok && (letter || i > 0 && ('0' <= c && c <= '9' || c == '-' || c == '_'))
	}
	if !ok {
		return invalid("the name of a %s is a lower-case letter and then letters, digits, hyphens and underscores, at most %d in all", kind, MaxName)
	}
	return nil
}

// CheckLease finds what is wrong with the request for a lease.
func CheckLease(trigger, holder string, ttl time.Duration) error {
	if err := CheckName("trigger", trigger); err != nil {
		return err
	}
	if err := checkText("the name of a holder", holder, MaxHolder); err != nil {
		return err
	}
	if ttl < MinTTL || ttl > MaxTTL {
		return invalid("a lease is good for %s to %s, not %s", MinTTL, MaxTTL, ttl)
	}
	return nil
}

// CheckKeys finds what is wrong with the keys that are asked for.
func CheckKeys(keys []string) error {
	if len(keys) > abi.MaxKeys {
		return invalid("%d keys are asked for at once; at most %d", len(keys), abi.MaxKeys)
	}
	for _, key := range keys {
		if err := checkText("a key", key, abi.MaxKey); err != nil {
			return err
		}
	}
	return nil
}

// CheckPause finds what is wrong with a pause.
func CheckPause(trigger, by string) error {
	if err := CheckName("trigger", trigger); err != nil {
		return err
	}
	return checkText("who pauses a trigger", by, MaxHolder)
}

// CheckSeqs finds what is wrong with a list of places.
func CheckSeqs(n int) error {
	if n > MaxBatch {
		return invalid("%d deliveries are named at once; at most %d", n, MaxBatch)
	}
	return nil
}

// Check finds what is wrong with a commit.
func (c *Commit) Check() error {
	switch {
	case len(c.State) > abi.MaxState:
		return invalid("the state is over %d bytes; keep less, records say what is known", abi.MaxState)
	case c.State != nil && !json.Valid(c.State):
		return invalid("the state is no JSON")
	case len(c.Records) > MaxRecords:
		return invalid("%d records are handed over at once; at most %d, ask for more", len(c.Records), MaxRecords)
	case len(c.Sinks) > MaxSinks:
		return invalid("%d sinks are named; at most %d", len(c.Sinks), MaxSinks)
	case c.Retain < 0 || c.Retain > MaxRetain:
		return invalid("keys are kept for up to %s, not %s", MaxRetain, c.Retain)
	}
	for i, sink := range c.Sinks {
		if err := CheckName("sink", sink); err != nil {
			return err
		}
		for _, other := range c.Sinks[:i] {
			if other == sink {
				return invalid("sink %s is named twice", sink)
			}
		}
	}
	size := 0
	for i := range c.Records {
		if err := c.Records[i].check(); err != nil {
			return err
		}
		size += len(c.Records[i].Content)
	}
	if size > MaxCommit {
		return invalid("the records handed over at once are %d bytes; at most %d, ask for more", size, MaxCommit)
	}
	return errors.Join(CheckTime(c.Next), CheckTime(c.Passed), CheckTime(c.Began))
}

// CheckTime finds what is wrong with a time: RFC 3339 knows the years up to 9999.
func CheckTime(t time.Time) error {
	if year := t.UTC().Year(); year < 1 || year > 9999 {
		return invalid("a time is not in the years 1 to 9999")
	}
	return nil
}

func (r *Record) check() error {
	if err := checkText("a record's key", r.Key, abi.MaxKey); err != nil {
		return err
	}
	switch {
	case len(r.Content) > abi.MaxRecord:
		return invalid("the record %s is over %d bytes; hand long content over as a blob", quote(r.Key), abi.MaxRecord)
	case len(r.Content) == 0 || r.Content[0] != '{' || !json.Valid(r.Content):
		return invalid("the record %s is no JSON object", quote(r.Key))
	}
	if err := CheckTime(r.Time); err != nil {
		return err
	}
	return CheckBlobs(r.Blobs)
}

// CheckOutcomes finds what is wrong with outcomes.
func CheckOutcomes(outcomes []Outcome) error {
	failed := 0
	for _, o := range outcomes {
		if o.Result < Acknowledged || o.Result > Spoiled {
			return invalid("%d is no result of a delivery", o.Result)
		}
		if o.Result == Failed {
			failed++
		}
		if err := CheckTime(o.NotBefore); err != nil {
			return err
		}
	}
	if failed > 1 {
		return invalid("%d deliveries have failed at once; at most 1, those after it were not handed over", failed)
	}
	return CheckSeqs(len(outcomes))
}

// CheckBlobs finds what is wrong with the names of blobs.
func CheckBlobs(names []string) error {
	if len(names) > MaxBlobs {
		return invalid("%d blobs are named at once; at most %d", len(names), MaxBlobs)
	}
	for _, name := range names {
		if err := checkBlob(name); err != nil {
			return err
		}
	}
	return nil
}

func checkBlob(name string) error {
	digits, ok := strings.CutPrefix(name, "sha256:")
	if !ok || len(digits) != 64 || strings.Trim(digits, "0123456789abcdef") != "" {
		return invalid("%s is no name of a blob", quote(name))
	}
	return nil
}

func checkText(what, s string, most int) error {
	if s == "" || len(s) > most || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return invalid("%s is 1 to %d bytes of UTF-8 without control characters, not %s", what, most, quote(s))
	}
	return nil
}

// quote shows the beginning of a text that may be long and of any bytes.
func quote(s string) string {
	const shown = 64
	if len(s) > shown {
		return fmt.Sprintf("%+q…", s[:shown])
	}
	return fmt.Sprintf("%+q", s)
}

func invalid(format string, args ...any) error {
	return &abi.Error{Code: abi.InvalidInput, Message: fmt.Sprintf(format, args...)}
}

// Cut shortens a reason to what is kept of it.
func Cut(reason string) string {
	if len(reason) <= MaxReason {
		return strings.ToValidUTF8(reason, "�")
	}
	return strings.ToValidUTF8(reason[:MaxReason-len("…")-utf8.UTFMax], "") + "…"
}

// Count adds a new record, committed at a time, to the counters, and reports whether it is late: of a time before passed.
func (c *Counters) Count(r *Record, passed, committed time.Time) (late bool) {
	c.Records++
	if r.Time.IsZero() || !r.Time.Before(passed) {
		return false
	}
	c.Late++
	c.GreatestLateness = max(c.GreatestLateness, committed.Sub(r.Time))
	return true
}
