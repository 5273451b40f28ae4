package image

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func anonymousFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("postern-image", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "postern-image"), nil
}

// The kernel refuses to seal a file while something of its own, such as the moving of pages in memory, holds one of them, and waits
// 150 ms for that itself. On a busy machine that can be too short.
const (
	sealTries = 20
	sealPause = 10 * time.Millisecond
)

// seal makes the kernel refuse any change of the image, by whoever gets hold of it.
func seal(file *os.File) error {
	for try := 1; ; try++ {
		_, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_GROW|unix.F_SEAL_SHRINK|unix.F_SEAL_SEAL)
		if !errors.Is(err, unix.EBUSY) || try == sealTries {
			return os.NewSyscallError("seal", err)
		}
		time.Sleep(sealPause)
	}
}

// mostKept is how many pages of its own a view keeps over a reset, at most. A
// page that is kept is copied back from the image in a tenth of the time that
// dropping it and having the kernel copy it at its next write takes; but it stays resident.
const mostKept = 512

// undo resets views of one image. The kernel tells which pages a view has of its
// own (/proc/self/pagemap); those are copied back if they are few, and dropped
// otherwise, or where the kernel does not tell.
type undo struct {
	original []byte   // the image, mapped for reading
	pagemap  *os.File // nil if pages are always dropped
}

func newUndo(file *os.File, size uint64) (undo, error) {
	// Private, though nothing is written: before Linux 6.7 a sealed file cannot be mapped
	// shared, not even for reading.
	original, err := unix.Mmap(int(file.Fd()), 0, int(roundUp(size)), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return undo{}, fmt.Errorf("map %d bytes for reading: %w", size, err)
	}
	u := undo{original: original}
	if pagemap, err := os.Open("/proc/self/pagemap"); err == nil {
		if u.pagemap = pagemap; !u.tellsPages(file) {
			u.pagemap = nil
			pagemap.Close()
		}
	}
	return u, nil
}

// tellsPages tries whether the kernel tells pages that were written from pages that were not: a
// sandbox around this process may give an empty pagemap, and then a reset by it would leave
// secrets behind.
func (u undo) tellsPages(file *os.File) bool {
	page := os.Getpagesize()
	probe, err := unix.Mmap(int(file.Fd()), 0, len(u.original), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
	if err != nil {
		return false
	}
	defer unix.Munmap(probe)
	read := probe[0] // present, and still the image's
	before, err := u.ownPages(probe, func(int) {})
	if err != nil || before != 0 {
		return false
	}
	last, told := len(probe)-page, -1
	probe[last] = ^probe[last]
	after, err := u.ownPages(probe, func(at int) { told = at })
	return err == nil && after == 1 && told == last && read == u.original[0]
}

// ownPages calls found with the start of each page that the mapping does not
// share with its file any more, until they are more than mostKept, and returns how many it found.
// The bits are those of the kernel's documentation, admin-guide/mm/pagemap.rst.
func (u undo) ownPages(mapping []byte, found func(at int)) (n int, err error) {
	const present, swapped, ofFile = 1 << 63, 1 << 62, 1 << 61
	const entry = 8
	page := os.Getpagesize()
	var buffer [512 * entry]byte // the pages of 2 MiB at a time
	first := int64(uintptr(unsafe.Pointer(unsafe.SliceData(mapping)))) / int64(page)
	for pages, next := len(mapping)/page, 0; next < pages; {
		entries := buffer[:min(len(buffer), (pages-next)*entry)]
		read, err := unix.Pread(int(u.pagemap.Fd()), entries, (first+int64(next))*entry)
		if err != nil {
			return n, os.NewSyscallError("pread pagemap", err)
		}
		if read == 0 || read%entry != 0 {
			return n, io.ErrUnexpectedEOF
		}
		for ; read > 0; read -= entry {
			bits := binary.NativeEndian.Uint64(entries)
			if bits&(present|swapped) != 0 && bits&ofFile == 0 {
				if n++; n > mostKept {
					return n, nil
				}
				found(next * page)
			}
			entries, next = entries[entry:], next+1
		}
	}
	return n, nil
}

// Reset undoes what was written to the view.
func (u undo) Reset(v *mappedView) error {
	memory := v.reserved[:v.mapped]
	if u.pagemap == nil {
		return drop(memory)
	}
	page := os.Getpagesize()
	n, err := u.ownPages(memory, func(at int) { copy(memory[at:at+page], u.original[at:at+page]) })
	if err != nil || n > mostKept {
		return drop(memory)
	}
	return nil
}

// releasePiece is how much is freed at a time, in bytes.
const releasePiece = 1 << 20

// release frees the pages of memory that is about to be unmapped, a piece at a time. Unmapping
// would free them while it holds a lock that every page fault of the process waits for; this shares it.
// What it cannot free, unmapping does.
func release(memory []byte) {
	for piece := range slices.Chunk(memory, releasePiece) {
		if drop(piece) != nil {
			return
		}
	}
}

// drop frees the pages that the memory does not share with its file. Linux, and
// no other system, promises that the file's show again.
func drop(memory []byte) error {
	return os.NewSyscallError("madvise", unix.Madvise(memory, unix.MADV_DONTNEED))
}

func (u undo) Close() error {
	err := unix.Munmap(u.original)
	if u.pagemap != nil {
		err = errors.Join(err, u.pagemap.Close())
	}
	return err
}
