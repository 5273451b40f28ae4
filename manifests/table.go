package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// table reads the keys of one TOML table by their exact names and types. Each read notes its problems in the report
// and returns the zero value; finish then reports the keys that nobody read.
type table struct {
	*report
	values map[string]any
	at     string // location, for the line
	label  string // the table as an error shows it
	known  []string
}

// flaw notes a problem of one key.
func (t *table) flaw(key string, f *flaw) { t.add(join(t.at, key), join(t.label, key), f) }

// self notes a problem of the table as a whole.
func (t *table) self(f *flaw) { t.add(t.at, t.label, f) }

func (t *table) take(key string) (any, bool) {
	t.known = append(t.known, key)
	v, ok := t.values[key]
	return v, ok
}

func (t *table) has(key string) bool { _, ok := t.values[key]; return ok }

// missing notes that a required key is absent.
func (t *table) missing(key, example string) {
	t.flaw(key, flawf("write for example "+key+" = "+example, "the key is missing"))
}

// finish reports unknown keys, each with the known one that it resembles.
func (t *table) finish() {
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if !slices.Contains(t.known, key) {
			t.flaw(key, flawf(suggest(key, t.known), "unknown key"))
		}
	}
}

// suggest names the known key that is nearest to a mistyped one, or all known ones.
func suggest(key string, known []string) string {
	best, distance := "", 3
	for _, k := range known {
		if strings.EqualFold(k, key) {
			return fmt.Sprintf("keys are case-sensitive: write %s", k)
		}
		if d := levenshtein.ComputeDistance(key, k); d < distance {
			best, distance = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "known here: " + strings.Join(slices.Compact(slices.Sorted(slices.Values(known))), ", ")
}

// value reads a key of type T: string, bool, int64, float64, time.Time, map[string]any or []any.
func value[T any](t *table, key string) (T, bool) {
	v, ok := t.take(key)
	if !ok {
		var none T
		return none, false
	}
	typed, ok := v.(T)
	if !ok {
		t.flaw(key, wrongType(v, typeName(any(typed))))
	}
	return typed, ok
}

// wrongType names types only: the value may be a secret in the wrong place.
func wrongType(v any, want string) *flaw {
	return flawf("write "+want, "the value is %s", typeName(v))
}

func typeName(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case map[string]any:
		return "a table"
	case []any:
		return "a list"
	case []map[string]any:
		return "a list of tables"
	default:
		return "a date and time"
	}
}

// text reads a line of text of at most max characters.
func (t *table) text(key string, max int) string {
	s, ok := value[string](t, key)
	if !ok {
		return ""
	}
	if f := checkText(s, max); f != nil {
		t.flaw(key, f)
		return ""
	}
	return s
}

// required is text that must be there.
func (t *table) required(key string, max int, example string) string {
	if !t.has(key) {
		t.known = append(t.known, key)
		t.missing(key, example)
		return ""
	}
	return t.text(key, max)
}

// parsed reads a string and has it parsed; absent is the value of an absent key.
func parsed[T any](t *table, key string, absent T, parse func(string) (T, *flaw)) T {
	s, ok := value[string](t, key)
	if !ok {
		return absent
	}
	v, f := parse(s)
	if f != nil {
		t.flaw(key, f)
		return absent
	}
	return v
}

// parsedRequired is parsed for a key that must be there.
func parsedRequired[T any](t *table, key, example string, parse func(string) (T, *flaw)) T {
	var none T
	if !t.has(key) {
		t.known = append(t.known, key)
		t.missing(key, example)
		return none
	}
	return parsed(t, key, none, parse)
}

// integer reads a whole number within bounds; absent is the value of an absent key.
func (t *table) integer(key string, low, high, absent int64) int64 {
	n, ok := value[int64](t, key)
	if !ok {
		return absent
	}
	if n < low || n > high {
		t.flaw(key, flawf(fmt.Sprintf("write a number from %d to %d", low, high), "%d is out of bounds", n))
		return absent
	}
	return n
}

// number reads a whole or fractional number, nil if absent.
func (t *table) number(key string) *float64 {
	v, ok := t.take(key)
	if !ok {
		return nil
	}
	n, f := toNumber(v)
	if f != nil {
		t.flaw(key, f)
		return nil
	}
	return &n
}

func toNumber(v any) (float64, *flaw) {
	var n float64
	switch v := v.(type) {
	case int64:
		n = float64(v)
	case float64:
		n = v
	default:
		return 0, wrongType(v, "a number")
	}
	if !(n >= -MaxNumber && n <= MaxNumber) { // in this form it refuses NaN too
		return 0, flawf("write a smaller number", "the number is beyond 2^53")
	}
	return n, nil
}

func (t *table) boolean(key string) bool {
	b, _ := value[bool](t, key)
	return b
}

// list reads a list of at most max distinct strings, each parsed. The order of the file is kept. ok is false if the
// key is absent or anything is wrong.
func list[T any](t *table, key string, max int, parse func(string) (T, *flaw)) (parsed []T, ok bool) {
	items, ok := value[[]any](t, key)
	if !ok {
		return nil, false
	}
	if len(items) > max {
		t.flaw(key, flawf("shorten it", "the list holds %d values, at most %d are allowed", len(items), max))
		return nil, false
	}
	seen := make(map[string]bool, len(items))
	for _, item := range items {
		s, isText := item.(string)
		if !isText {
			t.flaw(key, wrongType(item, "strings only"))
			return nil, false
		}
		v, f := parse(s) // before it may be quoted: it may hold what must not be
		if f == nil && seen[s] {
			f = flawf("remove one", "the list holds %q twice", shorten(s))
		}
		seen[s] = true
		if f != nil {
			t.flaw(key, f)
			ok = false
			continue
		}
		parsed = append(parsed, v)
	}
	return parsed, ok
}

// child reads a table within the table.
func (t *table) child(key string) (*table, bool) {
	values, ok := value[map[string]any](t, key)
	if !ok {
		return nil, false
	}
	return &table{report: t.report, values: values, at: join(t.at, key), label: join(t.label, key)}, true
}

// named reads the tables [key.NAME], sorted by name.
func (t *table) named(key string, max int) (names []string, tables []*table) {
	group, ok := t.child(key)
	if !ok {
		return nil, nil
	}
	if len(group.values) > max {
		group.self(flawf("remove some", "there are %d tables, at most %d are allowed", len(group.values), max))
		return nil, nil
	}
	for _, name := range slices.Sorted(maps.Keys(group.values)) {
		if child, ok := group.child(name); ok {
			names, tables = append(names, name), append(tables, child)
		}
	}
	return names, tables
}

// elements reads the tables [[key]] in the order of the file. An element is shown by the value of its key nameKey.
func (t *table) elements(key, nameKey string, max int) []*table {
	v, ok := t.take(key)
	if !ok {
		return nil
	}
	items, ok := v.([]map[string]any)
	if !ok {
		t.flaw(key, wrongType(v, "one [["+join(plain(t.at), key)+"]] table for each"))
		return nil
	}
	if len(items) > max {
		t.flaw(key, flawf("remove some", "there are %d, at most %d are allowed", len(items), max))
		return nil
	}
	tables := make([]*table, len(items))
	for i, values := range items {
		label := element(join(t.label, key), i+1)
		if name, ok := values[nameKey].(string); ok && len(name) <= MaxID && !strings.ContainsFunc(name, isUnprintable) {
			label = fmt.Sprintf("%s[%s]", join(t.label, key), name)
		}
		tables[i] = &table{report: t.report, values: values, at: element(join(t.at, key), i), label: label}
	}
	return tables
}

// plain is a location without its indexes, as a table header is written.
func plain(at string) string {
	var b strings.Builder
	inside := false
	for _, c := range at {
		switch {
		case c == '[':
			inside = true
		case c == ']':
			inside = false
		case !inside:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// checkText accepts non-empty text of at most max characters that shows as what it is: without control characters,
// line breaks, or the invisible characters that reorder or hide others.
func checkText(s string, max int) *flaw {
	switch {
	case s == "":
		return flawf("write some text", "the text is empty")
	case utf8.RuneCountInString(s) > max:
		return flawf("shorten it", "the text is longer than %d characters", max)
	case strings.ContainsFunc(s, isUnprintable):
		return flawf("remove it", "the text holds a control character or an invisible one")
	}
	return nil
}

func isUnprintable(c rune) bool {
	return c == utf8.RuneError || unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// shorten makes a value of the file fit to be quoted in an error.
func shorten(s string) string {
	const longest = 80
	if len(s) <= longest {
		return s
	}
	return s[:longest] + "…"
}
