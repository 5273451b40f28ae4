package main

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const (
	groupID = "0f6a7c0e-1b6c-4b0e-9d43-2f6b8f3d9c11"
	group   = `"groupId":"` + groupID + `"`
	// The ids have what must be encoded in a path.
	conversation = group + `,"conversationId":"AAQk/c+0="`
	thread       = group + `,"threadId":"AAQk/t+1="`
	post         = thread + `,"postId":"AAMk/p+2="`
)

// graph is a request as the plugin must make it; more is what it has besides the first four.
func graph(capability, method, path, params, more string) string {
	return `{"op":"graph","capability":"` + capability + `","method":"` + method + `","path":"` + path + `","params":{"group":"` + groupID + `"` + params + `}` + more + `}`
}

const (
	ofConversation = `,"conversation":"AAQk/c+0="`
	ofThread       = `,"thread":"AAQk/t+1="`
	ofPost         = ofThread + `,"post":"AAMk/p+2="`
)

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

// content is the body of every post that is written here.
const content = `"content":"<p>Grüße</p>"`

// posts answers the question what the thread holds since the call began; bodies are those of its posts.
func posts(capability string, bodies ...string) plugintest.Exchange {
	var list []string
	for i, body := range bodies {
		list = append(list, fmt.Sprintf(`{"id":"post-%d","conversationId":"AAQk/c+0=","receivedDateTime":"2026-01-02T03:04:05Z","body":{"content":%q}}`, i, body))
	}
	return plugintest.Exchange{
		Want: graph(capability, "GET", "/groups/{group}/threads/{thread}/posts", ofThread,
			`,"query":{"$select":"id,conversationId,receivedDateTime,from,body"}`),
		Reply: `{"status":200,"body":{"value":[` + strings.Join(list, ",") + `]}}`,
	}
}

// locked answers the question whether the thread is locked.
func locked(is string) plugintest.Exchange {
	return plugintest.Exchange{
		Want:  graph("group.post.reply", "GET", "/groups/{group}/threads/{thread}", ofThread, `,"query":{"$select":"id,isLocked"}`),
		Reply: `{"status":200,"body":{"id":"AAQk/t+1=","isLocked":` + is + `}}`,
	}
}

// posted accepts the post.
func accepted(post string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: graph("group.post.reply", "POST", "/groups/{group}/threads/{thread}/posts/{post}/reply", ofPost,
			`,"body":{"post":`+post+`}`),
		Reply: `{"status":202}`,
	}
}

const (
	plain  = `{"body":{"contentType":"html","content":"<p>Grüße</p>"}}`
	sent   = "<html><head></head><body>\n<p>Grüße</p></body></html>"
	unsure = `{"error":{"code":"outcome_unknown","message":"look first"}}`
)

func TestReplyToPost(t *testing.T) {
	for _, test := range []struct{ name, more, post string }{
		{"with a body only", ``, plain},
		{"with empty lists", `,"categories":[],"Address":[],"attachments":[]`, plain},
		{"with one participant", `,"Address":"ann@contoso.example","categories":["Red"]`,
			`{"body":{"contentType":"html","content":"<p>Grüße</p>"},"categories":["Red"],
				"newParticipants":[{"emailAddress":{"address":"ann@contoso.example"}}]}`},
		{"with participants and attachments", `,"Address":["ann@contoso.example","bob@contoso.example"],
				"attachments":[{"Name":"a.txt","ContentBytes":"aGk="},{"Name":"b.txt","ContentBytes":""}]`,
			`{"body":{"contentType":"html","content":"<p>Grüße</p>"},
				"newParticipants":[{"emailAddress":{"address":"ann@contoso.example"}},{"emailAddress":{"address":"bob@contoso.example"}}],
				"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.txt","contentBytes":"aGk="},
					{"@odata.type":"#microsoft.graph.fileAttachment","name":"b.txt","contentBytes":""}]}`},
		{"with a flat attachment", `,"Name":"a.txt","ContentBytes":"aGk="`,
			`{"body":{"contentType":"html","content":"<p>Grüße</p>"},
				"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.txt","contentBytes":"aGk="}]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "group.post.reply", `{`+post+`,`+content+test.more+`}`,
				locked("false"), accepted(test.post), posts("group.post.reply", sent)).
				WantRows(t, `{"threadId":"AAQk/t+1=","conversationId":"AAQk/c+0=","postId":"post-0"}`)
		})
	}
}

func TestReplyIsNamedOnlyIfItIsCertain(t *testing.T) {
	unnamed := `{"threadId":"AAQk/t+1=","conversationId":null,"postId":null}`
	named := `{"threadId":"AAQk/t+1=","conversationId":"AAQk/c+0=","postId":"post-0"}`
	failed := posts("group.post.reply")
	failed.Reply = `{"error":{"code":"access_denied","message":"a guest"}}`
	old := posts("group.post.reply", sent)
	old.Reply = strings.Replace(old.Reply, "03:04:05Z", "03:04:04Z", 1)
	for _, test := range []struct {
		name  string
		posts plugintest.Exchange
		row   string // after a write that was answered
		found bool   // after one that was not
	}{
		{"it is there", posts("group.post.reply", sent), named, true},
		{"others are there too", posts("group.post.reply", sent, "Hello"), named, true},
		{"it is not there yet", posts("group.post.reply"), unnamed, false},
		{"it is there twice", posts("group.post.reply", sent, sent), unnamed, false},
		{"it was there before", old, unnamed, false},
		{"nobody may look", failed, unnamed, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "group.post.reply", `{`+post+`,`+content+`}`, locked("false"), accepted(plain), test.posts).WantRows(t, test.row)
			open := accepted(plain)
			open.Reply = unsure
			result := plugintest.Run(t, plugin, "group.post.reply", `{`+post+`,`+content+`}`, locked("false"), open, test.posts)
			if test.found {
				result.WantRows(t, test.row)
			} else {
				result.WantError(t, abi.OutcomeUnknown)
			}
		})
	}
}

func TestReplyToPostIsRefused(t *testing.T) {
	encoded := func(size int) string { return base64.StdEncoding.EncodeToString(make([]byte, size)) }
	for _, test := range []struct {
		name, more string
		script     []plugintest.Exchange
		code       abi.Code
		parameter  string
	}{
		{"for a locked thread", ``, []plugintest.Exchange{locked("true")}, abi.Conflict, ""},
		{"for an attachment of 3 MB", `,"attachments":[{"Name":"a","ContentBytes":"` + encoded(3<<20) + `"}]`, nil, abi.InvalidInput, "ContentBytes"},
		{"for attachments that are too large together", `,"attachments":[{"Name":"a","ContentBytes":"` + encoded(2<<20) +
			`"},{"Name":"b","ContentBytes":"` + encoded(2<<20) + `"}]`, nil, abi.InvalidInput, "ContentBytes"},
		{"for an attachment without a name", `,"ContentBytes":"aGk="`, nil, abi.InvalidInput, "Name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := plugintest.Run(t, plugin, "group.post.reply", `{`+post+`,`+content+test.more+`}`, test.script...).WantError(t, test.code)
			if err.Detail.Parameter != test.parameter {
				t.Errorf("parameter is %q", err.Detail.Parameter)
			}
		})
	}
}

func TestReplyTakesAnAttachmentJustUnderTheLimit(t *testing.T) {
	bytes := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 3<<20-1)))
	plugintest.Run(t, plugin, "group.post.reply", `{`+post+`,`+content+`,"Name":"a","ContentBytes":"`+bytes+`"}`,
		locked("false"),
		accepted(`{"body":{"contentType":"html","content":"<p>Grüße</p>"},
			"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a","contentBytes":"`+bytes+`"}]}`),
		posts("group.post.reply", sent),
	).WantRows(t, `{"threadId":"AAQk/t+1=","conversationId":"AAQk/c+0=","postId":"post-0"}`)
}

func TestReplyTakesABlobAsAttachment(t *testing.T) {
	size := func(bytes int) plugintest.Exchange {
		return plugintest.Exchange{Want: `{"op":"blob","name":"sha256:1","length":1}`, Reply: fmt.Sprintf(`{"data":"aA==","size":%d}`, bytes)}
	}
	parameters := `{` + post + `,` + content + `,"attachments":[{"Name":"a","ContentBytes":{"$blob":"sha256:1"}}]}`
	plugintest.Run(t, plugin, "group.post.reply", parameters, size(3<<20-1), locked("false"),
		accepted(`{"body":{"contentType":"html","content":"<p>Grüße</p>"},
			"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a","contentBytes":{"$blob":"sha256:1"}}]}`),
		posts("group.post.reply", sent),
	).WantRows(t, `{"threadId":"AAQk/t+1=","conversationId":"AAQk/c+0=","postId":"post-0"}`)
	plugintest.Run(t, plugin, "group.post.reply", parameters, size(3<<20)).WantError(t, abi.InvalidInput)
}

// Guests may write where they may not read.
func TestReplyOfAGuestIsTried(t *testing.T) {
	unread := locked("false")
	unread.Reply = `{"error":{"code":"access_denied","message":"a guest"}}`
	plugintest.Run(t, plugin, "group.post.reply", `{`+post+`,`+content+`}`, unread, accepted(plain), posts("group.post.reply")).
		WantRows(t, `{"threadId":"AAQk/t+1=","conversationId":null,"postId":null}`)
}

const topic = `"topic":"Übergabe"`

// threadIs is the thread that the parameters describe.
const threadIs = `"posts":[` + plain + `]`

func TestStartingThreads(t *testing.T) {
	first := func(capability, thread string) plugintest.Exchange {
		return plugintest.Exchange{
			Want:  graph(capability, "GET", "/groups/{group}/threads/{thread}/posts", `,"thread":"`+thread+`"`, `,"query":{"$select":"id,conversationId"}`),
			Reply: `{"status":200,"body":{"value":[{"id":"p/1","conversationId":"c/1"}]}}`,
		}
	}
	for _, test := range []struct {
		action, parameters string
		create             plugintest.Exchange
		read               string // the capability by which the post is read
		row                string
	}{
		{"group.conversation.create", group, plugintest.Exchange{
			Want: graph("group.conversation.create", "POST", "/groups/{group}/conversations", "",
				`,"body":{"topic":"Übergabe","threads":[{`+threadIs+`}]}`),
			Reply: `{"status":201,"body":{"id":"c/1","threads":[{"id":"t/1"}]}}`,
		}, "group.conversation.create", `{"id":"c/1","threads":[{"id":"t/1"}],"postId":"p/1"}`},
		{"group.thread.create", group, plugintest.Exchange{
			Want:  graph("group.conversation.create", "POST", "/groups/{group}/threads", "", `,"body":{"topic":"Übergabe",`+threadIs+`}`),
			Reply: `{"status":201,"body":{"id":"t/1"}}`,
		}, "group.conversation.create", `{"id":"t/1","conversationId":"c/1","postId":"p/1"}`},
		{"group.conversation.create_thread", conversation, plugintest.Exchange{
			Want: graph("group.thread.create", "POST", "/groups/{group}/conversations/{conversation}/threads", ofConversation,
				`,"body":{"topic":"Übergabe",`+threadIs+`}`),
			Reply: `{"status":201,"body":{"id":"t/1"}}`,
		}, "group.thread.create", `{"id":"t/1","conversationId":"c/1","postId":"p/1"}`},
	} {
		t.Run(test.action, func(t *testing.T) {
			parameters := `{` + test.parameters + `,` + topic + `,` + content + `}`
			plugintest.Run(t, plugin, test.action, parameters, test.create, first(test.read, "t/1")).WantRows(t, test.row)
			t.Run("without an answer", func(t *testing.T) {
				list := plugintest.Exchange{
					Want: strings.Replace(strings.Replace(test.create.Want, `"POST"`, `"GET"`, 1), `,"body":`, `,"query":{"$select":"id,topic,lastDeliveredDateTime"},"x":`, 1),
					Reply: `{"status":200,"body":{"value":[{"id":"old","topic":"Übergabe","lastDeliveredDateTime":"2026-01-02T03:04:04Z"},
						{"id":"other","topic":"Übergabe?","lastDeliveredDateTime":"2026-01-02T03:04:05Z"},
						{"id":"t/1","topic":"Übergabe","lastDeliveredDateTime":"2026-01-02T03:04:06Z"}]}}`,
				}
				list.Want = list.Want[:strings.Index(list.Want, `,"x":`)] + `}`
				if test.action == "group.conversation.create" {
					list.Want = strings.Replace(list.Want, "/conversations", "/threads", 1)
				}
				open := test.create
				open.Reply = unsure
				found := posts(test.read, sent)
				found.Want = strings.Replace(found.Want, "AAQk/t+1=", "t/1", 1)
				found.Reply = strings.NewReplacer("AAQk/c+0=", "c/1", "post-0", "p/1").Replace(found.Reply)
				plugintest.Run(t, plugin, test.action, parameters, open, list, found).WantRows(t, test.row)
				found.Reply = `{"status":200,"body":{"value":[]}}`
				plugintest.Run(t, plugin, test.action, parameters, open, list, found).WantError(t, abi.OutcomeUnknown)
			})
		})
	}
	err := plugintest.Run(t, plugin, "group.thread.create", `{`+group+`,"topic":" ",`+content+`}`).WantError(t, abi.InvalidInput)
	if err.Detail.Parameter != "topic" {
		t.Errorf("parameter is %q", err.Detail.Parameter)
	}
}

// postIs is a post with attachments in Graph's words.
const postIs = `{"id":"AAMk/p+2=","hasAttachments":true,"body":{"contentType":"html","content":"x"},"@odata.etag":"e"}`

// rowOf is the row of that post with more members.
func rowOf(more string) string {
	return `{"id":"AAMk/p+2=","createdDateTime":null,"lastModifiedDateTime":null,"changeKey":null,"conversationId":null,
		"conversationThreadId":null,"categories":null,"receivedDateTime":null,"hasAttachments":true,"newParticipants":null,
		"body":{"contentType":"html","content":"x"},"from":null,"sender":null,` + more + `}`
}

func listed(reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: graph("group.attachment.read", "GET", "/groups/{group}/threads/{thread}/posts/{post}/attachments", ofPost,
			`,"query":{"$select":"id,name,contentType,size,isInline,lastModifiedDateTime"},"page":{"limit":250}`),
		Reply: reply,
	}
}

func TestPostSaysWhyItsAttachmentsAreMissing(t *testing.T) {
	for _, code := range []abi.Code{abi.NotSupported, abi.PolicyDenied} {
		plugintest.Run(t, plugin, "group.post.get", `{`+post+`}`,
			plugintest.Exchange{
				Want:  graph("group.post.read", "GET", "/groups/{group}/threads/{thread}/posts/{post}", ofPost, ""),
				Reply: `{"status":200,"body":` + postIs + `}`,
			},
			listed(`{"error":{"code":"`+string(code)+`","message":"no"}}`),
		).WantRows(t, rowOf(`"attachments":null,"attachmentsUnavailable":true,"attachmentsProblem":"`+string(code)+`: no"`))
	}
}

func TestAttachmentsOfEachKind(t *testing.T) {
	content := func(id, reply string) plugintest.Exchange {
		return plugintest.Exchange{
			Want: graph("group.attachment.read", "GET", "/groups/{group}/threads/{thread}/posts/{post}/attachments/{attachment}/$value",
				ofPost+`,"attachment":"`+id+`"`, `,"save":true`),
			Reply: reply,
		}
	}
	kind := func(name string) string { return `"@odata.type":"#microsoft.graph.` + name + `Attachment"` }
	const (
		rest  = `"name":null,"contentType":null,"size":null,"isInline":null,"lastModifiedDateTime":null,`
		saved = `"blob":"b","bytes":%d,"md5":"m","sha1":"s","sha256":"h"`
		blob  = `{"status":200,"blob":{"name":"b","size":%d,"md5":"m","sha1":"s","sha256":"h"}}`
	)
	plugintest.Run(t, plugin, "group.post.list_attachments", `{`+post+`}`,
		listed(`{"status":200,"truncated":true,"body":{"value":[{`+kind("file")+`,"id":"f"},{`+kind("item")+`,"id":"i"},{`+kind("reference")+`,"id":"r"},
			{`+kind("file")+`,"id":"large"},{`+kind("file")+`,"id":"gone"}]}}`),
		content("f", fmt.Sprintf(blob, 2)),
		plugintest.Exchange{Want: `{"op":"blob","name":"b","length":2}`, Reply: `{"data":"aGk=","size":2}`},
		content("i", fmt.Sprintf(blob, 2)),
		content("large", fmt.Sprintf(blob, 3<<20)),
		content("gone", `{"error":{"code":"not_found","message":"gone"}}`),
	).WantRows(t,
		`{`+kind("file")+`,"id":"f",`+rest+`"contentBytes":"aGk=",`+fmt.Sprintf(saved, 2)+`}`,
		`{`+kind("item")+`,"id":"i",`+rest+`"contentBytes":null,`+fmt.Sprintf(saved, 2)+`}`,
		`{`+kind("reference")+`,"id":"r",`+rest+`"contentBytes":null,"blob":null}`,
		`{`+kind("file")+`,"id":"large",`+rest+`"contentBytes":null,`+fmt.Sprintf(saved, 3<<20)+`}`,
		`{`+kind("file")+`,"id":"gone",`+rest+`"contentBytes":null,"blob":null,"error":"not_found: gone"}`)
}

func TestForwardFindsTheGroupByEachOfItsAddresses(t *testing.T) {
	find := func(filter, reply string) plugintest.Exchange {
		return plugintest.Exchange{
			Want: `{"op":"graph","capability":"group.find","method":"GET","path":"/groups","query":{"$filter":"` + filter +
				`","$select":"id,mail,groupTypes","$top":"2"}}`,
			Reply: `{"status":200,"body":{"value":[` + reply + `]}}`,
		}
	}
	byMail, byProxy := `mail eq 'o''brien@contoso.example'`, `proxyAddresses/any(p:p eq 'smtp:o''brien@contoso.example')`
	forwarded := plugintest.Exchange{
		Want: graph("group.post.forward", "POST", "/groups/{group}/conversations/{conversation}/threads/{thread}/posts/{post}/forward",
			ofConversation+ofPost, `,"body":{"comment":"Bitte","toRecipients":[{"emailAddress":{"address":"ann@contoso.example"}}]}`),
		Reply: `{"status":202}`,
	}
	parameters := `{"groupMail":"o'brien@contoso.example","conversationId":"AAQk/c+0=","threadId":"AAQk/t+1=","postId":"AAMk/p+2=",
		"Comment":"Bitte","Address":"ann@contoso.example"}`
	one := `{"id":"` + groupID + `"}`
	row := `{"postId":"AAMk/p+2=","recipients":["ann@contoso.example"]}`
	plugintest.Run(t, plugin, "group.post.forward", parameters, find(byMail, one), forwarded).WantRows(t, row)
	plugintest.Run(t, plugin, "group.post.forward", parameters, find(byMail, ``), find(byProxy, one), forwarded).WantRows(t, row)
	plugintest.Run(t, plugin, "group.post.forward", parameters, find(byMail, ``), find(byProxy, ``)).WantError(t, abi.NotFound)
	plugintest.Run(t, plugin, "group.post.forward", parameters, find(byMail, one+`,`+one)).WantError(t, abi.Ambiguous)
}

func TestPickFallsBackToTheGroupsOfTheTenant(t *testing.T) {
	own := plugintest.Exchange{
		Want: `{"op":"graph","capability":"group.own","method":"GET","path":"/me/memberOf/microsoft.graph.group",
			"query":{"$select":"id,displayName,mail,groupTypes","$count":"true"},"headers":{"ConsistencyLevel":"eventual"}}`,
		Reply: `{"error":{"code":"not_supported","message":"an application"}}`,
	}
	all := plugintest.Exchange{
		Want: `{"op":"graph","capability":"group.find","method":"GET","path":"/groups",
			"query":{"$select":"id,displayName,mail,groupTypes","$filter":"groupTypes/any(t:t eq 'Unified')"}}`,
		Reply: `{"status":200,"body":{"value":[{"id":"1","displayName":"Überwachung","mail":"watch@contoso.example","groupTypes":["Unified"]},
			{"id":"2","displayName":"Unter uns","groupTypes":["Unified"]},{"id":"3","displayName":"Überall","groupTypes":[]}]}}`,
	}
	result := plugintest.Run(t, plugin, "group.pick", `{"name":" ÜBER","limit":100}`, own, all)
	result.WantRows(t, `{"id":"1","displayName":"Überwachung","mail":"watch@contoso.example"}`)
	result = plugintest.Run(t, plugin, "group.pick", `{"name":"","limit":1}`, own, all)
	if len(result.Data) != 1 || !result.Truncated {
		t.Errorf("%d rows, truncated %t", len(result.Data), result.Truncated)
	}
}

// Over more than three pages, each item once.
func TestListsGoOnToTheLastPage(t *testing.T) {
	const pages = 5
	for action, first := range map[string]plugintest.Exchange{
		"group.conversation.list": {Want: graph("group.read", "GET", "/groups/{group}/conversations", "", "")},
		"group.thread.list": {Want: graph("group.read", "GET", "/groups/{group}/threads", "",
			`,"query":{"$select":"`+threadMembers+`"}`)},
		"group.conversation.list_threads": {Want: graph("group.read", "GET", "/groups/{group}/conversations/{conversation}/threads", ofConversation,
			`,"query":{"$select":"`+threadMembers+`"}`)},
		"group.post.list": {Want: graph("group.post.read", "GET", "/groups/{group}/threads/{thread}/posts", ofThread, "")},
	} {
		t.Run(action, func(t *testing.T) {
			script := make([]plugintest.Exchange, pages)
			for i := range script {
				script[i] = plugintest.Exchange{
					Want:  fmt.Sprintf(`{"op":"graph","link":"page %d"}`, i),
					Reply: fmt.Sprintf(`{"status":200,"body":{"value":[{"id":"%d a"},{"id":"%d b"}]},"next":"page %d"}`, i, i, i+1),
				}
			}
			script[0].Want = first.Want
			script[pages-1].Reply = `{"status":200,"body":{"value":[]}}` // an empty page may end a list
			result := plugintest.Run(t, plugin, action, `{`+group+`,"conversationId":"AAQk/c+0=","threadId":"AAQk/t+1="}`, script...)
			if result.Error != nil || len(result.Data) != 2*(pages-1) || result.Data[7]["id"] != "3 b" {
				t.Errorf("%d rows, %v", len(result.Data), result.Error)
			}
		})
	}
}

func TestSingleThingsAreReadDeletedAndForwarded(t *testing.T) {
	for _, test := range []struct{ action, parameters, want, reply, row string }{
		{"group.conversation.get", conversation,
			graph("group.read", "GET", "/groups/{group}/conversations/{conversation}", ofConversation, ""),
			`{"status":200,"body":{"@odata.context":"c","id":"AAQk/c+0=","topic":"Übergabe","uniqueSenders":["Ann"]}}`,
			`{"id":"AAQk/c+0=","topic":"Übergabe","hasAttachments":null,"lastDeliveredDateTime":null,"uniqueSenders":["Ann"],"preview":null}`},
		{"group.thread.get", thread,
			graph("group.read", "GET", "/groups/{group}/threads/{thread}", ofThread, `,"query":{"$select":"`+threadMembers+`"}`),
			`{"status":200,"body":{"id":"AAQk/t+1=","isLocked":true,"toRecipients":[{"emailAddress":{"address":"a@contoso.example"}}]}}`,
			`{"id":"AAQk/t+1=","topic":null,"hasAttachments":null,"lastDeliveredDateTime":null,"uniqueSenders":null,"preview":null,
				"isLocked":true,"toRecipients":[{"emailAddress":{"address":"a@contoso.example"}}],"ccRecipients":null}`},
		{"group.thread.delete", thread,
			graph("group.thread.delete", "DELETE", "/groups/{group}/threads/{thread}", ofThread, ""),
			`{"status":204}`, `{"threadId":"AAQk/t+1=","deleted":true}`},
		{"group.post.forward_legacy", post + `,"comment":"Bitte","Address":["ann@contoso.example","bob@contoso.example"]`,
			graph("group.post.forward", "POST", "/groups/{group}/threads/{thread}/posts/{post}/forward", ofPost, `,"body":{"comment":"Bitte",
				"toRecipients":[{"emailAddress":{"address":"ann@contoso.example"}},{"emailAddress":{"address":"bob@contoso.example"}}]}`),
			`{"status":200}`, `{"postId":"AAMk/p+2=","recipients":["ann@contoso.example","bob@contoso.example"]}`},
	} {
		t.Run(test.action, func(t *testing.T) {
			plugintest.Run(t, plugin, test.action, `{`+test.parameters+`}`, plugintest.Exchange{Want: test.want, Reply: test.reply}).WantRows(t, test.row)
			for _, code := range []abi.Code{abi.NotFound, abi.InvalidID, abi.AccessDenied, abi.NotSupported, abi.Throttled, abi.Upstream} {
				plugintest.Run(t, plugin, test.action, `{`+test.parameters+`}`, plugintest.Exchange{
					Want: test.want, Reply: `{"error":{"code":"` + string(code) + `","message":"no"}}`,
				}).WantError(t, code)
			}
		})
	}
}
