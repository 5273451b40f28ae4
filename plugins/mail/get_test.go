package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const fields = "id,subject,body,bodyPreview,sender,from,toRecipients,ccRecipients,bccRecipients,replyTo,receivedDateTime," +
	"sentDateTime,hasAttachments,importance,isRead,internetMessageId,conversationId,parentFolderId,categories,webLink"

// item is what all exchanges about the message of these tests have in common.
func item(path, more string) string {
	return `{"op":"graph","capability":"mail.read","method":"GET","path":"/users/{user}/messages/{message}` + path + `",
		"params":{"user":"Müller@contoso.example","message":"AAMk/+=="},"headers":{"Prefer":"IdType=\"ImmutableId\""}` + more + `}`
}

// itemDefault is item without the wish for immutable ids.
func itemDefault(path, more string) string {
	return `{"op":"graph","capability":"mail.read","method":"GET","path":"/users/{user}/messages/{message}` + path + `",
		"params":{"user":"Müller@contoso.example","message":"AAMk/+=="}` + more + `}`
}

// content is the exchange that saves one attachment.
func content(id, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"mail.read","method":"GET","path":"/users/{user}/messages/{message}/attachments/{attachment}/$value",
			"params":{"user":"Müller@contoso.example","message":"AAMk/+==","attachment":"` + id + `"},
			"headers":{"Prefer":"IdType=\"ImmutableId\""},"save":true}`,
		Reply: reply,
	}
}

func getParameters(more string) string {
	return `{"id":"AAMk/+==","email_address":"Müller@contoso.example"` + more + `}`
}

const (
	selected = `,"query":{"$select":"` + fields + `"}`
	// bare is the row of a message of which Graph tells its id only, open for attachments and email.
	bare = `{"id":"AAMk/+==","subject":null,"body":null,"bodyPreview":null,"sender":null,"from":null,"toRecipients":null,"ccRecipients":null,
		"bccRecipients":null,"replyTo":null,"receivedDateTime":null,"sentDateTime":null,"hasAttachments":null,"importance":null,"isRead":null,
		"internetMessageId":null,"conversationId":null,"parentFolderId":null,"categories":null,"webLink":null,"internetMessageHeaders":null,"headers":null,"authentication":null`
	bareReply = `{"status":200,"body":{"id":"AAMk/+=="}}`
	listed    = `,"query":{"$select":"id,name,contentType,size,isInline,lastModifiedDateTime"},"page":{"limit":250}`
)

func TestGetWithHeaders(t *testing.T) {
	result := plugintest.Run(t, plugin, "mail.get", getParameters(`,"get_headers":true,"download_attachments":false,"download_email":false`),
		plugintest.Exchange{
			Want: item("", `,"query":{"$select":"`+fields+`,internetMessageHeaders"}`),
			Reply: `{"status":200,"body":{"@odata.etag":"e","id":"AAMk/+==","subject":"Grüße","body":{"contentType":"html","content":"<p>x</p>"},
				"sender":{"emailAddress":{"name":"Ann","address":"ann@contoso.example"}},"hasAttachments":false,"isRead":true,"categories":[],
				"internetMessageHeaders":[{"name":"Received","value":"by a"},{"name":"RECEIVED","value":"by b"},{"name":"X-Spam","value":"no"}]}}`,
		})
	result.WantRows(t, `{"id":"AAMk/+==","subject":"Grüße","body":{"contentType":"html","content":"<p>x</p>"},"bodyPreview":null,
		"sender":{"emailAddress":{"name":"Ann","address":"ann@contoso.example"}},"from":null,"toRecipients":null,"ccRecipients":null,
		"bccRecipients":null,"replyTo":null,"receivedDateTime":null,"sentDateTime":null,"hasAttachments":false,"importance":null,"isRead":true,
		"internetMessageId":null,"conversationId":null,"parentFolderId":null,"categories":[],"webLink":null,
		"internetMessageHeaders":[{"name":"Received","value":"by a"},{"name":"RECEIVED","value":"by b"},{"name":"X-Spam","value":"no"}],
		"headers":{"received":["by a","by b"],"x-spam":["no"]},"authentication":[],"attachments":null,"email":null}`)
}

func TestGetWithAttachments(t *testing.T) {
	result := plugintest.Run(t, plugin, "mail.get", getParameters(`,"download_attachments":true`),
		plugintest.Exchange{Want: item("", selected), Reply: bareReply},
		plugintest.Exchange{
			Want: item("/attachments", listed),
			Reply: `{"status":200,"body":{"value":[
				{"@odata.type":"#microsoft.graph.fileAttachment","@odata.mediaContentType":"image/png","id":"A/1=","name":"ü.png","contentType":"image/png","size":300,"isInline":true,"lastModifiedDateTime":"2026-01-02T03:04:05Z"},
				{"@odata.type":"#microsoft.graph.referenceAttachment","id":"A2","name":"link"},
				{"@odata.type":"#microsoft.graph.itemAttachment","id":"A3","name":"mail"}]}}`,
		},
		content("A/1=", `{"status":200,"blob":{"name":"sha256:ab","size":280,"content_type":"image/png","md5":"m","sha1":"s","sha256":"ab"}}`),
		content("A3", `{"error":{"code":"not_found","message":"gone"}}`))
	result.WantRows(t, bare+`,"email":null,"attachments":[
		{"@odata.type":"#microsoft.graph.fileAttachment","id":"A/1=","name":"ü.png","contentType":"image/png","size":300,"isInline":true,
			"lastModifiedDateTime":"2026-01-02T03:04:05Z","blob":"sha256:ab","bytes":280,"md5":"m","sha1":"s","sha256":"ab"},
		{"@odata.type":"#microsoft.graph.referenceAttachment","id":"A2","name":"link","contentType":null,"size":null,"isInline":null,
			"lastModifiedDateTime":null,"blob":null},
		{"@odata.type":"#microsoft.graph.itemAttachment","id":"A3","name":"mail","contentType":null,"size":null,"isInline":null,
			"lastModifiedDateTime":null,"blob":null,"error":"not_found: gone"}]}`)
}

func TestGetStopsAtAFaultOfTheConnection(t *testing.T) {
	plugintest.Run(t, plugin, "mail.get", getParameters(`,"download_attachments":true`),
		plugintest.Exchange{Want: item("", selected), Reply: bareReply},
		plugintest.Exchange{Want: item("/attachments", listed), Reply: `{"status":200,"body":{"value":[{"id":"A1"},{"id":"A2"}]}}`},
		content("A1", `{"error":{"code":"exchange_limit","message":"enough"}}`),
	).WantError(t, abi.ExchangeLimit)
}

func TestGetTellsThatAttachmentsAreCut(t *testing.T) {
	result := plugintest.Run(t, plugin, "mail.get", getParameters(`,"download_attachments":true`),
		plugintest.Exchange{Want: item("", selected), Reply: bareReply},
		plugintest.Exchange{Want: item("/attachments", listed), Reply: `{"status":200,"truncated":true,"body":{"value":[]}}`})
	result.WantRows(t, bare+`,"attachments":[],"email":null}`)
	if !result.Truncated {
		t.Error("not truncated")
	}
}

func TestGetWithSource(t *testing.T) {
	plugintest.Run(t, plugin, "mail.get", getParameters(`,"download_email":true`),
		plugintest.Exchange{Want: item("", selected), Reply: bareReply},
		plugintest.Exchange{
			Want:  item("/$value", `,"save":true`),
			Reply: `{"status":200,"blob":{"name":"sha256:cd","size":5000,"content_type":"text/plain","md5":"m","sha1":"s","sha256":"cd"}}`,
		},
	).WantRows(t, bare+`,"attachments":null,"email":{"blob":"sha256:cd","bytes":5000,"md5":"m","sha1":"s","sha256":"cd"}}`)
}

func TestGetNeedsTheNameOfWhatWasSaved(t *testing.T) {
	plugintest.Run(t, plugin, "mail.get", getParameters(`,"download_email":true`),
		plugintest.Exchange{Want: item("", selected), Reply: bareReply},
		plugintest.Exchange{Want: item("/$value", `,"save":true`), Reply: `{"status":200}`},
	).WantError(t, abi.Internal)
}

const (
	notFound  = `{"error":{"code":"not_found","message":"gone"}}`
	invalidID = `{"error":{"code":"invalid_id","message":"damaged"}}`
	denied    = `{"error":{"code":"access_denied","message":"no"}}`
)

func TestGetTriesADefaultID(t *testing.T) {
	for _, first := range []string{notFound, invalidID} {
		plugintest.Run(t, plugin, "mail.get", getParameters(`,"download_email":true`),
			plugintest.Exchange{Want: item("", selected), Reply: first},
			plugintest.Exchange{Want: itemDefault("", selected), Reply: bareReply},
			plugintest.Exchange{Want: itemDefault("/$value", `,"save":true`), Reply: `{"status":200,"blob":{"name":"b","size":1,"md5":"m","sha1":"s","sha256":"h"}}`},
		).WantRows(t, bare+`,"attachments":null,"email":{"blob":"b","bytes":1,"md5":"m","sha1":"s","sha256":"h"}}`)
	}
}

func TestGetTellsTheBetterOfTwoErrors(t *testing.T) {
	for _, test := range []struct {
		name, first, second string
		want                abi.Code
	}{
		{"no id of either kind", notFound, invalidID, abi.NotFound},
		{"a default id of what is gone", invalidID, notFound, abi.NotFound},
		{"damaged", invalidID, invalidID, abi.InvalidID},
		{"gone", notFound, notFound, abi.NotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "mail.get", getParameters(``),
				plugintest.Exchange{Want: item("", selected), Reply: test.first},
				plugintest.Exchange{Want: itemDefault("", selected), Reply: test.second},
			).WantError(t, test.want)
		})
	}
}

func TestGetDoesNotRepeatOtherErrors(t *testing.T) {
	plugintest.Run(t, plugin, "mail.get", getParameters(``),
		plugintest.Exchange{Want: item("", selected), Reply: denied}).WantError(t, abi.AccessDenied)
}

func TestGetReadsWhatServersSayOfTheOrigin(t *testing.T) {
	const value = `mx.contoso.example 1; spf=Fail (sender IP is 1.2.3.4 (nested; x)) smtp.mailfrom=evil.example; dkim=none;;dmarc=fail action=none header.from=evil.example`
	result := plugintest.Run(t, plugin, "mail.get", getParameters(`,"get_headers":true`), plugintest.Exchange{
		Want: item("", `,"query":{"$select":"`+fields+`,internetMessageHeaders"}`),
		Reply: `{"status":200,"body":{"internetMessageHeaders":[{"name":"authentication-results","value":` + quoteJSON(value) + `},
			{"name":"Authentication-Results","value":"spf=pass"},{"name":"X-Authentication-Results","value":"spf=pass"}]}}`,
	})
	if result.Error != nil {
		t.Fatal(result.Error)
	}
	origin := func(server, method, outcome, reason string) any {
		return map[string]any{"server": server, "method": method, "result": outcome, "reason": reason}
	}
	want := []any{
		origin("mx.contoso.example", "spf", "fail", "smtp.mailfrom=evil.example"),
		origin("mx.contoso.example", "dkim", "none", ""),
		origin("mx.contoso.example", "dmarc", "fail", "action=none header.from=evil.example"),
		origin("", "spf", "pass", ""),
	}
	if diff := cmp.Diff(want, result.Data[0]["authentication"]); diff != "" {
		t.Error(diff)
	}
}
