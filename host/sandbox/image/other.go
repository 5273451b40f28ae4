//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package image

func newImage(memory []byte) (Image, error) { return newCopied(memory), nil }
