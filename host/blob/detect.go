package blob

import (
	"bytes"
	"net/http"
)

// telling is how many bytes from the start tell what content is.
const telling = 512

// detect returns the media type that the first bytes of content tell, "application/octet-stream" if they tell none, and nothing of nothing.
// Browsers' rules (https://mimesniff.spec.whatwg.org) come last: they do not know what malware comes as.
func detect(head []byte) string {
	if len(head) == 0 {
		return ""
	}
	for _, s := range signatures() {
		if bytes.HasPrefix(head, []byte(s.start)) {
			return s.kind
		}
	}
	return http.DetectContentType(head)
}

// signature is how content of a kind begins.
type signature struct{ start, kind string }

func signatures() []signature {
	return []signature{
		{"MZ", "application/vnd.microsoft.portable-executable"},
		{"\x7fELF", "application/x-elf"},
		{"\xfe\xed\xfa\xce", "application/x-mach-binary"},
		{"\xfe\xed\xfa\xcf", "application/x-mach-binary"},
		{"\xcf\xfa\xed\xfe", "application/x-mach-binary"},
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"}, // older Office files, .msg, .msi
		{"{\\rtf", "application/rtf"},
		{"L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"},
		{"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d", "application/onenote"},
		{"ITSF", "application/vnd.ms-htmlhelp"},
		{"MSCF", "application/vnd.ms-cab-compressed"},
		{"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"},
		{"\xfd7zXZ\x00", "application/x-xz"},
		{"BZh", "application/x-bzip2"},
		{"#!", "text/x-shellscript"},
	}
}
