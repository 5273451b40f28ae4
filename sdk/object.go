package sdk

import (
	"bytes"
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// Object is a JSON object being built. Its methods set a member and return it, so
// that they chain.
type Object struct {
	*Value
	arena *fastjson.Arena
}

// NewObject starts an empty object.
//
//go:noinline
func NewObject() Object {
	// Each has its own arena, so that the memory of a row that is done can be used again.
	arena := new(fastjson.Arena)
	return Object{arena.NewObject(), arena}
}

// Pick starts an object with the named members of from, in that order. A member
// that Graph left out becomes null, and what OData notes within the members is
// dropped.
func Pick(from *Value, names ...string) Object {
	o := NewObject()
	for _, name := range names {
		o.Put(name, dropNotes(from.Get(name)))
	}
	return o
}

// Put sets a member to any value; nil is null.
func (o Object) Put(name string, v *Value) Object {
	if v == nil {
		v = o.arena.NewNull()
	}
	o.Set(name, v)
	return o
}

// Text sets a member to a text.
func (o Object) Text(name, s string) Object { return o.Put(name, o.text(s)) }

// text makes a value of a text. The arena writes those that need escapes by the rules of Go, of which some mean nothing in JSON: \x7f or
// \U000e0001 would stay there as they are.
func (o Object) text(s string) *Value {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			return fastjson.MustParseBytes(abi.AppendString(nil, s))
		}
	}
	return o.arena.NewString(s)
}

// Int sets a member to a whole number.
func (o Object) Int(name string, n int64) Object {
	return o.Put(name, o.arena.NewNumberString(strconv.FormatInt(n, 10)))
}

// Bool sets a member to true or false.
func (o Object) Bool(name string, is bool) Object {
	if is {
		return o.Put(name, o.arena.NewTrue())
	}
	return o.Put(name, o.arena.NewFalse())
}

// Texts sets a member to a list of texts.
func (o Object) Texts(name string, texts []string) Object {
	list := o.arena.NewArray()
	for i, s := range texts {
		list.SetArrayItem(i, o.text(s))
	}
	return o.Put(name, list)
}

// Nested sets a member to another object.
func (o Object) Nested(name string, member Object) Object { return o.Put(name, member.Value) }

// List sets a member to a list of objects.
func (o Object) List(name string, objects []Object) Object {
	list := o.arena.NewArray()
	for i, object := range objects {
		list.SetArrayItem(i, object.Value)
	}
	return o.Put(name, list)
}

// Blob sets the members blob, bytes, detected, md5, sha1 and sha256, which tell a blob's name,
// its size in bytes, what its first bytes say it is, and its hashes.
func (o Object) Blob(b *abi.Blob) Object {
	if b.Detected != "" {
		o.Text("detected", b.Detected)
	}
	return o.Text("blob", b.Name).Int("bytes", b.Size).Text("md5", b.MD5).Text("sha1", b.SHA1).Text("sha256", b.SHA256)
}

// dropNotes deletes OData's annotations, such as @odata.etag and
// attachments@odata.context, from v and all below it, and returns v.
func dropNotes(v *Value) *Value {
	if v == nil {
		return nil
	}
	switch v.Type() {
	case fastjson.TypeArray:
		for _, item := range v.GetArray() {
			dropNotes(item)
		}
	case fastjson.TypeObject:
		o := v.GetObject()
		var notes []string
		o.Visit(func(key []byte, member *Value) {
			if bytes.Contains(key, []byte("@odata.")) {
				notes = append(notes, string(key))
				return
			}
			dropNotes(member)
		})
		for _, note := range notes {
			o.Del(note)
		}
	}
	return v
}
