package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// text is a JSON string.
func text(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// searchParameters are the parameters of a search in the whole mailbox, unless more says otherwise.
func searchParameters(id, subject, sender, body string, limit int) string {
	return fmt.Sprintf(`{"email_address":"ann@contoso.example","folder":"Inbox","get_folder_id":true,"subject":%s,"sender":%s,"body":%s,
		"internet_message_id":%s,"limit":%d,"search_well_known_folders":true}`, text(subject), text(sender), text(body), text(id), limit)
}

func asksMessages(top, query string) string {
	return `{"op":"graph","capability":"mail.search","method":"GET","path":"/users/{user}/messages","params":{"user":"ann@contoso.example"},
		"headers":{"Prefer":"IdType=\"ImmutableId\""},"query":{
		"$select":"id,subject,sender,from,receivedDateTime,bodyPreview,hasAttachments,parentFolderId,internetMessageId","$top":"` + top + `",` + query + `}}`
}

// message is a row, and what Graph gives for it.
func message(id, subject, from string) string {
	return `{"id":` + text(id) + `,"subject":` + text(subject) + `,"sender":null,"from":{"emailAddress":{"address":` + text(from) + `}},
		"receivedDateTime":null,"bodyPreview":null,"hasAttachments":null,"parentFolderId":null,"internetMessageId":null}`
}

func messages(list ...string) string {
	return `{"status":200,"body":{"value":[` + strings.Join(list, ",") + `]}}`
}

func TestSearchMakesOneLegalQuery(t *testing.T) {
	const ordered = `,"$orderby":"receivedDateTime desc"`
	for _, test := range []struct {
		name, id, subject, sender, body string
		top, query                      string
	}{
		{name: "by message id", id: "x+y@contoso.example", top: "100", query: `"$filter":"internetMessageId eq '<x+y@contoso.example>'"`},
		{name: "by message id in brackets", id: " <x'y@contoso.example> ", top: "100", query: `"$filter":"internetMessageId eq '<x''y@contoso.example>'"`},
		{name: "by subject", subject: "l'été", top: "100", query: `"$filter":"receivedDateTime ge 1900-01-01T00:00:00Z and contains(subject,'l''été')"` + ordered},
		{name: "by decomposed subject", subject: "e\u0301te\u0301", top: "100", query: `"$filter":"receivedDateTime ge 1900-01-01T00:00:00Z and contains(subject,'été')"` + ordered},
		{name: "by sender", sender: "o'neil@contoso.example", top: "100", query: `"$filter":"receivedDateTime ge 1900-01-01T00:00:00Z and from/emailAddress/address eq 'o''neil@contoso.example'"` + ordered},
		{name: "by subject and sender", subject: "x", sender: "a@b.example",
			top: "100", query: `"$filter":"receivedDateTime ge 1900-01-01T00:00:00Z and from/emailAddress/address eq 'a@b.example' and contains(subject,'x')"` + ordered},
		{name: "by nothing", top: "100", query: `"$orderby":"receivedDateTime desc"`},
		{name: "by body", body: "two words", top: "100", query: `"$search":` + text(`"body:\"two words\""`)},
		{name: "by body and all", body: `say "hi"\`, subject: `a"b`, sender: "a_b-c@b.example",
			top: "250", query: `"$search":` + text(`"subject:\"a b\" AND from:a_b-c@b.example AND body:\"say  hi\""`)},
		{name: "by body and an odd sender", body: "x", sender: "a OR b", top: "250", query: `"$search":` + text(`"from:\"a OR b\" AND body:\"x\""`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := message("AAMk/+=", "what A B and l'été x", "a_b-c@b.example")
			result := plugintest.Run(t, plugin, "mail.search", searchParameters(test.id, test.subject, test.sender, test.body, 100),
				plugintest.Exchange{Want: asksMessages(test.top, test.query), Reply: messages(found)})
			if result.Error != nil {
				t.Error(result.Error)
			}
		})
	}
}

func TestSearchReturnsRows(t *testing.T) {
	result := plugintest.Run(t, plugin, "mail.search", searchParameters("", "", "", "", 100), plugintest.Exchange{
		Want: asksMessages("100", `"$orderby":"receivedDateTime desc"`),
		Reply: messages(`{"@odata.etag":"e","id":"AAMk/+=","subject":"S","sender":{"emailAddress":{"name":"A","address":"a@b.example"}},
			"from":{"emailAddress":{"name":"A","address":"a@b.example"}},"receivedDateTime":"2026-01-02T03:04:05Z","bodyPreview":"P",
			"hasAttachments":true,"parentFolderId":"F","internetMessageId":"<x@y>"}`),
	})
	result.WantRows(t, `{"id":"AAMk/+=","subject":"S","sender":{"emailAddress":{"name":"A","address":"a@b.example"}},
		"from":{"emailAddress":{"name":"A","address":"a@b.example"}},"receivedDateTime":"2026-01-02T03:04:05Z","bodyPreview":"P",
		"hasAttachments":true,"parentFolderId":"F","internetMessageId":"<x@y>"}`)
	if result.Message != "Messages found: 1." || result.Truncated {
		t.Errorf("message %q, truncated %t", result.Message, result.Truncated)
	}
}

func TestSearchFiltersWhatKQLFound(t *testing.T) {
	result := plugintest.Run(t, plugin, "mail.search", searchParameters("", "Voice", "ANN@contoso.example", "x", 2), plugintest.Exchange{
		Want: asksMessages("250", `"$search":`+text(`"subject:\"Voice\" AND from:ANN@contoso.example AND body:\"x\""`)),
		Reply: messages(
			message("1", "INVOICE", "ann@contoso.example"),
			message("2", "in voi ce", "ann@contoso.example"),
			message("3", "voice", "annette@contoso.example"),
			`{"id":"4","subject":"voice","sender":{"emailAddress":{"address":"ann@contoso.example"}}}`,
			message("5", "voice", "ann@contoso.example")),
	})
	if len(result.Data) != 2 || result.Data[0]["id"] != "1" || result.Data[1]["id"] != "4" || !result.Truncated {
		t.Errorf("found %v, truncated %t", result.Data, result.Truncated)
	}
}

func TestSearchTellsThatKQLFindsNoMore(t *testing.T) {
	page := make([]string, maxFound)
	for i := range page {
		page[i] = message(fmt.Sprint(i), "s", "a@b.example")
	}
	result := plugintest.Run(t, plugin, "mail.search", searchParameters("", "", "", "x", 5000),
		plugintest.Exchange{Want: asksMessages("250", `"$search":`+text(`"body:\"x\""`)), Reply: messages(page...)})
	if len(result.Data) != maxFound || !result.Truncated {
		t.Errorf("%d rows, truncated %t", len(result.Data), result.Truncated)
	}
}

func TestSearchStopsAtTheLimitOverPages(t *testing.T) {
	result := plugintest.Run(t, plugin, "mail.search", searchParameters("", "", "", "", 2), plugintest.Exchange{
		Want:  asksMessages("2", `"$orderby":"receivedDateTime desc"`),
		Reply: `{"status":200,"next":"sealed","body":{"value":[` + message("1", "s", "a@b.example") + `]}}`,
	}, plugintest.Exchange{
		Want:  `{"op":"graph","link":"sealed"}`,
		Reply: messages(message("2", "s", "a@b.example"), message("3", "s", "a@b.example")),
	})
	if len(result.Data) != 2 || !result.Truncated {
		t.Errorf("%d rows, truncated %t", len(result.Data), result.Truncated)
	}
}

func TestSearchTriesTheCompatibilityForm(t *testing.T) {
	filter := func(subject string) string {
		return `"$filter":"receivedDateTime ge 1900-01-01T00:00:00Z and contains(subject,'` + subject + `')","$orderby":"receivedDateTime desc"`
	}
	plugintest.Run(t, plugin, "mail.search", searchParameters("", "ﬁle", "", "", 9),
		plugintest.Exchange{Want: asksMessages("9", filter("ﬁle")), Reply: messages()},
		plugintest.Exchange{Want: asksMessages("9", filter("file")), Reply: messages(message("1", "file", "a@b.example"))},
	).WantRows(t, message("1", "file", "a@b.example"))
}

func TestSearchFindsNothing(t *testing.T) {
	plugintest.Run(t, plugin, "mail.search", searchParameters("", "x", "", "", 9), plugintest.Exchange{
		Want:  asksMessages("9", `"$filter":"receivedDateTime ge 1900-01-01T00:00:00Z and contains(subject,'x')","$orderby":"receivedDateTime desc"`),
		Reply: messages(),
	}).WantRows(t)
}

func TestSearchRefusesInput(t *testing.T) {
	for _, test := range []struct{ name, parameters, parameter string }{
		{"message id and subject", searchParameters("x@y", "s", "", "", 9), "internet_message_id"},
		{"message id and sender", searchParameters("x@y", "", "s", "", 9), "internet_message_id"},
		{"message id and body", searchParameters("x@y", "", "", "b", 9), "internet_message_id"},
		{"body of quotes", searchParameters("", "", "", `" \`, 9), "body"},
		{"no folder", `{"email_address":"a","folder":" / ","get_folder_id":true,"limit":1}`, "folder"},
		{"no folder id", `{"email_address":"a","folder":" ","get_folder_id":false,"limit":1}`, "folder"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin, "mail.search", test.parameters).WantError(t, abi.InvalidInput)
			if err.Detail.Parameter != test.parameter {
				t.Errorf("parameter is %q: %v", err.Detail.Parameter, err)
			}
		})
	}
}

func TestSearchPassesRefusalsOn(t *testing.T) {
	plugintest.Run(t, plugin, "mail.search", searchParameters("x@y", "", "", "", 9), plugintest.Exchange{
		Want:  asksMessages("9", `"$filter":"internetMessageId eq '<x@y>'"`),
		Reply: `{"error":{"code":"bad_query","message":"InefficientFilter"}}`,
	}).WantError(t, abi.BadQuery)
}
