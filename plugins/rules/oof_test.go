package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const settings = `{"op":"graph","capability":"mailbox.settings.read","method":"GET","path":"/users/{user}/mailboxSettings/automaticRepliesSetting",
	"params":{"user":"ann@contoso.example"}}`

func TestAutomaticReplies(t *testing.T) {
	result := plugintest.Run(t, plugin, "mailbox.oof.get", `{"user_id":"ann@contoso.example"}`, plugintest.Exchange{
		Want: settings,
		Reply: `{"status":200,"body":{"@odata.context":"c","status":"alwaysEnabled","externalAudience":"contactsOnly",
			"internalReplyMessage":"<html><body><p>Back on&nbsp;Monday.</p></body></html>","externalReplyMessage":"",
			"scheduledStartDateTime":{"dateTime":"2026-01-01T00:00:00.0000000","timeZone":"UTC"}}}`,
	})
	result.WantRows(t, `{"status":"alwaysEnabled","externalAudience":"contactsOnly","externalReplyMessage":"",
		"internalReplyMessage":"<html><body><p>Back on&nbsp;Monday.</p></body></html>",
		"scheduledStartDateTime":{"dateTime":"2026-01-01T00:00:00.0000000","timeZone":"UTC"},"scheduledEndDateTime":null,
		"externalReplyText":"","internalReplyText":"Back on Monday.","isOutOfOfficeNow":true}`)
	if result.Message != "The mailbox replies automatically now." {
		t.Errorf("message is %q", result.Message)
	}
	plugintest.Run(t, plugin, "mailbox.oof.get", `{"user_id":"ann@contoso.example"}`, plugintest.Exchange{
		Want: settings, Reply: `{"error":{"code":"mailbox_unavailable","message":"no licence"}}`,
	}).WantError(t, abi.MailboxUnavailable)
}

// TestOutOfOffice has now at 03:04:05 UTC on 2 January 2026.
func TestOutOfOffice(t *testing.T) {
	for _, test := range []struct {
		name, status, zone, start, end string
		out, known                     bool
	}{
		{"off, though the dates say on", "disabled", "UTC", "2026-01-01T00:00:00", "2026-01-03T00:00:00", false, true},
		{"always, though the dates say off", "alwaysEnabled", "UTC", "2025-01-01T00:00:00", "2025-01-03T00:00:00", true, true},
		{"within", "scheduled", "UTC", "2026-01-01T00:00:00.0000000", "2026-01-03T00:00:00.0000000", true, true},
		{"ahead", "scheduled", "UTC", "2026-01-02T03:04:06", "2026-01-03T00:00:00", false, true},
		{"from now on", "scheduled", "UTC", "2026-01-02T03:04:05", "2026-01-03T00:00:00", true, true},
		{"up to now", "scheduled", "UTC", "2026-01-01T00:00:00", "2026-01-02T03:04:05", false, true},
		{"in a Windows zone, west", "scheduled", "Pacific Standard Time", "2026-01-01T19:00:00", "2026-01-01T20:00:00", true, true},
		{"in a Windows zone, in another case", "scheduled", "PACIFIC standard time", "2026-01-01T19:05:00", "2026-01-01T20:00:00", false, true},
		{"in an IANA zone, east", "scheduled", "Asia/Tokyo", "2026-01-02T12:00:00", "2026-01-02T12:05:00", true, true},
		{"in a zone of half an hour", "scheduled", "India Standard Time", "2026-01-02T08:34:00", "2026-01-02T08:35:00", true, true},
		{"in a zone that nobody knows", "scheduled", "Customized Time Zone", "2026-01-01T00:00:00", "2026-01-03T00:00:00", false, false},
		{"in no zone", "scheduled", "", "2026-01-01T00:00:00", "2026-01-03T00:00:00", false, false},
		{"in the machine's zone", "scheduled", "Local", "2026-01-01T00:00:00", "2026-01-03T00:00:00", false, false},
		{"at no date", "scheduled", "UTC", "tomorrow", "2026-01-03T00:00:00", false, false},
		{"of a status that is new", "unknownFutureValue", "UTC", "2026-01-01T00:00:00", "2026-01-03T00:00:00", false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, known := isOut(fastjson.MustParse(`{"status":"`+test.status+`","scheduledStartDateTime":{"dateTime":"`+test.start+`","timeZone":"`+test.zone+
				`"},"scheduledEndDateTime":{"dateTime":"`+test.end+`","timeZone":"`+test.zone+`"}}`), plugintest.Now())
			if known != test.known || known && out != test.out {
				t.Errorf("out %t, known %t", out, known)
			}
		})
	}
}

func TestEveryWindowsZoneIsAZone(t *testing.T) {
	n := 0
	for line := range strings.Lines(windowsZones) {
		windows, iana, _ := strings.Cut(strings.TrimSpace(line), "=")
		if _, err := time.LoadLocation(iana); err != nil || windows != strings.ToLower(windows) {
			t.Errorf("%q: %v", line, err)
		}
		n++
	}
	if n < 130 {
		t.Errorf("there are %d zones only", n)
	}
}

func TestPlainText(t *testing.T) {
	for markup, want := range map[string]string{
		"":                               "",
		"Back\r\non   Monday":            "Back on Monday",
		"<p>One</p><p>Two<br/>Three</p>": "One\nTwo\nThree",
		"<div>A</div>\n\n<div></div><b>B</b>ee<i>s</i>": "A\n\nBees",
		"<style>p{a:'</p>'}</style><!-- <p>x --> -->y":  "-->y",
		"<SCRIPT>if(a</b)</SCRIPT >z":                   "z",
		"5 < 6 &amp;&lt;b&gt; <3":                       "5 < 6 &<b> <3",
		"<a title='x>y' href=\"a>b\">c</a>":             "c",
		"<td>1</td><td>2</td></tr>3":                    "1 2\n3",
		"Gr&uuml;&szlig;e &#8211; 日本":                   "Grüße – 日本",
		"<p unclosed":                                   "",
		"<title>T":                                      "",
		"<?xml x?><!DOCTYPE html>a":                     "a",
	} {
		if diff := cmp.Diff(want, plainText(markup)); diff != "" {
			t.Errorf("%q: %s", markup, diff)
		}
	}
}

// FuzzPlainText looks for markup that ends the plugin, or takes it for ever.
func FuzzPlainText(f *testing.F) {
	for _, seed := range []string{"<p>x</p>", "<", "</", "<!--", "<script></", "<a b='", "&#x;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, markup string) {
		if text := plainText(markup); text != strings.TrimSpace(text) {
			t.Errorf("%q has blanks around it", text)
		}
	})
}

func TestRulesThatMoveOutOfSight(t *testing.T) {
	top := plugintest.Exchange{
		Want: `{"op":"graph","capability":"folder.read","method":"GET","path":"/users/{user}/mailFolders","params":{"user":"ann@contoso.example"},
			"query":{"$select":"id,displayName","$top":"100","includeHiddenFolders":"true"},"page":{"limit":1000}}`,
		Reply: `{"status":200,"body":{"value":[{"id":"RSS","displayName":"Rss Feeds"},{"id":"I","displayName":"Inbox"}]}}`,
	}
	place := func(name, reply string) plugintest.Exchange {
		return plugintest.Exchange{
			Want: `{"op":"graph","capability":"folder.read","method":"GET","path":"/users/{user}/mailFolders/{folder}",
				"params":{"user":"ann@contoso.example","folder":"` + name + `"},"query":{"$select":"id"}}`,
			Reply: reply,
		}
	}
	rules := plugintest.Exchange{Want: list, Reply: `{"status":200,"body":{"value":[
		{"id":"1","displayName":"N1","sequence":1,"actions":{"moveToFolder":"RSS"}},{"id":"2","displayName":"N2","sequence":2,"actions":{"moveToFolder":"A"}},
		{"id":"3","displayName":"N3","sequence":3,"actions":{"moveToFolder":"D"}},{"id":"4","displayName":"N4","sequence":4,"actions":{"moveToFolder":"I"}}]}}`}
	const gone = `{"error":{"code":"not_found","message":"none"}}`
	result := plugintest.Run(t, plugin, "rule.list", `{"user_id":"ann@contoso.example","check_folders":true}`, rules, top,
		place("archive", `{"status":200,"body":{"id":"A"}}`), place("conversationhistory", gone), place("deleteditems", `{"status":200,"body":{"id":"D"}}`))
	var risks []any
	for _, row := range result.Data {
		risks = append(risks, row["risks"])
	}
	want := []any{[]any{"moves_out_of_sight"}, []any{"moves_out_of_sight"}, []any{"deletes"}, []any{}}
	if diff := cmp.Diff(want, risks); diff != "" {
		t.Error(diff)
	}
	const denied = `{"error":{"code":"policy_denied","message":"no"}}`
	plugintest.Run(t, plugin, "rule.list", `{"user_id":"ann@contoso.example","check_folders":true}`, rules,
		plugintest.Exchange{Want: top.Want, Reply: denied}).WantError(t, abi.PolicyDenied)
	plugintest.Run(t, plugin, "rule.list", `{"user_id":"ann@contoso.example","check_folders":true}`, rules, top, place("archive", denied)).
		WantError(t, abi.PolicyDenied)
}
