package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Action is one operation of a plugin.
type Action struct {
	// ID is two or more lower-case words joined by dots, "mail.get". TOML: id, required.
	ID string
	// Title for people, at most [MaxTitle] characters. TOML: title, required.
	Title string
	// Description for people, at most [MaxDescription] characters. TOML: description, required.
	Description string
	// Kind of the action. TOML: kind, default "action".
	Kind Kind
	// ReadOnly says that the action changes nothing at Microsoft 365. TOML: read_only, default false.
	ReadOnly bool
	// Capabilities without any of which the action does not run; empty for an action that sends nothing to Graph.
	// TOML: capabilities, at most [MaxCapabilitiesOfAction], default empty.
	Capabilities []string
	// Optional capabilities are used when granted, and may be missing. TOML: optional, at most [MaxCapabilitiesOfAction], default empty.
	Optional []string
	// Parameters in the order of the file, at most [MaxParameters]. TOML: [[action.parameter]].
	Parameters []Parameter
	// Interval is the least time between the starts of two runs of a trigger, or of one and the end of its back-off, from [MinInterval] to
	// [MaxInterval]; zero for other kinds. TOML: interval = "60s", default [DefaultInterval], for the kinds trigger and poll alone.
	Interval time.Duration
	// Watch is what changes when there is something new. TOML: [action.watch], default nothing, for the kinds trigger and poll alone.
	Watch Watch
	// Outputs are the data paths that a result may have, at most [MaxOutputs] of [MaxOutput] characters. TOML: outputs, default empty.
	Outputs []string
	// Errors tell when the action fails in a way of its own, by the code of the failure, for the action's page of the
	// documentation: at most [MaxErrors] of [MaxDescription] characters. TOML: [action.errors] conflict = "The thread is locked.",
	// default empty.
	Errors map[string]string
}

// Kind says how an action is started.
type Kind string

// The kinds of an action.
const (
	KindAction  Kind = "action"  // called by somebody
	KindTrigger Kind = "trigger" // polled by the host, with durable state, one record for each event
	KindPoll    Kind = "poll"    // as a trigger, for the ingestion of a whole folder
	KindTest    Kind = "test"    // checks a connection
)

// Polled reports whether the host can poll actions of the kind: triggers, by either word.
func (k Kind) Polled() bool { return k == KindTrigger || k == KindPoll }

// Parameter is one input of an action.
type Parameter struct {
	// Name is a letter, then letters, digits and '_', at most 63 in all; unique within the action, whatever its case,
	// or within the list parameter that it is a member of. TOML: name, required.
	Name string
	// Type of the value. TOML: type, required.
	Type ParameterType
	// In is the name of the list parameter that this one is a member of, "attachments": its value stands in each
	// element of that list, and Required then means required in an element. TOML: in, default none.
	In string
	// Required says that the action does not run without a value. A caller must give one, unless there is a Default, which
	// then stands for it and is not empty. TOML: required, default false.
	Required bool
	// Default is the value when none is given: nil, or a string, bool, float64 or []string by Type. TOML: default.
	Default any
	// Description for people, at most [MaxDescription] characters. TOML: description, required.
	Description string
	// Minimum and Maximum bound a numeric value, both inclusive; nil is no bound. TOML: minimum, maximum.
	Minimum, Maximum *float64
	// Integer refuses a numeric value with a fraction. TOML: integer, default false.
	Integer bool
	// MaxLength bounds the characters of a text, and of each element of a list, from 1 to [MaxParameterLength].
	// TOML: max_length, default [DefaultTextLength] for string, email and lists, [DefaultContentLength] for html,
	// byte and binary. It is 0 for boolean and numeric.
	MaxLength int
	// OneOf lists the values that a string may have, at most [MaxChoices]; empty is any. TOML: one_of.
	OneOf []string
	// Format narrows a string. TOML: format, default none.
	Format Format
	// Aliases are older names of the parameter, at most [MaxAliases], which mean the same and are taken in its place. They are
	// unique as names are. TOML: aliases = ["extract_headers"], default empty.
	Aliases []string
	// Repeatable lets a string or email be given as one value or as a list of values. TOML: repeatable, default false.
	Repeatable bool
	// Pick is the id of an action of the plugin that lists what a string can be, for completion on a command line: one
	// that only reads and has no required parameter. The member id of its rows is the value, and displayName or name says
	// what that is. TOML: pick = "group.pick", default none.
	Pick string
	// Example is a value for the documentation, at most [MaxChoice] characters. Where one is needed and none is given, it
	// follows from the type and the name. TOML: example, default none.
	Example string
}

// ParameterType is the type of a parameter, by the word that connectors use for it.
type ParameterType string

// The types of a parameter.
const (
	TypeString  ParameterType = "string"
	TypeBoolean ParameterType = "boolean"
	TypeNumeric ParameterType = "numeric"
	TypeHTML    ParameterType = "html"
	TypeEmail   ParameterType = "email"
	TypeByte    ParameterType = "byte"            // standard base64
	TypeBinary  ParameterType = "binary"          // raw content, given as text
	TypeStrings ParameterType = "array of string" // a list
	TypeBlob    ParameterType = "blob"            // the name of a blob in the host's store, which the invocation may then read
)

// Format narrows the texts that a string parameter accepts.
type Format string

// The formats of a string.
const (
	FormatAny      Format = ""
	FormatGUID     Format = "guid"      // 8-4-4-4-12 hexadecimal digits
	FormatDateTime Format = "date-time" // RFC 3339
	FormatLine     Format = "line"      // without line breaks
)

func readAction(t *table) Action {
	a := Action{
		ID:          parsedRequired(t, "id", `"mail.get"`, parseID),
		Title:       t.required("title", MaxTitle, `"Get email"`),
		Description: t.required("description", MaxDescription, `"Get one message."`),
		Kind:        parsed(t, "kind", KindAction, word(KindAction, KindTrigger, KindPoll, KindTest)),
		ReadOnly:    t.boolean("read_only"),
	}
	a.Capabilities, _ = list(t, "capabilities", MaxCapabilitiesOfAction, parseID)
	a.Optional, _ = list(t, "optional", MaxCapabilitiesOfAction, parseID)
	for _, id := range a.Optional {
		if slices.Contains(a.Capabilities, id) {
			t.flaw("optional", flawf("remove it from one list", "%q is needed and optional at once", id))
		}
	}
	a.Interval = readInterval(t, a.Kind)
	readWatch(t, &a)
	a.Outputs, _ = list(t, "outputs", MaxOutputs, func(s string) (string, *flaw) { return s, checkText(s, MaxOutput) })
	if errors, ok := t.child("errors"); ok {
		a.Errors = readErrors(errors)
	}
	tables := t.elements("parameter", "name", MaxParameters)
	for _, parameter := range tables {
		a.Parameters = append(a.Parameters, readParameter(parameter))
	}
	checkParameterNames(a.Parameters, tables)
	t.finish()
	return a
}

// readErrors reads sentences by the codes of failures. Which codes there are, the contract between host and guest says.
func readErrors(t *table) map[string]string {
	if len(t.values) > MaxErrors {
		t.self(flawf("remove some", "more than %d failures are described", MaxErrors))
		return nil
	}
	errors := map[string]string{}
	for _, code := range slices.Sorted(maps.Keys(t.values)) {
		if !isName(code, "_") {
			t.flaw(code, flawf(`write for example conflict = "The thread is locked."`, "%q is not the code of a failure", shorten(code)))
		}
		errors[code] = t.text(code, MaxDescription)
	}
	t.finish()
	return errors
}

func readInterval(t *table, kind Kind) time.Duration {
	if !kind.Polled() {
		if t.has("interval") {
			t.take("interval")
			t.flaw("interval", flawf("remove it", "an action of the kind %q is not polled", string(kind)))
		}
		return 0
	}
	return parsed(t, "interval", DefaultInterval, durationWithin(MinInterval, MaxInterval))
}

// word accepts one of the given words.
func word[T ~string](words ...T) func(string) (T, *flaw) {
	return func(text string) (T, *flaw) {
		if slices.Contains(words, T(text)) {
			return T(text), nil
		}
		list := make([]string, len(words))
		for i, w := range words {
			list[i] = fmt.Sprintf("%q", string(w))
		}
		return "", flawf("write one of "+strings.Join(list, ", "), "%q is not a word that is known here", shorten(text))
	}
}

func checkParameterNames(parameters []Parameter, tables []*table) {
	seen := map[[2]string]bool{}
	for i, p := range parameters {
		name := [2]string{strings.ToLower(p.In), strings.ToLower(p.Name)}
		if p.Name != "" && seen[name] {
			tables[i].flaw("name", flawf("rename one", "two parameters are called %q, but for their case", p.Name))
		}
		seen[name] = true
	}
	for i, p := range parameters {
		for _, alias := range p.Aliases {
			name := [2]string{strings.ToLower(p.In), strings.ToLower(alias)}
			if seen[name] || seen[[2]string{"", strings.ToLower(alias)}] {
				tables[i].flaw("aliases", flawf("remove one", "%q is the name of another parameter", alias))
			}
			seen[name] = true
		}
	}
	lists := map[string]string{}
	for i, p := range parameters {
		if p.In == "" {
			continue
		}
		if seen[[2]string{"", strings.ToLower(p.In)}] {
			tables[i].flaw("in", flawf("rename one", "%q is a parameter of its own", p.In))
		}
		// A single element's members may stand beside the other parameters.
		name := strings.ToLower(p.Name)
		if list, ok := lists[name]; ok && list != p.In || seen[[2]string{"", name}] {
			tables[i].flaw("name", flawf("rename one", "%q is the name of a parameter, or of another list's member", p.Name))
		}
		lists[name] = p.In
	}
}

func parseParameterName(name string) (string, *flaw) {
	if !isName(strings.ToLower(name), "_") || strings.ContainsFunc(name, func(c rune) bool { return !isWord(c) }) {
		return "", flawf("write a letter, then letters, digits and '_'", "%q is not a parameter name", shorten(name))
	}
	return name, nil
}

func readParameter(t *table) Parameter {
	p := Parameter{
		Name: parsedRequired(t, "name", `"email_address"`, parseParameterName),
		Type: parsedRequired(t, "type", `"string"`, word(TypeString, TypeBoolean, TypeNumeric, TypeHTML, TypeEmail,
			TypeByte, TypeBinary, TypeStrings, TypeBlob)),
		In:          parsed(t, "in", "", parseParameterName),
		Required:    t.boolean("required"),
		Description: t.required("description", MaxDescription, `"The mailbox, as address or user id."`),
		Minimum:     t.number("minimum"),
		Maximum:     t.number("maximum"),
		Integer:     t.boolean("integer"),
		MaxLength:   int(t.integer("max_length", 1, MaxParameterLength, 0)),
		Format:      parsed(t, "format", FormatAny, word(FormatGUID, FormatDateTime, FormatLine)),
		Repeatable:  t.boolean("repeatable"),
		Pick:        parsed(t, "pick", "", parseID),
		Example:     t.text("example", MaxChoice),
	}
	p.OneOf, _ = list(t, "one_of", MaxChoices, func(s string) (string, *flaw) { return s, checkText(s, MaxChoice) })
	p.Aliases, _ = list(t, "aliases", MaxAliases, parseParameterName)
	fallback, hasDefault := t.take("default")
	t.finish()
	if p.Type == "" {
		return p
	}
	checkApplicable(t, p)
	if p.MaxLength == 0 {
		p.MaxLength = defaultLength(p.Type)
	}
	if p.Minimum != nil && p.Maximum != nil && *p.Minimum > *p.Maximum {
		t.flaw("minimum", flawf("swap them", "the minimum is greater than the maximum"))
	}
	if hasDefault {
		p.Default = readDefault(t, p, fallback)
	}
	if p.Required && p.Default == "" {
		t.flaw("default", flawf("remove the default, or required", "the default of a required parameter is no value"))
	}
	return p
}

// MustBeGiven says that a caller has to give a value.
func (p *Parameter) MustBeGiven() bool { return p.Required && p.Default == nil }

// checkApplicable refuses a key that means nothing for the parameter's type: the author expects a check that nobody makes.
func checkApplicable(t *table, p Parameter) {
	isText := p.Type != TypeBoolean && p.Type != TypeNumeric
	applies := map[string]bool{
		"minimum":    p.Type == TypeNumeric,
		"maximum":    p.Type == TypeNumeric,
		"integer":    p.Type == TypeNumeric,
		"max_length": isText,
		"one_of":     p.Type == TypeString || p.Type == TypeStrings,
		"format":     p.Type == TypeString || p.Type == TypeStrings,
		"repeatable": p.Type == TypeString || p.Type == TypeEmail,
		"pick":       p.Type == TypeString,
	}
	for _, key := range slices.Sorted(maps.Keys(applies)) {
		if !applies[key] && t.has(key) {
			t.flaw(key, flawf("remove it", "the key does nothing for the type %q", string(p.Type)))
		}
	}
	if t.has("one_of") && len(p.OneOf) == 0 {
		t.flaw("one_of", flawf("list the allowed values, or remove it", "the list allows no value"))
	}
}

func defaultLength(t ParameterType) int {
	switch t {
	case TypeString, TypeEmail, TypeStrings, TypeBlob:
		return DefaultTextLength
	case TypeHTML, TypeByte, TypeBinary:
		return DefaultContentLength
	default:
		return 0
	}
}

// readDefault checks that the default is a value which the parameter would accept from a caller. An empty string is
// accepted: it says that leaving the parameter out and leaving it empty are the same.
func readDefault(t *table, p Parameter, v any) any {
	var f *flaw
	switch p.Type {
	case TypeBoolean:
		if b, ok := v.(bool); ok {
			return b
		}
		f = wrongType(v, "true or false")
	case TypeNumeric:
		var n float64
		if n, f = toNumber(v); f == nil {
			if f = checkNumber(p, n); f == nil {
				return n
			}
		}
	default:
		var texts []string
		if texts, f = toTexts(p, v); f == nil {
			if s, ok := v.(string); ok {
				return s
			}
			return texts
		}
	}
	t.flaw("default", f)
	return nil
}

func checkNumber(p Parameter, n float64) *flaw {
	switch {
	case p.Minimum != nil && n < *p.Minimum || p.Maximum != nil && n > *p.Maximum:
		return flawf("choose a value within minimum and maximum", "the default is out of the parameter's bounds")
	case p.Integer && n != float64(int64(n)):
		return flawf("write a whole number", "the default has a fraction")
	}
	return nil
}

// toTexts accepts one string, or a list where the parameter takes one.
func toTexts(p Parameter, v any) ([]string, *flaw) {
	var texts []string
	switch v := v.(type) {
	case string:
		if p.Type == TypeStrings {
			return nil, wrongType(v, "a list of strings")
		}
		texts = []string{v}
	case []any:
		if p.Type != TypeStrings && !p.Repeatable {
			return nil, wrongType(v, "a string")
		}
		if len(v) > MaxChoices {
			return nil, flawf("shorten it", "the default holds more than %d values", MaxChoices)
		}
		texts = make([]string, 0, len(v))
		for _, item := range v {
			s, ok := item.(string)
			if !ok {
				return nil, wrongType(item, "strings only")
			}
			texts = append(texts, s)
		}
	default:
		return nil, wrongType(v, "a string")
	}
	for _, s := range texts {
		if f := checkDefaultText(p, s); f != nil {
			return nil, f
		}
	}
	return texts, nil
}

func checkDefaultText(p Parameter, s string) *flaw {
	if s != "" {
		if f := checkText(s, min(p.MaxLength, MaxChoice)); f != nil {
			return f
		}
	}
	if len(p.OneOf) > 0 && !slices.Contains(p.OneOf, s) {
		return flawf("choose one of them", "the default is not in one_of")
	}
	if s != "" && !p.Format.Accepts(s) {
		return flawf("correct it, or remove the format", "the default is not of the format %q", string(p.Format))
	}
	return nil
}
