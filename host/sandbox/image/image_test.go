package image

import (
	"bytes"
	"errors"
	"testing"
)

const page = 64 << 10

// kinds are both ways to make an image; they must not differ in what can be seen.
func kinds() map[string]func([]byte) (Image, error) {
	return map[string]func([]byte) (Image, error){
		"of this system": New,
		"copied":         func(memory []byte) (Image, error) { return newCopied(memory), nil },
	}
}

// pattern is a memory with an empty stretch in its middle and a last page that is not full.
func pattern() []byte {
	memory := make([]byte, 5*page+100)
	for i := range memory {
		if i < 2*page || i > 4*page {
			memory[i] = byte(i*7 + i>>8)
		}
	}
	return memory
}

func eachKind(t *testing.T, test func(t *testing.T, newImage func([]byte) (Image, error))) {
	for name, newImage := range kinds() {
		t.Run(name, func(t *testing.T) { test(t, newImage) })
	}
}

func open(t *testing.T, newImage func([]byte) (Image, error), memory []byte, reserve uint64) (Image, View) {
	t.Helper()
	i, err := newImage(memory)
	if err != nil {
		t.Fatal(err)
	}
	v, err := i.View(reserve)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(v.Close(), i.Close()); err != nil {
			t.Error(err)
		}
	})
	return i, v
}

func TestViewStartsAsTheImageAndReturnsToIt(t *testing.T) {
	eachKind(t, func(t *testing.T, newImage func([]byte) (Image, error)) {
		want := pattern()
		memory := pattern()
		_, v := open(t, newImage, memory, 10*page)
		clear(memory) // the image is a copy
		for round := range 3 {
			if !bytes.Equal(v.Bytes(), want) {
				t.Fatalf("round %d: the view differs from the image", round)
			}
			for i := range v.Bytes() {
				v.Bytes()[i] = 0xAA
			}
			if err := v.Reset(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A few pages are undone in another way than many, on some systems.
func TestResetUndoesFewWritesAsWellAsMany(t *testing.T) {
	eachKind(t, func(t *testing.T, newImage func([]byte) (Image, error)) {
		want := pattern()
		_, v := open(t, newImage, want, 0)
		for _, stride := range []int{1, 4 << 10, page, 3 * page, len(want) - 1} {
			for range 2 {
				for at := 0; at < len(want); at += stride {
					v.Bytes()[at] ^= 0xFF
				}
				if err := v.Reset(); err != nil || !bytes.Equal(v.Bytes(), want) {
					t.Fatalf("after a write every %d bytes the view differs from the image: %v", stride, err)
				}
			}
		}
	})
}

func TestViewsDoNotSeeEachOther(t *testing.T) {
	eachKind(t, func(t *testing.T, newImage func([]byte) (Image, error)) {
		i, first := open(t, newImage, pattern(), 0)
		second, err := i.View(0)
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		copy(first.Bytes(), "a secret")
		if !bytes.Equal(second.Bytes(), pattern()) {
			t.Fatal("a write to one view reached another")
		}
	})
}

func TestGrowKeepsWhatWasWrittenAndStopsAtTheReserve(t *testing.T) {
	eachKind(t, func(t *testing.T, newImage func([]byte) (Image, error)) {
		_, v := open(t, newImage, nil, 4*page)
		if len(v.Bytes()) != 0 || !v.Grow(page) {
			t.Fatal("an empty image must be able to grow")
		}
		if !isAll(v.Bytes(), 0) {
			t.Fatal("grown memory is not zero")
		}
		copy(v.Bytes(), "kept")
		before := &v.Bytes()[0]
		for _, size := range []uint64{2 * page, 3 * page, 4 * page} {
			if !v.Grow(size) || uint64(len(v.Bytes())) != size || string(v.Bytes()[:4]) != "kept" {
				t.Fatalf("Grow(%d) lost memory", size)
			}
		}
		if _, plain := v.(*copiedView); !plain && &v.Bytes()[0] != before {
			t.Error("growing moved the memory")
		}
		for _, size := range []uint64{4*page + 1, page, 1 << 60, ^uint64(0)} {
			if v.Grow(size) || len(v.Bytes()) != 4*page {
				t.Errorf("Grow(%d) was not refused", size)
			}
		}
		if err := v.Reset(); !errors.Is(err, ErrGrown) {
			t.Errorf("Reset of a view that grew = %v, want ErrGrown", err)
		}
	})
}

func TestImageMayBeClosedBeforeItsViews(t *testing.T) {
	i, err := New(pattern())
	if err != nil {
		t.Fatal(err)
	}
	v, err := i.View(0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(i.Close(), i.Close()); err != nil {
		t.Fatal(err)
	}
	v.Bytes()[0]++
	if err := v.Reset(); err != nil || !bytes.Equal(v.Bytes(), pattern()) {
		t.Fatalf("the view lost its image: %v", err)
	}
	if _, err := i.View(0); !errors.Is(err, ErrClosed) && err != nil {
		t.Errorf("View of a closed image = %v, want ErrClosed", err)
	}
	if err := errors.Join(v.Close(), v.Close()); err != nil {
		t.Error(err)
	}
}

func isAll(b []byte, want byte) bool {
	for _, c := range b {
		if c != want {
			return false
		}
	}
	return true
}

// BenchmarkReset writes to 32 pages of 4 KiB of an 8 MiB view and resets it.
func BenchmarkReset(b *testing.B) {
	for name, newImage := range kinds() {
		b.Run(name, func(b *testing.B) {
			i, err := newImage(bytes.Repeat([]byte{1}, 8<<20))
			if err != nil {
				b.Fatal(err)
			}
			defer i.Close()
			v, err := i.View(0)
			if err != nil {
				b.Fatal(err)
			}
			defer v.Close()
			for b.Loop() {
				for at := 0; at < 8<<20; at += 256 << 10 {
					v.Bytes()[at]++
				}
				if err := v.Reset(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
