//go:build linux || darwin || freebsd || netbsd || openbsd

package image

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapped is an image in a file without a name, of which views are private mappings.
type mapped struct {
	size uint64 // of the image; the file has whole pages of the system
	undo undo   // how views of it are reset

	mu     sync.Mutex
	file   *os.File
	users  int // views that are open, and the image itself until it is closed
	closed bool
}

func newImage(memory []byte) (Image, error) {
	i := &mapped{size: uint64(len(memory)), users: 1}
	if len(memory) == 0 {
		return i, nil
	}
	file, err := anonymousFile()
	if err != nil {
		return nil, fmt.Errorf("image: make a file for %d bytes: %w", len(memory), err)
	}
	if err = writeSparse(file, memory); err == nil {
		err = seal(file)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("image: write %d bytes: %w", len(memory), err)
	}
	i.file = file
	if i.undo, err = newUndo(file, i.size); err != nil {
		file.Close()
		return nil, fmt.Errorf("image: %w", err)
	}
	return i, nil
}

// writeSparse writes the pages of memory that hold something; the others stay
// holes of the file, which take no room.
func writeSparse(file *os.File, memory []byte) error {
	page := os.Getpagesize()
	if err := file.Truncate(int64(roundUp(uint64(len(memory))))); err != nil {
		return err
	}
	for start := 0; start < len(memory); {
		end := start
		for end < len(memory) && !isZero(memory[end:min(end+page, len(memory))]) {
			end += page
		}
		if end > start {
			if _, err := file.WriteAt(memory[start:min(end, len(memory))], int64(start)); err != nil {
				return err
			}
		}
		start = end + page
	}
	return nil
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func roundUp(size uint64) uint64 {
	page := uint64(os.Getpagesize())
	return (size + page - 1) / page * page
}

func (i *mapped) Size() uint64 { return i.size }

func (i *mapped) View(reserve uint64) (View, error) {
	i.mu.Lock()
	if i.closed {
		i.mu.Unlock()
		return nil, ErrClosed
	}
	i.users++
	i.mu.Unlock()
	v := &mappedView{image: i}
	reserve = roundUp(max(reserve, i.size))
	if reserve == 0 {
		return v, nil
	}
	// Addresses only: nothing can be read or written there until it is mapped.
	base, err := unix.MmapPtr(-1, 0, nil, uintptr(reserve), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		i.leave()
		return nil, fmt.Errorf("image: reserve %d bytes of addresses: %w", reserve, err)
	}
	v.reserved = unsafe.Slice((*byte)(base), reserve)
	if err := v.mapImage(); err != nil {
		v.Close()
		return nil, err
	}
	return v, nil
}

func (i *mapped) Close() error {
	i.mu.Lock()
	closed := i.closed
	i.closed = true
	i.mu.Unlock()
	if closed {
		return nil
	}
	return i.leave()
}

// leave closes the file when nobody is left who maps it.
func (i *mapped) leave() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.users--; i.users > 0 || i.file == nil {
		return nil
	}
	return errors.Join(i.undo.Close(), i.file.Close())
}

type mappedView struct {
	image    *mapped
	reserved []byte // all the addresses
	size     uint64 // of the memory at their start
	mapped   uint64 // what can be used of the reserved addresses, in whole pages of the system
}

func (v *mappedView) Bytes() []byte { return v.reserved[:v.size] }

// Reset is cheaper than a new mapping by what undo knows of the system.
func (v *mappedView) Reset() error {
	if v.size != v.image.size {
		return ErrGrown
	}
	if v.size == 0 {
		return nil
	}
	return v.image.undo.Reset(v)
}

func (v *mappedView) Grow(size uint64) bool {
	if size < v.size || size > uint64(len(v.reserved)) {
		return false
	}
	// The page at the end of the image is whole, so what follows starts at a page.
	if end := roundUp(size); end > v.mapped {
		if unix.Mprotect(v.reserved[v.mapped:end], unix.PROT_READ|unix.PROT_WRITE) != nil {
			return false
		}
		v.mapped = end
	}
	v.size = size
	return true
}

// mapImage maps the image over the start of the reserved addresses.
func (v *mappedView) mapImage() error {
	v.size, v.mapped = v.image.size, roundUp(v.image.size)
	if v.size == 0 {
		return nil
	}
	_, err := unix.MmapPtr(int(v.image.file.Fd()), 0, unsafe.Pointer(unsafe.SliceData(v.reserved)), uintptr(v.mapped),
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED)
	if err != nil {
		return fmt.Errorf("image: map %d bytes: %w", v.size, err)
	}
	return nil
}

func (v *mappedView) Close() error {
	if v.image == nil {
		return nil
	}
	var err error
	if len(v.reserved) > 0 {
		release(v.reserved[:v.mapped])
		err = unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(v.reserved)), uintptr(len(v.reserved)))
	}
	left := v.image.leave()
	v.image, v.reserved, v.size, v.mapped = nil, nil, 0, 0
	if err != nil {
		return fmt.Errorf("image: unmap: %w", err)
	}
	return left
}
