package graphtest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

// fuzzed is a tenant whose mailboxes pass mail on in every way.
func fuzzed(f *testing.F) func(t *testing.T) (*tenant, string) {
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(panicf), graphtest.WithClock(func() time.Time { return noon }))
	if err != nil {
		f.Fatal(err)
	}
	token, err := server.Token(graphtest.Token{Roles: mailRoles})
	if err != nil {
		f.Fatal(err)
	}
	var count atomic.Int64 // each input has its own mailbox
	return func(t *testing.T) (*tenant, string) {
		n := &tenant{Server: server, t: t, http: server.Client(), token: token}
		address := fmt.Sprintf("m%d@contoso.example", count.Add(1))
		m := n.mailbox(address)
		if _, err := m.AddRule(`{"displayName":"r","conditions":{"headerContains":["x"],"isMeetingRequest":false},"actions":{
			"forwardTo":[{"emailAddress":{"address":"` + address + `"}}],"forwardAsAttachmentTo":[{"emailAddress":{"address":"` + address + `"}}],
			"redirectTo":[{"emailAddress":{"address":"nobody@contoso.example"}}],"copyToFolder":"archive"}}`); err != nil {
			t.Fatal(err)
		}
		n.changed("/users/"+address+"/mailboxSettings", object{"automaticRepliesSetting": object{"status": "alwaysEnabled"}})
		return n, address
	}
}

func FuzzSendMIME(f *testing.F) {
	for _, seed := range []string{
		"To: soc@contoso.example\r\nBcc: a@b.example,\r\n c@d.example\r\nSubject: s\r\n\r\nbody", "Thread-Index: AdykMVWzS9zOLgP0T3mdGtJ4XyKyLw==\nReferences: <a> <b>\n\n",
		"From x\nBcc:\n", "Content-Type: text/calendar; method=REQUEST\n\n", "\n", "Auto-Submitted: no\nFrom: x@y.example\n\n",
	} {
		f.Add([]byte(seed))
	}
	fresh := fuzzed(f)
	f.Fuzz(func(t *testing.T, source []byte) {
		n, address := fresh(t)
		body := append([]byte("To: "+address+"\r\nBcc: hidden-"+address+"\r\n"), source...)
		a := n.do(http.MethodPost, "/users/"+address+"/sendMail", base64.StdEncoding.EncodeToString(body), "Content-Type", "text/plain")
		if a.status >= http.StatusInternalServerError {
			t.Fatalf("answered %d %s", a.status, a.body)
		}
		for _, row := range n.want("/users/" + address + "/mailFolders/inbox/messages?$select=internetMessageHeaders&$top=100").rows() {
			if headers := fmt.Sprint(row["internetMessageHeaders"]); strings.Contains(headers, "hidden-"+address) && strings.Contains(headers, "name:Bcc") {
				t.Errorf("a recipient sees Bcc: %s", headers)
			}
		}
		n.want("/users/" + address + "/mailFolders?includeHiddenFolders=true")
	})
}

func FuzzMailPath(f *testing.F) {
	for _, seed := range []string{
		"mailFolders/inbox/childFolders/x", "mailFolders('inbox')/childFolders('a')/childFolders/b/messages/$count", "mailFolders/inbox/childFolders/archive/childFolders",
		"messages/AAMk/attachments", "mailFolders//childFolders//", "mailFolders/a/childFolders/$count/childFolders/delta",
	} {
		f.Add(seed)
	}
	fresh := fuzzed(f)
	f.Fuzz(func(t *testing.T, path string) {
		n, address := fresh(t)
		var segments []string
		for segment := range strings.SplitSeq(path, "/") {
			segments = append(segments, escape(segment))
		}
		a := n.get("/users/" + address + "/" + strings.Join(segments, "/"))
		if a.status >= http.StatusInternalServerError && a.status != http.StatusNotImplemented {
			t.Fatalf("GET %s answered %d %s", path, a.status, a.body)
		}
	})
}

func FuzzTranslate(f *testing.F) {
	f.Add("AAMk", "entryId", "ewsId")
	f.Add("AAMkAwMp2kEVJricH2zp15rTmdzk8kkNqKPNjxQFsNrkTyT5Mi6zfaiN-5OPWAmcaY9wGItzua7t4o7BRQiJ6yP1u-HJlh9KOHObw4cRJiG-S_sLK1VZrT_SsvBlC2cvAgo-YKAmDy2pyxGVmc5Nfi0=", "restId", "entryId")
	f.Add("", "restImmutableEntryId", "immutableEntryId")
	fresh := fuzzed(f)
	f.Fuzz(func(t *testing.T, id, source, target string) {
		n, address := fresh(t)
		a := n.do(http.MethodPost, "/users/"+address+"/translateExchangeIds", toJSON(t, object{"inputIds": []string{id}, "sourceIdType": source, "targetIdType": target}))
		if a.status != http.StatusOK && a.status != http.StatusBadRequest {
			t.Fatalf("answered %d %s", a.status, a.body)
		}
		if a.status == http.StatusOK && a.rows()[0]["errorDetails"] == nil {
			t.Errorf("%q of an empty mailbox was translated: %s", id, a.body)
		}
	})
}
