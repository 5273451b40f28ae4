package graph

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
)

func (u *upstream) keep(t *testing.T, content []byte) string {
	t.Helper()
	kept, err := u.blobs.Create(t.Context(), bytes.NewReader(content), "")
	if err != nil {
		t.Fatal(err)
	}
	return kept.Name
}

func accepted(t *testing.T) *upstream {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(202) })
}

// wantArrival sends a body and compares what arrives with what encoding/json reads.
func wantArrival(t *testing.T, u *upstream, sent, want string) {
	t.Helper()
	req := sendMail(t)
	req.Body = tree(t, sent)
	if _, err := u.do(t, req); err != nil {
		t.Fatalf("%.100s: %v", sent, err)
	}
	got, body := u.seen()
	if got.ContentLength != int64(len(body)) || got.Header.Get("Content-Type") != "application/json" || len(got.TransferEncoding) != 0 {
		t.Errorf("%d bytes arrive with %v, length %d", len(body), got.Header, got.ContentLength)
	}
	if diff := cmp.Diff(decoded(t, want), decoded(t, body)); diff != "" {
		t.Errorf("%.100s arrives (-want +got):\n%s", sent, diff)
	}
}

func decoded(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%.200q: %v", text, err)
	}
	return v
}

func TestBodiesArriveAsTheirTree(t *testing.T) {
	u := accepted(t)
	for _, body := range []string{
		`{}`, `[]`, `""`, `0`, `null`, `true`,
		`{"a":1.50,"b":[1e400,-0,9007199254740993],"c":{"d":[[],{}]}}`,
		`{"control":"\u0000\u0001\u001f\b\f\n\r\t\u007f","\u0000":1}`,
		`{"non-BMP":"😀\ud83d\ude00","line":"\u2028\u2029","é":"漢"}`,
		`{"quotes":"\"\\\/","markup":"</script>&<>"}`,
		strings.Repeat(`{"a":`, abi.MaxDepth) + "1" + strings.Repeat("}", abi.MaxDepth),
	} {
		wantArrival(t, u, body, body)
	}
}

func TestBodiesAreWrittenAnew(t *testing.T) {
	u := accepted(t)
	req := sendMail(t)
	req.Body = tree(t, " {\t\"\\u0061\" : \"\\u0062\" ,\n\"c\":[ 1 , 2 ]\r\n} ")
	if _, err := u.do(t, req); err != nil {
		t.Fatal(err)
	}
	if _, body := u.seen(); body != `{"a":"b","c":[1,2]}` {
		t.Errorf("arrives as %q", body)
	}
}

func TestBlobsAreStreamedInBase64(t *testing.T) {
	u := accepted(t)
	for _, size := range []int{0, 1, 2, 3, 4, 1023, 1024, 1025, 70_000} {
		content := bytes.Repeat([]byte{0, 0xff, 'a', '"'}, size/4+1)[:size]
		name, encoded := u.keep(t, content), base64.StdEncoding.EncodeToString(content)
		wantArrival(t, u,
			fmt.Sprintf(`{"a":"x","contentBytes":{"$blob":%q},"list":[{"$blob":%q},{"$blob":%q}],"z":1}`, name, name, name),
			fmt.Sprintf(`{"a":"x","contentBytes":%q,"list":[%q,%q],"z":1}`, encoded, encoded, encoded))
		wantArrival(t, u, fmt.Sprintf(`{"$blob":%q}`, name), `"`+encoded+`"`)
	}
}

func TestBlobReferencesThatAreRefused(t *testing.T) {
	u, other := accepted(t), accepted(t)
	own, foreign := u.keep(t, []byte("mine")), other.keep(t, []byte("of another invocation"))
	for name, tc := range map[string]struct {
		body string
		code abi.Code
	}{
		"a blob of another invocation":    {fmt.Sprintf(`{"a":{"$blob":%q}}`, foreign), abi.NotFound},
		"a blob that is not there":        {`{"a":{"$blob":"sha256:00"}}`, abi.NotFound},
		"a path":                          {`{"a":{"$blob":"../../etc/passwd"}}`, abi.NotFound},
		"no name":                         {`{"a":{"$blob":""}}`, abi.NotFound},
		"a name beside other members":     {fmt.Sprintf(`{"a":{"$blob":%q,"b":1}}`, own), abi.InvalidInput},
		"a name behind other members":     {fmt.Sprintf(`{"a":{"b":1,"$blob":%q}}`, own), abi.InvalidInput},
		"a number for a name":             {`{"a":[{"$blob":7}]}`, abi.InvalidInput},
		"an object for a name":            {fmt.Sprintf(`{"a":{"$blob":{"$blob":%q}}}`, own), abi.InvalidInput},
		"null for a name":                 {`{"a":{"$blob":null}}`, abi.InvalidInput},
		"more blobs than a body may hold": {`[` + strings.Repeat(fmt.Sprintf(`{"$blob":%q},`, own), maxBodyBlobs) + fmt.Sprintf(`{"$blob":%q}]`, own), abi.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			req := sendMail(t)
			req.Body = tree(t, tc.body)
			_, err := u.do(t, req)
			if !errors.Is(err, tc.code) {
				t.Errorf("got %v, want %s", err, tc.code)
			}
		})
	}
	if hits := u.hits.Load(); hits != 0 {
		t.Errorf("%d requests", hits)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	u := accepted(t)
	name := u.keep(t, make([]byte, 999_999))
	bodyOf := func(blobs int) string {
		return `[` + strings.Repeat(fmt.Sprintf(`{"$blob":%q},`, name), blobs) + `0]`
	}
	for blobs, fits := range map[int]bool{12: true, 13: false, maxBodyBlobs: false} {
		req := sendMail(t)
		req.Body = tree(t, bodyOf(blobs))
		_, err := u.do(t, req)
		if fits && err != nil || !fits && !errors.Is(err, abi.TooLarge) {
			t.Errorf("%d blobs of 1.3 MB: %v", blobs, err)
		}
	}
}

// What a request holds open is given back, whether it is sent or not.
func TestBodiesAreClosed(t *testing.T) {
	u := accepted(t)
	req := sendMail(t)
	req.Body = tree(t, fmt.Sprintf(`{"a":{"$blob":%q}}`, u.keep(t, make([]byte, 500_000))))
	if _, err := u.do(t, req); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	u.Client = NewClient(u.origin, tokenless{}, u.transport, Settings{UserAgent: "postern/test"})
	for range 100 {
		_, err := u.do(t, req)
		wantError(t, err, abi.Auth)
	}
	if after := runtime.NumGoroutine(); after > before+20 {
		t.Errorf("%d goroutines more", after-before)
	}
}

// opened counts how often blobs are opened.
type opened struct {
	Blobs
	times int
}

func (o *opened) Open(name string) (io.ReadSeekCloser, int64, error) {
	o.times++
	return o.Blobs.Open(name)
}

func TestABodyOfVeryManyBlobsIsGivenUpEarly(t *testing.T) {
	u := accepted(t)
	blobs := &opened{Blobs: u.blobs}
	body := tree(t, `[`+strings.Repeat(fmt.Sprintf(`{"$blob":%q},`, u.keep(t, nil)), 10_000)+`0]`)
	if _, err := newBody(body, blobs); !errors.Is(err, abi.TooLarge) {
		t.Errorf("got %v", err)
	}
	if blobs.times > maxBodyBlobs+1 {
		t.Errorf("%d blobs were opened", blobs.times)
	}
}
