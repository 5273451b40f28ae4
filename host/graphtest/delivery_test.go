package graphtest_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

func TestMailCanTakeItsTime(t *testing.T) {
	now := noon
	n := newTenantWith(t, mailRoles, graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return now }), graphtest.WithDeliveryDelay(time.Minute))
	m, alex := n.mailbox("soc@contoso.example"), n.mailbox("alex@contoso.example")
	n.made(sendPath, object{"message": object{"subject": "at once?", "toRecipients": to("alex@contoso.example", "nobody@contoso.example")}}, http.StatusAccepted)
	draft := n.made(soc+"/messages", object{"subject": "draft", "toRecipients": to("alex@contoso.example")}).json["id"].(string)
	n.made(soc+"/messages/"+draft+"/send", nil, http.StatusAccepted)
	steps := func() [5]int {
		return [5]int{len(m.Messages("drafts")), len(m.Messages("outbox")), len(m.Messages("sentitems")), len(alex.Messages("inbox")), len(m.Messages("inbox"))}
	}
	for _, step := range []struct {
		after time.Duration
		want  [5]int // drafts, outbox, sent items, the recipient's inbox, the sender's inbox
	}{{0, [5]int{0, 1, 0, 0, 0}}, {time.Minute, [5]int{0, 0, 2, 2, 0}}, {2 * time.Minute, [5]int{0, 0, 2, 2, 1}}} {
		now = noon.Add(step.after)
		if got := steps(); got != step.want {
			t.Errorf("after %v: %v, want %v", step.after, got, step.want)
		}
	}
	if rows := n.want(soc + "/mailFolders/inbox/messages").rows(); len(rows) != 1 || rows[0]["subject"] != "Undeliverable: at once?" {
		t.Errorf("the bounce is %v", rows)
	}
	if got := alex.Messages("inbox")[0].Received; !got.Equal(noon.Add(time.Minute)) {
		t.Errorf("received at %v", got)
	}
}

func TestUnknownRecipientOfTheTenantBounces(t *testing.T) {
	n, m, _ := desk(t)
	n.made(sendPath, object{"message": object{"subject": "Grüße\r\nBcc: x@y.example", "toRecipients": to("nobody@CONTOSO.example", "out@fabrikam.example")}}, http.StatusAccepted)
	got := m.Messages("inbox")
	if len(got) != 2 || got[0].Subject != "Undeliverable: Grüße\r\nBcc: x@y.example" || !strings.Contains(got[0].From, "MicrosoftExchange") {
		t.Fatalf("inbox: %+v", got)
	}
	source := string(got[0].MIME)
	for _, part := range []string{"report-type=delivery-status", "Final-Recipient: rfc822;nobody@CONTOSO.example", "Status: 5.1.10"} {
		if !strings.Contains(source, part) {
			t.Errorf("the bounce lacks %q:\n%s", part, source)
		}
	}
	if strings.Contains(source, "fabrikam") || strings.Contains(source, "\nBcc:") {
		t.Errorf("the bounce says too much:\n%s", source)
	}
}

func TestRecipientsOfMIMEDoNotSeeBcc(t *testing.T) {
	n, m, _ := desk(t)
	alex, dana := n.mailbox("alex@contoso.example"), n.mailbox("dana@contoso.example")
	source := "To: alex@contoso.example\r\nBcc: dana@contoso.example,\r\n secret@fabrikam.example\r\nSubject: raw\r\n\r\nBcc: stays in a body\r\n"
	a := n.do(http.MethodPost, sendPath, base64.StdEncoding.EncodeToString([]byte(source)), "Content-Type", "text/plain")
	if a.status != http.StatusAccepted || len(alex.Messages("inbox")) != 1 || len(dana.Messages("inbox")) != 1 {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	if got := string(alex.Messages("inbox")[0].MIME); strings.Contains(got, "secret@") || !strings.Contains(got, "Bcc: stays") || !strings.Contains(got, "Subject: raw") {
		t.Errorf("received:\n%s", got)
	}
	if got := string(m.Messages("sentitems")[0].MIME); got != source {
		t.Errorf("kept:\n%s", got)
	}
}

func TestOverlongMIMECanBeDroppedInSilence(t *testing.T) {
	n := newTenantWith(t, mailRoles, graphtest.WithoutNetwork(), graphtest.WithMIMELimit(40))
	n.mailbox("soc@contoso.example")
	for source, want := range map[string]int{"To: a@b.example\r\n\r\n": http.StatusAccepted, "To: a@b.example\r\n\r\n" + strings.Repeat("x", 100): http.StatusOK} {
		a := n.do(http.MethodPost, sendPath, base64.StdEncoding.EncodeToString([]byte(source)), "Content-Type", "text/plain")
		if a.status != want || len(a.body) != 0 {
			t.Errorf("%d bytes: answered %d %s, want %d", len(source), a.status, a.body, want)
		}
	}
	if len(n.Delivered()) != 1 {
		t.Errorf("%d were sent", len(n.Delivered()))
	}
}

func TestUnsavedMailsHaveIDsOfTheirOwn(t *testing.T) {
	n, _, _ := desk(t)
	for range 2 {
		n.made(sendPath, object{"message": object{"toRecipients": to("a@b.example")}, "saveToSentItems": false}, http.StatusAccepted)
	}
	if sent := n.Delivered(); sent[0].InternetMessageID == sent[1].InternetMessageID {
		t.Error("two mails have one Internet message id")
	}
}
