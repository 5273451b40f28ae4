package extract_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/plugins/ingest/extract"
)

// kept takes the content of files by the paths of their parts.
type kept map[string]string

func (k kept) keep(p *extract.Part) extract.Keeper { return &keeper{kept: k, path: p.Path} }

type keeper struct {
	bytes.Buffer
	kept kept
	path string
}

func (k *keeper) Close() (string, error) {
	k.kept[k.path] = k.String()
	return "kept " + k.path, nil
}

// readKeeping extracts from a message and keeps its files.
func readKeeping(t testing.TB, source string) (*extract.Report, kept) {
	t.Helper()
	files := kept{}
	report, err := extract.Message(strings.NewReader(source), extract.Options{Keep: files.keep})
	if err != nil {
		t.Fatal(err)
	}
	return report, files
}

func TestHeadersAndTextsAreDecoded(t *testing.T) {
	tests := []struct{ name, source, subject, from, text string }{
		{"encoded words keep the text around them", "Subject: Re: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= from =?iso-8859-1?B?S/ZsbiA=?=\n =?iso-8859-1?Q?am_Rhein?= (2)\nFrom: \"=?utf-8?B?w4RubmU=?=\" <a@x.org>\n\nx",
			"Re: Grüße from Köln am Rhein (2)", `"Änne" <a@x.org>`, "x"},
		{"a character in two words", "Subject: =?utf-8?B?4oI=?= =?utf-8?B?rA==?=\n\nx", "€", "", "x"},
		{"blanks in a word", "Subject: =?utf-8?Q?a b=20c?=\n\nx", "a b c", "", "x"},
		{"a word that does not end", "Subject: =?utf-8?Q?abc\n\nx", "=?utf-8?Q?abc", "", "x"},
		{"bytes without a charset", "Subject: Gr\xfc\xdfe\nFrom: M\xc3\xbcller <m@x.org>\n\nx", "Grüße", "Müller <m@x.org>", "x"},
		{"Japanese", "Content-Type: text/plain; charset=ISO-2022-JP\n\n\x1b$B$3$s\x1b(B", "", "", "こん"},
		{"Chinese that is called something else", "Content-Type: text/plain; charset=gb2312\n\n\xc4\xe3\xba\xc3", "", "", "你好"},
		{"UTF-8 that is called Western", "Content-Type: text/plain; charset=iso-8859-1\n\nGrüße €", "", "", "Grüße €"},
		{"Western that is called UTF-8", "Content-Type: text/plain; charset=utf-8\n\nGr\xfc\xdfe", "", "", "Grüße"},
		{"Western that is called ASCII", "Content-Type: text/plain; charset=us-ascii\n\nGr\xfc\xdfe", "", "", "Grüße"},
		{"a charset that nobody knows", "Content-Type: text/plain; charset=x-mystery\n\nGrüße", "", "", "Grüße"},
		{"a charset in a page", "Content-Type: text/html\n\n<meta charset=\"windows-1251\">\xcf\xf0\xe8\xe2\xe5\xf2", "", "", "<meta charset=\"windows-1251\">Привет"},
		{"UTF-16 with its mark", "Content-Type: text/plain; charset=utf-16\nContent-Transfer-Encoding: base64\n\n//5oAGkA", "", "", "hi"},
		{"UTF-7", "Content-Type: text/plain; charset=utf-7\n\nHi +AOQ-", "", "", "Hi ä"},
		{"quoted-printable with faults", "Content-Transfer-Encoding: Quoted-Printable;\n\na=3Db=\nc =zz =4 \t\nd=", "", "", "a=bc =zz =4\nd"},
		{"base64 with faults", "Content-Transfer-Encoding: base64\n\naGVs\n!bG8=\nd29ybGQ", "", "", "helloworld"},
		{"text that is called base64", "Content-Transfer-Encoding: base64\n\nThis, my dear, is - plainly - text!", "", "", "This, my dear, is - plainly - text!"},
		{"an encoding that nobody knows", "Content-Transfer-Encoding: x-mystery\n\nabc", "", "", "abc"},
		{"carriage returns alone", "Subject: s\rFrom: a@x.org\r\rbody", "s", "a@x.org", "body"},
		{"a mailbox's line before it", "From a@x.org Thu Jan  1 00:00:00 2026\nSubject: s\n\nbody", "s", "", "body"},
		{"empty lines before it", "\r\n\r\nSubject: s\r\n\r\nbody", "s", "", "body"},
		{"a line that is no field", "Subject: s\nwhat is this\nFrom: a@x.org\n\nbody", "s what is this", "a@x.org", "body"},
		{"no empty line after it", "Subject: s\nThis is the body already.\n\nmore", "s", "", "This is the body already.\n\nmore"},
		{"no header", "This is a text.\nhttps://a.example.com is in it.", "", "", "This is a text.\nhttps://a.example.com is in it.\n"},
		{"no body", "Subject: s", "s", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			report := read(t, test.source)
			text := ""
			for _, b := range report.Bodies {
				text += b.Text
			}
			if report.First("subject") != test.subject || report.First("from") != test.from || text != test.text {
				t.Errorf("subject %q, from %q, text %q", report.First("subject"), report.First("from"), text)
			}
		})
	}
}

func TestStructuresAreReadAsFarAsTheyGo(t *testing.T) {
	const both = "--b\nContent-Type: text/plain\n\none\n--b\n\ntwo\n--b--\n"
	tests := []struct {
		name, source string
		want         []string // path and text
	}{
		{"whole", "Content-Type: multipart/mixed; boundary=b\n\n" + both, []string{"1 one", "2 two"}},
		{"without an end", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo", []string{"1 one", "2 two"}},
		{"boundary with blanks behind", "Content-Type: multipart/mixed; boundary=\"b\"\n\n--b \t\n\none\n--b-- \n", []string{"1 one"}},
		{"boundary that begins like another", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--bb\none\n--b--\n", []string{"1 --bb\none"}},
		{"boundary that is not declared", "Content-Type: multipart/mixed\n\n--zz\nContent-Type: text/plain\n\none\n--zz--\n", []string{"1 one"}},
		{"boundary that is another", "Content-Type: multipart/mixed; boundary=yy\n\n--zz\nContent-Type: text/plain\n\none\n--zz--\n", []string{"1 one"}},
		{"boundary that does not come", "Content-Type: multipart/mixed; boundary=zz\n\nplain text", nil},
		{"parameters with faults", "Content-Type: multipart/mixed;; charset=\"x; boundary=\"b\"\n\n" + both, []string{"1 one", "2 two"}},
		{"inner that does not end", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n--c\n\none\n--b\n\ntwo\n--b--\n", []string{"1.1 one", "2 two"}},
		{"header that a boundary ends", "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n--b\n\ntwo\n--b--\n", []string{"2 two"}},
		{"part without a header", "Content-Type: multipart/mixed; boundary=b\n\n--b\nno header here\n--b--\n", []string{"1 no header here"}},
		{"parts after the end", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n--b\n\nlate\n--b--\n", []string{"1 one", "2 late"}},
		{"encoded as a whole", "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\nLS1iCgpvbmUKLS1iLS0K\n", []string{"1 one"}},
		{"CRLF", strings.ReplaceAll("Content-Type: multipart/mixed; boundary=b\n\n"+both, "\n", "\r\n"), []string{"1 one", "2 two"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, b := range read(t, test.source).Bodies {
				got = append(got, b.Path+" "+strings.TrimRight(b.Text, "\n"))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestWhatNoPartHoldsIsSearched(t *testing.T) {
	for _, source := range []string{
		"Content-Type: multipart/mixed; boundary=zz\n\nsee https://a.example.com/b",
		"Content-Type: multipart/mixed; boundary=b\n\nhttps://a.example.com/b\n--b\n\none\n--b--\n",
		"Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\nhttps://a.example.com/b",
	} {
		if diff := cmp.Diff([]string{"text https://a.example.com/b"}, shown(read(t, source), extract.URL)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", source, diff)
		}
	}
}

func TestFilesAreKeptByteByByte(t *testing.T) {
	content := "\x00\xff\r\n.\r\n--b\xfe" // neither text nor free of what could be a boundary
	source := "Content-Type: multipart/mixed; boundary=b1\r\n\r\n--b1\r\nContent-Type: application/octet-stream; name=a.bin\r\nContent-Transfer-Encoding: binary\r\n\r\n" +
		content + "\r\n--b1--\r\n"
	report, files := readKeeping(t, source)
	sum := sha256.Sum256([]byte(content))
	p := report.Parts[0]
	if files["1"] != content || p.SHA256 != hex.EncodeToString(sum[:]) || p.Size != int64(len(content)) || p.Kept != "kept 1" {
		t.Errorf("kept %q, part %+v", files["1"], p)
	}
	whole := sha256.Sum256([]byte(source))
	if report.SHA256 != hex.EncodeToString(whole[:]) || report.Size != int64(len(source)) {
		t.Errorf("the source is %d bytes, %s", report.Size, report.SHA256)
	}
}

func TestNamesOfFiles(t *testing.T) {
	tests := []struct{ name, headers, want string }{
		{"plain", `Content-Disposition: attachment; filename="a b.pdf"`, "a b.pdf"},
		{"with a charset", `Content-Disposition: attachment; filename*=utf-8''%E2%82%AC%20rates.txt`, "€ rates.txt"},
		{"in pieces", "Content-Disposition: attachment; filename*0*=iso-8859-1''Gr%FC; filename*1=\"sse.t\"; filename*2=xt", "Grüsse.txt"},
		{"in encoded words", `Content-Disposition: attachment; filename="=?utf-8?B?R3LDvMOfZS50eHQ=?="`, "Grüße.txt"},
		{"of the content type", `Content-Type: image/png; name=logo.png`, "logo.png"},
		{"without quotes and with blanks", `Content-Disposition: attachment; filename=my file.txt; size=3`, "my file.txt"},
		{"without an end of quotes", `Content-Disposition: attachment; filename="a.txt`, "a.txt"},
		{"with folders", `Content-Disposition: attachment; filename="..\..\x/../../etc/passwd"`, "passwd"},
		{"with what turns the direction", "Content-Disposition: attachment; filename=\"annex\u202efdp.exe\"", "annexfdp.exe"},
		{"of a device", `Content-Disposition: attachment; filename="con.txt"`, "_con.txt"},
		{"of nothing but dots", `Content-Disposition: attachment; filename=".."`, "part-1.txt"},
		{"without one", `Content-Disposition: attachment`, "part-1.txt"},
		{"in escapes of URLs", `Content-Disposition: attachment; filename="%E6%97%A5 2%.pdf"`, "日 2%.pdf"},
		{"in bytes without a charset", "Content-Disposition: attachment; filename=\"\xd7\xca\xc1\xcf\xd5\xcb\xbb\xa7.pdf\"", "资料账户.pdf"},
		{"that is long", `Content-Disposition: attachment; filename="` + strings.Repeat("ü", 200) + `.html"`, strings.Repeat("ü", 72) + ".html"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if p := read(t, test.headers+"\n\nabc").Parts[0]; p.Name != test.want || !p.IsFile {
				t.Errorf("named %q, declared %q, file %v", p.Name, p.Declared, p.IsFile)
			}
		})
	}
}

// nest puts a message into others.
func nest(inner string, depth int) string {
	for i := range depth {
		inner = fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\nContent-Type: message/rfc822\n\n%s\n--b%d--\n", i, i, inner, i)
	}
	return inner
}

func TestMessagesInMessages(t *testing.T) {
	inner := "Subject: =?utf-8?Q?K=C3=B6ln?=\nFrom: a@evil.example.com\n\nhttps://evil.example.com/deep"
	t.Run("as far as they may be", func(t *testing.T) {
		report, files := readKeeping(t, nest(inner, extract.MaxDepth))
		deepest := strings.TrimSuffix(strings.Repeat("1.", extract.MaxDepth), ".")
		if got := files[deepest]; got != inner {
			t.Errorf("kept %q", got)
		}
		if diff := cmp.Diff([]string{"text https://evil.example.com/deep"}, shown(report, extract.URL)); diff != "" {
			t.Error(diff)
		}
		if len(report.Cut) > 0 || len(report.Parts) != extract.MaxDepth+1 {
			t.Errorf("%d parts, cut %v", len(report.Parts), report.Cut)
		}
	})
	t.Run("and one more", func(t *testing.T) {
		report, _ := readKeeping(t, nest(inner, extract.MaxDepth+1))
		if len(report.Cut) == 0 || len(shown(report, extract.URL)) != 0 {
			t.Errorf("cut %v, found %v", report.Cut, shown(report, extract.URL))
		}
	})
	t.Run("in base64, and by name alone", func(t *testing.T) {
		report, files := readKeeping(t, "Content-Type: application/octet-stream; name=x.eml\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogS8O2bG4KCmh0dHBzOi8vZXZpbC5leGFtcGxlLmNvbS9kZWVw\n")
		if p := report.Parts[0]; !p.IsMessage || p.Subject != "Köln" || files["1"] != "Subject: Köln\n\nhttps://evil.example.com/deep" {
			t.Errorf("part %+v, kept %q", p, files["1"])
		}
		if got := shown(report, extract.URL); len(got) != 1 {
			t.Errorf("found %v", got)
		}
	})
}

func TestWhatIsInFiles(t *testing.T) {
	attached := func(kind, name string, content []byte) string {
		return fmt.Sprintf("Content-Type: %s; name=%s\nContent-Transfer-Encoding: binary\n\n%s", kind, name, content)
	}
	runFindings(t, []findingTest{
		{"page", attached("application/octet-stream", "a.htm", []byte(`<a href="https://evil.example.com/a">x</a>`)), []string{"link https://evil.example.com/a"}},
		{"calendar", attached("text/calendar", "a.ics", []byte("BEGIN:VCALENDAR\r\nURL:https://evil.example.com/a\r\n bc\r\nDESCRIPTION:go\\nhttps://evil.example.com/d\\, x\r\n")),
			[]string{"attachment https://evil.example.com/abc", "attachment https://evil.example.com/d"}},
		{"PDF", attached("application/pdf", "a.pdf", pdf(t)), []string{"attachment https://evil.example.com/(a)", "attachment https://evil.example.com/packed"}},
		{"office document", attached("application/zip", "a.docx", archive(t, map[string]string{"[Content_Types].xml": "<Types/>",
			"word/_rels/document.xml.rels": `<Relationships><Relationship Id="1" Type="http://schemas.openxmlformats.org/x" Target="https://evil.example.com/a?b&amp;c" TargetMode="External"/></Relationships>`})),
			[]string{"attachment https://evil.example.com/a?b&c"}},
		{"archive", attached("application/zip", "a.zip", archive(t, map[string]string{"x/page.html": `<a href="https://evil.example.com/a">x</a>`})), []string{"link https://evil.example.com/a"}},
		{"shortcut", attached("application/octet-stream", "a.url", []byte("[InternetShortcut]\r\nURL=https://evil.example.com/a\r\n")), []string{"attachment https://evil.example.com/a"}},
		{"bytes that are called text", attached("text/plain", "a.txt", []byte("\x00\x01\x02 https://evil.example.com/a")), nil},
		{"script", attached("application/octet-stream", "a.js", []byte(`x="https://evil"+".example.com/a"`)), []string{"script https://evil.example.com/a"}},
		{"page in UTF-16", attached("text/html", "a.html", wide(`<a href="https://evil.example.com/a">x</a>`)), []string{"link https://evil.example.com/a"}},
		{"values separated by commas", attached("text/csv", "a.csv", []byte("a,https://evil.example.com/a,b")), []string{"attachment https://evil.example.com/a"}},
		{"shortcut of macOS", attached("application/octet-stream", "a.webloc", []byte("bplist00\xd1\x01\x02SURL_\x10\x1ahttps://evil.example.com/a\x08\x0b\x0f\x00")),
			[]string{"attachment https://evil.example.com/a"}},
		{"shortcut of Windows", attached("application/octet-stream", "a.lnk", append([]byte("L\x00\x00\x00\x01\x14\x02\x00\xff\xff"), wide("iwr https://evil.example.com/a")...)),
			[]string{"attachment https://evil.example.com/a"}},
		{"old office document", attached("application/msword", "a.doc", []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00HYPERLINK \"https://evil.example.com/a\"\x14x\x00")),
			[]string{"attachment https://evil.example.com/a"}},
		{"text of an office document", attached("application/zip", "a.docx", archive(t, map[string]string{"[Content_Types].xml": "<Types/>",
			"word/document.xml": `<w:p><w:r><w:t>go to https://evil.exam</w:t></w:r><w:r><w:t>ple.com/a</w:t></w:r></w:p><w:p><w:instrText>HYPERLINK "https://evil.example.com/b"</w:instrText></w:p>`})),
			[]string{"attachment https://evil.example.com/a", "attachment https://evil.example.com/b"}},
		{"archive in an archive", attached("application/zip", "a.zip", archive(t, map[string]string{"b.zip": string(archive(t, map[string]string{"c.pdf": string(pdf(t))}))})),
			[]string{"attachment https://evil.example.com/(a)", "attachment https://evil.example.com/packed"}},
		{"script in PDF", attached("application/pdf", "a.pdf", []byte(`%PDF-1.4 <</S/JavaScript/JS(app.launchURL\("https://evil.example.com/a"\);)>>`)),
			[]string{"attachment https://evil.example.com/a"}},
		{"invitation with a page", attached("text/calendar", "a.ics", []byte("BEGIN:VCALENDAR\r\nX-ALT-DESC;FMTTYPE=text/html:<html><a href=\"https://evil.exam\r\n ple.com/a?b&amp;c\">x</a>\r\n")),
			[]string{"link https://evil.example.com/a?b&c"}},
		{"message by its content", attached("application/octet-stream", "a.bin", []byte("Received: from x\nFrom: a@evil.example.com\nSubject: s\nContent-Transfer-Encoding: base64\n\naHR0cHM6Ly9ldmlsLmV4YW1wbGUuY29tL2E=\n")),
			[]string{"text https://evil.example.com/a"}},
		{"picture", attached("image/png", "a.png", []byte("\x89PNG\r\n\x1a\nhttps://evil.example.com/a")), nil},
		{"TNEF", attached("application/ms-tnef", "winmail.dat", tnef("a.htm", `<a href="https://evil.example.com/a">x</a>`)), []string{"link https://evil.example.com/a"}},
		{"uuencode in a text", plain("see\nbegin 644 a.txt\n<:'1T<',Z+R]E=FEL+F5X86UP;&4N8V]M+V$@\n`\nend\n"), []string{"attachment https://evil.example.com/a"}},
	}, extract.URL)
}

func TestBoundsAreToldOf(t *testing.T) {
	var many strings.Builder
	many.WriteString("Content-Type: multipart/mixed; boundary=b\n\n")
	for range extract.MaxParts + 1 {
		many.WriteString("--b\n\nx\n")
	}
	for _, test := range []struct{ name, source, cut string }{
		{"parts", many.String(), "parts"},
		{"text", plain(strings.Repeat("x ", extract.MaxText)), "4 MiB"},
		{"findings", plain(numbered("https://a.example.com/%d ", extract.MaxFindings+1)), "findings"},
		{"long findings", plain(numbered("https://a.example.com/%d"+strings.Repeat("x", 15<<10)+" ", 200)), "findings"},
		{"fields", numbered("X-%d: y\n", 2001) + "\nx", "fields"},
	} {
		t.Run(test.name, func(t *testing.T) {
			report := read(t, test.source)
			if len(report.Cut) == 0 || !strings.Contains(report.Cut[0], test.cut) || len(report.Findings) > extract.MaxFindings || len(report.Parts) > extract.MaxParts {
				t.Errorf("cut %q, %d findings, %d parts", report.Cut, len(report.Findings), len(report.Parts))
			}
		})
	}
}

func numbered(format string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func TestAFailingSourceIsAnErrorWithWhatWasRead(t *testing.T) {
	broken := errors.New("broken")
	report, err := extract.Message(io.MultiReader(strings.NewReader("Subject: s\n\nhttps://a.example.com/b "), iotest.ErrReader(broken)), extract.Options{})
	if !errors.Is(err, broken) || report.First("subject") != "s" || len(shown(report, extract.URL)) != 1 {
		t.Errorf("%v, %+v", err, report)
	}
}

// refusing keeps nothing.
type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, errors.New("full") }
func (refusing) Close() (string, error)    { return "x", nil }

func TestAFileThatIsNotKeptIsReadAllTheSame(t *testing.T) {
	report, err := extract.Message(strings.NewReader("Content-Disposition: attachment; filename=a.txt\n\nhttps://a.example.com/b"),
		extract.Options{Keep: func(*extract.Part) extract.Keeper { return refusing{} }})
	if err != nil || len(report.Problems) != 1 || report.Parts[0].Kept != "" || report.Parts[0].Size != 23 || len(shown(report, extract.URL)) != 1 {
		t.Errorf("%v, %+v, %+v", err, report, report.Parts[0])
	}
}

func TestTheSmallestReadsGiveTheSame(t *testing.T) {
	source := nest("Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Transfer-Encoding: base64\n\naHR0cHM6Ly9hLmV4YW1wbGUuY29tL2I=\n--q\nContent-Transfer-Encoding: quoted-printable\n\nhttps://b.example.=\ncom/c=3Dd\n--q--\n", 2)
	whole := read(t, source)
	slow, err := extract.Message(iotest.OneByteReader(strings.NewReader(source)), extract.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, slow); diff != "" {
		t.Error(diff)
	}
}
