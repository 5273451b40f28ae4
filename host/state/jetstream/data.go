package jetstream

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"sort"
	"strconv"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/trigger"
)

// data says where bytes are that never change: in parts, each a message.
type data struct {
	ID string `json:"id"`
	// Starts has for each part the number of the first record that begins in it, or -1 if it goes on with one. For a state it is -1.
	Starts []int `json:"starts"`
}

// errGone says that data was removed since it was referred to: what refers to it has changed.
var errGone = errors.New("the data are gone")

// head is what stands before a record's content.
type recordHead struct {
	Key       string    `json:"key"`
	Time      time.Time `json:"time,omitzero"`
	Blobs     []string  `json:"blobs,omitempty"`
	Reason    string    `json:"reason,omitempty"` // of a dead letter
	Committed time.Time `json:"committed"`
}

// packer puts records into parts. A record that is longer than a part begins one of its own.
type packer struct {
	part   int
	parts  [][]byte
	starts []int
	n      int
}

func (p *packer) add(h recordHead, content []byte) {
	text := encode(h)
	frame := binary.AppendUvarint(nil, uint64(len(text)))
	frame = binary.AppendUvarint(append(frame, text...), uint64(len(content)))
	frame = append(frame, content...)
	if last := len(p.parts) - 1; last >= 0 && len(p.parts[last])+len(frame) <= p.part {
		p.parts[last] = append(p.parts[last], frame...)
	} else {
		p.cut(frame, p.n)
	}
	p.n++
}

// cut makes parts of bytes, the first of which begins with something of number start.
func (p *packer) cut(b []byte, start int) {
	for len(b) > 0 {
		n := min(len(b), p.part)
		p.parts, p.starts = append(p.parts, bytes.Clone(b[:n])), append(p.starts, start)
		b, start = b[n:], -1
	}
}

// stage writes data that nobody refers to yet.
func (s *Store) stage(ctx context.Context, name string, p *packer) (data, error) {
	d := data{ID: rand.Text(), Starts: p.starts}
	notes := make([]note, len(p.parts))
	for i, part := range p.parts {
		notes[i] = note{subject: s.partSubject(name, d.ID, i), data: part}
	}
	return d, s.putAll(ctx, notes)
}

func (s *Store) partSubject(name, id string, i int) string {
	return s.subject("data", name, id, strconv.Itoa(i))
}

// dropData removes data.
func (s *Store) dropData(ctx context.Context, name, id string) error {
	return s.purge(ctx, s.subject("data", name, id, ">"))
}

// whole reads data that are one piece.
func (s *Store) whole(ctx context.Context, name string, d data) ([]byte, error) {
	var all []byte
	for i := range d.Starts {
		msg, err := s.get(ctx, s.partSubject(name, d.ID, i))
		if err != nil {
			return nil, err
		}
		if msg == nil {
			return nil, errGone
		}
		all = append(all, msg.Data...)
	}
	return all, nil
}

// each gives the records of data from a number on, until do returns false.
func (s *Store) each(ctx context.Context, name string, d data, from int, do func(i int, h recordHead, content []byte) bool) error {
	// The last part that begins with a record which is not after from.
	first := sort.Search(len(d.Starts), func(i int) bool {
		for ; i < len(d.Starts) && d.Starts[i] < 0; i++ {
		}
		return i == len(d.Starts) || d.Starts[i] > from
	}) - 1
	for ; first > 0 && d.Starts[first] < 0; first-- {
	}
	if first < 0 || d.Starts[first] < 0 {
		return damaged("data without a beginning")
	}
	n := d.Starts[first]
	var rest []byte
	for i := first; i < len(d.Starts); i++ {
		msg, err := s.get(ctx, s.partSubject(name, d.ID, i))
		if err != nil {
			return err
		}
		if msg == nil {
			return errGone
		}
		rest = append(rest, msg.Data...)
		for {
			h, content, after, ok, err := frame(rest)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if n >= from && !do(n, h, bytes.Clone(content)) {
				return nil
			}
			n, rest = n+1, after
		}
		rest = bytes.Clone(rest) // lets what was read go
	}
	if len(rest) > 0 {
		return damaged("half a record")
	}
	return nil
}

// frame reads the record that b begins with; ok is false if that is not whole.
func frame(b []byte) (h recordHead, content, rest []byte, ok bool, err error) {
	text, b, ok, err := piece(b, maxHead)
	if !ok || err != nil {
		return h, nil, nil, false, err
	}
	if content, rest, ok, err = piece(b, abi.MaxRecord); !ok || err != nil {
		return h, nil, nil, false, err
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, nil, nil, false, damaged("a record's head")
	}
	return h, content, rest, true, nil
}

// maxHead bounds what stands before a record: its key and blobs in JSON, which may take six bytes for one, and some room.
const maxHead = 6*(abi.MaxKey+trigger.MaxReason) + trigger.MaxBlobs*80 + 1<<10

func piece(b []byte, most uint64) (piece, rest []byte, ok bool, err error) {
	size, n := binary.Uvarint(b)
	if n < 0 || n > 0 && size > most {
		return nil, nil, false, damaged("a record's length")
	}
	if n == 0 || uint64(len(b)-n) < size {
		return nil, nil, false, nil
	}
	return b[n : n+int(size)], b[n+int(size):], true, nil
}
