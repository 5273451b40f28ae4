package extism

import "slices"

// block is a piece of Extism's memory that the guest holds.
type block struct{ offset, length uint64 }

// blocks are the blocks that the guest holds, in the order of their offsets. They
// do not overlap: the kernel gave them.
type blocks struct {
	all []block
	// last is where the block was that was found last: PDKs copy byte by byte.
	last int
}

func (b *blocks) search(offset uint64) (int, bool) {
	return slices.BinarySearchFunc(b.all, offset, func(held block, offset uint64) int {
		switch {
		case held.offset < offset:
			return -1
		case held.offset > offset:
			return 1
		default:
			return 0
		}
	})
}

// add takes a new block.
func (b *blocks) add(held block) {
	i, _ := b.search(held.offset)
	b.all = slices.Insert(b.all, i, held)
}

// at returns the block that begins at offset.
func (b *blocks) at(offset uint64) (block, bool) {
	i, ok := b.search(offset)
	if !ok {
		return block{}, false
	}
	return b.all[i], true
}

// remove drops the block that begins at offset, and reports whether there was one.
func (b *blocks) remove(offset uint64) bool {
	i, ok := b.search(offset)
	if ok {
		b.all = slices.Delete(b.all, i, i+1)
	}
	return ok
}

// contain reports whether the count bytes at offset are inside one block.
func (b *blocks) contain(offset, count uint64) bool {
	if b.last < len(b.all) && b.all[b.last].contains(offset, count) {
		return true
	}
	i, exact := b.search(offset)
	if !exact {
		i--
	}
	if i < 0 || !b.all[i].contains(offset, count) {
		return false
	}
	b.last = i
	return true
}

func (held block) contains(offset, count uint64) bool {
	return offset >= held.offset && count <= held.length && offset-held.offset <= held.length-count
}
