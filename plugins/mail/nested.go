package main

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// Bounds of what is unpacked of an attached message. What is beyond them is in the message's MIME all the same.
const (
	// maxUnpacked is the size of a message, in bytes, up to which it is unpacked.
	maxUnpacked = 16 << 20
	// maxNested is how large an attachment within it may be, in bytes, to be saved by itself.
	maxNested = 2 << 20
	// maxParts bounds the parts of a message, over all depths.
	maxParts = 500
	// maxNesting is how deep messages may stand within each other, and how deep parts: a result may be no deeper than [abi.MaxDepth], and each
	// message takes two levels.
	maxNesting = 20
	// maxHeaders bounds the headers of one part, in bytes.
	maxHeaders = 64 << 10
	// chunk is how much of a blob is read at once, in bytes.
	chunk = 256 << 10
)

// unpack lists what is attached to an attached message, and to the messages attached to that, and saves it.
func unpack(call *sdk.Call, blob *abi.Blob) ([]sdk.Object, error) {
	u := unpacker{
		read: func(offset int64) ([]byte, error) {
			if offset >= blob.Size {
				return nil, nil
			}
			return call.ReadBlob(blob.Name, offset, chunk)
		},
		save: call.CreateBlob,
	}
	return u.message()
}

// unpacker reads MIME (RFC 2045 and 2046) from its beginning to its end. It takes malformed messages as far as they can be read.
type unpacker struct {
	// read returns what comes at an offset, nothing at the end.
	read func(offset int64) ([]byte, error)
	save func(data []byte) (*abi.Blob, error)

	offset  int64
	buffer  []byte // read, and not yet taken
	ended   bool
	failure error

	boundaries []string // of the multiparts that are open, the outermost first
	messages   int      // how many messages are open
	parts      int
}

// mark is a line that ends a part: the boundary of an open multipart, by its place; -1 is the end of the message.
type mark struct {
	level   int
	closing bool
}

func (u *unpacker) message() ([]sdk.Object, error) {
	found, _ := u.entity(u.headers())
	return found, u.failure
}

// line takes one line without its ending; a line that is longer than a chunk comes in pieces. ok is false at the end.
func (u *unpacker) line() (line []byte, ok bool) {
	for {
		if i := bytes.IndexByte(u.buffer, '\n'); i >= 0 {
			line, u.buffer = u.buffer[:i], u.buffer[i+1:]
			return bytes.TrimSuffix(line, []byte("\r")), true
		}
		if u.ended || len(u.buffer) >= chunk {
			line, u.buffer = u.buffer, nil
			return line, len(line) > 0
		}
		more, err := u.read(u.offset)
		if err != nil {
			u.failure = err
		}
		if u.ended = len(more) == 0 || err != nil; u.ended {
			continue
		}
		u.offset += int64(len(more))
		u.buffer = append(bytes.Clone(u.buffer), more...)
	}
}

// headers reads the headers of a part, by their lower-case names; of a name that repeats, the first.
func (u *unpacker) headers() map[string]string {
	headers := map[string]string{}
	last, size := "", 0
	for {
		line, ok := u.line()
		if !ok || len(line) == 0 {
			return headers
		}
		if size += len(line); size > maxHeaders {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			if last != "" {
				headers[last] += " " + strings.TrimSpace(string(line))
			}
			continue
		}
		name, value, _ := strings.Cut(string(line), ":")
		last = lowerASCII(strings.TrimSpace(name))
		if _, again := headers[last]; again {
			last = ""
			continue
		}
		headers[last] = strings.TrimSpace(value)
	}
}

// entity reads a part after its headers, and returns what is attached in it and the mark that ended it.
func (u *unpacker) entity(headers map[string]string) ([]sdk.Object, mark) {
	u.parts++
	kind, _, _ := strings.Cut(lowerASCII(headers["content-type"]), ";")
	kind = strings.TrimSpace(kind)
	boundary := parameter(headers["content-type"], "boundary")
	encoding := lowerASCII(headers["content-transfer-encoding"])
	switch {
	case u.parts > maxParts || len(u.boundaries) >= maxNesting || u.messages >= maxNesting:
		return nil, u.skip()
	case strings.HasPrefix(kind, "multipart/") && boundary != "":
		return u.multipart(boundary)
	case kind == "message/rfc822" && encoding != "base64" && encoding != "quoted-printable":
		inner := u.headers()
		u.messages++
		found, end := u.entity(inner)
		u.messages--
		o := sdk.NewObject().Text("name", fileName(headers, inner["subject"])).Text("contentType", kind)
		return []sdk.Object{o.List("attachments", found)}, end
	}
	name := fileName(headers, "")
	isAttached := name != "" || strings.HasPrefix(lowerASCII(headers["content-disposition"]), "attachment") || kind != "" && !strings.HasPrefix(kind, "text/")
	if !isAttached {
		return nil, u.skip()
	}
	o := sdk.NewObject().Text("name", name).Text("contentType", kind)
	data, isWhole, end := u.body(encoding)
	if !isWhole {
		return []sdk.Object{o.Put("blob", nil).Text("error", "too large to be saved by itself; it is in the MIME of the message that it is attached to")}, end
	}
	saved, err := u.save(data)
	if err != nil {
		return []sdk.Object{o.Put("blob", nil).Text("error", err.Error())}, end
	}
	return []sdk.Object{o.Blob(saved)}, end
}

// multipart reads the parts between boundaries, and what stands before and after them.
func (u *unpacker) multipart(boundary string) ([]sdk.Object, mark) {
	u.boundaries = append(u.boundaries, boundary)
	own := len(u.boundaries) - 1
	var found []sdk.Object
	end := u.skip()
	for end.level == own && !end.closing {
		var inner []sdk.Object
		inner, end = u.entity(u.headers())
		found = append(found, inner...)
	}
	u.boundaries = u.boundaries[:own]
	if end.level == own {
		end = u.skip()
	}
	return found, end
}

// skip reads up to the next mark.
func (u *unpacker) skip() mark {
	for {
		line, ok := u.line()
		if !ok {
			return mark{level: -1}
		}
		if m, ok := u.markOf(line); ok {
			return m
		}
	}
}

// markOf reports whether a line is the boundary of an open multipart.
func (u *unpacker) markOf(line []byte) (mark, bool) {
	if !bytes.HasPrefix(line, []byte("--")) {
		return mark{}, false
	}
	text := strings.TrimRight(string(line[2:min(len(line), maxHeaders)]), " \t")
	for level := len(u.boundaries) - 1; level >= 0; level-- {
		switch text {
		case u.boundaries[level]:
			return mark{level, false}, true
		case u.boundaries[level] + "--":
			return mark{level, true}, true
		}
	}
	return mark{}, false
}

// body reads the content of a part and decodes it. isWhole is false if it is too large.
func (u *unpacker) body(encoding string) (data []byte, isWhole bool, end mark) {
	isWhole = true
	for {
		line, ok := u.line()
		end = mark{level: -1}
		if m, isMark := u.markOf(line); ok && isMark {
			end, ok = m, false
		}
		if !ok {
			data = bytes.TrimSuffix(data, []byte("\r\n")) // it belongs to the boundary
			if encoding == "base64" {
				data, _ = base64.RawStdEncoding.DecodeString(string(data)) // as far as it can be read
			}
			return data, isWhole, end
		}
		if isWhole = isWhole && len(data)+len(line) <= encodedSize(encoding); !isWhole {
			data = nil
			continue
		}
		switch encoding {
		case "base64":
			data = appendAlphabet(data, line)
		case "quoted-printable":
			data = appendQuoted(data, line)
		default:
			data = append(append(data, line...), "\r\n"...)
		}
	}
}

// encodedSize is how large content may be as it is written.
func encodedSize(encoding string) int {
	if encoding == "base64" {
		return base64.RawStdEncoding.EncodedLen(maxNested)
	}
	return maxNested
}

// appendAlphabet appends what of a line is base64.
func appendAlphabet(dst, line []byte) []byte {
	for _, c := range line {
		if 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '+' || c == '/' {
			dst = append(dst, c)
		}
	}
	return dst
}

// appendQuoted appends a line of quoted-printable, decoded (RFC 2045, 6.7).
func appendQuoted(dst, line []byte) []byte {
	line = bytes.TrimRight(line, " \t")
	for i := 0; i < len(line); i++ {
		if line[i] != '=' {
			dst = append(dst, line[i])
			continue
		}
		if i+1 == len(line) {
			return dst // the line goes on
		}
		high, low := hex(line, i+1), hex(line, i+2)
		if high < 0 || low < 0 {
			dst = append(dst, '=')
			continue
		}
		dst = append(dst, byte(high<<4|low))
		i += 2
	}
	return append(dst, "\r\n"...)
}

// hex is the hexadecimal digit at a place, -1 if there is none.
func hex(text []byte, at int) int {
	if at >= len(text) {
		return -1
	}
	switch c := text[at]; {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// fileName is the name that a part's headers give, as they write it, or else another.
func fileName(headers map[string]string, fallback string) string {
	for _, name := range []string{parameter(headers["content-disposition"], "filename"), parameter(headers["content-type"], "name")} {
		if name != "" {
			return name
		}
	}
	return fallback
}

// parameter is a parameter of a structured header, without the quotes around it.
func parameter(header, name string) string {
	rest := header
	for {
		_, after, ok := strings.Cut(rest, ";")
		if !ok {
			return ""
		}
		rest = strings.TrimSpace(after)
		key, value, ok := strings.Cut(rest, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), name) {
			continue
		}
		value = strings.TrimSpace(value)
		if !strings.HasPrefix(value, `"`) {
			value, _, _ = strings.Cut(value, ";")
			return strings.TrimSpace(value)
		}
		value, _, _ = strings.Cut(value[1:], `"`)
		return value
	}
}
