package sdk

import (
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// ReadBlob reads up to length bytes of a blob of this invocation from offset on;
// length is at most [abi.MaxBlobRead]. Fewer come back at the blob's end.
func (c *Call) ReadBlob(name string, offset int64, length int) ([]byte, error) {
	reply, err := c.exchange(new(fastjson.Parser), &abi.Exchange{Op: abi.OpBlob, Blob: &abi.BlobRequest{Name: name, Offset: offset, Length: length}})
	if err != nil {
		return nil, err
	}
	return reply.Data, nil
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
	reply, err := c.exchange(new(fastjson.Parser), &abi.Exchange{Op: abi.OpBlob, Blob: &abi.BlobRequest{Data: data}})
	if err != nil {
		return nil, err
	}
	if reply.Blob == nil {
		return nil, NewError(abi.Internal, "the host kept a blob but did not tell its name")
	}
	return reply.Blob, nil
}
