package main

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const group = `"groupId":"0f6a7c0e-1b6c-4b0e-9d43-2f6b8f3d9c11"`

func TestListConversationsOverPages(t *testing.T) {
	result := plugintest.Run(t, plugin, "group.conversation.list", `{`+group+`}`,
		plugintest.Exchange{
			Want: `{"op":"graph","capability":"group.read","method":"GET","path":"/groups/{group}/conversations",
				"params":{"group":"0f6a7c0e-1b6c-4b0e-9d43-2f6b8f3d9c11"}}`,
			Reply: `{"status":200,"body":{"@odata.context":"c","value":[{"id":"AAQk/+=","topic":"Grüße","hasAttachments":true,
				"lastDeliveredDateTime":"2026-01-02T03:04:05Z","uniqueSenders":["Ann"],"preview":"Hello","@odata.etag":"e"}]},
				"next":"sealed"}`,
		},
		plugintest.Exchange{
			Want:  `{"op":"graph","link":"sealed"}`,
			Reply: `{"status":200,"body":{"value":[{"id":"AAQk2"}]}}`,
		})
	result.WantRows(t,
		`{"id":"AAQk/+=","topic":"Grüße","hasAttachments":true,"lastDeliveredDateTime":"2026-01-02T03:04:05Z",
			"uniqueSenders":["Ann"],"preview":"Hello"}`,
		`{"id":"AAQk2","topic":null,"hasAttachments":null,"lastDeliveredDateTime":null,"uniqueSenders":null,"preview":null}`)
	if result.Message != "Conversations of the group: 2." || result.Truncated {
		t.Errorf("message %q, truncated %t", result.Message, result.Truncated)
	}
}

func TestListConversationsOfAnEmptyGroup(t *testing.T) {
	plugintest.Run(t, plugin, "group.conversation.list", `{`+group+`}`, plugintest.Exchange{
		Want: `{"op":"graph","capability":"group.read","method":"GET","path":"/groups/{group}/conversations",
			"params":{"group":"0f6a7c0e-1b6c-4b0e-9d43-2f6b8f3d9c11"}}`,
		Reply: `{"status":200,"body":{"value":[]}}`,
	}).WantRows(t)
}

const threads = `{"op":"graph","capability":"group.read","method":"GET","path":"/groups/{group}/threads",
	"params":{"group":"0f6a7c0e-1b6c-4b0e-9d43-2f6b8f3d9c11"},"query":{"$select":
	"id,topic,hasAttachments,lastDeliveredDateTime,uniqueSenders,preview,isLocked,toRecipients,ccRecipients"}}`

func TestListThreadsWithRecipients(t *testing.T) {
	plugintest.Run(t, plugin, "group.thread.list", `{`+group+`}`, plugintest.Exchange{
		Want: threads,
		Reply: `{"status":200,"body":{"value":[{"id":"t1","topic":"T","isLocked":false,"toRecipients":[
			{"@odata.type":"#microsoft.graph.recipient","emailAddress":{"name":"All","address":"all@contoso.example"}}],"ccRecipients":[]}]}}`,
	}).WantRows(t, `{"id":"t1","topic":"T","hasAttachments":null,"lastDeliveredDateTime":null,"uniqueSenders":null,"preview":null,
		"isLocked":false,"toRecipients":[{"emailAddress":{"name":"All","address":"all@contoso.example"}}],"ccRecipients":[]}`)
}

func TestListThreadsPassesRefusalsOn(t *testing.T) {
	err := plugintest.Run(t, plugin, "group.thread.list", `{`+group+`}`, plugintest.Exchange{
		Want:  threads,
		Reply: `{"error":{"code":"not_supported","message":"the group has no mailbox","detail":{"status":404,"graph_code":"MailboxNotEnabledForRESTAPI"}}}`,
	}).WantError(t, abi.NotSupported)
	if err.Detail.GraphCode != "MailboxNotEnabledForRESTAPI" {
		t.Errorf("detail is %+v", err.Detail)
	}
}

const reply = group + `,"threadId":"AAQk/t+1=","postId":"AAMk/p+2=","content":"<p>Grüße</p>"`

// locked answers the question whether the thread is locked.
func locked(is string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"group.post.reply","method":"GET","path":"/groups/{group}/threads/{thread}",
			"params":{"group":"0f6a7c0e-1b6c-4b0e-9d43-2f6b8f3d9c11","thread":"AAQk/t+1="},"query":{"$select":"id,isLocked"}}`,
		Reply: `{"status":200,"body":{"id":"AAQk/t+1=","isLocked":` + is + `}}`,
	}
}

// posted accepts the post.
func posted(post string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"group.post.reply","method":"POST","path":"/groups/{group}/threads/{thread}/posts/{post}/reply",
			"params":{"group":"0f6a7c0e-1b6c-4b0e-9d43-2f6b8f3d9c11","thread":"AAQk/t+1=","post":"AAMk/p+2="},"body":{"post":` + post + `}}`,
		Reply: `{"status":202}`,
	}
}

func TestReplyToPost(t *testing.T) {
	for _, test := range []struct{ name, more, post, row string }{
		{"with a body only", ``,
			`{"body":{"contentType":"html","content":"<p>Grüße</p>"}}`,
			`{"threadId":"AAQk/t+1=","postId":"AAMk/p+2=","newParticipants":[],"attachments":0}`},
		{"with empty lists", `,"categories":[],"Address":[],"attachments":[]`,
			`{"body":{"contentType":"html","content":"<p>Grüße</p>"}}`,
			`{"threadId":"AAQk/t+1=","postId":"AAMk/p+2=","newParticipants":[],"attachments":0}`},
		{"with one participant", `,"Address":"ann@contoso.example","categories":["Red"]`,
			`{"body":{"contentType":"html","content":"<p>Grüße</p>"},"categories":["Red"],
				"newParticipants":[{"emailAddress":{"address":"ann@contoso.example"}}]}`,
			`{"threadId":"AAQk/t+1=","postId":"AAMk/p+2=","newParticipants":["ann@contoso.example"],"attachments":0}`},
		{"with participants and attachments", `,"Address":["ann@contoso.example","bob@contoso.example"],
				"attachments":[{"Name":"a.txt","ContentBytes":"aGk="},{"Name":"b.txt","ContentBytes":""}]`,
			`{"body":{"contentType":"html","content":"<p>Grüße</p>"},
				"newParticipants":[{"emailAddress":{"address":"ann@contoso.example"}},{"emailAddress":{"address":"bob@contoso.example"}}],
				"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.txt","contentBytes":"aGk="},
					{"@odata.type":"#microsoft.graph.fileAttachment","name":"b.txt","contentBytes":""}]}`,
			`{"threadId":"AAQk/t+1=","postId":"AAMk/p+2=","newParticipants":["ann@contoso.example","bob@contoso.example"],"attachments":2}`},
		{"with a flat attachment", `,"Name":"a.txt","ContentBytes":"aGk="`,
			`{"body":{"contentType":"html","content":"<p>Grüße</p>"},
				"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.txt","contentBytes":"aGk="}]}`,
			`{"threadId":"AAQk/t+1=","postId":"AAMk/p+2=","newParticipants":[],"attachments":1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "group.post.reply", `{`+reply+test.more+`}`, locked("false"), posted(test.post)).
				WantRows(t, test.row)
		})
	}
}

func TestReplyToPostIsRefused(t *testing.T) {
	tooLarge := base64.StdEncoding.EncodeToString(make([]byte, 3<<20))
	for _, test := range []struct {
		name, more string
		script     []plugintest.Exchange
		code       abi.Code
		parameter  string
	}{
		{"for a locked thread", ``, []plugintest.Exchange{locked("true")}, abi.Conflict, ""},
		{"for an attachment of 3 MB", `,"attachments":[{"Name":"a","ContentBytes":"` + tooLarge + `"}]`, nil, abi.InvalidInput, "ContentBytes"},
		{"for an attachment without a name", `,"ContentBytes":"aGk="`, nil, abi.InvalidInput, "Name"},
		{"when the outcome is unknown", ``, []plugintest.Exchange{locked("false"), {
			Want:  posted(`{"body":{"contentType":"html","content":"<p>Grüße</p>"}}`).Want,
			Reply: `{"error":{"code":"outcome_unknown","message":"look first"}}`,
		}}, abi.OutcomeUnknown, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin, "group.post.reply", `{`+reply+test.more+`}`, test.script...).WantError(t, test.code)
			if err.Detail.Parameter != test.parameter {
				t.Errorf("parameter is %q", err.Detail.Parameter)
			}
		})
	}
}

func TestReplyTakesAnAttachmentJustUnderTheLimit(t *testing.T) {
	content := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 3<<20-1)))
	plugintest.Run(t, plugin, "group.post.reply", `{`+reply+`,"Name":"a","ContentBytes":"`+content+`"}`,
		locked("false"),
		posted(`{"body":{"contentType":"html","content":"<p>Grüße</p>"},
			"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a","contentBytes":"`+content+`"}]}`),
	).WantRows(t, `{"threadId":"AAQk/t+1=","postId":"AAMk/p+2=","newParticipants":[],"attachments":1}`)
}
