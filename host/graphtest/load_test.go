package graphtest_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func TestFoldersOfFilesBecomeMailFolders(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	mail := func(subject string) *fstest.MapFile { return file("Subject: " + subject + "\n\nx\n") }
	for name, test := range map[string]struct {
		files fstest.MapFS
		want  map[string][]string // subjects by folder
	}{
		"plain folders": {
			fstest.MapFS{"a.eml": mail("top"), "Sent Items/b.EML": mail("sent"), "Inbox/phish\\ing/c.eml": mail("below"), "Projekte/Übersicht/d.eml": mail("own")},
			map[string][]string{"Inbox": {"top"}, "sentitems": {"sent"}, `Inbox/phish\\ing`: {"below"}, "Projekte/Übersicht": {"own"}},
		},
		"Maildir with Maildir++ folders": {
			fstest.MapFS{
				"cur/1.host:2,S": mail("seen"), "cur/2.host:2,": mail("not seen"), "new/3.host": mail("new"), "tmp/4.host": mail("draft"),
				".Archive.2025/cur/5.host:2,RS": mail("archived"), ".Archive.2025/new/.keep": file(""),
			},
			map[string][]string{"Inbox": {"new", "not seen", "seen"}, "Archive/2025": {"archived"}},
		},
		"Maildir below a folder":  {fstest.MapFS{"Archive/cur/1": mail("one"), "Archive/new/2": mail("two")}, map[string][]string{"Archive": {"two", "one"}}},
		"mbox beside a folder":    {fstest.MapFS{"Archive.mbox": file("From a Mon Jan  1 00:00:00 2026\nSubject: in mbox\n\n"), "x.eml": mail("file")}, map[string][]string{"Archive": {"in mbox"}, "Inbox": {"file"}}},
		"what is not mail":        {fstest.MapFS{"notes.txt": file("x"), ".git/a.eml": mail("hidden"), "._a.eml": mail("hidden"), "tmp/b.eml": mail("tmp")}, map[string][]string{"Inbox": nil, "tmp": {"tmp"}}},
		"what only looks like it": {fstest.MapFS{"a.eml": file("\x00\xff"), "b.eml": file("")}, map[string][]string{"Inbox": {"", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTenant(t).mailbox("soc@contoso.example")
			n, err := m.AddFolders(test.files)
			if err != nil {
				t.Fatal(err)
			}
			got, total := map[string][]string{}, 0
			for folder := range test.want {
				got[folder] = nil
				for _, one := range m.Messages(folder) {
					got[folder] = append(got[folder], one.Subject)
					total++
					if want := one.Subject == "seen" || one.Subject == "archived"; one.IsRead != want {
						t.Errorf("%q: isRead is %v", one.Subject, one.IsRead)
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" || n != total {
				t.Errorf("%d messages (-want +got):\n%s", n, diff)
			}
		})
	}
}

func TestMboxIsReadAsItWasWritten(t *testing.T) {
	const from = "From soc@contoso.example Mon Mar  2 12:00:00 2026\n"
	for name, test := range map[string]struct {
		mbox string
		want []string
		err  string
	}{
		"empty file":                          {"", nil, ""},
		"two messages":                        {from + "Subject: a\n\nx\n\n" + from + "Subject: b\n\ny\n\n", []string{"Subject: a\n\nx\n", "Subject: b\n\ny\n"}, ""},
		"no empty line at the end":            {from + "Subject: a\n\nx", []string{"Subject: a\n\nx"}, ""},
		"CR LF":                               {"From - Mon Mar  2 12:00:00 2026\r\nSubject: a\r\n\r\nx\r\n\r\n" + from + "y\n", []string{"Subject: a\r\n\r\nx\r\n", "y\n"}, ""},
		"quoted lines":                        {from + "\n>From x\n>>From y\n> From z\n>Fromage\n", []string{"\nFrom x\n>From y\n> From z\n>Fromage\n"}, ""},
		"an unquoted line":                    {from + "\n\nFrom here on it rains.\nFrom a 12:00\n", []string{"\n\nFrom here on it rains.\nFrom a 12:00\n"}, ""},
		"bytes of no alphabet":                {from + "\xff\x00\n\n", []string{"\xff\x00\n"}, ""},
		"a line longer than the buffer":       {from + strings.Repeat("x", 5000) + ">From \n", []string{strings.Repeat("x", 5000) + ">From \n"}, ""},
		"a file that is none":                 {"Subject: a\n\nx\n", nil, "message 1: the file is no mbox"},
		"a message of nothing, then a second": {from + "\n" + from + "x\n", []string{"", "x\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := newTenant(t).mailbox("soc@contoso.example")
			n, err := m.AddMbox("Inbox", strings.NewReader(test.mbox))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			// Newest first, and of undated mails the latest first.
			list := m.Messages("Inbox")
			var got []string
			for i := range list {
				got = append(got, string(list[len(list)-1-i].MIME))
			}
			if diff := cmp.Diff(test.want, got); diff != "" || n != len(test.want) {
				t.Errorf("%d messages (-want +got):\n%s", n, diff)
			}
		})
	}
}

// FuzzMbox writes a message into an mbox by the mboxrd rule, between two others, and reads it back.
func FuzzMbox(f *testing.F) {
	for _, seed := range []string{"", "Subject: x\r\n\r\nbody\r\n", "\nFrom me 12:00\n>From you\n", "a\n\n", "\r", strings.Repeat("x", 4096) + "\n>From "} {
		f.Add([]byte(seed))
	}
	line := regexp.MustCompile(`(?m)^(>*From )`)
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(panicf))
	if err != nil {
		f.Fatal(err)
	}
	count := 0
	f.Fuzz(func(t *testing.T, message []byte) {
		if len(message) > 0 && message[len(message)-1] != '\n' {
			message = append(message, '\n') // an mbox cannot tell
		}
		const from = "From a Mon Mar  2 12:00:00 2026\n"
		mbox := from + "first\n\n" + from + string(line.ReplaceAll(message, []byte(">$1"))) + "\n" + from + "last\n\n"
		count++
		m, err := server.AddMailbox(fmt.Sprintf("m%d@contoso.example", count))
		if err != nil {
			t.Fatal(err)
		}
		n, err := m.AddMbox("Inbox", strings.NewReader(mbox))
		if err != nil || n != 3 {
			t.Fatalf("%d messages, %v", n, err)
		}
		for _, one := range m.Messages("Inbox") {
			if bytes.Equal(one.MIME, message) {
				return
			}
		}
		t.Errorf("the message is not there again: %q", message)
	})
}
