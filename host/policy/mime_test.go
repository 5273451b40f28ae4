package policy

import (
	"encoding/base64"
	"net/mail"
	"slices"
	"strings"
	"testing"
)

func TestRecipientsOfMIMESource(t *testing.T) {
	for header, want := range map[string]string{
		"To: a@x.example": "a@x.example",
		"TO:a@x.example":  "a@x.example",
		"To: A B <a@x.example>, \"C D\" <c@x.example>":                                                  "a@x.example c@x.example",
		"To: a@x.example,\r\n b@x.example\r\nCc: c@x.example":                                           "a@x.example b@x.example c@x.example",
		"From: me@x.example\r\nSubject: =?utf-8?q?=C3=A9?=\r\nBcc: d@x.example\r\nX-One: 1\r\nX-One: 2": "d@x.example",
		"Reply-To: r@x.example\r\nDisposition-Notification-To: n@x.example":                             "r@x.example n@x.example",
		"To: \r\nSubject: s": "",
	} {
		found, problem := mimeRecipients([]byte(base64.StdEncoding.EncodeToString([]byte(header + "\r\n\r\nTo: body@y.example\r\n"))))
		if problem != "" || strings.Join(found, " ") != want {
			t.Errorf("%q: %q, %q; want %q", header, found, problem, want)
		}
	}
}

func TestMIMEHeadersOfMoreThanOneReadingAreRefused(t *testing.T) {
	for _, header := range []string{
		"To: a@x.example\r\nTo: b@x.example", "To: a@x.example\nBcc: b@x.example", "To : a@x.example", "To: a@x.example (b)", "To: g: a@x.example;",
		"Resent-To: a@x.example", "X-Receiver: a@x.example", "X-Postern-Action: x", "Unheard-Of: x", "To: =?utf-8?q?a?=", "To: é@x.example", "To", "",
	} {
		if found, problem := mimeRecipients([]byte(base64.StdEncoding.EncodeToString([]byte(header + "\r\n\r\nx")))); problem == "" {
			t.Errorf("%q has the recipients %q", header, found)
		}
	}
}

func TestMIMESourceThatIsNoBase64OrHasNoEndIsRefused(t *testing.T) {
	for _, text := range []string{"", "?", "VG86IGE=\n", "VG86IGFAeC5leGFtcGxl", "VG86IGE", base64.StdEncoding.EncodeToString([]byte("To: a@x.example\r\n" + strings.Repeat("X-A: b\r\n", 10_000) + "\r\nx"))} {
		if found, problem := mimeRecipients([]byte(text)); problem == "" {
			t.Errorf("%.40q has the recipients %q", text, found)
		}
	}
}

// FuzzMIMERecipients compares with the standard library's reader of mail: whoever it finds in a header that is taken, is found here.
func FuzzMIMERecipients(f *testing.F) {
	for _, seed := range []string{"To: a@x.example\r\n\r\n", "To: A <a@x.example>,\r\n b@x.example\r\nBcc: c@x.example\r\n\r\nx", "Cc: \"a, b\" <c@x.example>\r\n\r\n", "To: x: a@x.example;\r\n\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		found, problem := mimeRecipients([]byte(base64.StdEncoding.EncodeToString(source)))
		if problem != "" {
			return
		}
		message, err := mail.ReadMessage(strings.NewReader(string(source)))
		if err != nil {
			return
		}
		for _, field := range []string{"To", "Cc", "Bcc", "Reply-To"} {
			for _, value := range message.Header[field] {
				list, err := mail.ParseAddressList(value)
				if err != nil {
					continue
				}
				for _, address := range list {
					if !slices.Contains(found, address.Address) {
						t.Errorf("%q also goes to %s, found %q", source, address.Address, found)
					}
				}
			}
		}
	})
}
