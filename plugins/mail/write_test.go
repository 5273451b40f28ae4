package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// Exchanges about the message "M=" of ann@contoso.example, which is named by its immutable id unless it says otherwise.

// about is one exchange below the message's own path.
func about(capability, method, below, more, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"` + capability + `","method":"` + method + `","path":"/users/{user}/messages/{message}` + below + `",
			"params":{"user":"ann@contoso.example","message":"M="},"headers":{"Prefer":"IdType=\"ImmutableId\""}` + more + `}`,
		Reply: reply,
	}
}

// reads reads fields of the message.
func reads(capability, fields, reply string) plugintest.Exchange {
	return about(capability, "GET", "", `,"query":{"$select":"`+fields+`"}`, reply)
}

// inFolder is the message in a folder.
func inFolder(folder string) string {
	return `{"id":"M=","subject":"S","parentFolderId":"` + folder + `","internetMessageId":"<m@x>"}`
}

func answered(status int, body string) string {
	return fmt.Sprintf(`{"status":%d,"body":%s}`, status, body)
}

// sendsTo moves or copies the message to a folder.
func sendsTo(capability, action, folder, reply string) plugintest.Exchange {
	return about(capability, "POST", "/"+action, `,"body":{"destinationId":"`+folder+`"}`, reply)
}

const unknown = `{"error":{"code":"outcome_unknown","message":"504"}}`

const toArchive = `{"email_address":"ann@contoso.example","id":"M=","folder":"archive","get_folder_id":false}`

// folderArchive reads the folder, which the caller gave by its well-known name.
func folderArchive(capability, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"` + capability + `","method":"GET","path":"/users/{user}/mailFolders/{folder}",
			"params":{"user":"ann@contoso.example","folder":"archive"},"query":{"$select":"id,displayName,parentFolderId,childFolderCount"}}`,
		Reply: reply,
	}
}

// copiesIn lists what the folder has of the message's Internet message id.
func copiesIn(list ...string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"mail.copy","method":"GET","path":"/users/{user}/mailFolders/{folder}/messages",
			"params":{"user":"ann@contoso.example","folder":"archive"},"headers":{"Prefer":"IdType=\"ImmutableId\""},
			"query":{"$select":"` + filedFields + `","$top":"50","$filter":"internetMessageId eq '<m@x>'"}}`,
		Reply: messages(list...),
	}
}

func TestMove(t *testing.T) {
	before := reads("mail.move", filedFields, answered(200, inFolder("I")))
	moves := func(reply string) plugintest.Exchange { return sendsTo("mail.move", "move", "archive", reply) }
	archive := folderArchive("mail.move", `{"status":200,"body":{"id":"A"}}`)
	const moved = `{"id":"M=","subject":"S","parentFolderId":"A","internetMessageId":"<m@x>","oldId":"M=","moved":true}`
	for _, test := range []struct {
		name   string
		script []plugintest.Exchange
		row    string
		code   abi.Code
	}{
		{"at once", []plugintest.Exchange{before, moves(answered(201, inFolder("A")))}, moved, ""},
		{"found where it shall be", []plugintest.Exchange{before, moves(unknown), reads("mail.move", filedFields, answered(200, inFolder("A"))), archive}, moved, ""},
		{"asked once more", []plugintest.Exchange{
			before, moves(unknown), reads("mail.move", filedFields, answered(200, inFolder("I"))), archive, moves(answered(201, inFolder("A"))),
		}, moved, ""},
		{"nobody knows", []plugintest.Exchange{before, moves(unknown), reads("mail.move", filedFields, `{"error":{"code":"upstream","message":"502"}}`)}, "", abi.OutcomeUnknown},
		{"refused", []plugintest.Exchange{before, moves(denied)}, "", abi.AccessDenied},
		{"no such folder", []plugintest.Exchange{before, moves(notFound), folderArchive("mail.move", notFound)}, "", abi.NotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := plugintest.Run(t, plugin, "mail.move", toArchive, test.script...)
			if test.code != "" {
				result.WantError(t, test.code)
				return
			}
			result.WantRows(t, test.row)
		})
	}
}

func TestCopy(t *testing.T) {
	before := reads("mail.copy", filedFields, answered(200, inFolder("I")))
	const older = `{"id":"OLD","internetMessageId":"<m@x>"}`
	const fresh = `{"id":"C=","subject":"S","parentFolderId":"A","internetMessageId":"<m@x>"}`
	const row = `{"id":"C=","subject":"S","parentFolderId":"A","internetMessageId":"<m@x>","originalId":"M="}`
	copies := func(reply string) plugintest.Exchange { return sendsTo("mail.copy", "copy", "archive", reply) }
	plugintest.Run(t, plugin, "mail.copy", toArchive, before, copiesIn(older), copies(answered(201, fresh))).WantRows(t, row)
	plugintest.Run(t, plugin, "mail.copy", toArchive, before, copiesIn(older), copies(unknown), copiesIn(older, fresh)).WantRows(t, row)
	plugintest.Run(t, plugin, "mail.copy", toArchive, before, copiesIn(older), copies(unknown), copiesIn(older)).WantError(t, abi.OutcomeUnknown)
	plugintest.Run(t, plugin, "mail.copy", toArchive, before, copiesIn(), copies(unknown), copiesIn(older, fresh)).WantError(t, abi.OutcomeUnknown)
}

func TestUpdate(t *testing.T) {
	state := func(categories string) string {
		return `{"id":"M=","subject":"S","isRead":false,"categories":` + categories + `,"importance":"normal","flag":{"flagStatus":"notFlagged"}}`
	}
	tagged := func(categories string) string {
		return strings.Replace(state(categories), `{`, `{"@odata.etag":"W/\"1\"",`, 1)
	}
	read := func(categories string) plugintest.Exchange {
		return reads("mail.update", updatedMembers, answered(200, tagged(categories)))
	}
	patches := func(body, reply string) plugintest.Exchange {
		return plugintest.Exchange{
			Want: `{"op":"graph","capability":"mail.update","method":"PATCH","path":"/users/{user}/messages/{message}",
				"params":{"user":"ann@contoso.example","message":"M="},"headers":{"Prefer":"IdType=\"ImmutableId\"","If-Match":"W/\"1\""},"body":` + body + `}`,
			Reply: reply,
		}
	}
	row := func(categories string, changed bool) string {
		return strings.TrimSuffix(state(categories), "}") + fmt.Sprintf(`,"changed":%t}`, changed)
	}
	const id = `{"email_address":"ann@contoso.example","id":"M="`
	for _, test := range []struct {
		name, parameters string
		script           []plugintest.Exchange
		row              string
		code             abi.Code
	}{
		{"adds to what is there", `,"category":"B, ä","category_mode":"add"}`,
			[]plugintest.Exchange{read(`["A"]`), patches(`{"categories":["A","B","ä"]}`, answered(200, state(`["A","B","ä"]`)))}, row(`["A","B","ä"]`, true), ""},
		{"has it in another case", `,"category":["a"],"category_mode":"add"}`, []plugintest.Exchange{read(`["A"]`)}, row(`["A"]`, false), ""},
		{"removes", `,"category":"a","category_mode":"remove"}`,
			[]plugintest.Exchange{read(`["A","B"]`), patches(`{"categories":["B"]}`, answered(200, state(`["B"]`)))}, row(`["B"]`, true), ""},
		{"sets none", `,"category":"","category_mode":"set"}`,
			[]plugintest.Exchange{read(`["A"]`), patches(`{"categories":[]}`, answered(200, state(`[]`)))}, row(`[]`, true), ""},
		{"the flag and the importance are as they shall be", `,"category":"A","category_mode":"add","flag":"notFlagged","importance":"normal","is_read":false}`,
			[]plugintest.Exchange{read(`["A"]`)}, row(`["A"]`, false), ""},
		{"marks without reading", `,"category":"","category_mode":"add","is_read":false}`,
			[]plugintest.Exchange{about("mail.update", "PATCH", "", `,"body":{"isRead":false}`, answered(200, state(`[]`)))}, row(`[]`, true), ""},
		{"changed meanwhile", `,"category":"B","category_mode":"add"}`, []plugintest.Exchange{
			read(`[]`), patches(`{"categories":["B"]}`, `{"error":{"code":"conflict","message":"412"}}`),
			read(`["A"]`), patches(`{"categories":["A","B"]}`, answered(200, state(`["A","B"]`))),
		}, row(`["A","B"]`, true), ""},
		{"read back", `,"category":"B","category_mode":"add"}`, []plugintest.Exchange{
			read(`[]`), patches(`{"categories":["B"]}`, unknown), read(`["B"]`),
		}, row(`["B"]`, true), ""},
		{"nobody knows", `,"category":"B","category_mode":"add"}`, []plugintest.Exchange{
			read(`[]`), patches(`{"categories":["B"]}`, unknown), read(`[]`),
		}, "", abi.OutcomeUnknown},
		{"nothing asked", `,"category":" , ","category_mode":"add"}`, nil, "", abi.InvalidInput},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := plugintest.Run(t, plugin, "mail.update", id+test.parameters, test.script...)
			if test.code != "" {
				result.WantError(t, test.code)
				return
			}
			result.WantRows(t, test.row)
		})
	}
}

func TestDelete(t *testing.T) {
	tagged := `{"@odata.etag":"W/\"1\"","id":"M=","subject":"S","parentFolderId":"I"}`
	before := reads("mail.delete", deletedFields, answered(200, tagged))
	deletes := func(reply string) plugintest.Exchange {
		return plugintest.Exchange{
			Want: `{"op":"graph","capability":"mail.delete","method":"DELETE","path":"/users/{user}/messages/{message}",
				"params":{"user":"ann@contoso.example","message":"M="},"headers":{"Prefer":"IdType=\"ImmutableId\"","If-Match":"W/\"1\""}}`,
			Reply: reply,
		}
	}
	purges := func(reply string) plugintest.Exchange {
		return about("mail.purge", "POST", "/permanentDelete", "", reply)
	}
	gone := func(code string) string { return `{"error":{"code":"` + code + `","message":"x"}}` }
	bin := plugintest.Exchange{
		Want: `{"op":"graph","capability":"mail.delete","method":"GET","path":"/users/{user}/mailFolders/{folder}",
			"params":{"user":"ann@contoso.example","folder":"deleteditems"},"query":{"$select":"id,displayName,parentFolderId,childFolderCount"}}`,
		Reply: `{"status":200,"body":{"id":"BIN"}}`,
	}
	row := func(message, mode, newID string, already bool) string {
		return fmt.Sprintf(`{"subject":"S","from":null,"receivedDateTime":null,"message":%q,"mode":%q,"alreadyGone":%t,"newId":%s}`, message, mode, already, newID)
	}
	for _, test := range []struct {
		name, mode string
		script     []plugintest.Exchange
		row        string
		code       abi.Code
	}{
		{"deleted", "delete", []plugintest.Exchange{before, deletes(`{"status":204}`)}, row("The message was deleted.", "delete", "null", false), ""},
		{"found elsewhere", "delete", []plugintest.Exchange{
			before, deletes(unknown), reads("mail.delete", deletedFields, answered(200, inFolder("BIN"))),
		}, row("The message was deleted.", "delete", "null", false), ""},
		{"found where it was", "delete", []plugintest.Exchange{before, deletes(unknown), before}, "", abi.OutcomeUnknown},
		{"changed meanwhile", "delete", []plugintest.Exchange{before, deletes(gone("conflict")), before, deletes(`{"status":204}`)},
			row("The message was deleted.", "delete", "null", false), ""},
		{"into the trash", "trash", []plugintest.Exchange{before, bin, sendsTo("mail.delete", "move", "BIN", answered(201, inFolder("BIN")))},
			row("The message was moved to Deleted Items.", "trash", `"M="`, false), ""},
		{"in the trash already", "trash", []plugintest.Exchange{reads("mail.delete", deletedFields, answered(200, inFolder("BIN"))), bin},
			row("The message lies in Deleted Items already.", "trash", `"M="`, true), ""},
		{"purged", "purge", []plugintest.Exchange{before, purges(`{"status":204}`)}, row("The message was deleted for good.", "purge", "null", false), ""},
		{"purged, it turns out", "purge", []plugintest.Exchange{before, purges(unknown), reads("mail.delete", "id", notFound)},
			row("The message was deleted for good.", "purge", "null", true), ""},
		{"purged at the second time", "purge", []plugintest.Exchange{
			before, purges(unknown), reads("mail.delete", "id", answered(200, `{"id":"M="}`)), purges(notFound),
		}, row("The message was deleted for good.", "purge", "null", false), ""},
		{"purging is not granted", "purge", []plugintest.Exchange{before, purges(gone("policy_denied"))}, "", abi.PolicyDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := plugintest.Run(t, plugin, "mail.delete", `{"email_address":"ann@contoso.example","id":"M=","mode":"`+test.mode+`"}`, test.script...)
			if test.code != "" {
				result.WantError(t, test.code)
				return
			}
			result.WantRows(t, test.row)
		})
	}
}

func TestReport(t *testing.T) {
	before := reads("mail.move", filedFields, answered(200, inFolder("I")))
	reports := func(action string, moving bool, reply string) plugintest.Exchange {
		return plugintest.Exchange{
			Want: fmt.Sprintf(`{"op":"graph","capability":"mail.report","method":"POST","path":"beta:/users/{user}/messages/{message}/reportMessage",
				"params":{"user":"ann@contoso.example","message":"M="},"headers":{"Prefer":"IdType=\"ImmutableId\""},
				"body":{"IsMessageMoveRequested":%t,"ReportAction":%q}}`, moving, action),
			Reply: reply,
		}
	}
	row := func(message string, reported, moved bool) string {
		return fmt.Sprintf(`{"message":%q,"reported":%t,"moved":%t,"newId":"M="}`, message, reported, moved)
	}
	const refused = `{"error":{"code":"policy_denied","message":"beta is not granted"}}`
	for _, test := range []struct {
		name, action string
		moving       bool
		script       []plugintest.Exchange
		row          string
		code         abi.Code
	}{
		{"reported", "PHISH", false, []plugintest.Exchange{before, reports("phish", false, answered(200, inFolder("I")))}, row("The message was reported as phish.", true, false), ""},
		{"reported and moved", "junk", true, []plugintest.Exchange{before, reports("junk", true, answered(200, inFolder("J")))}, row("The message was reported as junk and moved.", true, true), ""},
		{"moved, so it was reported", "notjunk", true, []plugintest.Exchange{before, reports("notJunk", true, unknown), reads("mail.move", filedFields, answered(200, inFolder("J")))},
			row("The message was reported as notJunk and moved.", true, true), ""},
		{"nobody knows", "unknown", false, []plugintest.Exchange{before, reports("unknown", false, unknown)}, "", abi.OutcomeUnknown},
		{"only moved", "phish", true, []plugintest.Exchange{before, reports("phish", true, refused), sendsTo("mail.move", "move", "junkemail", answered(201, inFolder("J")))},
			row("The message was moved, but could not be reported.", false, true), ""},
		{"not at all", "phish", false, []plugintest.Exchange{before, reports("phish", false, refused)}, "", abi.NotSupported},
		{"as something else", "unknownFutureValue", true, nil, "", abi.InvalidInput},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := plugintest.Run(t, plugin, "mail.report", fmt.Sprintf(
				`{"user_id":"ann@contoso.example","message_id":"M=","report_action":%q,"is_message_move_requested":%t}`, test.action, test.moving), test.script...)
			if test.code != "" {
				result.WantError(t, test.code)
				return
			}
			result.WantRows(t, test.row)
		})
	}
}

func TestSendAttaches(t *testing.T) {
	const to = `"toRecipients":[{"emailAddress":{"address":"b@c.example"}}]`
	parameters := strings.TrimSuffix(sendParameters(`"b@c.example"`, `""`, `""`, "Tëst", "false"), "}")
	draft := drafts(theMessage("Text", to), drafted)
	small := aboutDraft("POST", "/attachments", `,"body":{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.txt","contentBytes":"aGk="}`, `{"status":201,"body":{}}`)
	size := func(bytes int) plugintest.Exchange {
		return plugintest.Exchange{Want: `{"op":"blob","name":"sha256:1","length":1}`, Reply: fmt.Sprintf(`{"data":"MQ==","size":%d}`, bytes)}
	}
	large := aboutDraft("POST", "/attachments/createUploadSession", `,"upload":"sha256:1",
		"body":{"AttachmentItem":{"attachmentType":"file","name":"b.bin","size":3000001,"contentType":"image/png","isInline":true,"contentId":"pic"}}`, `{"status":201}`)
	sent := aboutDraft("POST", "/send", "", `{"status":202}`)
	away := aboutDraft("DELETE", "", "", `{"status":204}`)
	const both = `,"attachments":[{"name":"a.txt","content":"aGk="},{"name":"b.bin","content_type":"image/png","is_inline":true,"content_id":"pic","blob":"sha256:1"}]}`
	if result := plugintest.Run(t, plugin, "mail.send", parameters+both, size(3_000_001), draft, small, large, sent); result.Error != nil {
		t.Error(result.Error)
	}
	listed := aboutDraft("GET", "/attachments", `,"query":{"$select":"id,name"},"page":{"limit":250}`, messages(`{"id":"1"}`))
	lost := small
	lost.Reply = unknown
	if result := plugintest.Run(t, plugin, "mail.send", parameters+both, size(3_000_001), draft, lost, listed, large, sent); result.Error != nil {
		t.Error(result.Error)
	}
	refused := large
	refused.Reply = denied
	plugintest.Run(t, plugin, "mail.send", parameters+both, size(3_000_001), draft, small, refused, away).WantError(t, abi.AccessDenied)
	plugintest.Run(t, plugin, "mail.send", parameters+both, size(150<<20+1)).WantError(t, abi.TooLarge)
	for _, wrong := range []string{`{"name":"a"}`, `{"name":"a","content":"aGk=","blob":"b"}`, `{"name":"a\nb","content":"aGk="}`} {
		plugintest.Run(t, plugin, "mail.send", parameters+`,"attachments":[`+wrong+`]}`).WantError(t, abi.InvalidInput)
	}
}

func TestSendReadsBackWhetherItLeft(t *testing.T) {
	const to = `"toRecipients":[{"emailAddress":{"address":"b@c.example"}}]`
	parameters := sendParameters(`"b@c.example"`, `""`, `""`, "Tëst", "false")
	draft := drafts(theMessage("Text", to), drafted)
	lost := aboutDraft("POST", "/send", "", unknown)
	state := func(reply string) plugintest.Exchange {
		return aboutDraft("GET", "", `,"query":{"$select":"id,isDraft,internetMessageId"}`, reply)
	}
	plugintest.Run(t, plugin, "mail.send", parameters, draft, lost, state(answered(200, `{"isDraft":false,"internetMessageId":"<new@x>"}`))).
		WantRows(t, sentRow(`["b@c.example"]`, "D=", "<new@x>", "draft"))
	for _, reply := range []string{answered(200, `{"isDraft":true}`), answered(200, `{}`), notFound} {
		err := plugintest.Run(t, plugin, "mail.send", parameters, draft, lost, state(reply)).WantError(t, abi.OutcomeUnknown)
		if !strings.Contains(err.Message, "D=") {
			t.Errorf("the error does not name the draft: %v", err)
		}
	}
}

func TestSendCountsADraftAsSentOnlyIfItLeft(t *testing.T) {
	const to = `"toRecipients":[{"emailAddress":{"address":"b@c.example"}}]`
	parameters := sendParameters(`"b@c.example"`, `""`, `""`, "Tëst", "false")
	draft := drafts(theMessage("Text", to), drafted)
	odd := aboutDraft("POST", "/send", "", `{"status":200}`)
	state := func(reply string) plugintest.Exchange {
		return aboutDraft("GET", "", `,"query":{"$select":"id,isDraft,internetMessageId"}`, reply)
	}
	away := aboutDraft("DELETE", "", "", `{"status":204}`)
	plugintest.Run(t, plugin, "mail.send", parameters, draft, odd, state(answered(200, `{"isDraft":false}`))).
		WantRows(t, sentRow(`["b@c.example"]`, "D=", "", "draft"))
	plugintest.Run(t, plugin, "mail.send", parameters, draft, odd, state(answered(200, `{"isDraft":true}`)), away).WantError(t, abi.Upstream)
	plugintest.Run(t, plugin, "mail.send", parameters, draft, odd, state(denied), state(denied)).WantError(t, abi.OutcomeUnknown)
}

func TestSendOfHeadersAndAnswersIsChecked(t *testing.T) {
	parameters := strings.TrimSuffix(sendParameters(`"b@c.example"`, `""`, `""`, "s", "false"), "}")
	for _, test := range []struct{ more, parameter string }{
		{`,"headers":["Subject: x"]}`, "headers"},
		{`,"headers":["x-own"]}`, "headers"},
		{`,"headers":["x own: y"]}`, "headers"},
		{`,"headers":["x-own: a\r\nBcc: b"]}`, "headers"},
		{`,"headers":["X-Run-Id: 1"]}`, "headers"},
		{`,"reply_to":"nobody"}`, "reply_to"},
		{`,"in_reply_to":"A","forward_of":"B"}`, "forward_of"},
	} {
		if err := plugintest.Run(t, plugin, "mail.send", parameters+test.more).WantError(t, abi.InvalidInput); err.Detail.Parameter != test.parameter {
			t.Errorf("%s: parameter is %q", test.more, err.Detail.Parameter)
		}
	}
}
