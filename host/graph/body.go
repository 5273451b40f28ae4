package graph

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// Blobs are the blobs of one invocation.
type Blobs interface {
	// Open returns the blob's bytes and size; the error is [abi.NotFound] for a
	// name that is not the invocation's own.
	Open(name string) (io.ReadSeekCloser, int64, error)
}

// body is a request body: the JSON of a checked tree in which the bytes of blobs
// are streamed. It is written anew from the tree, never from the guest's text.
type body struct {
	parts []part
	size  int64
}

// part is JSON text, or a blob to be sent in base64.
type part struct {
	text []byte
	blob string
	size int64
}

// newBody prepares the body. The size of each blob is read now, so that the
// request can state its length. The error is [abi.InvalidInput] for a malformed
// reference, [abi.NotFound] for a blob of another invocation, or [abi.TooLarge].
func newBody(v *fastjson.Value, blobs Blobs) (*body, error) {
	b := &body{}
	text, err := b.write(nil, v, blobs)
	if err != nil {
		return nil, err
	}
	b.addText(text)
	return b, b.checkSize()
}

func (b *body) checkSize() error {
	const partsOfBlob = 2 // the text before it and the blob
	if b.size > maxBody || len(b.parts) > partsOfBlob*maxBodyBlobs+1 {
		return &abi.Error{Code: abi.TooLarge, Message: fmt.Sprintf("the body of the request is over %d MiB or %d blobs; Graph takes about 4 MB at a time", maxBody>>20, maxBodyBlobs)}
	}
	return nil
}

func (b *body) addText(text []byte) {
	b.parts = append(b.parts, part{text: text})
	b.size += int64(len(text))
}

func (b *body) write(dst []byte, v *fastjson.Value, blobs Blobs) ([]byte, error) {
	name, isBlob, err := abi.BlobReference(v)
	switch {
	case err != nil:
		return nil, &abi.Error{Code: abi.InvalidInput, Message: err.Error()}
	case isBlob:
		f, size, err := blobs.Open(name)
		if err != nil {
			return nil, err
		}
		f.Close()
		b.addText(append(dst, '"'))
		encoded := int64(base64.StdEncoding.EncodedLen(int(size)))
		b.parts = append(b.parts, part{blob: name, size: size})
		b.size += encoded
		return []byte{'"'}, b.checkSize()
	case v.Type() == fastjson.TypeObject:
		dst = append(dst, '{')
		first := true
		v.GetObject().Visit(func(key []byte, member *fastjson.Value) {
			if err != nil {
				return
			}
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst = append(abi.AppendString(dst, string(key)), ':')
			dst, err = b.write(dst, member, blobs)
		})
		return append(dst, '}'), err
	case v.Type() == fastjson.TypeArray:
		dst = append(dst, '[')
		for i, item := range v.GetArray() {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, err = b.write(dst, item, blobs); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	default:
		return abi.AppendValue(dst, v), nil
	}
}

// reader opens the body for one sending.
func (b *body) reader(blobs Blobs) io.ReadCloser {
	if len(b.parts) == 1 {
		return io.NopCloser(bytes.NewReader(b.parts[0].text))
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(b.stream(w, blobs)) }()
	return r
}

func (b *body) stream(w io.Writer, blobs Blobs) error {
	for _, p := range b.parts {
		if p.blob == "" {
			if _, err := w.Write(p.text); err != nil {
				return err
			}
			continue
		}
		f, _, err := blobs.Open(p.blob)
		if err != nil {
			return err
		}
		encoder := base64.NewEncoder(base64.StdEncoding, w)
		_, err = io.CopyN(encoder, f, p.size)
		f.Close()
		if err == nil {
			err = encoder.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}
