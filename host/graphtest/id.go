package graphtest

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/google/uuid"
)

// idKind is the space that an id belongs to. An id of one space is malformed in another, as it is in Graph.
type idKind byte

const (
	idMessage idKind = iota + 1
	idMessageImmutable
	idFolder
	idAttachment
	idAttachmentImmutable
	idEvent
	idEventImmutable
	idRule
	idCalendar
	idMessageConversation
	idConversation
	idThread
	idPost
)

// idLength is the length of an id's bytes; in base64 it is 152 characters, of which the last is a "=".
const idLength = 113

// itemPrefix and groupPrefix give the ids of mail items and of group conversations their well-known beginnings, AAMk and AAQk.
var (
	itemPrefix  = [3]byte{0x00, 0x03, 0x24}
	groupPrefix = [3]byte{0x00, 0x04, 0x24}
)

// newID makes the id of an item, always the same from the same parts. Like Graph's ids it is opaque, case-sensitive and long; a checksum
// at its end tells a damaged id from an unknown one.
//
// Ids of mail items use the URL-safe alphabet. Those of group conversations, threads and posts use the standard one, and every one of
// them holds "/", "+" and "=", so that a client that does not encode its path is found out.
func newID(kind idKind, parts ...string) string {
	if kind < idConversation {
		return base64.URLEncoding.EncodeToString(idBytes(itemPrefix, kind, 0, parts))
	}
	for nonce := byte(0); ; nonce++ {
		id := base64.StdEncoding.EncodeToString(idBytes(groupPrefix, kind, nonce, parts))
		if strings.Contains(id, "/") && strings.Contains(id, "+") {
			return id
		}
	}
}

func idBytes(prefix [3]byte, kind idKind, nonce byte, parts []string) []byte {
	seed := []byte{nonce}
	for _, part := range parts {
		seed = binary.AppendUvarint(seed, uint64(len(part)))
		seed = append(seed, part...)
	}
	first := sha512.Sum512(seed)
	second := sha512.Sum512(first[:])
	id := append(prefix[:], byte(kind))
	id = append(id, first[:]...)
	id = append(id, second[:]...)[:idLength-crc32.Size]
	return binary.BigEndian.AppendUint32(id, crc32.ChecksumIEEE(id))
}

// idIs reports whether the text is an undamaged id of one of the kinds.
func idIs(id string, kinds ...idKind) bool {
	encoding := base64.URLEncoding
	if kinds[0] >= idConversation {
		encoding = base64.StdEncoding
	}
	raw, err := encoding.Strict().DecodeString(id)
	if err != nil || len(raw) != idLength || strings.ContainsAny(id, "\r\n") {
		return false
	}
	body, sum := raw[:idLength-crc32.Size], raw[idLength-crc32.Size:]
	if binary.BigEndian.Uint32(sum) != crc32.ChecksumIEEE(body) {
		return false
	}
	for _, kind := range kinds {
		if body[len(itemPrefix)] == byte(kind) {
			return true
		}
	}
	return false
}

// newGUID makes a GUID, always the same from the same parts.
func newGUID(parts ...string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte(strings.Join(parts, "\x00"))).String()
}

// newChangeKey makes the change key of an item that changed so many times.
func newChangeKey(id string, version int) string {
	sum := sha512.Sum512(binary.AppendUvarint([]byte(id), uint64(version)))
	return base64.StdEncoding.EncodeToString(sum[:29])
}

// isGUID reports whether the text is a GUID in its usual form, with hyphens and without braces.
func isGUID(text string) bool {
	const length = 36
	return len(text) == length && uuid.Validate(text) == nil
}
