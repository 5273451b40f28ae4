package abi

import (
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fastjson"
)

// reader reads the members of one object by the contract: each is read at most
// once, by the type that it must have, and the first problem is kept.
type reader struct {
	document string
	problem  string
}

func (r *reader) fail(problem string) {
	if r.problem == "" {
		r.problem = problem
	}
}

func (r *reader) err() error {
	if r.problem == "" {
		return nil
	}
	return &FormatError{r.document, r.problem}
}

// object calls member for each member of v, which must be an object. member
// returns false for a name that it does not know.
func (r *reader) object(v *fastjson.Value, name string, member func(key string, v *fastjson.Value) bool) {
	if v.Type() != fastjson.TypeObject {
		r.fail(name + " must be an object")
		return
	}
	v.GetObject().Visit(func(key []byte, v *fastjson.Value) {
		if k := string(key); !member(k, v) {
			r.fail(name + " has no member " + strconv.Quote(clip(k)))
		}
	})
}

func (r *reader) array(v *fastjson.Value, name string, most int) []*fastjson.Value {
	if v.Type() != fastjson.TypeArray {
		r.fail(name + " must be an array")
		return nil
	}
	items := v.GetArray()
	if len(items) > most {
		r.fail(name + " holds more than " + strconv.Itoa(most) + " items")
		return nil
	}
	return items
}

func (r *reader) text(v *fastjson.Value, name string, most int) string {
	if v.Type() != fastjson.TypeString {
		r.fail(name + " must be a string")
		return ""
	}
	b := v.GetStringBytes()
	if len(b) > most {
		r.fail(name + " is over " + strconv.Itoa(most) + " bytes")
		return ""
	}
	return string(b)
}

// word reads a non-empty name.
func (r *reader) word(v *fastjson.Value, name string) string {
	s := r.text(v, name, MaxWord)
	if s == "" {
		r.fail(name + " must not be empty")
	}
	return s
}

func (r *reader) boolean(v *fastjson.Value, name string) bool {
	b, err := v.Bool()
	if err != nil {
		r.fail(name + " must be true or false")
	}
	return b
}

func (r *reader) integer(v *fastjson.Value, name string, least, most int64) int64 {
	n, err := v.Int64()
	if err != nil || n < least || n > most {
		r.fail(name + " must be a whole number from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(most, 10))
		return least
	}
	return n
}

func (r *reader) time(v *fastjson.Value, name string) time.Time {
	s := r.text(v, name, MaxWord)
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil || !canonicalTime(s) || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
		r.fail(name + " must be a time by RFC 3339")
		return time.Time{}
	}
	return t
}

// canonicalTime refuses what [time.Parse] takes beyond RFC 3339: one digit for the
// hour, a comma before the fraction, an offset of 24 hours or of 60 minutes.
func canonicalTime(s string) bool {
	const offset = len("+00:00")
	if s[len("2006-01-02T15")] != ':' || strings.Contains(s, ",") {
		return false
	}
	return s[len(s)-1] == 'Z' || s[len(s)-offset+1:len(s)-offset+3] < "24" && s[len(s)-2:] < "60"
}

// pairs reads an object of strings, in its own order.
func (r *reader) pairs(v *fastjson.Value, name string) []Pair {
	var pairs []Pair
	r.object(v, name, func(key string, v *fastjson.Value) bool {
		if key == "" || len(key) > MaxWord || len(pairs) == MaxMembers {
			r.fail(name + " has a name that is empty or over " + strconv.Itoa(MaxWord) + " bytes, or more than " + strconv.Itoa(MaxMembers) + " members")
			return true
		}
		pairs = append(pairs, Pair{key, r.text(v, name+"."+clip(key), MaxExchange)})
		return true
	})
	return pairs
}

// writer appends the members of one object, leaving out what is empty.
type writer struct {
	b     []byte
	comma bool
}

func (w *writer) open() {
	w.b = append(w.b, '{')
	w.comma = false
}

func (w *writer) close() {
	w.b = append(w.b, '}')
	w.comma = true
}

func (w *writer) name(name string) {
	if w.comma {
		w.b = append(w.b, ',')
	}
	w.comma = true
	w.b = AppendString(w.b, name)
	w.b = append(w.b, ':')
}

func (w *writer) text(name, s string) {
	if s != "" {
		w.name(name)
		w.b = AppendString(w.b, s)
	}
}

func (w *writer) integer(name string, n int64) {
	if n != 0 {
		w.name(name)
		w.b = strconv.AppendInt(w.b, n, 10)
	}
}

func (w *writer) truth(name string, is bool) {
	if is {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

func (w *writer) time(name string, t time.Time) {
	if !t.IsZero() {
		w.name(name)
		w.b = append(w.b, '"')
		w.b = t.UTC().AppendFormat(w.b, time.RFC3339Nano)
		w.b = append(w.b, '"')
	}
}

func (w *writer) value(name string, v *fastjson.Value) {
	if v != nil {
		w.name(name)
		w.b = AppendValue(w.b, v)
	}
}

func (w *writer) pairs(name string, pairs []Pair) {
	if len(pairs) == 0 {
		return
	}
	w.name(name)
	w.open()
	for _, p := range pairs {
		w.name(p.Name)
		w.b = AppendString(w.b, p.Value)
	}
	w.close()
}

func (w *writer) texts(name string, texts []string, most int) {
	if len(texts) == 0 {
		return
	}
	w.name(name)
	w.b = append(w.b, '[')
	for i, s := range texts {
		if i > 0 {
			w.b = append(w.b, ',')
		}
		w.b = AppendString(w.b, cut(s, most))
	}
	w.b = append(w.b, ']')
}
