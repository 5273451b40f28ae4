package graphtest

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// member is one property of an object.
type member struct {
	name  string
	value any
}

// object is a JSON object whose members keep their order. Values are nil, bool, int, int64, float64, string, time.Time, []byte,
// dateTime, []any, object and lazy.
type object []member

// Property finds a member by name without regard to case. It makes object an odata.Fields.
func (o object) Property(name string) (any, bool) {
	for _, m := range o {
		if strings.EqualFold(m.name, name) {
			return m.value, true
		}
	}
	return nil, false
}

// dateTime is a dateTimeTimeZone, kept in UTC and written in the time zone that the client prefers.
type dateTime time.Time

// Property makes dateTime an odata.Fields.
func (d dateTime) Property(name string) (any, bool) {
	switch strings.ToLower(name) {
	case "datetime":
		return time.Time(d), true
	case "timezone":
		return "UTC", true
	}
	return nil, false
}

// lazy is a value that is made whenever it is asked for: one that is large, and that few clients want. What it is made of must not change.
type lazy func() any

// forced is the value itself, made if it is lazy.
func forced(value any) any {
	if made, ok := value.(lazy); ok {
		return made()
	}
	return value
}

// A record is an entity as it is answered. Its JSON is made with each answer: kept beside the values it would take several times the memory
// of the mails themselves.
type record struct {
	typ       string // message, user …
	derived   string // the type that @odata.type names, or empty
	id        string
	immutable string // the id to a client that prefers immutable ids; empty if there is only one
	etag      string
	fields    []field
	// blank are the other properties of the type. They have no value and come only when they are selected. All records of a type share them.
	blank []field
	// related is the JSON of expanded relationships, each member with a comma before it.
	related []byte
}

// field is one property of a record.
type field struct {
	name  string
	value any
	// text is the value for a client that prefers text bodies, if it differs.
	text any
	// onDemand marks a property that comes only when it is selected.
	onDemand bool
}

// newRecord makes a record of members; the id comes first.
func newRecord(typ, id string, members ...member) *record {
	r := &record{typ: typ, id: id, fields: make([]field, 0, len(members))}
	for _, m := range members {
		r.fields = append(r.fields, field{name: m.name, value: m.value})
	}
	return r
}

// onDemand marks properties as coming only when they are selected.
func (r *record) onDemand(names ...string) *record {
	for i := range r.fields {
		r.fields[i].onDemand = r.fields[i].onDemand || slices.Contains(names, r.fields[i].name)
	}
	return r
}

// inText sets the value of a property for clients that prefer text bodies.
func (r *record) inText(name string, value any) *record {
	for i := range r.fields {
		if r.fields[i].name == name {
			r.fields[i].text = value
		}
	}
	return r
}

// Property makes record an odata.Fields.
func (r *record) Property(name string) (any, bool) {
	if strings.EqualFold(name, "id") {
		return r.id, true
	}
	for i := range r.fields {
		if found := r.fields[i].name; found == name || strings.EqualFold(found, name) {
			return forced(r.fields[i].value), true
		}
	}
	return nil, false
}

// view is how a client wants records: which properties, which ids, which bodies, in which time zone.
type view struct {
	selected  map[string]bool // nil: the default set
	hidden    []string        // what the client's permission does not show
	immutable bool
	text      bool
	zone      zone // of no name: UTC
}

// write appends the record's JSON, without the closing brace, so that the caller may add members.
func (r *record) write(out *bytes.Buffer, v *view) {
	out.WriteByte('{')
	if r.derived != "" {
		out.WriteString(`"@odata.type":"#microsoft.graph.` + r.derived + `",`)
	}
	if r.etag != "" {
		out.Write(append(appendMember(out.AvailableBuffer(), "@odata.etag", r.etag, nil), ','))
	}
	id := r.id
	if v.immutable && r.immutable != "" {
		id = r.immutable
	}
	out.WriteString(`"id":"`)
	out.WriteString(id) // an id's alphabet needs no escapes
	out.WriteByte('"')
	for i := range r.fields {
		f := &r.fields[i]
		if v.selected == nil && f.onDemand || v.selected != nil && !v.selected[f.name] || slices.Contains(v.hidden, f.name) {
			continue
		}
		value := f.value
		if v.text && f.text != nil {
			value = f.text
		}
		if zoned, isZoned := value.(dateTime); isZoned && v.zone.name != "" {
			value = zoned.in(v.zone)
		}
		out.Write(appendMember(append(out.AvailableBuffer(), ','), f.name, value, time.UTC))
	}
	for i := range r.blank {
		if f := &r.blank[i]; v.selected[f.name] && !slices.Contains(v.hidden, f.name) {
			out.Write(appendMember(append(out.AvailableBuffer(), ','), f.name, f.value, nil))
		}
	}
	out.Write(r.related)
}

// json writes the whole record as the view wants it, closing brace included.
func (r *record) json(v *view) []byte {
	var out bytes.Buffer
	r.write(&out, v)
	out.WriteByte('}')
	return out.Bytes()
}

func encodeMember(name string, value any, zone *time.Location) []byte {
	return appendMember(nil, name, value, zone)
}

// appendMember appends `"name":value`.
func appendMember(out []byte, name string, value any, zone *time.Location) []byte {
	return encode(append(encodeString(out, name), ':'), value, zone)
}

// encode appends a value as JSON.
func encode(out []byte, value any, zone *time.Location) []byte {
	switch v := value.(type) {
	case nil:
		return append(out, "null"...)
	case bool:
		return strconv.AppendBool(out, v)
	case int:
		return strconv.AppendInt(out, int64(v), 10)
	case int64:
		return strconv.AppendInt(out, v, 10)
	case float64:
		return strconv.AppendFloat(out, v, 'g', -1, 64)
	case string:
		return encodeString(out, v)
	case lazy:
		return encode(out, v(), zone)
	case time.Time:
		return encodeString(out, v.UTC().Format(time.RFC3339))
	case dateTime:
		return encode(out, v.in(zoneOf(zone)), zone)
	case []byte:
		out = append(out, '"')
		out = base64.StdEncoding.AppendEncode(out, v)
		return append(out, '"')
	case []any:
		out = append(out, '[')
		for i, item := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = encode(out, item, zone)
		}
		return append(out, ']')
	case object:
		out = append(out, '{')
		for i, m := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(encodeString(out, m.name), ':')
			out = encode(out, m.value, zone)
		}
		return append(out, '}')
	default:
		return append(out, "null"...)
	}
}

// encodeString appends a JSON string without HTML escapes; invalid UTF-8 becomes U+FFFD.
func encodeString(out []byte, text string) []byte {
	const hex = "0123456789abcdef"
	out = append(out, '"')
	plain := 0 // where the text begins that is not yet appended
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size, escape := 1, ""
		switch {
		case c == '"', c == '\\':
			escape = `\` + string(rune(c))
		case c == '\n':
			escape = `\n`
		case c == '\r':
			escape = `\r`
		case c == '\t':
			escape = `\t`
		case c < ' ':
			escape = `\u00` + string([]byte{hex[c>>4], hex[c&0xf]})
		default:
			var r rune
			if r, size = utf8.DecodeRuneInString(text[i:]); r == utf8.RuneError && size == 1 {
				escape = "\uFFFD"
			}
		}
		if escape != "" {
			out = append(append(out, text[plain:i]...), escape...)
			plain = i + size
		}
		i += size
	}
	return append(append(out, text[plain:]...), '"')
}

// stringList makes a collection of simple values.
func stringList(items []string) []any {
	list := make([]any, len(items))
	for i, item := range items {
		list[i] = item
	}
	return list
}
