package extract

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/unicode"
)

// Names of charsets in a report.
const (
	charsetUTF8    = "utf-8"
	charsetWestern = "windows-1252"
)

// toUTF8 makes UTF-8 of a text of which nothing says what it is: what is not UTF-8 is taken for Western.
func toUTF8(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	decoded, _ := decodeCharset([]byte(text), "")
	return decoded
}

// decodeCharset decodes text by the name of its charset, and gives the one that it was decoded by. A charset that is unknown, missing or
// plainly not the text's is guessed.
func decodeCharset(text []byte, name string) (decoded, charset string) {
	switch {
	case bytes.HasPrefix(text, []byte{0xEF, 0xBB, 0xBF}):
		text = text[3:]
		name = charsetUTF8
	case bytes.HasPrefix(text, []byte{0xFF, 0xFE}), bytes.HasPrefix(text, []byte{0xFE, 0xFF}):
		return decodeBy(unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), text), "utf-16"
	}
	switch wide := wideOrder(text); wide {
	case "utf-16le":
		return decodeBy(unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM), text), wide
	case "utf-16be":
		return decodeBy(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), text), wide
	}
	name = strings.ToLower(strings.Trim(strings.TrimSpace(name), `"'`))
	if name == "utf-7" || name == "unicode-1-1-utf-7" || name == "x-unicode-2-0-utf-7" {
		return decodeUTF7(text), "utf-7"
	}
	found, canonical := findCharset(name)
	isASCII := bytes.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
	switch {
	case isASCII && bytes.Contains(text, []byte("\x1b$)C")):
		return decodeBy(korean.EUCKR, shiftedOut(text)), "iso-2022-kr"
	case canonical == "iso-2022-jp" && isASCII:
		return decodeBy(found, halfWidth(text)), canonical
	case canonical == "iso-2022-jp":
		if n := countPairs(text, isShiftJIS); n.misfits == 0 && (n.pairs == 0 || n.fits()) && !utf8.Valid(text) {
			return decodeBy(japanese.ShiftJIS, text), "shift_jis"
		}
	}
	switch {
	case found == nil || canonical == charsetUTF8 || canonical == "us-ascii" || canonical == "iso-2022-jp":
		if isASCII && bytes.Contains(text, []byte("\x1b$")) {
			return decodeBy(japanese.ISO2022JP, halfWidth(text)), "iso-2022-jp"
		}
		if utf8.Valid(text) {
			return string(text), charsetUTF8
		}
		if mostlyUTF8(text) {
			return strings.ToValidUTF8(string(text), "\uFFFD"), charsetUTF8
		}
		guessed, name := guessCharset(text)
		return decodeBy(guessed, text), name
	case strings.HasPrefix(canonical, "utf-16") && isASCII && bytes.IndexByte(text, 0) < 0:
		return string(text), charsetUTF8
	case !isASCII && utf8.Valid(text) && (!isWide(canonical) || hasIdeographs(text)):
		// Text in another charset is next to never valid UTF-8 as well, so the declaration is wrong.
		return string(text), charsetUTF8
	}
	return decodeBy(found, text), canonical
}

// isWide reports whether a charset has characters of two bytes, pairs of which may by chance be UTF-8.
func isWide(charset string) bool {
	switch charset {
	case "gbk", "gb18030", "big5", "euc-kr", "euc-jp", "shift_jis", "hz-gb-2312":
		return true
	}
	return false
}

// hasIdeographs reports whether UTF-8 has characters of three bytes or more.
func hasIdeographs(text []byte) bool {
	return bytes.IndexFunc(text, func(r rune) bool { return r >= 0x800 }) >= 0
}

// mostlyUTF8 reports whether text was UTF-8 before some of it was damaged.
func mostlyUTF8(text []byte) bool {
	good, bad := 0, 0
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size <= 1:
			bad++
		case size > 1:
			good++
		}
		i += size
	}
	return good > bad
}

// wideOrder tells the order of bytes of UTF-16 that does not tell it itself: every other byte of what is ASCII in it is zero. It is empty if the
// text is not UTF-16.
func wideOrder(text []byte) string {
	head := text[:min(len(text), sniffed)&^1]
	if bytes.IndexByte(head, 0) < 0 {
		return ""
	}
	even, odd := 0, 0
	for i := 0; i < len(head); i += 2 {
		if head[i] == 0 {
			even++
		}
		if head[i+1] == 0 {
			odd++
		}
	}
	switch { // more than half of a page is ASCII, whatever its language
	case len(head) >= 16 && 4*odd > len(head) && 50*even < len(head):
		return "utf-16le"
	case len(head) >= 16 && 4*even > len(head) && 50*odd < len(head):
		return "utf-16be"
	}
	return ""
}

// Shifts of ISO 2022 (RFC 1468, RFC 1557).
const shiftOut, shiftIn = 0x0E, 0x0F

// halfWidth writes the katakana of half the width that are shifted to as those that are designated, which decoders know.
func halfWidth(text []byte) []byte {
	if bytes.IndexByte(text, shiftOut) < 0 {
		return text
	}
	text = bytes.ReplaceAll(text, []byte{shiftOut}, []byte("\x1b(I"))
	return bytes.ReplaceAll(text, []byte{shiftIn}, []byte("\x1b(B"))
}

// shiftedOut writes ISO-2022-KR as EUC-KR: what is shifted out has the highest bit.
func shiftedOut(text []byte) []byte {
	decoded := make([]byte, 0, len(text))
	isOut := false
	for _, c := range bytes.ReplaceAll(text, []byte("\x1b$)C"), nil) {
		switch {
		case c == shiftOut || c == shiftIn:
			isOut = c == shiftOut
			continue
		case c == '\n':
			isOut = false
		case isOut && c > ' ':
			c |= 0x80
		}
		decoded = append(decoded, c)
	}
	return decoded
}

func decodeBy(e encoding.Encoding, text []byte) string {
	decoded, err := e.NewDecoder().Bytes(text)
	if err != nil {
		return strings.ToValidUTF8(string(text), "\uFFFD")
	}
	return string(decoded)
}

// findCharset finds a charset by any of its names.
func findCharset(name string) (encoding.Encoding, string) {
	switch name {
	case "":
		return nil, ""
	case "hz-gb-2312", "hz":
		return simplifiedchinese.HZGB2312, "hz-gb-2312"
	case "cp437", "ibm437":
		return charmap.CodePage437, "cp437"
	case "cp850", "ibm850", "cp-850":
		return charmap.CodePage850, "cp850"
	case "cp852", "ibm852":
		return charmap.CodePage852, "cp852"
	case "us-ascii", "ascii", "ansi_x3.4-1968", "7bit", "unknown-8bit", "x-unknown", "default":
		return charmap.Windows1252, "us-ascii"
	case "cp932", "ms932", "windows-932":
		name = "shift_jis"
	case "cp936", "ms936", "euc-cn", "eucgb2312_cn", "gb2312_cn", "gb", "chinese-gb":
		name = "gbk"
	case "cp949", "ms949", "windows-949", "x-windows-949", "uhc", "euc_kr":
		name = "euc-kr"
	case "cp950", "ms950", "windows-950", "chinesebig5", "x-windows-950":
		name = "big5"
	case "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-ms", "cp50220", "cp50221":
		name = "iso-2022-jp"
	}
	for _, spelling := range []string{name, strings.ReplaceAll(name, "_", "-"), strings.Replace(name, "iso8859", "iso-8859", 1),
		strings.Replace(name, "cp", "windows-", 1), "windows-" + strings.TrimPrefix(name, "win-")} {
		e, err := htmlindex.Get(spelling)
		if err != nil || e == encoding.Replacement {
			continue
		}
		canonical, err := htmlindex.Name(e)
		if canonical == "gbk" {
			return simplifiedchinese.GB18030, canonical // has all of it, and what is called by its name and is more
		}
		if err == nil {
			return e, canonical
		}
	}
	return nil, ""
}

// decodeUTF7 decodes UTF-7 (RFC 2152).
func decodeUTF7(text []byte) string {
	var b strings.Builder
	for len(text) > 0 {
		i := bytes.IndexByte(text, '+')
		if i < 0 {
			break
		}
		b.WriteString(toUTF8(string(text[:i])))
		text = text[i+1:]
		end := 0
		for end < len(text) && isBase64(text[end]) {
			end++
		}
		if end == 0 {
			b.WriteByte('+')
		} else {
			b.WriteString(decodeBy(unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM), decodeBase64(string(text[:end]))))
		}
		text = bytes.TrimPrefix(text[end:], []byte("-"))
	}
	b.WriteString(toUTF8(string(text)))
	return b.String()
}
