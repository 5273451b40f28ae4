package image

// copied is an image whose views are plain copies of it: for systems without mmap.
type copied struct{ memory []byte }

func newCopied(memory []byte) Image { return &copied{append([]byte(nil), memory...)} }

func (i *copied) Size() uint64 { return uint64(len(i.memory)) }

func (i *copied) View(reserve uint64) (View, error) {
	return &copiedView{i, max(reserve, i.Size()), append([]byte(nil), i.memory...)}, nil
}

func (i *copied) Close() error { return nil }

type copiedView struct {
	image    *copied
	reserved uint64
	memory   []byte
}

func (v *copiedView) Bytes() []byte { return v.memory }

func (v *copiedView) Grow(size uint64) bool {
	used := uint64(len(v.memory))
	if size < used || size > v.reserved {
		return false
	}
	if size > uint64(cap(v.memory)) {
		// Doubling keeps a memory that grows page by page from being copied each time.
		grown := make([]byte, used, min(max(size, 2*used), v.reserved))
		copy(grown, v.memory)
		v.memory = grown
	}
	v.memory = v.memory[:size]
	return true
}

func (v *copiedView) Reset() error {
	if uint64(len(v.memory)) != v.image.Size() {
		return ErrGrown
	}
	copy(v.memory, v.image.memory)
	return nil
}

func (v *copiedView) Close() error {
	v.memory = nil
	return nil
}
