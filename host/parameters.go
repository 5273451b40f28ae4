package host

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/manifests"
)

// maxListItems bounds the items of a parameter that is a list.
const maxListItems = 1000

// parameters checks what a caller gave against the action's manifest, fills in
// defaults, and writes it anew in the manifest's order. The error is
// [abi.InvalidInput] and names the parameter. The value belongs to p.
func parameters(p *fastjson.Parser, action *manifests.Action, given map[string]any) (*fastjson.Value, error) {
	document, err := json.Marshal(given)
	if err != nil {
		return nil, &abi.Error{Code: abi.InvalidInput, Message: "the parameters cannot be written as JSON: " + err.Error()}
	}
	if given == nil {
		document = []byte("{}")
	}
	v, err := abi.Parse(new(fastjson.Parser), document, abi.MaxInvocation)
	if err != nil {
		return nil, &abi.Error{Code: abi.InvalidInput, Message: "the parameters cannot be read: " + err.Error()}
	}
	c := checker{action: action}
	checked := c.object("", v)
	if err := cmp.Or(c.err, c.missing); err != nil {
		return nil, err
	}
	v, err = abi.Parse(p, checked, abi.MaxInvocation-invocationEnvelope)
	if err != nil {
		return nil, &abi.Error{Code: abi.InvalidInput, Message: "the parameters are too much for one invocation: " + err.Error()}
	}
	return v, nil
}

// checker checks the parameters of one action. It keeps the first problem; that something is missing counts less than what is wrong with
// something that is there, such as its name.
type checker struct {
	action       *manifests.Action
	err, missing error
}

func (c *checker) fail(name, problem string) {
	if c.err == nil {
		c.err = c.flaw(name, problem)
	}
}

func (c *checker) flaw(name, problem string) error {
	return &abi.Error{
		Code:    abi.InvalidInput,
		Message: fmt.Sprintf("the parameter %s of %s %s", name, c.action.ID, problem),
		Detail:  abi.Detail{Parameter: name},
	}
}

// object writes the members of v that belong to the list parameter in; "" is the
// invocation itself.
func (c *checker) object(in string, v *fastjson.Value) []byte {
	given := v.GetObject()
	known := make(map[string]struct{})
	out := []byte{'{'}
	write := func(name string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(abi.AppendString(out, name), ':')
		out = append(out, value...)
	}
	for i := range c.action.Parameters {
		p := &c.action.Parameters[i]
		if p.In != in {
			if _, again := known[p.In]; in == "" && !again {
				known[p.In] = struct{}{}
				if list, ok := c.list(p.In, given, known); ok {
					write(p.In, list)
				}
			}
			continue
		}
		value := c.given(p, given, known)
		if value == nil || value.Type() == fastjson.TypeNull {
			if p.MustBeGiven() && c.missing == nil {
				c.missing = c.flaw(p.Name, "is required: "+p.Description)
			}
			if p.Default != nil {
				write(p.Name, defaultValue(p))
			}
			continue
		}
		if problem := check(p, value); problem != "" {
			c.fail(p.Name, problem)
			continue
		}
		write(p.Name, abi.AppendValue(nil, value))
	}
	given.Visit(func(key []byte, _ *fastjson.Value) {
		if _, ok := known[string(key)]; !ok {
			c.fail(string(key), "is not known; it has "+c.names(in))
		}
	})
	return append(out, '}')
}

// given returns the value of a parameter, which may stand under one of its older names.
func (c *checker) given(p *manifests.Parameter, given *fastjson.Object, known map[string]struct{}) *fastjson.Value {
	known[p.Name] = struct{}{}
	value := given.Get(p.Name)
	for _, alias := range p.Aliases {
		known[alias] = struct{}{}
		older := given.Get(alias)
		switch {
		case older == nil:
		case value != nil:
			c.fail(p.Name, "is given twice: also under its older name "+alias)
		default:
			value = older
		}
	}
	return value
}

// list writes the list parameter name, whose members are parameters of the
// manifest. For one element its members may stand flat beside the others.
func (c *checker) list(name string, given *fastjson.Object, known map[string]struct{}) ([]byte, bool) {
	flat := false
	for i := range c.action.Parameters {
		if p := &c.action.Parameters[i]; p.In == name {
			v := c.given(p, given, known)
			flat = flat || v != nil && v.Type() != fastjson.TypeNull
		}
	}
	value := given.Get(name)
	switch {
	case flat && value != nil:
		c.fail(name, "is given both as a list and as single members")
		return nil, false
	case flat:
		return c.flat(name, given), true
	case value == nil || value.Type() == fastjson.TypeNull:
		return nil, false
	case value.Type() != fastjson.TypeArray || len(value.GetArray()) > maxListItems:
		c.fail(name, fmt.Sprintf("must be a list of at most %d objects", maxListItems))
		return nil, false
	}
	out := []byte{'['}
	for i, item := range value.GetArray() {
		if item.Type() != fastjson.TypeObject {
			c.fail(name, "must be a list of objects")
			return nil, false
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, c.object(name, item)...)
	}
	return append(out, ']'), true
}

func (c *checker) flat(name string, given *fastjson.Object) []byte {
	var arena fastjson.Arena
	element := arena.NewObject()
	for i := range c.action.Parameters {
		if p := &c.action.Parameters[i]; p.In == name {
			if v := c.given(p, given, map[string]struct{}{}); v != nil {
				element.Set(p.Name, v)
			}
		}
	}
	return append(append([]byte{'['}, c.object(name, element)...), ']')
}

func (c *checker) names(in string) string {
	var names []string
	for _, p := range c.action.Parameters {
		name := p.Name
		if p.In != in {
			name = p.In
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "no parameters"
	}
	return strings.Join(names, ", ")
}

func defaultValue(p *manifests.Parameter) []byte {
	b, err := json.Marshal(p.Default)
	if err != nil {
		panic("host: a default that the manifest parser let through: " + err.Error())
	}
	return b
}

// check tells what is wrong with a value of the parameter, or "".
func check(p *manifests.Parameter, v *fastjson.Value) string {
	switch p.Type {
	case manifests.TypeBoolean:
		if v.Type() != fastjson.TypeTrue && v.Type() != fastjson.TypeFalse {
			return "must be true or false"
		}
		return ""
	case manifests.TypeNumeric:
		return checkNumber(p, v)
	case manifests.TypeStrings:
		return checkList(p, v)
	}
	if p.Repeatable && v.Type() == fastjson.TypeArray {
		return checkList(p, v)
	}
	if p.Type == manifests.TypeByte && v.Type() == fastjson.TypeObject {
		if _, ok, err := abi.BlobReference(v); !ok || err != nil {
			return `must be standard base64, or {"$blob":"sha256:…"} with the name of a blob`
		}
		return ""
	}
	switch v.Type() {
	case fastjson.TypeString:
	case fastjson.TypeArray:
		return "must be one text, not a list"
	default:
		return "must be a text"
	}
	text := string(v.GetStringBytes())
	if text == "" && !p.Required {
		return "" // as good as none
	}
	return checkText(p, text)
}

func checkList(p *manifests.Parameter, v *fastjson.Value) string {
	if v.Type() != fastjson.TypeArray {
		return "must be a list of texts"
	}
	items := v.GetArray()
	if len(items) > maxListItems {
		return fmt.Sprintf("must have at most %d items", maxListItems)
	}
	for _, item := range items {
		if item.Type() != fastjson.TypeString {
			return "must be a list of texts"
		}
		if problem := checkText(p, string(item.GetStringBytes())); problem != "" {
			return problem
		}
	}
	return ""
}

func checkNumber(p *manifests.Parameter, v *fastjson.Value) string {
	n, err := v.Float64()
	switch {
	case err != nil || math.IsInf(n, 0):
		return "must be a number"
	case p.Integer && (n != math.Trunc(n) || math.Abs(n) > manifests.MaxNumber):
		return "must be a whole number"
	case p.Minimum != nil && n < *p.Minimum:
		return fmt.Sprintf("must be %v or more", *p.Minimum)
	case p.Maximum != nil && n > *p.Maximum:
		return fmt.Sprintf("must be %v or less", *p.Maximum)
	}
	return ""
}

// checkText checks one text.
func checkText(p *manifests.Parameter, s string) string {
	if p.MaxLength > 0 && utf8.RuneCountInString(s) > p.MaxLength {
		return fmt.Sprintf("is over %d characters", p.MaxLength)
	}
	if len(p.OneOf) > 0 && !slices.Contains(p.OneOf, s) {
		return "must be one of " + strings.Join(p.OneOf, ", ")
	}
	if p.Type == manifests.TypeByte {
		if _, err := base64.StdEncoding.Strict().DecodeString(s); err != nil || strings.ContainsAny(s, "\r\n") {
			return "must be standard base64"
		}
	}
	if p.Type == manifests.TypeEmail {
		if address, err := mail.ParseAddress(s); err != nil || address.Address != s {
			return "must be a plain mail address, such as soc@contoso.com"
		}
	}
	return checkFormat(p.Format, s)
}

func checkFormat(format manifests.Format, s string) string {
	if format.Accepts(s) {
		return ""
	}
	switch format {
	case manifests.FormatGUID:
		return "must be a GUID, such as 3fa85f64-5717-4562-b3fc-2c963f66afa6"
	case manifests.FormatDateTime:
		return "must be a time by RFC 3339, such as 2026-01-31T09:00:00Z"
	case manifests.FormatLine:
		return "must be one line"
	default:
		return "must be of the format " + string(format)
	}
}

// lend lets the invocation's blobs open those that its parameters name: only bytes can be named so, which check has seen to.
func lend(blobs *blob.Set, v *fastjson.Value) error {
	switch v.Type() {
	case fastjson.TypeArray:
		for _, item := range v.GetArray() {
			if err := lend(blobs, item); err != nil {
				return err
			}
		}
	case fastjson.TypeObject:
		if name, ok, _ := abi.BlobReference(v); ok {
			return blobs.Lend(name)
		}
		var err error
		v.GetObject().Visit(func(_ []byte, member *fastjson.Value) {
			if err == nil {
				err = lend(blobs, member)
			}
		})
		return err
	}
	return nil
}
