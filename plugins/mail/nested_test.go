package main

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
)

// unpacked unpacks a message and returns the rows as JSON, and what was saved.
func unpacked(t testing.TB, message string, step int) (string, []string) {
	t.Helper()
	var saved []string
	u := unpacker{
		read: func(offset int64) ([]byte, error) {
			return []byte(message[min(int(offset), len(message)):min(int(offset)+step, len(message))]), nil
		},
		save: func(data []byte) (*abi.Blob, error) {
			saved = append(saved, string(data))
			return &abi.Blob{Name: "b", Size: int64(len(data)), MD5: "m", SHA1: "s", SHA256: "h"}, nil
		},
	}
	found, err := u.message()
	if err != nil {
		t.Fatal(err)
	}
	return string(abi.AppendValue(nil, sdk.NewObject().List("a", found).Get("a"))), saved
}

const hashes = `"blob":"b","bytes":5,"md5":"m","sha1":"s","sha256":"h"`

func TestAttachedMessagesAreUnpackedToAnyDepth(t *testing.T) {
	inner := "Subject: in\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\nContent-Type: text/plain\r\n\r\ntext\r\n" +
		"--i\r\nContent-Type: application/pdf; name=\"a;b.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\naGVs\r\nbG8=\r\n--i--\r\n"
	outer := "Subject: out\r\nContent-Type: multipart/mixed;\r\n boundary=\"o o\"\r\n\r\npreamble\r\n--o o\r\nContent-Type: message/rfc822\r\n\r\n" + inner +
		"\r\n--o o  \r\nContent-Disposition: attachment; filename=q.txt\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nh=65llo=\r\n" +
		"\r\n--o o\r\nContent-Disposition: attachment\r\nContent-Type: text/plain\r\n\r\nhello\r\n--o o--\r\nepilogue\r\n"
	for _, step := range []int{1, 7, 1 << 20} {
		rows, saved := unpacked(t, outer, step)
		want := `[{"name":"in","contentType":"message/rfc822","attachments":[{"name":"a;b.pdf","contentType":"application/pdf",` + hashes + `}]},` +
			`{"name":"q.txt","contentType":"text/plain",` + hashes + `},{"name":"","contentType":"text/plain",` + hashes + `}]`
		if rows != want || len(saved) != 3 || saved[0] != "hello" || saved[1] != "hello" || saved[2] != "hello" {
			t.Errorf("in steps of %d: saved %q\n%s\nwant\n%s", step, saved, rows, want)
		}
	}
}

func TestUnpackingIsBounded(t *testing.T) {
	large := "Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), maxNested+3))
	if rows, saved := unpacked(t, large, chunk); len(saved) != 0 || !strings.Contains(rows, "too large") {
		t.Errorf("saved %d, %.200s", len(saved), rows)
	}
	many := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: a/b\r\n\r\nx\r\n", maxParts+10) + "--b--\r\n"
	if _, saved := unpacked(t, many, chunk); len(saved) != maxParts-1 {
		t.Errorf("saved %d parts", len(saved))
	}
	deep := strings.Repeat("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 2*maxNesting) + "Content-Type: a/b\r\n\r\nx\r\n"
	if _, saved := unpacked(t, deep, chunk); len(saved) != 0 {
		t.Errorf("saved %d parts", len(saved))
	}
	messages := strings.Repeat("Content-Type: message/rfc822\r\n\r\n", 10*maxParts)
	rows, _ := unpacked(t, messages, chunk)
	if _, err := abi.Parse(new(fastjson.Parser), []byte(`{"data":[{"attachments":[{"attachments":`+rows+`}]}]}`), abi.MaxResult); err != nil {
		t.Errorf("messages in messages make no result: %v", err)
	}
}

// FuzzUnpack checks that whatever comes as MIME is read to its end, the same in any steps.
func FuzzUnpack(f *testing.F) {
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: s\r\n\r\n--b--")
	f.Add("Content-Type: a/b\nContent-Transfer-Encoding: quoted-printable\n\n=4")
	f.Fuzz(func(t *testing.T, message string) {
		if !strings.Contains(message, "\x00") && len(message) < 1<<16 {
			one, _ := unpacked(t, message, 3)
			other, _ := unpacked(t, message, 1<<20)
			if one != other {
				t.Errorf("%s\n%s", one, other)
			}
		}
	})
}
