package graphtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// office is a tenant with three mailboxes, and a token that may change calendars.
func office(t *testing.T) (n *tenant, soc, alex *graphtest.Mailbox) {
	n = newTenant(t, "Calendars.ReadWrite", "Calendars.Read", "Mail.Read")
	return n, n.mailbox("soc@contoso.example"), n.mailbox("alex@contoso.example")
}

const (
	socEvents  = "/users/soc@contoso.example/events"
	alexEvents = "/users/alex@contoso.example/events"
	hour       = `"start":{"dateTime":"2026-03-03T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-03-03T13:00:00","timeZone":"UTC"}`
	withAlex   = `"attendees":[{"emailAddress":{"address":"alex@contoso.example"},"type":"optional"},{"emailAddress":{"address":"eve@fabrikam.example"}}]`
	daily      = `"recurrence":{"pattern":{"type":"daily","interval":1},"range":{"type":"numbered","startDate":"2026-03-03","numberOfOccurrences":4}}`
)

func TestEventsAreCreatedChangedAndDeleted(t *testing.T) {
	n, _, _ := office(t)
	made := n.add(socEvents, `{"subject":"Review","body":{"contentType":"html","content":"<p>notes</p>"},"location":{"displayName":"Room 5"},`+hour+`}`)
	for name, want := range map[string]any{
		"subject": "Review", "bodyPreview": "notes", "type": "singleInstance", "isOrganizer": true, "isCancelled": false, "showAs": "busy",
		"responseStatus": object{"response": "organizer", "time": nil}, "originalStartTimeZone": "UTC",
		"start": object{"dateTime": "2026-03-03T12:00:00.0000000", "timeZone": "UTC"},
	} {
		if diff := cmp.Diff(want, made.json[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	one := socEvents + "/" + escape(made.json["id"].(string))
	a := n.do(http.MethodPatch, one, `{"subject":"Review 2","isReminderOn":false,"id":"ignored"}`)
	if a.status != http.StatusOK || a.json["subject"] != "Review 2" || a.json["id"] != made.json["id"] || a.json["changeKey"] == made.json["changeKey"] {
		t.Errorf("PATCH: %d %s", a.status, a.body)
	}
	if got := n.want(one); got.json["subject"] != "Review 2" || got.json["location"].(object)["displayName"] != "Room 5" {
		t.Errorf("after the PATCH: %s", got.body)
	}
	for _, same := range []string{"/users/soc@contoso.example/calendar/events", "/users/soc@contoso.example/calendars/" +
		escape(n.want("/users/soc@contoso.example/calendars").column("id")[0]) + "/events"} {
		if got := n.want(same).column("subject"); !cmp.Equal(got, []string{"Review 2"}) {
			t.Errorf("%s shows %v", same, got)
		}
	}
	if a := n.do(http.MethodDelete, one, ""); a.status != http.StatusNoContent || len(a.body) != 0 {
		t.Errorf("DELETE: %d %s", a.status, a.body)
	}
	n.refused(n.get(one), http.StatusNotFound, "ErrorItemNotFound")
	n.refused(n.do(http.MethodDelete, one, ""), http.StatusNotFound, "ErrorItemNotFound")
	if len(n.Delivered()) != 0 {
		t.Error("an event without attendees sent mail")
	}
}

func TestCalendarsAreListedAndRead(t *testing.T) {
	n, _, _ := office(t)
	list := n.want("/users/soc@contoso.example/calendars")
	if row := list.rows()[0]; row["name"] != "Calendar" || row["isDefaultCalendar"] != true {
		t.Errorf("calendar: %v", row)
	}
	id := escape(list.column("id")[0])
	for _, path := range []string{"/users/soc@contoso.example/calendar", "/users/soc@contoso.example/calendars/" + id} {
		if a := n.want(path); a.json["id"] != list.column("id")[0] {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	n.refused(n.get("/users/soc@contoso.example/calendars/AAMk"), http.StatusBadRequest, "ErrorInvalidIdMalformed")
	n.refused(n.get("/users/alex@contoso.example/calendars/"+id+"/events"), http.StatusNotFound, "ErrorItemNotFound")
}

func TestEventWritesThatGraphRefusesAreRefused(t *testing.T) {
	n, _, _ := office(t)
	one := socEvents + "/" + escape(n.add(socEvents, `{"transactionId":"t1",`+hour+`}`).json["id"].(string))
	for name, test := range map[string]struct {
		method, path, body string
		status             int
		code               string
	}{
		"no JSON":                  {"POST", socEvents, `[`, 400, "BadRequest"},
		"unknown property":         {"POST", socEvents, `{"colour":"red",` + hour + `}`, 400, "RequestBodyRead"},
		"wrong type":               {"POST", socEvents, `{"subject":5,` + hour + `}`, 400, "RequestBodyRead"},
		"unknown member":           {"POST", socEvents, `{"showAs":"asleep",` + hour + `}`, 400, "RequestBodyRead"},
		"no times":                 {"POST", socEvents, `{"subject":"x"}`, 400, "ErrorRequiredPropertyMissing"},
		"no end":                   {"POST", socEvents, `{"start":{"dateTime":"2026-03-03T12:00:00"}}`, 400, "ErrorRequiredPropertyMissing"},
		"unknown zone":             {"POST", socEvents, strings.ReplaceAll(`{`+hour+`}`, "UTC", "Moon"), 400, "TimeZoneNotSupportedException"},
		"no date":                  {"POST", socEvents, strings.ReplaceAll(`{`+hour+`}`, "2026-03-03T12:00:00", "soon"), 400, "ErrorInvalidParameter"},
		"ends before it starts":    {"POST", socEvents, strings.ReplaceAll(`{`+hour+`}`, "T13", "T11"), 400, "ErrorCalendarEndDateIsEarlierThanStartDate"},
		"all day at noon":          {"POST", socEvents, `{"isAllDay":true,` + hour + `}`, 400, "ErrorInvalidRequest"},
		"attendee without address": {"POST", socEvents, `{"attendees":[{"emailAddress":{"name":"x"}}],` + hour + `}`, 400, "ErrorInvalidRecipients"},
		"series without range":     {"POST", socEvents, `{"recurrence":{"pattern":{"type":"daily","interval":1}},` + hour + `}`, 400, "ErrorPropertyValidationFailure"},
		"same transaction":         {"POST", socEvents, `{"transactionId":"t1",` + hour + `}`, 409, "ErrorDuplicateTransactionId"},
		"unknown property, PATCH":  {"PATCH", one, `{"colour":"red"}`, 400, "RequestBodyRead"},
		"wrong type, PATCH":        {"PATCH", one, `{"isAllDay":"yes"}`, 400, "RequestBodyRead"},
		"end before start, PATCH":  {"PATCH", one, `{"end":{"dateTime":"2026-03-03T11:00:00"}}`, 400, "ErrorCalendarEndDateIsEarlierThanStartDate"},
		"damaged id, PATCH":        {"PATCH", socEvents + "/AAMk", `{}`, 400, "ErrorInvalidIdMalformed"},
		"damaged id, DELETE":       {"DELETE", socEvents + "/AAMk", "", 400, "ErrorInvalidIdMalformed"},
		"damaged id, cancel":       {"POST", socEvents + "/AAMk/cancel", "", 400, "ErrorInvalidIdMalformed"},
		"event of another":         {"DELETE", strings.Replace(one, "soc@", "alex@", 1), "", 404, "ErrorItemNotFound"},
		"unknown parameter":        {"POST", one + "/cancel", `{"colour":"red"}`, 400, "RequestBodyRead"},
		"parameter of wrong type":  {"POST", one + "/decline", `{"sendResponse":"yes"}`, 400, "RequestBodyRead"},
		"unknown user":             {"POST", "/users/nobody@contoso.example/events", `{}`, 404, "ErrorInvalidUser"},
		"instances of no series":   {"GET", one + "/instances?startDateTime=2026-03-01&endDateTime=2026-04-01", "", 400, "ErrorInvalidRequest"},
		"instances of no window":   {"GET", one + "/instances", "", 400, "ErrorInvalidRequest"},
		"view of 1,826 days":       {"GET", "/users/soc@contoso.example/calendarView?startDateTime=2026-03-01&endDateTime=2031-03-01", "", 400, "ErrorCalendarViewRangeTooBig"},
	} {
		t.Run(name, func(t *testing.T) { n.refused(n.do(test.method, test.path, test.body), test.status, test.code) })
	}
	if got := n.want(one); got.json["subject"] != "" || got.json["isAllDay"] != false {
		t.Errorf("a refused PATCH changed the event: %s", got.body)
	}
	n.as(graphtest.Token{Roles: []string{"Calendars.Read"}})
	for method, path := range map[string]string{"POST": socEvents, "PATCH": one, "DELETE": one} {
		n.refused(n.do(method, path, `{}`), http.StatusForbidden, "ErrorAccessDenied")
	}
	for _, action := range []string{"cancel", "accept", "tentativelyAccept", "decline"} {
		n.refused(n.do(http.MethodPost, one+"/"+action, `{}`), http.StatusForbidden, "ErrorAccessDenied")
	}
	n.as(graphtest.Token{Roles: []string{"Mail.ReadWrite"}})
	n.refused(n.get(socEvents), http.StatusForbidden, "ErrorAccessDenied")
	n.refused(n.get("/users/soc@contoso.example/calendar"), http.StatusForbidden, "ErrorAccessDenied")
}

// subjects lists the subjects of the mails that were sent, with their recipients.
func (n *tenant) subjects() []string {
	list := []string{}
	for _, mail := range n.Delivered() {
		list = append(list, mail.Subject+" → "+strings.Join(mail.Recipients, ", "))
	}
	return list
}

func TestAMeetingIsInTheCalendarsOfItsAttendees(t *testing.T) {
	n, soc, alex := office(t)
	made := n.add(socEvents, `{"subject":"Plan",`+withAlex+`,`+hour+`}`)
	theirs := n.want(alexEvents).rows()[0]
	if theirs["isOrganizer"] != false || theirs["showAs"] != "tentative" || theirs["iCalUId"] != made.json["iCalUId"] || theirs["id"] == made.json["id"] {
		t.Errorf("the attendee has %v", theirs)
	}
	if diff := cmp.Diff(object{"response": "notResponded", "time": nil}, theirs["responseStatus"]); diff != "" {
		t.Error(diff)
	}
	one, copied := socEvents+"/"+escape(made.json["id"].(string)), alexEvents+"/"+escape(theirs["id"].(string))

	n.refused(n.do(http.MethodPost, copied+"/cancel", `{}`), http.StatusBadRequest, "ErrorInvalidRequest")
	n.refused(n.do(http.MethodPost, one+"/accept", `{}`), http.StatusBadRequest, "ErrorInvalidRequest")
	if a := n.do(http.MethodPost, copied+"/tentativelyAccept", `{"comment":"maybe"}`); a.status != http.StatusAccepted {
		t.Errorf("tentativelyAccept: %d %s", a.status, a.body)
	}
	if a := n.do(http.MethodPost, copied+"/accept", ""); a.status != http.StatusAccepted {
		t.Errorf("accept without a body: %d %s", a.status, a.body)
	}
	if got := n.want(copied).json; got["showAs"] != "busy" || got["responseStatus"].(object)["response"] != "accepted" {
		t.Errorf("the attendee's event: %v", got)
	}
	attendee := n.want(one).json["attendees"].([]any)[0].(object)
	if attendee["type"] != "optional" || attendee["status"].(object)["response"] != "accepted" {
		t.Errorf("the organizer sees %v", attendee)
	}
	if a := n.do(http.MethodPatch, one, `{"subject":"Plan B"}`); a.status != http.StatusOK {
		t.Errorf("PATCH: %d %s", a.status, a.body)
	}
	if got := n.want(copied).json; got["subject"] != "Plan B" || got["showAs"] != "busy" {
		t.Errorf("the attendee's event after the update: %v", got)
	}
	if a := n.do(http.MethodPost, one+"/cancel", `{"Comment":"no time"}`); a.status != http.StatusAccepted {
		t.Errorf("cancel: %d %s", a.status, a.body)
	}
	n.refused(n.get(one), http.StatusNotFound, "ErrorItemNotFound")
	if got := n.want(copied).json; got["isCancelled"] != true || got["subject"] != "Canceled: Plan B" {
		t.Errorf("the attendee's event after the cancellation: %v", got)
	}
	n.refused(n.do(http.MethodPost, copied+"/accept", `{}`), http.StatusBadRequest, "ErrorInvalidRequest")
	want := []string{
		"Plan → alex@contoso.example, eve@fabrikam.example", "Tentative: Plan → soc@contoso.example", "Accepted: Plan → soc@contoso.example",
		"Plan B → alex@contoso.example, eve@fabrikam.example", "Canceled: Plan B → alex@contoso.example, eve@fabrikam.example",
	}
	if diff := cmp.Diff(want, n.subjects()); diff != "" {
		t.Errorf("mails (-want +got):\n%s", diff)
	}
	if len(alex.Messages("inbox")) != 3 || len(soc.Messages("inbox")) != 2 || len(soc.Messages("sentitems")) != 3 {
		t.Error("the mails are not where they belong")
	}
}

func TestDeletingAMeetingTellsAttendeesOnlyIfItsOrganizerDoes(t *testing.T) {
	n, _, _ := office(t)
	made := n.add(socEvents, `{"subject":"Plan",`+withAlex+`,`+hour+`}`)
	copied := alexEvents + "/" + escape(n.want(alexEvents).column("id")[0])
	if a := n.do(http.MethodDelete, copied, ""); a.status != http.StatusNoContent {
		t.Errorf("DELETE by the attendee: %d %s", a.status, a.body)
	}
	if got := n.subjects(); len(got) != 1 {
		t.Errorf("mails: %v", got)
	}
	if a := n.do(http.MethodDelete, socEvents+"/"+escape(made.json["id"].(string)), ""); a.status != http.StatusNoContent {
		t.Errorf("DELETE by the organizer: %d %s", a.status, a.body)
	}
	if got := n.subjects(); got[len(got)-1] != "Canceled: Plan → alex@contoso.example, eve@fabrikam.example" {
		t.Errorf("mails: %v", got)
	}
}

func TestAnswersFollowTheInvitationsRules(t *testing.T) {
	const proposal = `"proposedNewTime":{"start":{"dateTime":"2026-03-04T12:00:00","timeZone":"UTC"},"end":{"dateTime":"2026-03-04T13:00:00","timeZone":"UTC"}}`
	for name, test := range map[string]struct {
		event  string
		action string
		body   string
		status int
		mails  int
	}{
		"decline":                          {``, "decline", `{"comment":"away"}`, 202, 2},
		"decline in silence":               {``, "decline", `{"sendResponse":false}`, 202, 1},
		"decline with another time":        {``, "decline", `{` + proposal + `}`, 202, 2},
		"another time in silence":          {``, "decline", `{"sendResponse":false,` + proposal + `}`, 400, 1},
		"another time that is not allowed": {`"allowNewTimeProposals":false,`, "tentativelyAccept", `{` + proposal + `}`, 400, 1},
		"another time on acceptance":       {``, "accept", `{` + proposal + `}`, 400, 1},
		"answer that nobody asked for":     {`"responseRequested":false,`, "accept", `{}`, 400, 1},
		"silence that nobody asked for":    {`"responseRequested":false,`, "accept", `{"sendResponse":false}`, 202, 1},
	} {
		t.Run(name, func(t *testing.T) {
			n, _, _ := office(t)
			n.add(socEvents, `{"subject":"Plan",`+test.event+withAlex+`,`+hour+`}`)
			copied := alexEvents + "/" + escape(n.want(alexEvents).column("id")[0])
			if a := n.do(http.MethodPost, copied+"/"+test.action, test.body); a.status != test.status {
				t.Errorf("answered %d %s", a.status, a.body)
			}
			if got := n.subjects(); len(got) != test.mails {
				t.Errorf("mails: %v", got)
			}
			if left := len(n.want(alexEvents).rows()); (left == 0) != (test.status == 202 && test.action == "decline") {
				t.Errorf("the attendee has %d events", left)
			}
		})
	}
}

func TestOccurrencesAreChangedAndDeletedOneByOne(t *testing.T) {
	n, _, _ := office(t)
	master := n.add(socEvents, `{"subject":"Standup",`+withAlex+`,`+daily+`,`+hour+`}`).json["id"].(string)
	window := "?startDateTime=2026-03-01&endDateTime=2026-04-01"
	instances := socEvents + "/" + escape(master) + "/instances" + window
	ids := n.want(instances).column("id")
	if len(ids) != 4 {
		t.Fatalf("%d occurrences", len(ids))
	}
	moved := `{"subject":"Late standup","start":{"dateTime":"2026-03-05T15:00:00"},"end":{"dateTime":"2026-03-05T16:00:00"}}`
	if a := n.do(http.MethodPatch, socEvents+"/"+escape(ids[1]), moved); a.status != http.StatusOK || a.json["type"] != "exception" || a.json["id"] != ids[1] {
		t.Errorf("PATCH: %d %s", a.status, a.body)
	}
	if a := n.do(http.MethodDelete, socEvents+"/"+escape(ids[2]), ""); a.status != http.StatusNoContent {
		t.Errorf("DELETE: %d %s", a.status, a.body)
	}
	n.refused(n.get(socEvents+"/"+escape(ids[2])), http.StatusNotFound, "ErrorItemNotFound")
	n.refused(n.do(http.MethodPatch, socEvents+"/"+escape(ids[0]), `{`+daily+`}`), http.StatusBadRequest, "ErrorInvalidRequest")
	n.refused(n.do(http.MethodPatch, socEvents+"/"+escape(ids[0]), `{"end":{"dateTime":"2026-03-01T11:00:00"}}`), 400, "ErrorCalendarEndDateIsEarlierThanStartDate")
	var got []string
	for _, row := range n.want(instances).rows() {
		got = append(got, row["type"].(string)+" "+row["subject"].(string)+" "+row["start"].(object)["dateTime"].(string)[5:13])
	}
	want := []string{"occurrence Standup 03-03T12", "exception Late standup 03-05T15", "occurrence Standup 03-06T12"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("instances (-want +got):\n%s", diff)
	}
	if theirs := n.want("/users/alex@contoso.example/calendarView" + window).rows(); len(theirs) != 3 {
		t.Errorf("the attendee sees %d occurrences", len(theirs))
	}
	if len(n.want(socEvents).rows()) != 1 {
		t.Error("the list of events shows more than the master")
	}
	if a := n.want("/users/soc@contoso.example/calendarView" + window + "&$top=1&$orderby=subject&$count=true"); a.json["@odata.count"] != 3.0 || a.json["@odata.nextLink"] == nil {
		t.Errorf("a page of the view: %s", a.body)
	}
}

func TestSeriesKeepTheirHourWhenTheClocksChange(t *testing.T) {
	n, _, _ := office(t)
	n.add(socEvents, `{"start":{"dateTime":"2026-03-28T09:00:00","timeZone":"W. Europe Standard Time"},"end":{"dateTime":"2026-03-28T10:00:00","timeZone":"W. Europe Standard Time"},`+
		`"recurrence":{"pattern":{"type":"daily","interval":1},"range":{"type":"endDate","startDate":"2026-03-28","endDate":"2026-03-29"}}}`)
	const view = "/users/soc@contoso.example/calendarView?startDateTime=2026-03-27T00:00:00Z&endDateTime=2026-03-31T00:00:00Z"
	for _, test := range []struct {
		zone string
		want []string
	}{
		{"UTC", []string{"2026-03-28T08:00", "2026-03-29T07:00"}},
		{"Europe/Berlin", []string{"2026-03-28T09:00", "2026-03-29T09:00"}},
		{"W. Europe Standard Time", []string{"2026-03-28T09:00", "2026-03-29T09:00"}},
		{"pacific standard time", []string{"2026-03-28T01:00", "2026-03-29T00:00"}},
		{"India Standard Time", []string{"2026-03-28T13:30", "2026-03-29T12:30"}},
	} {
		a := n.want(view, "Prefer", `outlook.timezone="`+test.zone+`"`)
		var got []string
		for _, row := range a.rows() {
			start := row["start"].(object)
			got = append(got, start["dateTime"].(string)[:16])
			if start["timeZone"] != test.zone || row["originalStartTimeZone"] != "W. Europe Standard Time" {
				t.Errorf("zones: %v, %v", start["timeZone"], row["originalStartTimeZone"])
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" || a.header.Get("Preference-Applied") != `outlook.timezone="`+test.zone+`"` {
			t.Errorf("%s (-want +got):\n%s", test.zone, diff)
		}
	}
	for _, zone := range []string{"Moon", "Local", "../etc/passwd", "W. Europe"} {
		n.refused(n.get(view, "Prefer", `outlook.timezone="`+zone+`"`), http.StatusBadRequest, "TimeZoneNotSupportedException")
	}
}

func TestGroupEventsAreForSignedInMembers(t *testing.T) {
	n, _, _ := office(t)
	g, err := n.AddGroup("Board", graphtest.Private(), graphtest.Members("soc@contoso.example"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := g.AddEvent(`{"subject":"Meeting",` + withAlex + `,` + hour + `}`)
	if err != nil {
		t.Fatal(err)
	}
	events := "/groups/" + g.ID() + "/events"
	one := events + "/" + escape(id)
	member := graphtest.Token{User: "soc@contoso.example", Scopes: []string{"Group.ReadWrite.All", "Group.Read.All"}}
	other := graphtest.Token{User: "alex@contoso.example", Scopes: member.Scopes}
	app := graphtest.Token{Roles: []string{"Group.ReadWrite.All", "Calendars.ReadWrite", "Calendars.Read"}}
	for _, test := range []struct {
		name         string
		token        graphtest.Token
		method, path string
		body         string
		status       int
		code         string
	}{
		{"list, app", app, "GET", events, "", 403, "ErrorAccessDenied"},
		{"list, member", member, "GET", events, "", 200, ""},
		{"list, other", other, "GET", events, "", 403, "ErrorAccessDenied"},
		{"list of the calendar, member", member, "GET", "/groups/" + g.ID() + "/calendar/events", "", 200, ""},
		{"view, member", member, "GET", "/groups/" + g.ID() + "/calendarView?startDateTime=2026-03-01&endDateTime=2026-04-01", "", 200, ""},
		{"create, app", app, "POST", events, `{` + hour + `}`, 403, "ErrorAccessDenied"},
		{"create, member", member, "POST", events, `{` + hour + `}`, 201, ""},
		{"get, app", app, "GET", one, "", 200, ""},
		{"change, member", member, "PATCH", one, `{"subject":"x"}`, 200, ""},
		{"delete, app", app, "DELETE", one, "", 204, ""}, // by the table; RefuseApps refuses it
		{"get again", member, "GET", one, "", 404, "ErrorItemNotFound"},
	} {
		n.as(test.token)
		a := n.do(test.method, test.path, test.body)
		if test.code != "" {
			n.refused(a, test.status, test.code)
		} else if a.status != test.status {
			t.Errorf("%s: %d %s", test.name, a.status, a.body)
		}
	}
	if len(n.Delivered()) != 0 {
		t.Error("the group sent mail")
	}
	security, err := n.AddGroup("Doors", graphtest.SecurityGroup())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := security.AddEvent(`{` + hour + `}`); err == nil {
		t.Error("a security group took an event")
	}
	n.as(member)
	n.refused(n.get("/groups/"+security.ID()+"/events"), http.StatusNotFound, "MailboxNotEnabledForRESTAPI")
}

// FuzzCreateEvent checks that no event crashes the calendar, and that what it took can be shown.
func FuzzCreateEvent(f *testing.F) {
	for _, body := range []string{
		`{` + hour + `}`, `{` + withAlex + `,` + hour + `}`, `{` + daily + `,` + hour + `}`,
		`{"attachments":[` + anEvent + `,` + aContact + `,` + aMessage + `],` + hour + `}`,
		`{"recurrence":{"pattern":{"type":"relativeYearly","interval":3,"index":"last","month":2,"daysOfWeek":["monday"]},"range":{"type":"noEnd"}},` + hour + `}`,
	} {
		f.Add(body)
	}
	begin := sharedServer(f, "Calendars.ReadWrite", "Calendars.Read")
	var mailboxes atomic.Int64 // each event has its own
	f.Fuzz(func(t *testing.T, body string) {
		n := begin(t)
		user := "/users/" + n.mailbox(fmt.Sprintf("m%d@contoso.example", mailboxes.Add(1))).UserID()
		a := n.do(http.MethodPost, user+"/events", body)
		if a.status != http.StatusCreated && (a.status < 400 || a.status > 499) {
			t.Fatalf("%d %s", a.status, a.body)
		}
		n.want(user + "/events")
		n.want(user + "/calendarView?startDateTime=2026-01-01&endDateTime=2028-01-01&$top=20")
	})
}

// sharedServer makes tenants of one server, with a token that has the roles.
func sharedServer(f *testing.F, roles ...string) func(*testing.T) *tenant {
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(panicf), graphtest.WithClock(func() time.Time { return noon }))
	if err != nil {
		f.Fatal(err)
	}
	token, err := server.Token(graphtest.Token{Roles: roles})
	if err != nil {
		f.Fatal(err)
	}
	return func(t *testing.T) *tenant {
		return &tenant{Server: server, t: t, http: server.Client(), token: token}
	}
}

// FuzzContentRange checks that no Content-Range crashes the server or adds what does not fit.
func FuzzContentRange(f *testing.F) {
	for _, header := range []string{"bytes 0-9/3000000", "bytes 0-9/*", "bytes */3000000", "bytes -1-9/3000000", "bytes 0-99999999999999999999/3000000"} {
		f.Add(header)
	}
	begin := sharedServer(f, "Mail.ReadWrite")
	var mailboxes atomic.Int64
	f.Fuzz(func(t *testing.T, header string) {
		n := begin(t)
		messages := "/users/" + n.mailbox(fmt.Sprintf("m%d@contoso.example", mailboxes.Add(1))).UserID() + "/messages"
		u := n.session(messages+"/"+escape(n.add(messages, `{}`).json["id"].(string))+"/attachments", 3_000_000)
		defer u.send(http.MethodDelete, nil)
		a := u.send(http.MethodPut, make([]byte, 10), "Content-Range", header)
		state := u.send(http.MethodGet, nil).json["nextExpectedRanges"].([]any)[0]
		if taken := a.status == http.StatusOK; taken != (state == "10-") || !taken && a.status != http.StatusBadRequest && a.status != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("%q: %d %s, and then %v", header, a.status, a.body, state)
		}
	})
}
