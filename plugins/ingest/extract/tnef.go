package extract

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// Attributes of TNEF that hold what is read of it ([MS-OXTNEF], 2.1.3.1).
const (
	tnefBody        = 0x2800C
	tnefTitle       = 0x18010
	tnefData        = 0x6800F
	tnefAttachment  = 0x69002 // begins an attachment
	tnefHeader      = 6       // bytes: a signature of four and a key
	tnefRecord      = 9       // bytes before the data of a record: level, attribute, length
	tnefLevelAttach = 2
)

// tnef reads the text and the files of what Outlook sends as winmail.dat. The files are parts below it.
func (w *walker) tnef(p *Part, content []byte) {
	if len(content) < tnefHeader || strings.Count(p.Path, ".") > maxNesting+MaxDepth {
		return
	}
	rest := content[tnefHeader:]
	var title string
	n := 0
	for len(rest) >= tnefRecord {
		level, attribute, length := rest[0], binary.LittleEndian.Uint32(rest[1:]), int(binary.LittleEndian.Uint32(rest[5:]))
		rest = rest[tnefRecord:]
		if length < 0 || length > len(rest) || level == 0 || level > tnefLevelAttach {
			w.report.problem("part " + p.Path + " is TNEF that ends early")
			return
		}
		data := rest[:length]
		rest = rest[min(length+2, len(rest)):] // with a checksum
		switch attribute {
		case tnefAttachment:
			title = ""
		case tnefBody:
			w.search(&source{where: p.Where(), role: Attachment, depth: 1}, bytes.TrimRight(data, "\x00"), "")
		case tnefTitle:
			title = toUTF8(strings.TrimRight(string(data), "\x00"))
		case tnefData:
			if w.parts++; w.parts > MaxParts {
				w.report.cut("parts after the first 1000")
				return
			}
			n++
			file := &Part{Path: child(p.Path, n), Type: "application/octet-stream", IsFile: true}
			w.report.Parts = append(w.report.Parts, file)
			w.file(file, title, "", bytes.NewReader(data))
		}
	}
}
