package extract_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/postern-dev/postern/plugins/ingest/extract"
)

// slow is how long an input of a fuzz target may take: a thousand times what one of its size takes, for the machine has other work too.
const slow = 5 * time.Second

// check reads a message and holds the report against what always has to be true.
func check(t *testing.T, source string) {
	t.Helper()
	started := time.Now()
	report, err := extract.Message(strings.NewReader(source), extract.Options{
		Keep: func(*extract.Part) extract.Keeper { return dropping{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took > slow {
		t.Errorf("%d bytes took %v", len(source), took)
	}
	if report.Size != int64(len(source)) {
		t.Errorf("read %d of %d bytes", report.Size, len(source))
	}
	seen := map[string]bool{}
	for _, f := range report.Findings {
		key := string(f.Kind) + "\x00" + f.Value + "\x00" + string(f.Role)
		if seen[key] {
			t.Errorf("found twice: %+v", f)
		}
		seen[key] = true
		if f.Value == "" || f.Role == "" || f.Where == "" {
			t.Errorf("lacks something: %+v", f)
		}
		if f.Kind != extract.File && f.Kind != extract.Email && f.Kind != extract.URL && strings.ContainsAny(f.Value, " \t\r\n<>\"") {
			t.Errorf("a value with what no value has: %+v", f)
		}
		for _, text := range []string{f.Value, f.Unicode, f.Original, f.Where} {
			if !utf8.ValidString(text) {
				t.Errorf("not UTF-8: %+v", f)
			}
		}
	}
	for _, p := range report.Parts {
		if strings.ContainsAny(p.Name, "/\\\x00\r\n") || p.Name == "." || p.Name == ".." || !utf8.ValidString(p.Name) || !utf8.ValidString(p.Type) {
			t.Errorf("part %+v", *p)
		}
	}
	for _, b := range report.Bodies {
		if !utf8.ValidString(b.Text) {
			t.Errorf("body %s is not UTF-8", b.Path)
		}
	}
}

type dropping struct{}

func (dropping) Write(p []byte) (int, error) { return io.Discard.Write(p) }
func (dropping) Close() (string, error)      { return "", nil }

func FuzzMessage(f *testing.F) {
	files, err := filepath.Glob("testdata/*.eml")
	if err != nil || len(files) == 0 {
		f.Fatal("no messages", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	f.Add("Content-Type: application/pdf\n\n" + string(pdf(f)))
	f.Add("Content-Type: application/zip; name=a.docx\n\n" + string(archive(f, map[string]string{"a.html": "<a href=//a.example.com>", "b.rels": `<Relationship Target="x" TargetMode="External"/>`})))
	f.Add("Content-Type: application/ms-tnef\n\n" + string(tnef("a.txt", "www.example.com")))
	f.Add("\n\nbegin 644 a\n#0V%T\n`\nend\n")
	f.Fuzz(check)
}

func FuzzPage(f *testing.F) {
	for _, body := range []string{
		`<a href="//a.example.com/b">https://b.example.com</a>`, `<!--[if mso]><v:fill src="http://a.example.com"/><![endif]-->`,
		`<style>@import "a.css";b{background:url(\68ttp://a.example.com)}</style>`, `<script>atob("aHR0cDovL2EuZXhhbXBsZS5jb20vYWJj")</script>`,
		`<base href=http://a.example.com/b><img src=c srcset="d 1x,e 2x"><a href="data:text/html,<a href=//b.example.com>">`,
		`<meta http-equiv=refresh content="0;url=http://a.example.com"><a href="mailto:a@b.org?body=http://c.example.com">`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) { check(t, "Content-Type: text/html; charset=utf-8\n\n"+body) })
}

func FuzzText(f *testing.F) {
	for _, body := range []string{
		"hxxp://a[.]example[.]com (http://b.example.com/c), <http://d.example.com/\ne> www.f.example.com", "1.2.3.4:80 [2001:db8::1]:25 d41d8cd98f00b204e9800998ecf8427e a@b.org",
		"https://urldefense.com/v3/__https://a.example.com/b*c__;Iw!!d$ https://x.safelinks.protection.outlook.com/?url=https%3A%2F%2Fa.example.com",
		"http://3232235777/ http://bücher.example.com/?u=aHR0cDovL2EuZXhhbXBsZS5jb20", "a (dot) example (dot) com a (at) b.org",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) { check(t, "Content-Type: text/plain; charset=utf-8\n\n"+body) })
}
