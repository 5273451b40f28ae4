package extract

import (
	"bytes"
	"unicode/utf8"
)

// sniffed is how much of a file is looked at to tell text from bytes.
const sniffed = 1024

// detect tells what content is by its first bytes, as a media type; "" if they do not tell. Programs that open files go by these bytes, or by
// the name, and never by what a sender declared.
func detect(content []byte) string {
	for _, known := range signatures {
		if len(content) >= known.at && bytes.HasPrefix(content[known.at:], []byte(known.bytes)) {
			return known.kind
		}
	}
	head := bytes.TrimPrefix(content[:min(len(content), sniffed)], []byte("\xEF\xBB\xBF"))
	if isWideText(head) {
		decoded, _ := decodeCharset(head, "")
		head = []byte(decoded)
	}
	head = bytes.TrimLeft(head, " \t\r\n")
	lower := bytes.ToLower(head)
	switch {
	case len(head) == 0:
		return ""
	case bytes.HasPrefix(lower, []byte("begin:vcalendar")):
		return "text/calendar"
	case bytes.HasPrefix(lower, []byte("begin:vcard")):
		return "text/vcard"
	case looksHTML(lower):
		return "text/html"
	case bytes.HasPrefix(lower, []byte("<svg")), bytes.HasPrefix(lower, []byte("<?xml")) && bytes.Contains(lower, []byte("<svg")):
		return "image/svg+xml"
	case bytes.HasPrefix(lower, []byte("<?xml")):
		return "text/xml"
	case bytes.HasPrefix(lower, []byte("[internetshortcut]")):
		return "application/x-mswinurl"
	case bytes.HasPrefix(content, []byte("%PDF-")), bytes.Contains(head, []byte("%PDF-")) && !isText(head):
		return "application/pdf"
	case isText(head):
		return "text/plain"
	}
	return ""
}

// isWideText reports whether bytes are text in UTF-16.
func isWideText(head []byte) bool {
	return bytes.HasPrefix(head, []byte{0xFF, 0xFE}) || bytes.HasPrefix(head, []byte{0xFE, 0xFF}) || wideOrder(head) != ""
}

type signature struct {
	at    int
	bytes string
	kind  string
}

// signatures are read only.
var signatures = []signature{
	{0, "%PDF-", "application/pdf"},
	{0, "PK\x03\x04", "application/zip"},
	{0, "\x89PNG\r\n\x1a\n", "image/png"},
	{0, "\xff\xd8\xff", "image/jpeg"},
	{0, "GIF87a", "image/gif"},
	{0, "GIF89a", "image/gif"},
	{0, "RIFF", "application/x-riff"},
	{0, "BM", "image/bmp"},
	{0, "MZ", "application/vnd.microsoft.portable-executable"},
	{0, "\x7fELF", "application/x-elf"},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"},
	{0, "\x78\x9f\x3e\x22", "application/ms-tnef"},
	{0, "{\\rtf", "application/rtf"},
	{0, "Rar!\x1a\x07", "application/vnd.rar"},
	{0, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"},
	{0, "\x1f\x8b", "application/gzip"},
	{0, "BZh", "application/x-bzip2"},
	{0, "\xfd7zXZ\x00", "application/x-xz"},
	{257, "ustar", "application/x-tar"},
	{0x8001, "CD001", "application/x-iso9660-image"},
	{0, "L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"},
	{0, "bplist00", "application/x-bplist"},
	{0, "ITSF", "application/vnd.ms-htmlhelp"},
	{0, "MSCF", "application/vnd.ms-cab-compressed"},
	{0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "application/onenote"},
}

// looksHTML reports whether a text in lower case begins like a page.
func looksHTML(lower []byte) bool {
	for _, start := range []string{"<!doctype html", "<html", "<head", "<body", "<script", "<meta", "<style", "<table", "<div", "<iframe", "<title", "<center", "<font", "<br", "<p>", "<a href", "<!--"} {
		if bytes.HasPrefix(lower, []byte(start)) {
			return true
		}
	}
	return bytes.Contains(lower, []byte("<html")) || bytes.Contains(lower, []byte("<body"))
}

// isText reports whether bytes are text in some charset of one byte or in UTF-8.
func isText(head []byte) bool {
	for i, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b {
			return false
		}
		if c >= utf8.RuneSelf && i > 8 {
			return utf8.Valid(head[:len(head)-min(len(head), utf8.UTFMax)])
		}
	}
	return true
}
