package extract_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"testing"
)

// pdf is a document with a link in an object and one in a compressed stream.
func pdf(t testing.TB) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	fmt.Fprint(w, "<</Type/Annot/A<</S/URI/URI<68747470733A2F2F6576696C2E6578616D706C652E636F6D2F7061636B6564>>>>>")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, "%%PDF-1.7\n1 0 obj<</A<</S/URI/URI(https://evil.example.com/\\(a\\))>>>>endobj\n2 0 obj<</Filter/FlateDecode/Length %d>>stream\r\n%s\r\nendstream endobj\n",
		packed.Len(), packed.Bytes())
}

// archive is a ZIP of one file or more.
func archive(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, content := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tnef is what Outlook makes of one file.
func tnef(name, content string) []byte {
	b := []byte("\x78\x9f\x3e\x22\x01\x00")
	record := func(attribute uint32, data string) {
		b = append(b, 2)
		b = binary.LittleEndian.AppendUint32(b, attribute)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
		b = append(append(b, data...), 0, 0)
	}
	record(0x69002, "rend")
	record(0x18010, name+"\x00")
	record(0x6800F, content)
	return b
}

// wide is a text of ASCII in UTF-16 without a mark.
func wide(text string) []byte {
	b := make([]byte, 0, 2*len(text))
	for _, c := range []byte(text) {
		b = append(b, c, 0)
	}
	return b
}
