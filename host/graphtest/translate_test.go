package graphtest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestIDsAreTranslatedBetweenAllForms(t *testing.T) {
	n, m, _ := desk(t)
	n.mail(m, "Inbox", "a@b.example", "second", "Tue, 24 Feb 2026 08:00:00 +0000", "")
	item := m.Messages("Inbox")[0]
	folder, err := m.AddFolder("Cases")
	if err != nil {
		t.Fatal(err)
	}
	translate := func(source, target string, ids ...string) []map[string]any {
		t.Helper()
		a := n.do(http.MethodPost, soc+"/translateExchangeIds", toJSON(t, object{"inputIds": ids, "sourceIdType": source, "targetIdType": target}))
		if a.status != http.StatusOK {
			t.Fatalf("answered %d %s", a.status, a.body)
		}
		return a.rows()
	}
	forms := map[string]string{"restId": item.ID, "restImmutableEntryId": item.ImmutableID}
	for _, form := range []string{"ewsId", "entryId", "immutableEntryId"} {
		forms[form], _ = translate("restId", form, item.ID)[0]["targetId"].(string)
	}
	if forms["ewsId"] != strings.NewReplacer("-", "/", "_", "+").Replace(item.ID) || forms["entryId"] == item.ID || forms["immutableEntryId"] == forms["entryId"] {
		t.Errorf("forms: %v", forms)
	}
	for source, id := range forms {
		for target, want := range forms {
			if got := translate(source, target, id)[0]; got["targetId"] != want || got["sourceId"] != id || got["errorDetails"] != nil {
				t.Errorf("%s to %s: %v", source, target, got)
			}
		}
	}
	if got := translate("restId", "restImmutableEntryId", folder)[0]; got["targetId"] != folder {
		t.Errorf("a folder has one id: %v", got)
	}
	n.made(soc+"/messages/"+item.ID+"/move", object{"destinationId": "archive"})
	codes := []any{}
	for _, row := range translate("restId", "restImmutableEntryId", "x", strings.ToLower(item.ID), item.ImmutableID, item.ID) {
		details, _ := row["errorDetails"].(map[string]any)
		codes = append(codes, details["code"])
	}
	if diff := cmp.Diff([]any{"ErrorInvalidIdMalformed", "ErrorInvalidIdMalformed", "ErrorInvalidIdMalformed", "ErrorItemNotFound"}, codes); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}

func TestTranslationsThatGraphRefuses(t *testing.T) {
	n, _, _ := desk(t)
	many := make([]string, 1001)
	for name, test := range map[string]struct {
		body any
		code string
	}{
		"too many":      {object{"inputIds": many, "sourceIdType": "restId", "targetIdType": "ewsId"}, "ErrorInvalidRequest"},
		"no target":     {object{"inputIds": []string{}, "sourceIdType": "restId"}, "ErrorInvalidRequest"},
		"unknown form":  {object{"inputIds": []string{}, "sourceIdType": "restId", "targetIdType": "guid"}, "RequestBodyRead"},
		"text for list": {object{"inputIds": "x", "sourceIdType": "restId", "targetIdType": "ewsId"}, "RequestBodyRead"},
	} {
		t.Run(name, func(t *testing.T) {
			n.refused(n.do(http.MethodPost, soc+"/translateExchangeIds", toJSON(t, test.body)), http.StatusBadRequest, test.code)
		})
	}
	if a := n.do(http.MethodPost, soc+"/translateExchangeIds", toJSON(t, object{"inputIds": many[:1000], "sourceIdType": "restId", "targetIdType": "ewsId"})); len(a.rows()) != 1000 {
		t.Errorf("answered %d with %d rows", a.status, len(a.rows()))
	}
}
