package wat

import "unicode/utf8"

// cursor walks the items of one list. After the first problem of the text every
// cursor is at its end, so that a loop over one ends too, and whoever reads from
// one needs to ask for problems only at the very end.
type cursor struct {
	asm    *assembler
	items  []*node
	offset int // of the list, for what is missing from it
}

func (asm *assembler) cursor(l *node) *cursor { return &cursor{asm, l.items, l.offset} }

// peek returns the next item without taking it, nil at the end.
func (c *cursor) peek() *node {
	if len(c.items) == 0 || c.asm.problem != nil {
		return nil
	}
	return c.items[0]
}

// next takes the next item. At the end that is a problem and the item is empty.
func (c *cursor) next(wanted string) *node {
	n := c.peek()
	if n == nil {
		c.asm.fail(c.offset, "%s is missing from this list", wanted)
		return &node{offset: c.offset}
	}
	c.items = c.items[1:]
	return n
}

// done makes anything that is left over a problem.
func (c *cursor) done() {
	if n := c.peek(); n != nil {
		c.asm.fail(n.offset, "%s has no meaning here", n.describe())
	}
}

func (n *node) describe() string {
	switch n.kind {
	case list:
		return "this list"
	case text:
		return "this string"
	case name:
		return "$" + n.text
	}
	return n.text
}

// expect takes an item of the kind and returns its text.
func (c *cursor) expect(k kind, wanted string) string {
	n := c.next(wanted)
	if n.kind != k {
		c.asm.fail(n.offset, "%s is not %s", n.describe(), wanted)
	}
	return n.text
}

// keyword takes the next item if it is this word.
func (c *cursor) keyword(w string) bool {
	n := c.peek()
	if n == nil || n.kind != word || n.text != w {
		return false
	}
	c.items = c.items[1:]
	return true
}

// name takes the next item if it is a name.
func (c *cursor) name() string {
	n := c.peek()
	if n == nil || n.kind != name {
		return ""
	}
	c.items = c.items[1:]
	return n.text
}

// list takes the next item if it is a list that begins with head, and returns a
// cursor over what follows its head; else nil.
func (c *cursor) list(head string) *cursor {
	n := c.peek()
	if n == nil || n.head() != head {
		return nil
	}
	c.items = c.items[1:]
	return &cursor{c.asm, n.items[1:], n.offset}
}

// unsigned takes a number of 32 bits.
func (c *cursor) unsigned(wanted string) uint32 {
	n := c.next(wanted)
	value, ok := parseUnsigned(n.text, 32)
	if n.kind != word || !ok {
		c.asm.fail(n.offset, "%s is not %s", n.describe(), wanted)
	}
	return uint32(value)
}

// isIndex reports whether the next item can be an index: a name or a number.
func (c *cursor) isIndex() bool {
	n := c.peek()
	return n != nil && (n.kind == name || n.kind == word && isDecimal(n.text[0]))
}

// index takes a name that names has, or a number as it stands.
func (c *cursor) index(names map[string]uint32, wanted string) uint32 {
	if n := c.peek(); n != nil && n.kind == name {
		c.items = c.items[1:]
		index, ok := names[n.text]
		if !ok {
			c.asm.fail(n.offset, "no %s of this module is named $%s", wanted, n.text)
		}
		return index
	}
	return c.unsigned("the index of a " + wanted)
}

// utf8 takes a string that is the name of an import or an export.
func (c *cursor) utf8(wanted string) string {
	offset := c.offset
	if n := c.peek(); n != nil {
		offset = n.offset
	}
	s := c.expect(text, wanted)
	if !utf8.ValidString(s) {
		c.asm.fail(offset, "names of imports and exports are UTF-8; give the module as (module binary …) to break that")
	}
	return s
}

// bytes takes all strings that follow, as one.
func (c *cursor) bytes() []byte {
	var all []byte
	for n := c.peek(); n != nil && n.kind == text; n = c.peek() {
		c.items = c.items[1:]
		if c.asm.bytes += len(n.text); c.asm.bytes > maxBytes {
			c.asm.fail(n.offset, "the strings have more than %d bytes", maxBytes)
			break
		}
		all = append(all, n.text...)
	}
	return all
}
