package graphtest_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func calendar(t *testing.T) *tenant {
	n := newTenant(t, "Calendars.Read", "MailboxSettings.Read")
	m := n.mailbox("soc@contoso.example")
	for _, event := range []string{
		`{"subject":"Review","start":{"dateTime":"2026-03-03T13:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-03-03T14:00:00","timeZone":"UTC"},"body":{"contentType":"html","content":"<p>bring notes</p>"}}`,
		`{"subject":"Standup","start":{"dateTime":"2026-03-02T08:00:00"},"end":{"dateTime":"2026-03-02T08:15:00"},"recurrence":{"pattern":{"type":"weekly","interval":1,"daysOfWeek":["monday","wednesday"]},"range":{"type":"numbered","startDate":"2026-03-02","numberOfOccurrences":5}}}`,
	} {
		if _, err := m.AddEvent(event); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

func TestEventsAreListedAsMastersAndSingles(t *testing.T) {
	n := calendar(t)
	const events = "/users/soc@contoso.example/events"
	all := n.want(events)
	if diff := cmp.Diff([]string{"singleInstance", "seriesMaster"}, all.column("type")); diff != "" {
		t.Error(diff)
	}
	if got := all.rows()[0]["start"]; !cmp.Equal(got, any(object{"dateTime": "2026-03-03T13:00:00.0000000", "timeZone": "UTC"})) {
		t.Errorf("start = %v", got)
	}
	for name, test := range map[string]struct {
		filter string
		want   []string
	}{
		"by subject": {"subject eq 'review'", []string{"Review"}},
		"by start":   {"start/dateTime ge '2026-03-03T00:00:00'", []string{"Review"}},
		"by both":    {"start/dateTime ge '2026-03-01' and startswith(subject,'Stand')", []string{"Standup"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := n.want(events + query("$filter", test.filter, "$select", "subject", "$top", "5")).column("subject"); !cmp.Equal(got, test.want) {
				t.Errorf("found %v", got)
			}
		})
	}
	n.refused(n.get(events+query("$filter", "start/dateTime ge 'soon'")), http.StatusBadRequest, "RequestBroker--ParseUri")
	zoned := n.want(events+"?$top=1", "Prefer", `outlook.timezone="Asia/Tokyo"`)
	if got := zoned.rows()[0]["start"]; !cmp.Equal(got, any(object{"dateTime": "2026-03-03T22:00:00.0000000", "timeZone": "Asia/Tokyo"})) {
		t.Errorf("start in Tokyo = %v", got)
	}
	n.refused(n.get(events, "Prefer", `outlook.timezone="Moon"`), http.StatusBadRequest, "TimeZoneNotSupportedException")
	n.as(graphtest.Token{Roles: []string{"Calendars.ReadBasic"}})
	if a := n.want(events + "/" + escape(all.column("id")[0])); a.json["body"] != nil || a.json["subject"] != "Review" {
		t.Errorf("Calendars.ReadBasic shows %s", a.body)
	}
}

func TestCalendarViewShowsOccurrences(t *testing.T) {
	n := calendar(t)
	a := n.want("/users/soc@contoso.example/calendarView?startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-04-01T00:00:00Z&$select=subject,start,seriesMasterId,type")
	var got []string
	for _, row := range a.rows() {
		got = append(got, row["subject"].(string)+" "+row["start"].(object)["dateTime"].(string)[:16])
	}
	want := []string{
		"Standup 2026-03-02T08:00", "Review 2026-03-03T13:00", "Standup 2026-03-04T08:00", "Standup 2026-03-09T08:00",
		"Standup 2026-03-11T08:00", "Standup 2026-03-16T08:00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
	occurrence := n.want("/users/soc@contoso.example/events/" + escape(a.column("id")[2]))
	if occurrence.json["type"] != "occurrence" || occurrence.json["seriesMasterId"] == nil {
		t.Errorf("occurrence: %s", occurrence.body)
	}
	n.refused(n.get("/users/soc@contoso.example/calendarView"), http.StatusBadRequest, "ErrorInvalidRequest")
	n.refused(n.get("/users/soc@contoso.example/calendarView?startDateTime=2026-03-02&endDateTime=2026-03-01"), http.StatusBadRequest, "ErrorInvalidRequest")
}

func TestSeriesFollowTheirPattern(t *testing.T) {
	for name, test := range map[string]struct {
		recurrence string
		want       []string
	}{
		"every second day, until a day":                  {`{"pattern":{"type":"daily","interval":2},"range":{"type":"endDate","startDate":"2026-01-31","endDate":"2026-02-04"}}`, []string{"01-31", "02-02", "02-04"}},
		"every second week":                              {`{"pattern":{"type":"weekly","interval":2,"daysOfWeek":["saturday"]},"range":{"type":"numbered","startDate":"2026-01-31","numberOfOccurrences":3}}`, []string{"01-31", "02-14", "02-28"}},
		"monthly, on the last day if the month is short": {`{"pattern":{"type":"absoluteMonthly","interval":1,"dayOfMonth":31},"range":{"type":"numbered","startDate":"2026-01-31","numberOfOccurrences":3}}`, []string{"01-31", "02-28", "03-31"}},
		"second Tuesday of a month":                      {`{"pattern":{"type":"relativeMonthly","interval":1,"daysOfWeek":["tuesday"],"index":"second"},"range":{"type":"numbered","startDate":"2026-01-31","numberOfOccurrences":2}}`, []string{"02-10", "03-10"}},
		"last working day of the second month":           {`{"pattern":{"type":"relativeMonthly","interval":2,"daysOfWeek":["monday","tuesday","wednesday","thursday","friday"],"index":"last"},"range":{"type":"numbered","startDate":"2026-01-31","numberOfOccurrences":2}}`, []string{"03-31", "05-29"}},
		"first Sunday of July":                           {`{"pattern":{"type":"relativeYearly","interval":1,"daysOfWeek":["sunday"],"month":7},"range":{"type":"noEnd","startDate":"2026-01-31"}}`, []string{"07-05"}},
		"yearly without end, in the year":                {`{"pattern":{"type":"absoluteYearly","interval":1,"dayOfMonth":31,"month":1},"range":{"type":"noEnd","startDate":"2026-01-31"}}`, []string{"01-31"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newTenant(t, "Calendars.Read")
			m := n.mailbox("soc@contoso.example")
			if _, err := m.AddEvent(`{"start":{"dateTime":"2026-01-31T10:00:00"},"end":{"dateTime":"2026-01-31T11:00:00"},"recurrence":` + test.recurrence + `}`); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, row := range n.want("/users/soc@contoso.example/calendarView?startDateTime=2026-01-01&endDateTime=2027-01-01&$top=50").rows() {
				got = append(got, row["start"].(object)["dateTime"].(string)[5:10])
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("days (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventsAndRulesThatGraphHasNotAreRefused(t *testing.T) {
	n := newTenant(t)
	m := n.mailbox("soc@contoso.example")
	for _, event := range []string{
		`{`, `{"colour":"red"}`, `{"subject":"no time"}`,
		`{"start":{"dateTime":"2026-01-31T10:00:00"},"end":{"dateTime":"2026-01-31T09:00:00"}}`,
		`{"start":{"dateTime":"2026-01-31T10:00:00","timeZone":"Moon"},"end":{"dateTime":"2026-01-31T11:00:00"}}`,
		`{"start":{"dateTime":"2026-01-31T10:00:00"},"end":{"dateTime":"2026-01-31T11:00:00"},"recurrence":{"pattern":{"type":"relativeMonthly","interval":1},"range":{"type":"noEnd"}}}`,
		`{"start":{"dateTime":"2026-01-31T10:00:00"},"end":{"dateTime":"2026-01-31T11:00:00"},"recurrence":{"pattern":{"type":"daily","interval":1}}}`,
	} {
		if _, err := m.AddEvent(event); err == nil {
			t.Errorf("the event %s was taken", event)
		}
	}
	for _, rule := range []string{`{}`, `{"displayName":"x","conditions":{"colour":"red"}}`} {
		if _, err := m.AddRule(rule); err == nil {
			t.Errorf("the rule %s was taken", rule)
		}
	}
}

func TestRulesAreListedAndRead(t *testing.T) {
	n := newTenant(t, "MailboxSettings.Read")
	m := n.mailbox("soc@contoso.example")
	id, err := m.AddRule(`{"displayName":"Out","conditions":{"subjectContains":["invoice"]},"actions":{"forwardTo":[{"emailAddress":{"address":"x@y.example"}}],"stopProcessingRules":true}}`)
	if err != nil {
		t.Fatal(err)
	}
	const rules = "/users/soc@contoso.example/mailFolders/inbox/messageRules"
	if diff := cmp.Diff([]string{id}, n.want(rules).column("id")); diff != "" {
		t.Error(diff)
	}
	a := n.want(rules + "/" + escape(id))
	delete(a.json, "@odata.context")
	want := object{
		"id": id, "displayName": "Out", "sequence": 1.0, "isEnabled": true, "hasError": false, "isReadOnly": false, "exceptions": nil,
		"conditions": object{"subjectContains": []any{"invoice"}},
		"actions":    object{"forwardTo": []any{object{"emailAddress": object{"address": "x@y.example"}}}, "stopProcessingRules": true},
	}
	if diff := cmp.Diff(want, a.json); diff != "" {
		t.Errorf("rule (-want +got):\n%s", diff)
	}
	n.refused(n.get(rules+"/x"), http.StatusBadRequest, "ErrorInvalidIdMalformed")
	n.refused(n.get("/users/soc@contoso.example/mailFolders/junkemail/messageRules"), http.StatusNotImplemented, "NotImplemented")
}
