package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postern-dev/postern/sdk/plugintest"
)

// asksPage is the exchange for one page of the folder "inbox".
func asksPage(top, more, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"mail.search","method":"GET","path":"/users/{user}/mailFolders/{folder}/messages",
			"params":{"user":"ann@contoso.example","folder":"inbox"},"headers":{"Prefer":"IdType=\"ImmutableId\""},
			"query":{"$select":"` + listedMembers + `","$orderby":"receivedDateTime desc","$top":"` + top + `"` + more + `}}`,
		Reply: reply,
	}
}

// received are messages with the ids of a range, each received at a second of its own or all at the same.
func received(from, to int, second string) string {
	var list []string
	for i := from; i < to; i++ {
		at := second
		if at == "" {
			at = fmt.Sprintf("2026-01-02T%02d:%02d:%02dZ", 23-i/3600, 59-i/60%60, 59-i%60)
		}
		list = append(list, fmt.Sprintf(`{"id":"%d","receivedDateTime":%q}`, i, at))
	}
	return strings.Join(list, ",")
}

// page is a page of a list that goes on.
func page(list string) string {
	return `{"status":200,"next":"sealed","body":{"value":[` + list + `]}}`
}

func TestList(t *testing.T) {
	const same = "2026-01-02T09:00:00Z"
	for _, test := range []struct {
		name          string
		limit, offset int
		script        []plugintest.Exchange
		rows          int
		truncated     bool
		message       string
	}{
		{"a short folder", 100, 0, []plugintest.Exchange{asksPage("100", "", messages(received(0, 3, "")))}, 3, false, "Messages: 3."},
		{"to the limit", 2, 5, []plugintest.Exchange{asksPage("2", `,"$skip":"5"`, page(received(0, 2, "")))}, 2, true, "Messages: 2; the next has the offset 7."},
		{"exactly to the end", 2, 0, []plugintest.Exchange{asksPage("2", "", messages(received(0, 2, "")))}, 2, false, "Messages: 2."},
		{"pages that overlap", 300, 0, []plugintest.Exchange{
			asksPage("100", "", page(received(0, 100, ""))),
			asksPage("100", `,"$filter":"receivedDateTime lt 2026-01-02T23:58:21Z"`, page(received(99, 199, ""))),
			asksPage("100", `,"$filter":"receivedDateTime lt 2026-01-02T23:56:42Z"`, messages(received(198, 210, ""))),
		}, 210, false, "Messages: 210."},
		{"many of one second", 1000, 0, []plugintest.Exchange{
			asksPage("100", "", page(received(0, 100, same))),
			asksPage("100", `,"$filter":"receivedDateTime lt 2026-01-02T09:00:01Z"`, page(received(0, 100, same))),
			{Want: `{"op":"graph","link":"sealed"}`, Reply: messages(received(100, 110, same))},
		}, 110, false, "Messages: 110."},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := plugintest.Run(t, plugin, "mail.list", fmt.Sprintf(
				`{"email_address":"ann@contoso.example","folder":"inbox","get_folder_id":false,"limit":%d,"offset":%d}`, test.limit, test.offset), test.script...)
			seen := map[any]bool{}
			for _, row := range result.Data {
				seen[row["id"]] = true
			}
			if len(result.Data) != test.rows || len(seen) != test.rows || result.Truncated != test.truncated || result.Message != test.message {
				t.Errorf("%d rows, %d different, truncated %t, %q, %v", len(result.Data), len(seen), result.Truncated, result.Message, result.Error)
			}
		})
	}
}

func TestPropertiesAreThoseThatWereAskedFor(t *testing.T) {
	const always = "id,subject,bodyPreview,receivedDateTime,hasAttachments,toRecipients,ccRecipients,from"
	for choices, fields := range map[string]string{
		``:                        always,
		`,"get_body":true`:        always + ",body",
		`,"get_unique_body":true`: always + ",uniqueBody",
		`,"get_sender":true`:      always + ",sender",
		`,"get_headers":true`:     always + ",internetMessageHeaders",
		`,"body_format":"html"`:   always,
		`,"get_body":true,"get_unique_body":true,"get_sender":true,"get_headers":true`: always + ",body,uniqueBody,sender,internetMessageHeaders",
	} {
		plugintest.Run(t, plugin, "mail.get_properties", getParameters(choices),
			plugintest.Exchange{Want: item("", `,"query":{"$select":"`+fields+`"}`), Reply: bareReply},
		).WantRows(t, `{"id":"AAMk/+==","subject":null,"body":null,"uniqueBody":null,"bodyPreview":null,"sender":null,"from":null,"toRecipients":null,
			"ccRecipients":null,"receivedDateTime":null,"hasAttachments":null,"internetMessageHeaders":null,"headers":null,"attachments":null}`)
	}
	text := plugintest.Exchange{
		Want:  strings.Replace(item("", `,"query":{"$select":"`+always+`"}`), `ImmutableId\"`, `ImmutableId\", outlook.body-content-type=\"text\"`, 1),
		Reply: bareReply,
	}
	if result := plugintest.Run(t, plugin, "mail.get_properties", getParameters(`,"body_format":"text"`), text); result.Error != nil {
		t.Error(result.Error)
	}
}
