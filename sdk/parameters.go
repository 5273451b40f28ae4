package sdk

import (
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// Value is one JSON value.
type Value = fastjson.Value

// Parameters holds the parameters of an invocation, or of one element of a list
// parameter. A parameter that is not there reads as its type's zero value; the
// host has filled in defaults and refused wrong types.
type Parameters struct{ object *Value }

// Has reports whether the parameter is there and not null.
func (p Parameters) Has(name string) bool {
	v := p.object.Get(name)
	return v != nil && v.Type() != fastjson.TypeNull
}

// Value returns the parameter as it is, or nil.
func (p Parameters) Value(name string) *Value { return p.object.Get(name) }

// String returns a text.
func (p Parameters) String(name string) string { return string(p.object.GetStringBytes(name)) }

// Blob returns the name of the blob that stands for bytes. A caller may give either; ok is false for base64.
func (p Parameters) Blob(name string) (blob string, ok bool) {
	v := p.object.Get(name)
	if v == nil {
		return "", false
	}
	blob, ok, err := abi.BlobReference(v)
	return blob, ok && err == nil
}

// Bool returns a truth value.
func (p Parameters) Bool(name string) bool { return p.object.GetBool(name) }

// Int returns a whole number, which JSON may also write as 10.0 or 1e1.
func (p Parameters) Int(name string) int { return int(p.object.GetFloat64(name)) }

// Strings returns a list of texts. A single text is a list of one, an empty one
// a list of none.
func (p Parameters) Strings(name string) []string {
	v := p.object.Get(name)
	if v == nil {
		return nil
	}
	if v.Type() == fastjson.TypeString {
		if s := v.GetStringBytes(); len(s) > 0 {
			return []string{string(s)}
		}
		return nil
	}
	items := v.GetArray()
	list := make([]string, 0, len(items))
	for _, item := range items {
		list = append(list, string(item.GetStringBytes()))
	}
	return list
}

// Elements returns the elements of a list parameter, such as the attachments of a mail.
func (p Parameters) Elements(name string) []Parameters {
	items := p.object.GetArray(name)
	list := make([]Parameters, 0, len(items))
	for _, item := range items {
		list = append(list, Parameters{item})
	}
	return list
}
