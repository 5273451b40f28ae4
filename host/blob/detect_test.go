package blob

import "testing"

func TestTypesAreDetectedByTheFirstBytes(t *testing.T) {
	for content, want := range map[string]string{
		"":                      "",
		"MZ\x90\x00":            "application/vnd.microsoft.portable-executable",
		"%PDF-1.7":              "application/pdf",
		"PK\x03\x04":            "application/zip",
		"\x89PNG\r\n\x1a\n":     "image/png",
		"{\\rtf1":               "application/rtf",
		"<html><script>":        "text/html; charset=utf-8",
		"From: a@b.example\r\n": "text/plain; charset=utf-8",
		"\x00\x01\x02":          "application/octet-stream",
	} {
		if got := detect([]byte(content)); got != want {
			t.Errorf("%q is %q, want %q", content, got, want)
		}
	}
}
