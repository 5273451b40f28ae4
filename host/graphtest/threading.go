package graphtest

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A conversation index tells which messages belong together and which answers which: a block of 22 bytes with the time and a GUID, and 5
// more bytes for each answer; see [MS-OXOMSG] 2.2.1.3. Mail programs carry it in the header Thread-Index.
const (
	indexTime  = 6
	indexHead  = indexTime + 16
	indexReply = 5
	// maxIndex is how long an index grows, in bytes; a hundred answers.
	maxIndex = indexHead + 100*indexReply
	// maxReferences is how many ids the header References of an answer names.
	maxReferences = 50
)

// fileTime counts 100 ns since 1601, as Windows does.
func fileTime(at time.Time) uint64 {
	const unixEpoch = 11_644_473_600 // seconds from 1601 to 1970
	return uint64(max(at.Unix()+unixEpoch, 0)) * 10_000_000
}

// newIndex begins a conversation.
func newIndex(at time.Time, guid string) []byte {
	id := uuid.MustParse(guid)
	ticks := binary.BigEndian.AppendUint64(nil, fileTime(at))
	return append(ticks[:indexTime], id[:]...)
}

// answerIndex is the index of an answer to a message with the index.
func answerIndex(index []byte, at time.Time) []byte {
	if len(index) < indexHead || len(index)+indexReply > maxIndex {
		return slices.Clone(index)
	}
	began := binary.BigEndian.Uint64(append(slices.Clone(index[:indexTime]), 0, 0))
	const unit, most = 18, 1<<31 - 1
	delta := (max(fileTime(at), began) - began) >> unit & most
	return append(binary.BigEndian.AppendUint32(slices.Clone(index), uint32(delta)), byte(len(index)))
}

// readIndex reads the header Thread-Index; nil if it is none.
func readIndex(header string) []byte {
	if header == "" {
		return nil
	}
	index, err := base64.StdEncoding.DecodeString(header)
	if err != nil || len(index) < indexHead || len(index) > maxIndex || (len(index)-indexHead)%indexReply != 0 {
		return nil
	}
	return index
}

// conversationIndex finds where a new message belongs: its own Thread-Index says it, or it answers a message of the mailbox, or it goes
// with those of the same topic.
func (m *Mailbox) conversationIndex(c *content, at time.Time) []byte {
	if c.index != nil {
		return c.index
	}
	if index := readIndex(c.header("Thread-Index")); index != nil {
		return index
	}
	ids := messageID.FindAllString(c.header("References")+" "+c.header("In-Reply-To"), -1)
	for _, id := range slices.Backward(ids) {
		if index := m.indexes[id]; index != nil {
			return answerIndex(index, at)
		}
	}
	if c.topic == "" {
		return newIndex(at, newGUID("conversation", c.messageID))
	}
	return newIndex(at, newGUID("topic", strings.ToLower(c.topic)))
}

// threadHeaders are the headers that tell the recipients of a composed mail where it belongs.
func (c *content) threadHeaders() []header {
	list := []header{
		{"Thread-Topic", subjectText(c.topic)},
		{"Thread-Index", base64.StdEncoding.EncodeToString(c.index)},
	}
	if len(c.references) > 0 {
		list = append(list,
			header{"In-Reply-To", c.references[len(c.references)-1]},
			header{"References", strings.Join(c.references, " ")},
		)
	}
	return list
}

// answers makes a mail an answer to a message.
func (c *content) answers(item *message, at time.Time) {
	c.index = answerIndex(item.index, at)
	ids := append(messageID.FindAllString(item.content.header("References"), -1), item.content.messageID)
	c.references = ids[max(0, len(ids)-maxReferences):]
}
