package host_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/graphtest"
)

const (
	eve      = "eve@evil.example"
	rEve     = `{"emailAddress":{"address":"eve@evil.example","name":"dana@contoso.example"}}`
	rDana    = `{"emailAddress":{"address":"dana@contoso.example","name":"Dana"}}`
	insiders = "[grant.prober.only]\nrecipients = [\"*@contoso.example\"]\n"
)

// outgoing furnishes a house whose prober may do all that sends, as far as grant allows.
func outgoing(t *testing.T, grant string) *house {
	t.Helper()
	head, table, _ := strings.Cut(grant, "[")
	return furnish(t, furnishing{plugins: []string{"testdata/prober"}, grants: `
[grant.prober]
version = "^1"
connections = ["contoso"]
capabilities = ["probe.read", "probe.send", "probe.outgoing"]
actions = ["probe.ask"]
` + head + strings.TrimSuffix("["+table, "[")})
}

// post is the members of a write of the prober, without op.
func post(method, path, params, body, more string) string {
	capability := "probe.outgoing"
	if strings.HasSuffix(path, "/sendMail") {
		capability = "probe.send"
	}
	return fmt.Sprintf(`"capability":%q,"method":%q,"path":%q,"params":{%s},"body":%s%s}`, capability, method, path, params, body, more)
}

func alone(request string) string   { return `{"op":"graph",` + request }
func inBatch(request string) string { return `{"op":"batch","requests":[{` + request + `]}` }

const mailbox = `"user":"soc@contoso.example"`

func sendBody(body string) string { return post("POST", "/users/{user}/sendMail", mailbox, body, "") }

func mime(source string) string {
	return post("POST", "/users/{user}/sendMail", mailbox, `"`+base64.StdEncoding.EncodeToString([]byte(source))+`"`, `,"content_type":"text/plain"`)
}

// waysOut are requests that would send something to eve. Each %s is a body or part of one.
func waysOut() []string {
	message := mailbox + `,"message":"AAMk"`
	var all []string
	for _, body := range []string{
		`{"message":{"subject":"s","toRecipients":[` + rEve + `]}}`,
		`{"message":{"subject":"s","toRecipients":[` + rDana + `],"ccRecipients":[` + rEve + `]}}`,
		`{"message":{"subject":"s","toRecipients":[` + rDana + `],"bccRecipients":[` + rDana + `,` + rEve + `]}}`,
		`{"message":{"subject":"s","toRecipients":[` + rDana + `],"replyTo":[` + rEve + `]}}`,
		`{"MESSAGE":{"TORECIPIENTS":[{"EMAILADDRESS":{"ADDRESS":"eve@evil.example"}}]}}`,
		`{"message":{"toRecipients":[` + rDana + `]},"Message":{"toRecipients":[` + rEve + `]}}`,
		`{"message":{"toRecipients":[` + rDana + `],"ToRecipients":[` + rEve + `]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"dana@contoso.example","Address":"eve@evil.example"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"dana@contoso.example"},"EmailAddress":{"address":"eve@evil.example"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"name":"eve@evil.example"}}]}}`,
		`{"message":{"toRecipients":["eve@evil.example"]}}`,
		`{"message":{"toRecipients":"eve@evil.example"}}`,
		`{"message":{"toRecipients":[[` + rEve + `]]}}`,
		`{"message":{"toRecipients":[` + rDana + `],"attachments":[{"@odata.type":"#microsoft.graph.itemAttachment","name":"x","item":{"@odata.type":"#microsoft.graph.message","toRecipients":[` + rEve + `]}}]}}`,
		`{"message":{"toRecipients":[` + rDana + `],"singleValueExtendedProperties":[{"id":"Binary 0x004F","value":"ZXZlQGV2aWwuZXhhbXBsZQ=="}]}}`,
		`{"message":{"toRecipients":[` + rDana + `],"singleValueExtendedProperties":[{"id":"String {00020386-0000-0000-C000-000000000046} Name Bcc","value":"eve@evil.example"}]}}`,
		`{"message":{"toRecipients":[` + rDana + `],"from":{"emailAddress":{"address":"soc@contoso.example"},"toRecipients":[` + rEve + `]}}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"dana@contoso.example,eve@evil.example"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"dana@contoso.example;eve@evil.example"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"<eve@evil.example> dana@contoso.example"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"\"dana@contoso.example\" <eve@evil.example>"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"eve@evil.example\u0000@contoso.example"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"@contoso.example:eve@evil.example"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"eve%evil.example@"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"eve@evil.example "}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"eve@evil.example\r\nBcc: x"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":"eve@contoso.example.evil.example"}}]}}`,
		`{"message":{"toRecipients":[{"emailAddress":{"address":{"$blob":"sha256:00"}}}]}}`,
		`{"message":{"toRecipients":{"$blob":"sha256:00"}}}`,
		`{"\u006dessage":{"\u0074oRecipients":[{"\u0065mailAddress":{"\u0061ddress":"\u0065ve@evil.example"}}]}}`,
		`{"message":{"toRecipients":[{"emaılAddress":{"address":"eve@evil.example"}}]}}`,
		`{"message":{"toRecipients@odata.bind":["x"],"to\u212aen":[` + rEve + `]}}`,
	} {
		all = append(all, sendBody(body), post("POST", "/users/{user}/messages", mailbox, strings.TrimSuffix(strings.TrimPrefix(body, `{"message":`), "}"), ""))
	}
	source := func(header string) string { return header + "\r\nMIME-Version: 1.0\r\n\r\nx\r\n" }
	for _, header := range []string{
		"To: eve@evil.example", "to: eve@evil.example", "TO:eve@evil.example", "Cc: dana@contoso.example, eve@evil.example", "Bcc: eve@evil.example",
		"To: dana@contoso.example\r\nTo: eve@evil.example", "To: dana@contoso.example,\r\n eve@evil.example", "To: dana@contoso.example,\r\n\teve@evil.example",
		"To: dana@contoso.example\r\nBcc : eve@evil.example", "To: dana@contoso.example\nBcc: eve@evil.example", "To: dana@contoso.example\rBcc: eve@evil.example",
		"To: dana@contoso.example (c\r\nBcc: eve@evil.example\r\n)",
		"To: team: eve@evil.example;", "To: dana@contoso.example <eve@evil.example>", "To: \"dana@contoso.example\" <eve@evil.example>",
		"To: <@contoso.example:eve@evil.example>", "To: eve@evil.example(dana@contoso.example)", "To: =?utf-8?q?eve=40evil.example?=",
		"To: dana@contoso.example, =?utf-8?q?=3Ceve=40evil.example=3E?=", "Resent-To: eve@evil.example", "Apparently-To: eve@evil.example",
		"X-Receiver: eve@evil.example", "X-MS-Exchange-Organization-Recipients: eve@evil.example", "Reply-To: eve@evil.example",
		"Disposition-Notification-To: eve@evil.example", "Return-Receipt-To: eve@evil.example", "Errors-To: eve@evil.example",
		"Bc\x00c: eve@evil.example", "To: dana@contoso.example\x00, eve@evil.example", "To: ｅve@evil.example",
		"From: soc@contoso.example\r\n \r\nBcc: eve@evil.example", "\r\nBcc: eve@evil.example", " Bcc: eve@evil.example", "To: dana@contoso.example\r\n\tBcc: eve@evil.example",
	} {
		all = append(all, mime(source(header)))
	}
	all = append(all,
		post("POST", "/users/{user}/sendMail", mailbox, `"VG86IGV2ZUBldmlsLmV4YW1wbGU="`, `,"content_type":"text/html"`),
		post("POST", "/users/{user}/sendMail", mailbox, `"no base64, To: eve@evil.example"`, `,"content_type":"text/plain"`),
		post("PATCH", "/users/{user}/messages/{message}", message, `{"toRecipients":[`+rEve+`]}`, ""),
		post("POST", "/users/{user}/messages/{message}/attachments", message, `{"@odata.type":"#microsoft.graph.itemAttachment","name":"x","item":{"toRecipients":[`+rEve+`]}}`, ""),
		post("POST", "/users/{user}/messages/{message}/reply", message, `{"comment":"x"}`, ""),
		post("POST", "/users/{user}/messages/{message}/reply", message, `{"message":{"toRecipients":[`+rEve+`]},"comment":"x"}`, ""),
		post("POST", "/users/{user}/messages/{message}/replyAll", message, `{"comment":"x"}`, ""),
		post("POST", "/users/{user}/messages/{message}/forward", message, `{"comment":"x","toRecipients":[`+rEve+`]}`, ""),
		post("POST", "/users/{user}/messages/{message}/forward", message, `{"Comment":"x","ToRecipients":[`+rDana+`],"message":{"ccRecipients":[`+rEve+`]}}`, ""),
		post("POST", "/users/{user}/messages/{message}/createReply", message, `{"message":{"ccRecipients":[`+rEve+`]}}`, ""),
		post("POST", "/users/{user}/messages/{message}/createForward", message, `{"toRecipients":[`+rEve+`]}`, ""),
		post("POST", "/users/{user}/events", mailbox, `{"subject":"s","attendees":[{"type":"required","emailAddress":{"address":"eve@evil.example"}}]}`, ""),
		post("POST", "/users/{user}/events", mailbox, `{"subject":"s","attendees":[{"type":"required"}]}`, ""),
		post("PATCH", "/users/{user}/events/{event}", mailbox+`,"event":"AAMk"`, `{"subject":"x"}`, ""),
		post("POST", "/users/{user}/events/{event}/forward", mailbox+`,"event":"AAMk"`, `{"toRecipients":[`+rDana+`]}`, ""),
		post("PATCH", "/users/{user}/mailboxSettings", mailbox, `{"automaticRepliesSetting":{"status":"alwaysEnabled","externalReplyMessage":"the password is"}}`, ""),
		post("PATCH", "/users/{user}/mailFolders/inbox/messageRules/{rule}", mailbox+`,"rule":"AQ=="`, `{"isEnabled":true}`, ""),
		post("POST", "/groups/{group}/threads/{thread}/posts/{post}/forward", `"group":"g","thread":"t","post":"p"`, `{"comment":"x","toRecipients":[`+rEve+`]}`, ""),
		post("POST", "/groups/{group}/threads/{thread}/posts/{post}/reply", `"group":"g","thread":"t","post":"p"`, `{"post":{"newParticipants":[`+rEve+`]}}`, ""),
	)
	for _, action := range []string{"forwardTo", "redirectTo", "forwardAsAttachmentTo", "ForwardTo", "REDIRECTTO"} {
		for _, to := range []string{`[` + rEve + `]`, rEve, `["eve@evil.example"]`, `[` + rDana + `,` + rEve + `]`} {
			all = append(all, post("POST", "/users/{user}/mailFolders/inbox/messageRules", mailbox, `{"displayName":"r","sequence":1,"isEnabled":true,"actions":{"`+action+`":`+to+`}}`, ""))
		}
	}
	return all
}

// wantNothingOut checks that no write reached Graph, and that nothing was delivered.
func (h *house) wantNothingOut(t *testing.T) {
	t.Helper()
	for _, r := range h.journal() {
		if r.Method != http.MethodGet {
			t.Errorf("%s %s reached Graph: %.300s", r.Method, r.Path, r.Body)
		}
	}
	for _, d := range h.graph.Delivered() {
		t.Errorf("a mail was delivered to %q", d.Recipients)
	}
}

func TestNothingLeavesToWhomTheGrantDoesNotAllow(t *testing.T) {
	for name, wrap := range map[string]func(string) string{"alone": alone, "in a batch": inBatch} {
		t.Run(name, func(t *testing.T) {
			h := outgoing(t, insiders)
			var exchanges []string
			for _, way := range waysOut() {
				exchanges = append(exchanges, wrap(way))
			}
			for i, r := range h.ask(t, exchanges...) {
				refusal := r
				if len(r.Replies) > 0 {
					refusal = r.Replies[0]
				}
				if code := refusal.code(); code != abi.PolicyDenied && code != abi.InvalidInput {
					t.Errorf("%s: %+v", exchanges[i], refusal)
				}
			}
			h.wantNothingOut(t)
		})
	}
}

// Forms that nobody wrote: parts of bodies put together at random. Whatever the host makes of one, eve gets no mail.
func TestNothingLeavesInFormsPutTogetherAtRandom(t *testing.T) {
	h := outgoing(t, insiders+"[grant.prober.limits]\nexchanges = 300\n")
	random := rand.New(rand.NewPCG(7, 11))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	recased := func(s string) string {
		b := []byte(s)
		for i := range b {
			if 'a' <= b[i]|0x20 && b[i]|0x20 <= 'z' && random.IntN(6) == 0 {
				b[i] ^= 0x20
			}
		}
		return string(b)
	}
	var recipient func(depth int) string
	recipient = func(depth int) string {
		address := pick(eve, "EVE@evil.example", "dana@contoso.example", "dana@contoso.example,"+eve, "Dana <"+eve+">", eve+".", "eve@evil.example@contoso.example", "x"+eve)
		one := fmt.Sprintf(`{%q:{%q:%q%s}%s}`, recased("emailAddress"), recased("address"), address,
			pick("", `,"name":"dana@contoso.example"`, `,"address":"dana@contoso.example"`, `,"x":`+rDana), pick("", `,"type":"required"`, `,"emailAddress":{"address":"dana@contoso.example"}`))
		if depth > 0 {
			return pick(one, `[`+recipient(depth-1)+`]`, `[`+rDana+`,`+recipient(depth-1)+`]`, fmt.Sprintf(`{%q:%s}`, recased(pick("item", "message", "from", "sender", "emailAddress")), recipient(depth-1)))
		}
		return one
	}
	exchanges := make([]string, 250)
	for i := range exchanges {
		lists := fmt.Sprintf(`%q:[%s],%q:%s`, recased("toRecipients"), pick(rDana, recipient(1)), recased(pick("ccRecipients", "bccRecipients", "replyTo", "attachments", "from", "categories")), recipient(2))
		body := fmt.Sprintf(`{%q:{"subject":"s","body":{"contentType":"Text","content":"x"},%s}%s}`, recased("message"), lists, pick("", `,"saveToSentItems":false`, `,`+lists))
		request := sendBody(body)
		exchanges[i] = pick(alone(request), inBatch(request))
	}
	h.ask(t, exchanges...)
	for _, r := range h.journal() {
		if strings.Contains(strings.ToLower(string(r.Body)), "evil") {
			t.Errorf("%s %s reached Graph: %s", r.Method, r.Path, r.Body)
		}
	}
	for _, d := range h.graph.Delivered() {
		if slices.ContainsFunc(d.Recipients, func(r string) bool { return !strings.HasSuffix(strings.ToLower(r), "@contoso.example") }) {
			t.Errorf("a mail was delivered to %q", d.Recipients)
		}
	}
}

func TestMIMESourceWithPlainHeadersIsSent(t *testing.T) {
	h := outgoing(t, insiders)
	source := "From: soc@contoso.example\r\nTo: Dana Okafor <dana@contoso.example>,\r\n alex@contoso.example\r\nSubject: s\r\nX-Run: 1\r\nMIME-Version: 1.0\r\n\r\nbody\r\n"
	if r := h.ask(t, alone(mime(source)))[0]; r.Status != http.StatusAccepted {
		t.Fatalf("reply %+v", r)
	}
	delivered := h.graph.Delivered()
	if len(delivered) != 1 || !slices.Equal(delivered[0].Recipients, []string{dana, "alex@contoso.example"}) {
		t.Errorf("delivered %+v", delivered)
	}
}

// draft puts a draft into the mailbox of the SOC.
func (h *house) draft(t *testing.T, to string) string {
	t.Helper()
	id, err := h.tenant.SOC.AddEML("Drafts", strings.NewReader("From: soc@contoso.example\r\n"+to+"\r\nSubject: draft\r\nMIME-Version: 1.0\r\n\r\nx\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func sendDraft(id string) string {
	return post("POST", "/users/{user}/messages/{message}/send", fmt.Sprintf(`%s,"message":%q`, mailbox, id), `null`, "")
}

// acceptSends answers the sending of drafts, which the emulated Graph does not imitate.
func (h *house) acceptSends() {
	h.graph.Fault(graphtest.Fault{Method: "POST", Path: "/users/{user}/messages/{message}/send", Status: 202, Times: -1, Empty: true})
}

func TestDraftIsJudgedByTheRecipientsThatGraphKnows(t *testing.T) {
	for _, test := range []struct {
		name, to string
		fault    *graphtest.Fault
		want     abi.Code
	}{
		{"to an insider", "To: dana@contoso.example", nil, ""},
		{"to an outsider", "To: eve@evil.example", nil, abi.PolicyDenied},
		{"to an outsider in copy", "To: dana@contoso.example\r\nCc: eve@evil.example", nil, abi.PolicyDenied},
		{"that cannot be read", "To: dana@contoso.example", &graphtest.Fault{Method: "GET", Path: "/users/{user}/messages/{message}", Status: 403, Code: "ErrorAccessDenied"}, abi.AccessDenied},
		{"whose blind copies Graph does not tell", "To: dana@contoso.example", &graphtest.Fault{
			Method: "GET", Path: "/users/{user}/messages/{message}", Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
			Body: `{"toRecipients":[` + rDana + `],"ccRecipients":[]}`}, abi.PolicyDenied},
		{"with a recipient that has no address", "To: dana@contoso.example", &graphtest.Fault{
			Method: "GET", Path: "/users/{user}/messages/{message}", Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
			Body: `{"toRecipients":[{"emailAddress":{"name":"eve"}}],"ccRecipients":[],"bccRecipients":[]}`}, abi.PolicyDenied},
		{"that has no etag", "To: dana@contoso.example", &graphtest.Fault{
			Method: "GET", Path: "/users/{user}/messages/{message}", Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
			Body: `{"toRecipients":[` + rDana + `],"ccRecipients":[],"bccRecipients":[]}`}, abi.Upstream},
		{"whose etag is any", "To: dana@contoso.example", &graphtest.Fault{
			Method: "GET", Path: "/users/{user}/messages/{message}", Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
			Body: `{"@odata.etag":"*","toRecipients":[` + rDana + `],"ccRecipients":[],"bccRecipients":[]}`}, abi.Upstream},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := outgoing(t, insiders)
			id := h.draft(t, test.to)
			if test.fault != nil {
				h.graph.Fault(*test.fault)
			}
			h.acceptSends()
			if got := h.ask(t, alone(sendDraft(id)))[0]; got.code() != test.want {
				t.Errorf("reply %+v; want %q", got, test.want)
			}
			var sends []graphtest.Received
			for _, r := range h.journal() {
				if r.Method == http.MethodPost {
					sends = append(sends, r)
				}
			}
			if (len(sends) == 1) != (test.want == "") {
				t.Fatalf("%d sends reached Graph", len(sends))
			}
			if len(sends) == 1 && !strings.HasPrefix(sends[0].Header.Get("If-Match"), `W/"`) {
				t.Errorf("the send is not bound to what was read: If-Match %q", sends[0].Header.Get("If-Match"))
			}
		})
	}
}

func TestDraftIsNotReadWhereNothingDependsOnIt(t *testing.T) {
	h := outgoing(t, "")
	id := h.draft(t, "To: "+eve)
	h.acceptSends()
	if got := h.ask(t, alone(sendDraft(id)))[0]; got.Status != http.StatusAccepted {
		t.Errorf("reply %+v", got)
	}
	if n := len(h.journal()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// What the host reads of a draft holds for the send only if nothing can change the draft in between.
func TestDraftIsNotSentBesideWhatCouldChangeIt(t *testing.T) {
	const patch = "/users/{user}/messages/{message}"
	for _, test := range []struct {
		name  string
		other func(draft string) string
		sent  int
	}{
		{"another recipient", func(draft string) string {
			return post("PATCH", patch, fmt.Sprintf(`%s,"message":%q`, mailbox, draft), `{"toRecipients":[`+rEve+`]}`, "")
		}, 0},
		{"an attachment", func(draft string) string {
			return post("POST", patch+"/attachments", fmt.Sprintf(`%s,"message":%q`, mailbox, draft), `{"@odata.type":"#microsoft.graph.fileAttachment","name":"a","contentBytes":"YQ=="}`, "")
		}, 0},
		{"the same draft", sendDraft, 2},
		{"a read", func(string) string { return strings.TrimPrefix(list("", ""), `{"op":"graph",`) }, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := outgoing(t, holdExternal)
			id := h.draft(t, "To: dana@contoso.example")
			h.acceptSends()
			for _, f := range []graphtest.Fault{{Method: "PATCH", Path: patch}, {Method: "POST", Path: patch + "/attachments"}} {
				f.Status, f.Body, f.Header = http.StatusOK, "{}", http.Header{"Content-Type": {"application/json"}}
				h.graph.Fault(f)
			}
			other := strings.TrimSuffix(test.other(id), "}")
			send := strings.TrimSuffix(sendDraft(id), "}")
			reply := h.ask(t, `{"op":"batch","requests":[{`+other+`},{`+send+`,"after":[0]}]}`)[0]
			if code := reply.Replies[1].code(); (code == abi.PolicyDenied) != (test.sent == 0) {
				t.Errorf("replies %+v", reply.Replies)
			}
			sent := slices.DeleteFunc(h.journal(), func(r graphtest.Received) bool { return !strings.HasSuffix(r.Path, "/send") })
			if len(sent) != test.sent {
				t.Errorf("%d sends reached Graph, want %d", len(sent), test.sent)
			}
		})
	}
}

// What is not sent because another was refused is on record like any other exchange.
func TestWhatComesAfterARefusedRequestIsOnRecord(t *testing.T) {
	h := outgoing(t, insiders)
	refused := strings.TrimSuffix(sendBody(`{"message":{"subject":"s","toRecipients":[`+rEve+`]}}`), "}")
	send := strings.TrimSuffix(sendBody(`{"message":{"subject":"s","toRecipients":[`+rDana+`]}}`), "}")
	read := strings.TrimSuffix(strings.TrimPrefix(list("", ""), `{"op":"graph",`), "}")
	h.ask(t, `{"op":"batch","requests":[{`+refused+`},{`+send+`,"after":[0]},{`+read+`,"after":[0]}]}`)
	records := slices.DeleteFunc(h.record(t), func(r audit.Record) bool { return r.Op != abi.OpBatch })
	var got []string
	for _, r := range records {
		got = append(got, fmt.Sprintf("%s %s %s", r.Decision, r.Method, r.Code))
	}
	want := []string{"denied POST policy_denied", "allowed POST ", "denied POST policy_denied", "denied GET policy_denied"}
	if !slices.Equal(got, want) {
		t.Errorf("record %q, want %q", got, want)
	}
	h.wantNothingOut(t)
}

const capped = "internal = [\"*@contoso.example\"]\n"

func TestExternalRecipientsOfOneBodyAreCapped(t *testing.T) {
	h := outgoing(t, capped+"[grant.prober.limits]\nexternal_recipients = 1\n")
	message := func(to string) string {
		return alone(sendBody(`{"message":{"subject":"s","toRecipients":[` + to + `]}}`))
	}
	bob := strings.ReplaceAll(rEve, "eve@", "bob@")
	replies := h.ask(t, message(rEve), message(rEve+","+rDana), message(rEve+","+bob), message(rEve+","+rEve))
	for i, want := range []abi.Code{"", "", abi.PolicyDenied, abi.PolicyDenied} {
		if replies[i].code() != want {
			t.Errorf("%d: %+v", i, replies[i])
		}
	}
	if rule := replies[2].Error.Detail["rule"]; rule != "grant.prober.limits.external_recipients" {
		t.Errorf("rule %q", rule)
	}
	if n := len(h.graph.Delivered()); n != 2 {
		t.Errorf("%d mails were delivered, want 2", n)
	}
}

func TestSendsAreCountedOverProcesses(t *testing.T) {
	h := outgoing(t, "[grant.prober.limits]\nsends = \"3/1h\"\n")
	send := alone(sendBody(`{"message":{"subject":"s","toRecipients":[` + rDana + `]}}`))
	h.ask(t, send, list("", ""), send)
	h.open(t, furnishing{})
	replies := h.ask(t, send, send, list("", ""), inBatch(sendBody(`{"message":{"subject":"s","toRecipients":[`+rDana+`]}}`)))
	if replies[0].code() != "" || replies[1].code() != abi.Throttled || replies[2].code() != "" || replies[3].Replies[0].code() != abi.Throttled {
		t.Errorf("replies %+v", replies)
	}
	if wait, _ := replies[1].Error.Detail["retry_after_ms"].(float64); wait <= 0 || wait > float64(time.Hour.Milliseconds()) {
		t.Errorf("detail %+v", replies[1].Error.Detail)
	}
	if n := len(h.graph.Delivered()); n != 3 {
		t.Errorf("%d mails were delivered, want 3", n)
	}
}

// Source of a mail that the host cannot read, where nothing but the count depends on it, is counted all the same.
func TestSourceOfAMailIsCountedWhateverItsHeaderSays(t *testing.T) {
	h := outgoing(t, "[grant.prober.limits]\nsends = \"1/1h\"\n")
	source := base64.StdEncoding.EncodeToString([]byte("To: team: eve@evil.example;\r\n\r\nx"))
	forward := alone(post("POST", "/users/{user}/messages/{message}/forward", mailbox+`,"message":"AAMk"`, `"`+source+`"`, `,"content_type":"text/plain"`))
	if replies := h.ask(t, forward, forward); replies[0].code() == abi.Throttled || replies[1].code() != abi.Throttled {
		t.Errorf("replies %+v", replies)
	}
}

func TestMessagesAreMarkedWhereTheGrantSaysSo(t *testing.T) {
	h := outgoing(t, "mark = true\n")
	h.ask(t,
		alone(sendBody(`{"Message":{"subject":"s","internetMessageHeaders":[{"name":"x-own","value":"1"}],"toRecipients":[`+rDana+`]}}`)),
		alone(sendBody(`{"message":{"subject":"s","toRecipients":[`+rDana+`]}}`)),
		alone(mime("To: dana@contoso.example\r\nMIME-Version: 1.0\r\n\r\nx\r\n")))
	delivered := h.graph.Delivered()
	if len(delivered) != 3 {
		t.Fatalf("%d mails were delivered", len(delivered))
	}
	for _, d := range delivered {
		if !strings.Contains(strings.ToLower(string(d.MIME)), "x-postern-action: probe.ask") {
			t.Errorf("no mark in\n%s", d.MIME)
		}
	}
	forged := h.ask(t,
		alone(sendBody(`{"message":{"subject":"s","internetMessageHeaders":[{"Name":"X-Postern-Action","value":"mail.approved"}],"toRecipients":[`+rDana+`]}}`)),
		alone(mime("To: dana@contoso.example\r\nX-Postern-Action: mail.approved\r\n\r\nx\r\n")))
	for _, r := range forged {
		if r.code() != abi.PolicyDenied {
			t.Errorf("a forged mark: %+v", r)
		}
	}
}

func TestExplainShowsCapsAndHold(t *testing.T) {
	h := outgoing(t, capped+"mark = true\n[grant.prober.only]\nhold = [\"external\"]\n[grant.prober.limits]\nexternal_recipients = 2\nsends = \"30/1h\"\n")
	x, err := h.Explain("probe.ask", "")
	if err != nil {
		t.Fatal(err)
	}
	if x.Limits.Sends != "30/1h" || *x.Limits.ExternalRecipients != 2 || !slices.Equal(x.Only["hold"], []string{"external"}) || !x.Mark || len(x.Internal) != 1 {
		t.Errorf("explained %+v", x)
	}
}

// heldOne is the id of the only held request.
func (h *house) heldOne(t *testing.T) string {
	t.Helper()
	requests, err := h.Held()
	if err != nil || len(requests) != 1 {
		t.Fatalf("held %+v, %v", requests, err)
	}
	return requests[0].ID
}

const holdExternal = capped + "[grant.prober.only]\nhold = [\"external\"]\n"

func TestHeldSendIsKeptAndToldAndReleasedOnce(t *testing.T) {
	h := outgoing(t, holdExternal)
	const blob = `{"op":"blob","data":"aGVsbG8gd29ybGQ="}`
	message := func(to string) string {
		return alone(sendBody(`{"message":{"subject":"s","toRecipients":[` + to + `],"attachments":[{"@odata.type":"#microsoft.graph.fileAttachment","name":"a.txt",` +
			`"contentBytes":{"$blob":"sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"}}]}}`))
	}
	result := h.must(t, "probe.ask", map[string]any{"exchanges": []string{blob, message(rEve), message(rDana)}})
	id := h.heldOne(t)
	if !slices.Equal(result.Held, []string{id}) || !strings.Contains(result.Message, "held for release as "+id) || !strings.Contains(string(result.Data[2]), `"held":"`+id+`"`) {
		t.Errorf("result %+v\n%s", result, result.Data[2])
	}
	if delivered := h.graph.Delivered(); len(delivered) != 1 || delivered[0].Recipients[0] != dana {
		t.Fatalf("delivered %+v", delivered)
	}
	kept, err := h.HeldRequest(id)
	if err != nil || kept.Action != "probe.ask" || !slices.Equal(kept.Recipients, []string{eve}) || kept.Invocation != result.Invocation {
		t.Errorf("kept %+v, %v", kept, err)
	}

	outcomes := make(chan error)
	first := h.Host
	h.open(t, furnishing{}) // another process
	for i := range 8 {
		host := []*host.Host{first, h.Host}[i%2]
		go func() {
			_, err := host.Release(context.Background(), id, "anna")
			outcomes <- err
		}()
	}
	released := 0
	for range 8 {
		if err := <-outcomes; err == nil {
			released++
		} else if !errors.Is(err, abi.NotFound) && !errors.Is(err, abi.Conflict) {
			t.Errorf("Release: %v", err)
		}
	}
	delivered := h.graph.Delivered()
	if released != 1 || len(delivered) != 2 || !strings.Contains(string(delivered[1].MIME), "aGVsbG8gd29ybGQ=") {
		t.Fatalf("%d releases, delivered %+v", released, delivered)
	}
	byOperator := slices.DeleteFunc(h.record(t), func(r audit.Record) bool {
		return r.Operator != "anna" || r.Held != id || r.Invocation != result.Invocation
	})
	if len(byOperator) != 3 || byOperator[0].Op != audit.OpRelease || byOperator[2].Status != http.StatusAccepted {
		t.Errorf("record %+v", byOperator)
	}
}

func TestWhatIsHeld(t *testing.T) {
	for _, test := range []struct {
		name, entry, exchange string
		held                  bool
	}{
		{"everything", `"*"`, sendBody(`{"message":{"toRecipients":[` + rDana + `]}}`), true},
		{"the action", `"probe.ask"`, sendBody(`{"message":{"toRecipients":[` + rDana + `]}}`), true},
		{"an address", `"*@evil.example"`, sendBody(`{"message":{"ccRecipients":[` + rEve + `],"toRecipients":[` + rDana + `]}}`), true},
		{"not another address", `"*@evil.example"`, sendBody(`{"message":{"toRecipients":[` + rDana + `]}}`), false},
		{"recipients that only Graph knows", `"*@evil.example"`, post("POST", "/users/{user}/messages/{message}/reply", mailbox+`,"message":"AAMk"`, `{"comment":"x"}`, ""), true},
		{"a rule that forwards", `"external"`, post("POST", "/users/{user}/mailFolders/inbox/messageRules", mailbox, `{"displayName":"r","actions":{"forwardTo":[`+rEve+`]}}`, ""), true},
		{"an invitation", `"external"`, post("POST", "/users/{user}/events", mailbox, `{"attendees":[`+rEve+`]}`, ""), true},
		{"an automatic reply", `"external"`, post("PATCH", "/users/{user}/mailboxSettings", mailbox, `{"automaticRepliesSetting":{"status":"alwaysEnabled"}}`, ""), true},
		{"not the making of a draft", `"*"`, post("POST", "/users/{user}/messages", mailbox, `{"toRecipients":[`+rEve+`]}`, ""), false},
		{"source of a mail", `"external"`, mime("To: eve@evil.example\r\n\r\nx"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := outgoing(t, capped+"[grant.prober.only]\nhold = ["+test.entry+"]\n")
			reply := h.ask(t, alone(test.exchange))[0]
			requests, err := h.Held()
			if err != nil || (len(requests) == 1) != test.held || (reply.Error != nil && reply.Error.Detail["held"] != nil) != test.held {
				t.Errorf("held %+v, %v; reply %+v", requests, err, reply)
			}
			if test.held {
				h.wantNothingOut(t)
			}
		})
	}
}

func TestReleaseJudgesAnew(t *testing.T) {
	h := outgoing(t, holdExternal)
	h.ask(t, alone(sendBody(`{"message":{"subject":"s","toRecipients":[`+rEve+`]}}`)))
	id := h.heldOne(t)
	h.narrow(t, `hold = ["external"]`, "hold = [\"external\"]\nrecipients = [\"*@contoso.example\"]")
	if _, err := h.Release(t.Context(), id, "anna"); !errors.Is(err, abi.PolicyDenied) {
		t.Errorf("Release: %v", err)
	}
	h.wantNothingOut(t)
	if got := h.heldOne(t); got != id {
		t.Errorf("it does not wait any more")
	}
	h.narrow(t, "recipients = [\"*@contoso.example\"]", "")
	if _, err := h.Release(t.Context(), id, "anna"); err != nil || len(h.graph.Delivered()) != 1 {
		t.Errorf("Release: %v, delivered %d", err, len(h.graph.Delivered()))
	}
}

func TestReleaseWhoseOutcomeIsUnknownIsNotRepeated(t *testing.T) {
	h := outgoing(t, holdExternal)
	h.ask(t, alone(sendBody(`{"message":{"subject":"s","toRecipients":[`+rEve+`]}}`)))
	id := h.heldOne(t)
	h.graph.Fault(graphtest.Fault{Path: "/users/{user}/sendMail", Status: 504, AfterEffect: true})
	for range 2 {
		if _, err := h.Release(t.Context(), id, "anna"); !errors.Is(err, abi.OutcomeUnknown) {
			t.Errorf("Release: %v", err)
		}
	}
	if r, err := h.HeldRequest(id); err != nil || r.State != "unknown" || len(h.graph.Delivered()) != 1 {
		t.Errorf("kept %+v, %v; delivered %d", r.State, err, len(h.graph.Delivered()))
	}
	if _, err := h.DropHeld(id, "anna", false); err != nil {
		t.Errorf("DropHeld: %v", err)
	}
}

func TestReleaseThatGraphRefusesWaitsAsBefore(t *testing.T) {
	h := outgoing(t, holdExternal)
	h.ask(t, alone(sendBody(`{"message":{"subject":"s","toRecipients":[`+rEve+`]}}`)))
	id := h.heldOne(t)
	h.graph.Fault(graphtest.Fault{Path: "/users/{user}/sendMail", Status: 403, Code: "ErrorAccessDenied"})
	if _, err := h.Release(t.Context(), id, "anna"); !errors.Is(err, abi.AccessDenied) {
		t.Errorf("Release: %v", err)
	}
	if _, err := h.Release(t.Context(), id, "anna"); err != nil || len(h.graph.Delivered()) != 1 {
		t.Errorf("Release: %v, delivered %d", err, len(h.graph.Delivered()))
	}
}

func TestHeldDraftIsReleasedOnlyAsItWas(t *testing.T) {
	for _, test := range []struct {
		name string
		body string
		want abi.Code
	}{
		{"as it was", "", ""},
		{"with another recipient", `{"@odata.etag":"W/\"a\"","toRecipients":[` + rDana + `],"ccRecipients":[],"bccRecipients":[]}`, abi.Conflict},
		{"with another content", `{"@odata.etag":"W/\"a\"","toRecipients":[` + rEve + `],"ccRecipients":[],"bccRecipients":[]}`, abi.Conflict},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := outgoing(t, holdExternal)
			h.acceptSends()
			h.ask(t, alone(sendDraft(h.draft(t, "To: "+eve))))
			id := h.heldOne(t)
			if test.body != "" {
				h.graph.Fault(graphtest.Fault{Method: "GET", Path: "/users/{user}/messages/{message}", Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: test.body})
			}
			_, err := h.Release(t.Context(), id, "anna")
			if test.want == "" && err != nil || test.want != "" && !errors.Is(err, test.want) {
				t.Errorf("Release: %v", err)
			}
		})
	}
}

// An operator who lets drafts go unheld has not released what the held one has become meanwhile.
func TestHeldDraftIsReleasedOnlyAsItWasWhateverTheGrantSaysNow(t *testing.T) {
	h := outgoing(t, holdExternal)
	h.acceptSends()
	h.ask(t, alone(sendDraft(h.draft(t, "To: "+eve))))
	id := h.heldOne(t)
	h.narrow(t, `hold = ["external"]`, "")
	h.graph.Fault(graphtest.Fault{
		Method: "GET", Path: "/users/{user}/messages/{message}", Status: 200, Header: http.Header{"Content-Type": {"application/json"}},
		Body: `{"@odata.etag":"W/\"other\"","toRecipients":[` + rEve + `],"ccRecipients":[],"bccRecipients":[]}`,
	})
	if _, err := h.Release(t.Context(), id, "anna"); !errors.Is(err, abi.Conflict) {
		t.Errorf("Release: %v", err)
	}
	h.wantNothingOut(t)
	if _, err := h.Release(t.Context(), id, "anna"); err != nil {
		t.Errorf("Release: %v", err)
	}
}

func TestDroppedAndExpiredRequestsAreNotSent(t *testing.T) {
	h := outgoing(t, holdExternal)
	message := alone(sendBody(`{"message":{"subject":"s","toRecipients":[` + rEve + `]}}`))
	h.ask(t, message)
	id := h.heldOne(t)
	if _, err := h.DropHeld(id, "anna", false); err != nil {
		t.Fatal(err)
	}
	h.ask(t, message)
	late := h.heldOne(t)
	h.at = time.Now().Add(8 * 24 * time.Hour)
	h.open(t, furnishing{})
	for _, id := range []string{id, late, "../../x", "aaaaaaaaaaaa", ""} {
		if _, err := h.Release(t.Context(), id, "anna"); !errors.Is(err, abi.NotFound) {
			t.Errorf("Release %q: %v", id, err)
		}
	}
	if requests, err := h.Held(); err != nil || len(requests) != 0 {
		t.Errorf("held %+v, %v", requests, err)
	}
	h.wantNothingOut(t)
	last := h.record(t)
	if r := last[len(last)-1]; r.Op != audit.OpRelease || r.Held != late || r.Operator != "expired" {
		t.Errorf("the last line is %+v", r)
	}
}

// A plugin that says nothing of it, or something else, cannot hide that a mail is held.
func TestResultTellsOfWhatIsHeldWhateverThePluginSays(t *testing.T) {
	h := outgoing(t, holdExternal)
	message := alone(sendBody(`{"message":{"subject":"s","toRecipients":[` + rEve + `]}}`))
	for _, misbehave := range []string{"panic", "forge", "relay"} {
		result, err := h.run(t, "probe.ask", map[string]any{"misbehave": misbehave, "late": true, "exchanges": []string{message}})
		if err == nil || len(result.Held) != 1 || !strings.Contains(result.Message, result.Held[0]) {
			t.Errorf("%s: %+v, %v", misbehave, result, err)
		}
	}
}
