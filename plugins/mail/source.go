package main

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

const (
	// maxSource bounds the MIME source of a message in bytes, so that its base64 stays within the 4 MB of a request.
	maxSource = 3_000_000
	// maxEncodedLine is how many characters of base64 stand on a line (RFC 2045, 6.8).
	maxEncodedLine = 76
	// maxWord is how many bytes of text go into an encoded word, which may have 75 characters (RFC 2047, 2).
	maxWord = 45
	// maxPlainField is how long a field may be, in bytes, that is written as it is: a line may have 998 (RFC 5322, 2.1.1).
	maxPlainField = 200
)

// source writes a message as MIME source. Graph's JSON has room for one body; only its source can have a plain-text version beside the HTML.
//
// https://learn.microsoft.com/graph/outlook-send-mime-message
type source struct {
	strings.Builder
	id string // sets the boundaries of this message apart
}

// mimeSource is the message in base64, with a plain-text alternative to its HTML and all that is attached: a draft that is changed
// afterwards would be made anew from its HTML.
func (o *outgoing) mimeSource() (*sdk.Value, error) {
	s := &source{id: o.call.ID()}
	s.fields(o.message)
	if err := s.body(o); err != nil {
		return nil, err
	}
	if s.Len() > maxSource {
		err := sdk.NewError(abi.TooLarge, "with a plain-text alternative the message must fit into one request, and has "+strconv.Itoa(s.Len())+
			" bytes of at most "+strconv.Itoa(maxSource)+"; attach less, or leave body_text out")
		err.Detail.Parameter = "body_text"
		return nil, err
	}
	return sdk.NewObject().Text("source", base64.StdEncoding.EncodeToString([]byte(s.String()))).Get("source"), nil
}

// fields writes the fields of the header.
func (s *source) fields(message sdk.Object) {
	s.field("Subject", encoded(text(message.Value, "subject")))
	for _, list := range []struct{ name, member string }{
		{"To", "toRecipients"}, {"Cc", "ccRecipients"}, {"Bcc", "bccRecipients"}, {"Reply-To", "replyTo"},
	} {
		var addresses []string
		for _, one := range message.GetArray(list.member) {
			m := mailbox{text(one.Get("emailAddress"), "name"), text(one.Get("emailAddress"), "address")}
			addresses = append(addresses, m.field())
		}
		if len(addresses) > 0 {
			s.field(list.name, strings.Join(addresses, ",\r\n "))
		}
	}
	if importance := text(message.Value, "importance"); importance != "" {
		s.field("Importance", importance)
	}
	for _, h := range message.GetArray("internetMessageHeaders") {
		s.field(text(h, "name"), encoded(text(h, "value")))
	}
	s.field("MIME-Version", "1.0")
}

// field is the mailbox as it stands in a field of the header. A name is encoded unless it is plain words.
func (m mailbox) field() string {
	switch {
	case m.name == "":
		return m.address
	case strings.ContainsFunc(m.name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == ' ')
	}):
		return encodedWords(m.name) + " <" + m.address + ">"
	}
	return m.name + " <" + m.address + ">"
}

// body writes the content: both texts, inline files related to them, and the other files mixed with that.
func (s *source) body(o *outgoing) error {
	var inline, others []*attached
	for i := range o.attachments {
		if file := &o.attachments[i]; file.isInline {
			inline = append(inline, file)
		} else {
			others = append(others, file)
		}
	}
	mixed, related := s.open("mixed", len(others) > 0), s.open("related", len(inline) > 0)
	alternative := s.open("alternative", true)
	// The last one is the one to be preferred (RFC 2046, 5.1.4).
	for _, version := range []struct{ kind, content string }{{"plain", o.call.String("body_text")}, {"html", o.call.String("body")}} {
		s.part(alternative)
		s.field("Content-Type", "text/"+version.kind+"; charset=utf-8")
		s.base64(base64.StdEncoding.EncodeToString([]byte(version.content)))
	}
	s.close(alternative)
	if err := s.files(o.call, related, "inline", inline); err != nil {
		return err
	}
	return s.files(o.call, mixed, "attachment", others)
}

// open begins a multipart, as a part of the one around it if there is one, and returns its boundary; none if it is not wanted.
func (s *source) open(kind string, wanted bool) string {
	if !wanted {
		return ""
	}
	boundary := "postern-" + kind + "-" + s.id
	s.field("Content-Type", "multipart/"+kind+"; boundary=\""+boundary+"\"")
	s.WriteString("\r\n")
	if kind != "alternative" {
		s.part(boundary)
	}
	return boundary
}

func (s *source) part(boundary string) { s.WriteString("--" + boundary + "\r\n") }

func (s *source) close(boundary string) { s.WriteString("--" + boundary + "--\r\n") }

// files writes files as the parts of a multipart, and ends it.
func (s *source) files(call *sdk.Call, boundary, disposition string, files []*attached) error {
	if boundary == "" {
		return nil
	}
	for _, file := range files {
		content, err := file.base64(call, maxSource-s.Len())
		if err != nil {
			return err
		}
		s.part(boundary)
		s.field("Content-Type", mediaType(file.contentType))
		s.field("Content-Disposition", disposition+"; filename*=utf-8''"+percentEncoded(file.name))
		if file.contentID != "" {
			s.field("Content-ID", "<"+percentEncoded(file.contentID)+">")
		}
		s.base64(content)
	}
	s.close(boundary)
	return nil
}

// base64 is the content of a file. What is longer than most is cut off, since it is too long in any case.
func (a *attached) base64(call *sdk.Call, most int) (string, error) {
	if a.blob == "" {
		return a.content, nil
	}
	var content []byte
	for int64(len(content)) < a.size && len(content) < most {
		piece, err := call.ReadBlob(a.blob, int64(len(content)), abi.MaxBlobRead)
		if err != nil {
			return "", err
		}
		if len(piece) == 0 {
			break
		}
		content = append(content, piece...)
	}
	return base64.StdEncoding.EncodeToString(content), nil
}

// base64 writes the end of a part's header and its content.
func (s *source) base64(content string) {
	s.field("Content-Transfer-Encoding", "base64")
	s.WriteString("\r\n")
	for len(content) > 0 {
		line := content[:min(len(content), maxEncodedLine)]
		content = content[len(line):]
		s.WriteString(line + "\r\n")
	}
}

func (s *source) field(name, value string) { s.WriteString(name + ": " + value + "\r\n") }

// encoded is a value of a field: as it is if it is short ASCII, and otherwise in encoded words.
func encoded(value string) string {
	if len(value) <= maxPlainField && !strings.Contains(value, "=?") && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return value
	}
	return encodedWords(value)
}

// encodedWords writes a text as encoded words (RFC 2047), each of whole characters.
func encodedWords(value string) string {
	var words []string
	word := ""
	for _, r := range value {
		if len(word)+len(string(r)) > maxWord {
			words, word = append(words, word), ""
		}
		word += string(r)
	}
	words = append(words, word)
	for i, word := range words {
		words[i] = "=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte(word)) + "?="
	}
	return strings.Join(words, "\r\n ")
}

// mediaType is a file's type if it is one that can stand in a field.
func mediaType(t string) string {
	kind, sub, ok := strings.Cut(t, "/")
	if !ok || kind == "" || sub == "" || kind != percentEncoded(kind) || sub != percentEncoded(sub) || len(t) > maxPlainField {
		return "application/octet-stream"
	}
	return t
}

// percentEncoded encodes all but letters, digits, '.', '-', '_' and '+' (RFC 2231, and narrower than RFC 2045's token).
func percentEncoded(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte(".-_+", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + strings.ToUpper(strconv.FormatInt(int64(c)|1<<8, 16)[1:]))
	}
	return b.String()
}
