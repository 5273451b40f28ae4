package wasm

import (
	"encoding/binary"
	"fmt"
)

// cursor reads the primitives of the binary format. Its first failure stays: from
// then on it stands at the end and gives zeros, so that callers may check once.
type cursor struct {
	data   []byte
	pos    int
	failed error
}

// fail notes a SyntaxError at an offset.
func (c *cursor) fail(offset int, format string, args ...any) {
	c.stop(&SyntaxError{Offset: offset, Problem: fmt.Sprintf(format, args...)})
}

func (c *cursor) stop(err error) {
	if c.failed == nil {
		c.failed = err
		c.data = c.data[:0]
		c.pos = 0
	}
}

func (c *cursor) unexpectedEnd() { c.fail(len(c.data), "the bytes end too early") }

func (c *cursor) left() int { return len(c.data) - c.pos }

func (c *cursor) byte() byte {
	if c.pos >= len(c.data) {
		c.unexpectedEnd()
		return 0
	}
	b := c.data[c.pos]
	c.pos++
	return b
}

// bytes gives the next n bytes, without copying them.
func (c *cursor) bytes(n uint32) []byte {
	if uint64(n) > uint64(c.left()) {
		c.unexpectedEnd()
		return nil
	}
	start := c.pos
	c.pos += int(n)
	return c.data[start:c.pos:c.pos]
}

// uint32 reads an unsigned LEB128 number of 32 bits. The common case of one byte
// is small enough to be inlined.
func (c *cursor) uint32() uint32 {
	if c.pos < len(c.data) && c.data[c.pos] < 0x80 {
		c.pos++
		return uint32(c.data[c.pos-1])
	}
	return uint32(c.unsigned())
}

// unsigned reads an unsigned LEB128 number of 32 bits and more than one byte.
func (c *cursor) unsigned() uint64 {
	const bits = 32
	start := c.pos
	var v uint64
	for shift := 0; shift < bits; shift += 7 {
		b := c.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if v >= 1<<bits {
				c.fail(start, "the number does not fit %d bits", bits)
				return 0
			}
			return v
		}
	}
	c.fail(start, "the number has more bytes than %d bits need", bits)
	return 0
}

// signed reads a signed LEB128 number of so many bits. In its longest form the
// unused bits of the last byte must repeat the sign.
func (c *cursor) signed(bits int) int64 {
	if c.pos < len(c.data) && c.data[c.pos] < 0x80 {
		c.pos++
		return int64(int8(c.data[c.pos-1]<<1)) >> 1
	}
	start := c.pos
	var v int64
	for shift := 0; shift < bits; shift += 7 {
		b := c.byte()
		v |= int64(b&0x7f) << shift
		if b >= 0x80 {
			continue
		}
		if used := bits - shift; used < 7 {
			if rest := int8(b<<1) >> used; rest != 0 && rest != -1 {
				c.fail(start, "the number does not fit %d bits", bits)
				return 0
			}
		}
		if unset := 64 - 7 - shift; unset > 0 {
			v = v << unset >> unset
		}
		return v
	}
	c.fail(start, "the number has more bytes than %d bits need", bits)
	return 0
}

// little4 and little8 read the bits of floating-point numbers and vectors.
func (c *cursor) little4() uint32 {
	if b := c.bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) little8() uint64 {
	if b := c.bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (c *cursor) valueType() ValueType {
	t := ValueType(c.byte())
	if !t.valid() && c.failed == nil {
		c.fail(c.pos-1, "%#x is no value type of WebAssembly 2.0", byte(t))
	}
	return t
}

func (c *cursor) referenceType() ValueType {
	t := ValueType(c.byte())
	if !t.IsReference() && c.failed == nil {
		c.fail(c.pos-1, "%#x is no reference type of WebAssembly 2.0", byte(t))
	}
	return t
}
