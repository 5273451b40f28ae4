package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// quoteJSON is a JSON string.
func quoteJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// searchParameters are the parameters of a search in the whole mailbox, unless more says otherwise.
func searchParameters(id, subject, sender, body string, limit int) string {
	return fmt.Sprintf(`{"email_address":"ann@contoso.example","folder":"Inbox","get_folder_id":true,"subject":%s,"sender":%s,"body":%s,
		"internet_message_id":%s,"limit":%d,"search_well_known_folders":true}`, quoteJSON(subject), quoteJSON(sender), quoteJSON(body), quoteJSON(id), limit)
}

func asksMessages(top, query string) string {
	return `{"op":"graph","capability":"mail.search","method":"GET","path":"/users/{user}/messages","params":{"user":"ann@contoso.example"},
		"headers":{"Prefer":"IdType=\"ImmutableId\""},"query":{
		"$select":"id,subject,sender,from,receivedDateTime,bodyPreview,hasAttachments,parentFolderId,internetMessageId","$top":"` + top + `",` + query + `}}`
}

// message is a row, and what Graph gives for it.
func message(id, subject, from string) string {
	return `{"id":` + quoteJSON(id) + `,"subject":` + quoteJSON(subject) + `,"sender":null,"from":{"emailAddress":{"address":` + quoteJSON(from) + `}},
		"receivedDateTime":null,"bodyPreview":null,"hasAttachments":null,"parentFolderId":null,"internetMessageId":null}`
}

// asksSearch asks for messages by a search in KQL.
func asksSearch(top, kql string) string {
	return strings.Replace(asksMessages(top, `"$search":`+quoteJSON(`"`+kql+`"`)), `internetMessageId","$top"`, `internetMessageId,sentDateTime","$top"`, 1)
}

func messages(list ...string) string {
	return `{"status":200,"body":{"value":[` + strings.Join(list, ",") + `]}}`
}

func TestSearchMakesOneLegalQuery(t *testing.T) {
	const ordered = `,"$orderby":"receivedDateTime desc"`
	for _, test := range []struct {
		name, id, subject, sender, body string
		top, query, kql                 string
	}{
		{name: "by message id", id: "x+y@contoso.example", top: "100", query: `"$filter":"internetMessageId eq '<x+y@contoso.example>'"`},
		{name: "by message id in brackets", id: " <x'y@contoso.example> ", top: "100", query: `"$filter":"internetMessageId eq '<x''y@contoso.example>'"`},
		{name: "by subject", subject: "l'été", top: "100", query: `"$filter":"receivedDateTime ge 1900-01-01T00:00:00Z and contains(subject,'l''été')"` + ordered},
		{name: "by decomposed subject", subject: "e\u0301te\u0301", top: "100", query: `"$filter":"receivedDateTime ge 1900-01-01T00:00:00Z and contains(subject,'été')"` + ordered},
		{name: "by sender", sender: "o'neil@contoso.example", top: "100", query: `"$filter":"receivedDateTime ge 1900-01-01T00:00:00Z and from/emailAddress/address eq 'o''neil@contoso.example'"` + ordered},
		{name: "by subject and sender", subject: "x", sender: "a@b.example",
			top: "100", query: `"$filter":"receivedDateTime ge 1900-01-01T00:00:00Z and from/emailAddress/address eq 'a@b.example' and contains(subject,'x')"` + ordered},
		{name: "by nothing", top: "100", query: `"$orderby":"receivedDateTime desc"`},
		{name: "by body", body: "two words", top: "100", kql: `body:\"two words\"`},
		{name: "by body and all", body: `say "hi"\`, subject: `a"b`, sender: "a_b-c@b.example",
			top: "250", kql: `subject:\"a b\" AND from:a_b-c@b.example AND body:\"say  hi\"`},
		{name: "by body and an odd sender", body: "x", sender: "a OR b", top: "250", kql: `from:\"a OR b\" AND body:\"x\"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := message("AAMk/+=", "what A B and l'été x", "a_b-c@b.example")
			want := asksMessages(test.top, test.query)
			if test.kql != "" {
				want = asksSearch(test.top, test.kql)
			}
			result := plugintest.Run(t, plugin, "mail.search", searchParameters(test.id, test.subject, test.sender, test.body, 100),
				plugintest.Exchange{Want: want, Reply: messages(found)})
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
		Want: asksSearch("250", `subject:\"Voice\" AND from:ANN@contoso.example AND body:\"x\"`),
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

// sentOn is a message that was sent on a day.
func sentOn(id int, day string) string {
	return strings.Replace(message(fmt.Sprint(id), "s", "a@b.example"), `{`, `{"sentDateTime":"`+day+`T12:00:00Z",`, 1)
}

func TestSearchGoesOnBeyondWhatGraphGives(t *testing.T) {
	window := func(first int, day string) []string {
		page := make([]string, maxFound)
		for i := range page {
			page[i] = sentOn(first+i, day)
		}
		return page
	}
	const body = `body:\"x\"`
	result := plugintest.Run(t, plugin, "mail.search", searchParameters("", "", "", "x", 5000),
		plugintest.Exchange{Want: asksSearch("250", body), Reply: messages(window(0, "2026-01-20")...)},
		plugintest.Exchange{Want: asksSearch("250", body+" AND sent:1900-01-01..2026-01-21"), Reply: messages(window(500, "2026-01-10")...)},
		plugintest.Exchange{Want: asksSearch("250", body+" AND sent:1900-01-01..2026-01-11"), Reply: messages(sentOn(1499, "2026-01-10"), sentOn(1500, "2026-01-01"))})
	if len(result.Data) != 1501 || result.Truncated {
		t.Errorf("%d rows, truncated %t, %v", len(result.Data), result.Truncated, result.Error)
	}
}

func TestSearchTellsThatADayHoldsMoreThanGraphGives(t *testing.T) {
	page := make([]string, maxFound)
	for i := range page {
		page[i] = sentOn(i, "2026-01-20")
	}
	const body = `body:\"x\"`
	full := messages(page...)
	result := plugintest.Run(t, plugin, "mail.search", searchParameters("", "", "", "x", 5000),
		plugintest.Exchange{Want: asksSearch("250", body), Reply: full},
		plugintest.Exchange{Want: asksSearch("250", body+" AND sent:1900-01-01..2026-01-21"), Reply: full},
		plugintest.Exchange{Want: asksSearch("250", body+" AND sent:1900-01-01..2026-01-20"), Reply: full},
		plugintest.Exchange{Want: asksSearch("250", body+" AND sent:1900-01-01..2026-01-19"), Reply: messages()})
	if len(result.Data) != maxFound || !result.Truncated {
		t.Errorf("%d rows, truncated %t, %v", len(result.Data), result.Truncated, result.Error)
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
