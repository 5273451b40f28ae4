package graphtest_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func TestFoldersHaveAnyName(t *testing.T) {
	n, _, _ := desk(t)
	names := []string{"a/b", "it's", "50 %", "📁 cases", "Ünïcode", `back\slash`, "#hash?"}
	for _, name := range names {
		a := n.made(soc+"/mailFolders", object{"displayName": name})
		got := n.want(soc + "/mailFolders/" + escape(a.json["id"].(string)))
		if got.json["displayName"] != name || got.json["parentFolderId"] == nil {
			t.Errorf("folder %q is shown as %s", name, got.body)
		}
		quoted := strings.ReplaceAll(name, "'", "''")
		found := n.want(soc + "/mailFolders" + query("$filter", "displayName eq '"+quoted+"'"))
		if diff := cmp.Diff([]string{name}, found.column("displayName")); diff != "" {
			t.Errorf("found by its name (-want +got):\n%s", diff)
		}
	}
}

func TestFolderNamesAreRefusedAsGraphDoes(t *testing.T) {
	n, m, _ := desk(t)
	folder, err := m.AddFolder("Cases")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.AddFolder("Other"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"duplicate":                    {"POST", "/mailFolders", `{"displayName":"Cases"}`, 409, "ErrorFolderExists"},
		"duplicate in another case":    {"POST", "/mailFolders", `{"displayName":"CASES"}`, 409, "ErrorFolderExists"},
		"duplicate of a well-known":    {"POST", "/mailFolders", `{"displayName":"Inbox"}`, 409, "ErrorFolderExists"},
		"rename to a duplicate":        {"PATCH", "/mailFolders/" + folder, `{"displayName":"other"}`, 409, "ErrorFolderExists"},
		"no name":                      {"POST", "/mailFolders", `{}`, 400, "ErrorRequiredPropertyMissing"},
		"blank name":                   {"POST", "/mailFolders", `{"displayName":"  "}`, 400, "ErrorRequiredPropertyMissing"},
		"name too long":                {"POST", "/mailFolders", `{"displayName":"` + strings.Repeat("é", 256) + `"}`, 400, "ErrorInvalidProperty"},
		"name of the wrong type":       {"POST", "/mailFolders", `{"displayName":5}`, 400, "RequestBodyRead"},
		"hidden afterwards":            {"PATCH", "/mailFolders/" + folder, `{"isHidden":true}`, 400, "ErrorInvalidPropertySet"},
		"count that is set":            {"PATCH", "/mailFolders/" + folder, `{"totalItemCount":5}`, 400, "ErrorInvalidPropertySet"},
		"well-known renamed":           {"PATCH", "/mailFolders/inbox", `{"displayName":"In"}`, 403, "ErrorAccessDenied"},
		"well-known deleted":           {"DELETE", "/mailFolders/inbox", ``, 403, "ErrorDeleteDistinguishedFolder"},
		"root deleted":                 {"POST", "/mailFolders/msgfolderroot/permanentDelete", ``, 403, "ErrorDeleteDistinguishedFolder"},
		"well-known moved":             {"POST", "/mailFolders/inbox/move", `{"destinationId":"archive"}`, 403, "ErrorMoveDistinguishedFolder"},
		"into itself":                  {"POST", "/mailFolders/" + folder + "/move", `{"destinationId":"` + folder + `"}`, 400, "ErrorMoveCopyFailed"},
		"copy beside itself":           {"POST", "/mailFolders/" + folder + "/copy", `{"destinationId":"msgfolderroot"}`, 409, "ErrorFolderExists"},
		"destination that is none":     {"POST", "/mailFolders/" + folder + "/move", `{"destinationId":"Cases"}`, 400, "ErrorInvalidIdMalformed"},
		"destination left out":         {"POST", "/mailFolders/" + folder + "/move", `{}`, 400, "ErrorInvalidRequest"},
		"well-known that is not there": {"GET", "/mailFolders/clutter", ``, 404, "ErrorItemNotFound"},
		"below one that is not there":  {"GET", "/mailFolders/syncissues/messages", ``, 404, "ErrorItemNotFound"},
		"name in place of an id":       {"GET", "/mailFolders/Cases", ``, 400, "ErrorInvalidIdMalformed"},
		"search folder without source": {"POST", "/mailFolders", `{"@odata.type":"#microsoft.graph.mailSearchFolder","displayName":"s","filterQuery":"isRead eq false"}`, 400, "ErrorRequiredPropertyMissing"},
		"search folder with bad query": {"POST", "/mailFolders", `{"@odata.type":"#microsoft.graph.mailSearchFolder","displayName":"s","filterQuery":"colour eq 1","sourceFolderIds":["inbox"]}`, 400, "ErrorInvalidUrlQueryFilter"},
		"in a filter":                  {"GET", "/mailFolders?$filter=" + escape("displayName in ('a','b')"), ``, 400, "ErrorInvalidUrlQueryFilter"},
	} {
		t.Run(name, func(t *testing.T) {
			n.refused(n.do(test.method, soc+test.path, test.body), test.status, test.code)
		})
	}
}

func TestMissingWellKnownFolder(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	n.mailbox("soc@contoso.example", graphtest.WithoutFolders("Archive"))
	n.refused(n.get(soc+"/mailFolders/archive"), http.StatusNotFound, "ErrorItemNotFound")
	if _, err := n.AddMailbox("x@contoso.example", graphtest.WithoutFolders("inbox")); err == nil {
		t.Error("a mailbox was made without an inbox")
	}
}

func TestWellKnownNamesWorkInEveryLanguage(t *testing.T) {
	for locale, want := range map[string]string{"en-US": "Inbox", "de-DE": "Posteingang", "fr-FR": "Boîte de réception", "ja-JP": "受信トレイ", "is-IS": "Inbox"} {
		n := newTenant(t, "Mail.Read")
		n.mailbox("soc@contoso.example", graphtest.Language(locale))
		if a := n.want(soc + "/mailFolders/inbox"); a.json["displayName"] != want {
			t.Errorf("%s: the inbox is called %v, want %s", locale, a.json["displayName"], want)
		}
	}
	n := newTenant(t, "Mail.Read")
	n.mailbox("soc@contoso.example", graphtest.Language("de"), graphtest.FolderNames(map[string]string{"inbox": "Post"}))
	if a := n.want(soc + "/mailFolders/INBOX"); a.json["displayName"] != "Post" {
		t.Errorf("a given name does not win over the language: %s", a.body)
	}
}

func TestTwinFoldersDifferInCaseOnly(t *testing.T) {
	n, m, _ := desk(t)
	if _, err := m.AddFolder("Inbox/Cases"); err != nil {
		t.Fatal(err)
	}
	twin, err := m.AddTwinFolder("Inbox/CASES")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.AddTwinFolder("Inbox/CASES"); err == nil {
		t.Error("a folder of the very same name was added")
	}
	a := n.want(soc + "/mailFolders/inbox/childFolders" + query("$filter", "displayName eq 'cases'"))
	if diff := cmp.Diff([]string{"Cases", "CASES"}, a.column("displayName")); diff != "" {
		t.Errorf("twins (-want +got):\n%s", diff)
	}
	if id, err := m.AddFolder("inbox/CASES"); err != nil || id != twin {
		t.Errorf("the exact spelling does not win: %v", err)
	}
}

func TestChildFoldersToAnyDepth(t *testing.T) {
	n, m, _ := desk(t)
	ids := []string{}
	for _, path := range []string{"Inbox/a", "Inbox/a/b", "Inbox/a/b/c"} {
		id, err := m.AddFolder(path)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	deep := n.mail(m, "Inbox/a/b/c", "a@b.example", "deep", "Mon, 23 Feb 2026 08:00:00 +0000", "")
	below := soc + "/mailFolders/inbox/childFolders/" + ids[0] + "/childFolders/" + ids[1]
	for path, want := range map[string]string{
		below:                   "b",
		below + "/childFolders": "c",
		below + "/childFolders('" + ids[2] + "')/messages":            "deep",
		below + "/childFolders/" + ids[2] + "/messages/" + deep:       "deep",
		"/users('soc@contoso.example')/mailFolders('" + ids[1] + "')": "b",
	} {
		if a := n.want(path); !strings.Contains(string(a.body), `"`+want+`"`) {
			t.Errorf("GET %s: %s, want %s", path, a.body, want)
		}
	}
	n.refused(n.get(soc+"/mailFolders/archive/childFolders/"+ids[0]), http.StatusNotFound, "ErrorItemNotFound")
	n.refused(n.get(soc+"/mailFolders/x/childFolders/"+ids[0]+"/messages"), http.StatusBadRequest, "ErrorInvalidIdMalformed")
	made := n.made(below+"/childFolders/"+ids[2]+"/childFolders", object{"displayName": "d"})
	if made.json["parentFolderId"] != ids[2] {
		t.Errorf("made %s", made.body)
	}
	n.changed(below+"/childFolders/"+ids[2], object{"displayName": "C"})
	n.gone(http.MethodDelete, below+"/childFolders/"+ids[2])
	n.as(graphtest.Token{Roles: []string{"Calendars.Read"}})
	n.refused(n.get(below), http.StatusForbidden, "ErrorAccessDenied")
}

func TestHiddenFoldersAreListedOnDemand(t *testing.T) {
	n, m, _ := desk(t)
	n.made(soc+"/mailFolders", object{"displayName": "Secret", "isHidden": true})
	if err := m.HideFolder("Quick Steps"); err != nil {
		t.Fatal(err)
	}
	shown := n.want(soc + "/mailFolders?$top=100").column("displayName")
	all := n.want(soc + "/mailFolders?$top=100&includeHiddenFolders=true").column("displayName")
	if slices.Contains(shown, "Secret") || !slices.Contains(all, "Secret") || !slices.Contains(all, "Quick Steps") || len(all) != len(shown)+2 {
		t.Errorf("shown %v, all %v", shown, all)
	}
	if a := n.want(soc + "/mailFolders/$count?includeHiddenFolders=true"); string(a.body) != "10" || a.header.Get("Content-Type") != "text/plain" {
		t.Errorf("$count = %s", a.body)
	}
}

func TestCountsFollowTheMessages(t *testing.T) {
	n, _, id := desk(t)
	check := func(folder string, wantUnread, wantTotal float64) {
		t.Helper()
		if unread, total := n.counts(folder); unread != wantUnread || total != wantTotal {
			t.Errorf("%s: %v unread of %v, want %v of %v", folder, unread, total, wantUnread, wantTotal)
		}
	}
	check("inbox", 1, 1)
	n.changed(soc+"/messages/"+id, object{"isRead": true})
	check("inbox", 0, 1)
	copied := n.made(soc+"/messages/"+id+"/copy", object{"destinationId": "archive"}).json["id"].(string)
	check("archive", 0, 1)
	n.changed(soc+"/messages/"+copied, object{"isRead": false})
	moved := n.made(soc+"/messages/"+copied+"/move", object{"destinationId": "inbox"}).json["id"].(string)
	check("archive", 0, 0)
	check("inbox", 1, 2)
	n.gone(http.MethodDelete, soc+"/messages/"+moved)
	check("inbox", 0, 1)
	check("deleteditems", 1, 1)
}

func TestDeletedFolderGoesToDeletedItemsFirst(t *testing.T) {
	n, m, _ := desk(t)
	id := n.mail(m, "Cases", "a@b.example", "s", "Mon, 23 Feb 2026 08:00:00 +0000", "")
	folder, err := m.AddFolder("Cases")
	if err != nil {
		t.Fatal(err)
	}
	n.gone(http.MethodDelete, soc+"/mailFolders/"+folder)
	deleted := n.want(soc + "/mailFolders/deleteditems/childFolders")
	if diff := cmp.Diff([]string{"Cases"}, deleted.column("displayName")); diff != "" {
		t.Fatalf("Deleted Items (-want +got):\n%s", diff)
	}
	n.want(soc + "/messages/" + id) // ids of folders stay, and so do those of their messages
	if again, err := m.AddFolder("Cases"); err != nil || again == folder {
		t.Errorf("a new folder took the id of the deleted one: %v", err)
	}
	n.gone(http.MethodDelete, soc+"/mailFolders/"+folder)
	n.refused(n.get(soc+"/mailFolders/"+folder), http.StatusNotFound, "ErrorItemNotFound")
	n.refused(n.get(soc+"/messages/"+id), http.StatusNotFound, "ErrorItemNotFound")
	if len(m.Messages("recoverableitemsdeletions")) != 1 {
		t.Error("the message is not in Recoverable Items")
	}
	if _, total := n.counts("recoverableitemsdeletions"); total != 1 {
		t.Errorf("Recoverable Items counts %v", total)
	}
	if slices.Contains(n.want(soc+"/messages").column("subject"), "s") {
		t.Error("a list of the whole mailbox shows Recoverable Items")
	}
}

func TestFoldersMoveAndAreCopied(t *testing.T) {
	n, m, _ := desk(t)
	n.mail(m, "Cases/2026", "a@b.example", "one", "Mon, 23 Feb 2026 08:00:00 +0000", "")
	folder, err := m.AddFolder("Cases")
	if err != nil {
		t.Fatal(err)
	}
	copied := n.made(soc+"/mailFolders/"+folder+"/copy", object{"DestinationId": "inbox"}, http.StatusOK)
	moved := n.made(soc+"/mailFolders/"+folder+"/move", object{"destinationId": "archive"}, http.StatusOK)
	if copied.json["id"] == folder || moved.json["id"] != folder {
		t.Error("a copy has an id of its own, and a moved folder keeps its id")
	}
	if len(m.Messages("Inbox/Cases/2026")) != 1 || len(m.Messages("Archive/Cases/2026")) != 1 {
		t.Error("the messages did not come along")
	}
	n.gone(http.MethodPost, soc+"/mailFolders/"+folder+"/permanentDelete")
	if len(m.Messages("Archive/Cases/2026")) != 0 || len(m.Messages("recoverableitemsdeletions")) != 0 {
		t.Error("permanentDelete left messages behind")
	}
}

func TestSearchFolderShowsWhatItFinds(t *testing.T) {
	n, m, id := desk(t)
	n.mail(m, "Inbox/sub", "bob@fabrikam.example", "Lunch", "Tue, 24 Feb 2026 08:00:00 +0000", "")
	made := n.made(soc+"/mailFolders", object{
		"@odata.type": "microsoft.graph.mailSearchFolder", "displayName": "Unread", "includeNestedFolders": true,
		"sourceFolderIds": []string{"inbox"}, "filterQuery": "isRead eq false",
	})
	folder := made.json["id"].(string)
	if unread, total := n.counts(folder); made.json["@odata.type"] != "#microsoft.graph.mailSearchFolder" || unread != 2 || total != 2 {
		t.Errorf("made %s", made.body)
	}
	n.changed(soc+"/messages/"+id, object{"isRead": true})
	if diff := cmp.Diff([]string{"Lunch"}, n.want(soc+"/mailFolders/"+folder+"/messages").column("subject")); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if a := n.want(soc + "/mailFolders/" + folder + "/messages/$count"); string(a.body) != "1" {
		t.Errorf("$count = %s", a.body)
	}
	n.changed(soc+"/mailFolders/"+folder, object{"@odata.type": "microsoft.graph.mailSearchFolder", "filterQuery": "subject eq 'Invoice'"})
	if diff := cmp.Diff([]string{"Invoice"}, n.want(soc+"/mailFolders/"+folder+"/messages").column("subject")); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	n.refused(n.do(http.MethodPost, soc+"/messages/"+id+"/move", `{"destinationId":"`+folder+`"}`), http.StatusBadRequest, "ErrorInvalidOperation")
	n.gone(http.MethodDelete, soc+"/mailFolders/"+folder)
	if len(m.Messages("Inbox")) != 1 {
		t.Error("deleting a search folder deleted messages")
	}
}
