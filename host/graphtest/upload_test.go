package graphtest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// uploader is a client of one upload address.
type uploader struct {
	*tenant
	url  string
	size int
}

// session opens an upload session for a file of the size.
func (n *tenant) session(attachments string, size int) uploader {
	n.t.Helper()
	a := n.add(attachments+"/createUploadSession", fmt.Sprintf(
		`{"AttachmentItem":{"attachmentType":"file","name":"big.bin","size":%d,"contentType":"application/x-big","isInline":true,"contentId":"b1"}}`, size))
	if diff := cmp.Diff([]any{"0-"}, a.json["nextExpectedRanges"]); diff != "" {
		n.t.Error(diff)
	}
	return uploader{n, a.json["uploadUrl"].(string), size}
}

// send makes a request to the upload address; headers come in pairs.
func (u uploader) send(method string, body []byte, headers ...string) answer {
	u.t.Helper()
	plain := *u.tenant
	plain.token = ""
	return plain.do(method, u.url, string(body), append([]string{"Content-Type", "application/octet-stream"}, headers...)...)
}

// put sends a piece that begins at an offset.
func (u uploader) put(offset int, piece []byte, headers ...string) answer {
	u.t.Helper()
	span := fmt.Sprintf("bytes %d-%d/%d", offset, offset+len(piece)-1, u.size)
	return u.send(http.MethodPut, piece, append([]string{"Content-Range", span}, headers...)...)
}

const pieceSize = 3_276_800

func TestAFileIsUploadedInPieces(t *testing.T) {
	n := newTenant(t, "Mail.ReadWrite", "Mail.Read")
	path := n.draft(n.mailbox("soc@contoso.example"))
	file := bytes.Repeat([]byte("0123456789abcdef"), 500_000)
	u := n.session(path, len(file))
	if !strings.HasPrefix(u.url, "https://outlook.graphtest.invalid/") {
		t.Errorf("the upload address %s is not on another host", u.url)
	}
	for offset := 0; offset+pieceSize < len(file); offset += pieceSize {
		a := u.put(offset, file[offset:offset+pieceSize])
		want := []any{fmt.Sprintf("%d-", offset+pieceSize)}
		if a.status != http.StatusOK || !cmp.Equal(a.json["nextExpectedRanges"], any(want)) || a.json["expirationDateTime"] == nil {
			t.Fatalf("piece at %d: %d %s", offset, a.status, a.body)
		}
		if a := u.send(http.MethodGet, nil); !cmp.Equal(a.json["nextExpectedRanges"], any(want)) {
			t.Errorf("state: %d %s", a.status, a.body)
		}
	}
	rest := len(file) / pieceSize * pieceSize
	a := u.put(rest, file[rest:])
	if a.status != http.StatusCreated || len(a.body) != 0 {
		t.Fatalf("last piece: %d %s", a.status, a.body)
	}
	list := n.want(path)
	row := list.rows()[0]
	if row["name"] != "big.bin" || row["isInline"] != true || row["contentId"] != "b1" || row["contentType"] != "application/x-big" {
		t.Errorf("the attachment is %v", row["name"])
	}
	if want := "/Attachments('" + row["id"].(string) + "')"; !strings.HasSuffix(a.header.Get("Location"), want) {
		t.Errorf("Location = %s, want …%s", a.header.Get("Location"), want)
	}
	if got := n.want(path + "/" + escape(row["id"].(string)) + "/$value"); !bytes.Equal(got.body, file) {
		t.Errorf("%d bytes came back", len(got.body))
	}
	n.refused(u.send(http.MethodGet, nil), http.StatusNotFound, "ErrorItemNotFound")
}

func TestUploadSessionsThatGraphRefusesAreRefused(t *testing.T) {
	n := newTenant(t, "Mail.ReadWrite", "Mail.Read")
	m := n.mailbox("soc@contoso.example")
	path := n.draft(m) + "/createUploadSession"
	received := "/users/" + m.UserID() + "/messages/" + escape(n.mail(m, "Inbox", "a@b.example", "s", "Mon, 02 Mar 2026 08:00:00 +0000", "")) + "/attachments/createUploadSession"
	file := func(size int) string {
		return fmt.Sprintf(`{"AttachmentItem":{"attachmentType":"file","name":"a","size":%d}}`, size)
	}
	for name, test := range map[string]struct {
		path, body string
		status     int
		code       string
	}{
		"smaller than 3 MB":           {path, file(2_999_999), 400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize"},
		"3 MB":                        {path, file(3_000_000), 201, ""},
		"150 MB":                      {path, file(150 << 20), 201, ""},
		"larger than 150 MB":          {path, file(150<<20 + 1), 413, "ErrorMessageSizeExceeded"},
		"an item":                     {path, `{"AttachmentItem":{"attachmentType":"item","name":"a","size":4000000}}`, 400, "ErrorInvalidRequest"},
		"no size":                     {path, `{"AttachmentItem":{"attachmentType":"file","name":"a"}}`, 400, "ErrorRequiredPropertyMissing"},
		"nothing":                     {path, `{}`, 400, "ErrorRequiredPropertyMissing"},
		"size as text":                {path, `{"AttachmentItem":{"attachmentType":"file","name":"a","size":"4000000"}}`, 400, "RequestBodyRead"},
		"unknown property":            {path, `{"AttachmentItem":{"colour":"red"}}`, 400, "RequestBodyRead"},
		"unknown parameter":           {path, `{"File":{}}`, 400, "RequestBodyRead"},
		"parameter in small letters":  {path, strings.Replace(file(3_000_000), "A", "a", 1), 201, ""},
		"no JSON":                     {path, `{`, 400, "BadRequest"},
		"a message that was received": {received, file(3_000_000), 400, "ErrorInvalidRequest"},
		"damaged id":                  {"/users/" + m.UserID() + "/messages/AAMk/attachments/createUploadSession", file(3_000_000), 400, "ErrorInvalidIdMalformed"},
	} {
		t.Run(name, func(t *testing.T) {
			a := n.do(http.MethodPost, test.path, test.body)
			if test.code != "" {
				n.refused(a, test.status, test.code)
			} else if a.status != test.status {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
	}
}

func TestPiecesThatDoNotFitAreRefused(t *testing.T) {
	n := newTenant(t, "Mail.ReadWrite")
	path := n.draft(n.mailbox("soc@contoso.example"))
	u := n.session(path, 4_000_000)
	if a := u.put(0, make([]byte, 1000)); a.status != http.StatusOK {
		t.Fatalf("first piece: %d %s", a.status, a.body)
	}
	token := "Bearer " + n.token
	for name, test := range map[string]struct {
		answer func() answer
		status int
		code   string
	}{
		"with a token":         {func() answer { return u.put(1000, make([]byte, 10), "Authorization", token) }, 401, "InvalidAuthenticationToken"},
		"state with a token":   {func() answer { return u.send(http.MethodGet, nil, "Authorization", token) }, 401, "InvalidAuthenticationToken"},
		"the same piece again": {func() answer { return u.put(0, make([]byte, 1000)) }, 416, "InvalidContentRange"},
		"a gap":                {func() answer { return u.put(1001, make([]byte, 10)) }, 416, "InvalidContentRange"},
		"another size": {func() answer {
			return u.send(http.MethodPut, make([]byte, 10), "Content-Range", "bytes 1000-1009/5000000")
		}, 400, "InvalidContentRange"},
		"range longer than the piece": {func() answer {
			return u.send(http.MethodPut, make([]byte, 10), "Content-Range", "bytes 1000-1010/4000000")
		}, 400, "InvalidContentRange"},
		"range beyond the file": {func() answer {
			return u.send(http.MethodPut, make([]byte, 10), "Content-Range", "bytes 3999995-4000004/4000000")
		}, 400, "InvalidContentRange"},
		"no range": {func() answer { return u.send(http.MethodPut, make([]byte, 10)) }, 400, "InvalidContentRange"},
		"unit of its own": {func() answer {
			return u.send(http.MethodPut, make([]byte, 10), "Content-Range", "items 1000-1009/4000000")
		}, 400, "InvalidContentRange"},
		"empty piece":       {func() answer { return u.send(http.MethodPut, nil, "Content-Range", "bytes 1000-999/4000000") }, 400, "InvalidContentRange"},
		"more than 4 MB":    {func() answer { return u.put(1000, make([]byte, 4<<20+1)) }, 413, "RequestEntityTooLarge"},
		"another method":    {func() answer { return u.send(http.MethodPost, nil) }, 405, "BadRequest"},
		"wrong secret":      {func() answer { return uploader{n, u.url + "x", u.size}.put(1000, make([]byte, 10)) }, 401, "InvalidAuthenticationToken"},
		"without a secret":  {func() answer { return uploader{n, u.url[:strings.IndexByte(u.url, '?')], u.size}.put(1000, nil) }, 401, "InvalidAuthenticationToken"},
		"on the Graph host": {func() answer { return uploader{n, strings.Replace(u.url, "outlook.", "", 1), u.size}.put(1000, nil) }, 404, "ErrorItemNotFound"},
	} {
		t.Run(name, func(t *testing.T) { n.refused(test.answer(), test.status, test.code) })
	}
	if a := u.send(http.MethodGet, nil); !cmp.Equal(a.json["nextExpectedRanges"], any([]any{"1000-"})) {
		t.Errorf("after the refusals the state is %s", a.body)
	}
	if a := u.send(http.MethodDelete, nil); a.status != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", a.status, a.body)
	}
	n.refused(u.put(1000, make([]byte, 10)), http.StatusNotFound, "ErrorItemNotFound")
}

func TestUploadSessionsEndByTheClock(t *testing.T) {
	now := noon
	n := newTenantWith(t, []string{"Mail.ReadWrite"}, graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return now }))
	u := n.session(n.draft(n.mailbox("soc@contoso.example")), 4_000_000)
	now = now.Add(24*time.Hour - time.Second)
	if a := u.put(0, make([]byte, 10)); a.status != http.StatusOK {
		t.Fatalf("before the end: %d %s", a.status, a.body)
	}
	now = now.Add(time.Second)
	n.refused(u.put(10, make([]byte, 10)), http.StatusNotFound, "ErrorItemNotFound")
}

func TestOpenUploadSessionsAreBounded(t *testing.T) {
	n := newTenant(t, "Mail.ReadWrite")
	path := n.draft(n.mailbox("soc@contoso.example"))
	for range 1000 {
		n.session(path, 3_000_000)
	}
	a := n.do(http.MethodPost, path+"/createUploadSession", `{"AttachmentItem":{"attachmentType":"file","name":"a","size":3000000}}`)
	n.refused(a, http.StatusServiceUnavailable, "ServiceUnavailable")
}

func TestUploadToAnEventAndToAMessageThatIsGone(t *testing.T) {
	n := newTenant(t, "Calendars.ReadWrite", "Calendars.Read")
	m := n.mailbox("soc@contoso.example")
	id, err := m.AddEvent(`{"start":{"dateTime":"2026-03-03T12:00:00"},"end":{"dateTime":"2026-03-03T13:00:00"}}`)
	if err != nil {
		t.Fatal(err)
	}
	event := "/users/" + m.UserID() + "/events/" + escape(id)
	u, late := n.session(event+"/attachments", 3_000_000), n.session(event+"/attachments", 3_000_000)
	if a := u.put(0, make([]byte, 3_000_000)); a.status != http.StatusCreated || !strings.Contains(a.header.Get("Location"), "/Events('") {
		t.Fatalf("upload: %d %s", a.status, a.body)
	}
	if got := n.want(event + "/attachments?$select=name").column("name"); !cmp.Equal(got, []string{"big.bin"}) {
		t.Errorf("the event has %v", got)
	}
	if a := n.do(http.MethodDelete, event, ""); a.status != http.StatusNoContent {
		t.Fatalf("DELETE: %d %s", a.status, a.body)
	}
	n.refused(late.put(0, make([]byte, 3_000_000)), http.StatusNotFound, "ErrorItemNotFound")
}

func TestUploadAddressesAreOnASecondHostOfTheSameListener(t *testing.T) {
	n := newTenantWith(t, []string{"Mail.ReadWrite"}, graphtest.WithClock(func() time.Time { return noon }))
	path := n.draft(n.mailbox("soc@contoso.example"))
	u := n.session(path, 3_000_000)
	if want := strings.Replace(n.URL, "127.0.0.1", "localhost", 1); !strings.HasPrefix(u.url, want+"/") {
		t.Errorf("the upload address is %s, want it below %s", u.url, want)
	}
	if a := u.put(0, make([]byte, 3_000_000)); a.status != http.StatusCreated {
		t.Errorf("upload over TLS: %d %s", a.status, a.body)
	}
	named := newTenantWith(t, []string{"Mail.ReadWrite"}, graphtest.WithUploadHost("127.0.0.2"), graphtest.WithAddr("127.0.0.1:0"))
	if u := named.session(named.draft(named.mailbox("soc@contoso.example")), 3_000_000); !strings.HasPrefix(u.url, "https://127.0.0.2:") {
		t.Errorf("the upload address is %s in spite of the option", u.url)
	}
}
