package sdk

import (
	"io"
	"strconv"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// ReadBlob reads up to length bytes of a blob of this invocation from offset on;
// length is at most [abi.MaxBlobRead]. Fewer come back at the blob's end.
func (c *Call) ReadBlob(name string, offset int64, length int) ([]byte, error) {
	data, _, err := c.readBlob(name, offset, length)
	return data, err
}

// readBlob also returns the size of the whole blob.
func (c *Call) readBlob(name string, offset int64, length int) (data []byte, size int64, err error) {
	reply, err := c.exchange(new(fastjson.Parser), &abi.Exchange{Op: abi.OpBlob, Blob: &abi.BlobRequest{Name: name, Offset: offset, Length: length}})
	if err != nil {
		return nil, 0, err
	}
	return reply.Data, reply.Size, nil
}

// BlobSize is how many bytes a blob of this invocation has.
func (c *Call) BlobSize(name string) (int64, error) {
	reply, err := c.exchange(new(fastjson.Parser), &abi.Exchange{Op: abi.OpBlob, Blob: &abi.BlobRequest{Name: name, Length: 1}})
	if err != nil {
		return 0, err
	}
	return reply.Size, nil
}

// CreateBlob keeps data, at most [abi.MaxBlobRead] bytes, as a blob of this invocation.
func (c *Call) CreateBlob(data []byte) (*abi.Blob, error) {
	return c.createBlob(&abi.BlobRequest{Data: data})
}

func (c *Call) createBlob(request *abi.BlobRequest) (*abi.Blob, error) {
	reply, err := c.exchange(new(fastjson.Parser), &abi.Exchange{Op: abi.OpBlob, Blob: request})
	if err != nil {
		return nil, err
	}
	if reply.Blob == nil {
		return nil, NewError(abi.Internal, "the host kept a blob but did not tell its name")
	}
	return reply.Blob, nil
}

// BlobReader reads a blob of this invocation from its beginning to its end. Each read that it asks the host for takes up to chunk bytes, from 1 to
// [abi.MaxBlobRead].
func (c *Call) BlobReader(name string, chunk int) io.Reader {
	return &blobReader{call: c, name: name, chunk: chunk}
}

type blobReader struct {
	call   *Call
	name   string
	chunk  int
	offset int64
	held   []byte
	err    error
}

func (r *blobReader) Read(p []byte) (int, error) {
	if len(r.held) == 0 && r.err == nil {
		var size int64
		r.held, size, r.err = r.call.readBlob(r.name, r.offset, r.chunk)
		r.offset += int64(len(r.held))
		if r.err == nil && (len(r.held) == 0 || r.offset >= size) {
			r.err = io.EOF
		}
	}
	if len(r.held) == 0 {
		return 0, r.err
	}
	n := copy(p, r.held)
	r.held = r.held[n:]
	return n, nil
}

// BlobWriter makes a blob of any size piece by piece. Several may be made at once.
type BlobWriter struct {
	call *Call
	name string // while it is made
	held []byte
	// isBegun says that the host has a piece.
	isBegun bool
	err     error
}

// blobPiece is how much of a blob goes to the host at once, in bytes.
const blobPiece = 256 << 10

// NewBlob starts a blob of this invocation.
func (c *Call) NewBlob() *BlobWriter {
	c.made++
	return &BlobWriter{call: c, name: strconv.Itoa(c.made)}
}

// Write adds to the blob. The error is that of the host, also for all later writes.
func (w *BlobWriter) Write(p []byte) (int, error) {
	for written := 0; written < len(p); {
		if w.err != nil {
			return written, w.err
		}
		if w.held == nil {
			w.held = make([]byte, 0, min(blobPiece, max(len(p), 4<<10)))
		}
		n := min(len(p)-written, blobPiece-len(w.held))
		w.held = append(w.held, p[written:written+n]...)
		written += n
		if len(w.held) == blobPiece {
			_, w.err = w.call.exchange(new(fastjson.Parser), &abi.Exchange{Op: abi.OpBlob, Blob: &abi.BlobRequest{Data: w.held, Into: w.name, More: true}})
			w.held, w.isBegun = w.held[:0], true
		}
	}
	return len(p), nil
}

// Close ends the blob and describes it.
func (w *BlobWriter) Close() (*abi.Blob, error) {
	if w.err != nil {
		return nil, w.err
	}
	request := &abi.BlobRequest{Data: w.held}
	if w.isBegun {
		request.Into = w.name
	}
	return w.call.createBlob(request)
}
