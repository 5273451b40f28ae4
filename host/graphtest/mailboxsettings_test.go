package graphtest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

const settingsPath = soc + "/mailboxSettings"

func TestMailboxSettingsAreShownWholeAndInParts(t *testing.T) {
	n := newTenant(t, mailRoles...)
	n.mailbox("soc@contoso.example", graphtest.Language("de-DE"), graphtest.Purpose("shared"))
	all := n.want(settingsPath)
	if all.json["userPurpose"] != "shared" || all.json["archiveFolder"] != n.want(soc + "/mailFolders/archive").json["id"] ||
		!strings.HasSuffix(all.json["@odata.context"].(string), "/$metadata#users('soc@contoso.example')/mailboxSettings") {
		t.Errorf("settings: %s", all.body)
	}
	for part, want := range map[string]any{"userPurpose": "shared", "timeZone": "UTC", "dateFormat": "yyyy-MM-dd"} {
		if a := n.want(settingsPath + "/" + part); a.json["value"] != want {
			t.Errorf("%s: %s", part, a.body)
		}
	}
	if a := n.want(settingsPath + "/language"); a.json["locale"] != "de-DE" {
		t.Errorf("language: %s", a.body)
	}
	if a := n.want(settingsPath + "/automaticRepliesSetting"); a.json["status"] != "disabled" || a.json["scheduledStartDateTime"] == nil {
		t.Errorf("automatic replies: %s", a.body)
	}
	if a := n.want(settingsPath + "?$select=timeZone"); len(a.json) != 2 {
		t.Errorf("selected: %s", a.body)
	}
	if _, err := n.AddMailbox("x@contoso.example", graphtest.Purpose("toy")); err == nil {
		t.Error("a mailbox has a purpose that Graph does not know")
	}
}

func TestMailboxSettingsAreChanged(t *testing.T) {
	n, _, _ := desk(t)
	a := n.changed(settingsPath, object{
		"timeZone": "W. Europe Standard Time", "automaticRepliesSetting": object{"status": "alwaysEnabled", "internalReplyMessage": "away"},
		"workingHours": object{"daysOfWeek": []string{"monday"}},
	})
	if a.json["timeZone"] != "W. Europe Standard Time" || a.json["dateFormat"] != nil {
		t.Errorf("the answer names what was set: %s", a.body)
	}
	replies := n.want(settingsPath + "/automaticRepliesSetting")
	if replies.json["status"] != "alwaysEnabled" || replies.json["externalAudience"] != "all" {
		t.Errorf("automatic replies: %s", replies.body)
	}
	if hours := n.want(settingsPath + "/workingHours"); hours.json["startTime"] != "08:00:00.0000000" || !cmp.Equal(hours.json["daysOfWeek"], any([]any{"monday"})) {
		t.Errorf("working hours: %s", hours.body)
	}
	day := func(text, zone string) object { return object{"dateTime": text, "timeZone": zone} }
	for name, test := range map[string]struct {
		body any
		code string
	}{
		"purpose":           {object{"userPurpose": "room"}, "ErrorInvalidPropertySet"},
		"archive":           {object{"archiveFolder": "x"}, "ErrorInvalidPropertySet"},
		"null":              {object{"automaticRepliesSetting": nil}, "ErrorInvalidPropertySet"},
		"null inside":       {object{"automaticRepliesSetting": object{"status": nil}}, "ErrorInvalidPropertySet"},
		"unknown zone":      {object{"timeZone": "Middle Earth"}, "ErrorInvalidTimeZone"},
		"unknown status":    {object{"automaticRepliesSetting": object{"status": "maybe"}}, "RequestBodyRead"},
		"unknown inside":    {object{"automaticRepliesSetting": object{"colour": "red"}}, "RequestBodyRead"},
		"ends before start": {object{"automaticRepliesSetting": object{"status": "scheduled", "scheduledStartDateTime": day("2027-01-01T00:00:00", "UTC")}}, "ErrorInvalidRequest"},
		"date that is none": {object{"automaticRepliesSetting": object{"scheduledEndDateTime": day("soon", "UTC")}}, "ErrorInvalidRequest"},
		"no zone":           {object{"automaticRepliesSetting": object{"scheduledEndDateTime": object{"dateTime": "2027-01-01T00:00:00"}}}, "ErrorInvalidRequest"},
	} {
		t.Run(name, func(t *testing.T) {
			n.refused(n.do(http.MethodPatch, settingsPath, toJSON(t, test.body)), http.StatusBadRequest, test.code)
		})
	}
	n.refused(n.do(http.MethodPatch, settingsPath+"/timeZone", `{"value":"UTC"}`), http.StatusMethodNotAllowed, "BadRequest")
	if again := n.want(settingsPath + "/automaticRepliesSetting"); !cmp.Equal(again.json, replies.json) {
		t.Errorf("a refused change took effect: %s", again.body)
	}
}

func TestAutomaticRepliesAnswerEachSenderOnce(t *testing.T) {
	now := noon
	n := newTenantWith(t, mailRoles, graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return now }))
	m, alex := n.mailbox("soc@contoso.example"), n.mailbox("alex@contoso.example")
	receive := func(from, header string) {
		t.Helper()
		if err := m.Receive(strings.NewReader("From: " + from + "\r\n" + header + "Subject: hello\r\nMessage-ID: <1@x>\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	answered := func() []string {
		list := []string{}
		for _, d := range n.Delivered() {
			list = append(list, d.Recipients[0]+": "+d.Subject)
		}
		return list
	}
	set := func(setting object) { n.changed(settingsPath, object{"automaticRepliesSetting": setting}) }
	receive("alex@contoso.example", "")
	set(object{"status": "alwaysEnabled", "internalReplyMessage": "away", "externalReplyMessage": "<p>gone</p>"})
	for range 2 {
		receive("alex@contoso.example", "")
		receive("out@fabrikam.example", "")
	}
	receive("robot@fabrikam.example", "Auto-Submitted: auto-generated\r\n")
	receive("quiet@fabrikam.example", "X-Auto-Response-Suppress: OOF\r\n")
	receive("soc@contoso.example", "")
	want := []string{"alex@contoso.example: Automatic reply: hello", "out@fabrikam.example: Automatic reply: hello"}
	if diff := cmp.Diff(want, answered()); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	source := string(n.Delivered()[0].MIME)
	if !strings.Contains(source, "Auto-Submitted: auto-replied") || !strings.Contains(source, "In-Reply-To: <1@x>") || len(alex.Messages("inbox")) != 1 || len(m.Messages("sentitems")) != 0 {
		t.Errorf("answer:\n%s", source)
	}
	set(object{"externalAudience": "contactsOnly"})
	receive("alex@contoso.example", "")
	receive("other@fabrikam.example", "")
	set(object{
		"status": "scheduled", "externalAudience": "all",
		"scheduledStartDateTime": object{"dateTime": "2026-03-02T14:00:00.0000000", "timeZone": "Europe/Berlin"},
		"scheduledEndDateTime":   object{"dateTime": "2026-03-02T15:00:00.0000000", "timeZone": "Europe/Berlin"},
	})
	for _, hour := range []int{0, 1, 2} {
		now = noon.Add(time.Duration(hour) * time.Hour)
		receive("hour"+now.Format("15")+"@fabrikam.example", "")
	}
	want = append(want, "alex@contoso.example: Automatic reply: hello", "hour13@fabrikam.example: Automatic reply: hello")
	if diff := cmp.Diff(want, answered()); diff != "" {
		t.Errorf("answers after the changes (-want +got):\n%s", diff)
	}
}
