package graphtest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

const inboxDelta = "/users/soc@contoso.example/mailFolders/inbox/messages/delta"

// tracked is a mailbox whose Inbox is followed.
type tracked struct {
	*tenant
	mail *graphtest.Mailbox
	now  time.Time
}

// track starts a server with messages in the Inbox, named by their subjects; later ones are newer by a minute.
func track(t *testing.T, behaviour graphtest.DeltaBehaviour, subjects ...string) *tracked {
	t.Helper()
	f := &tracked{now: noon}
	f.tenant = newTenantWith(t, []string{"Mail.Read"},
		graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return f.now }), graphtest.WithDelta(behaviour))
	f.mail = f.mailbox("soc@contoso.example")
	for i, subject := range subjects {
		f.arrive(subject, noon.Add(time.Duration(i)*time.Minute))
	}
	return f
}

func (f *tracked) arrive(subject string, at time.Time) string {
	f.t.Helper()
	return f.tenant.mail(f.mail, "Inbox", "a@fabrikam.example", subject, at.Format(time.RFC1123Z), "x")
}

func (f *tracked) byID(id string) string {
	for _, folder := range []string{"Inbox", "Archive"} {
		for _, m := range f.mail.Messages(folder) {
			if m.ID == id || m.ImmutableID == id {
				return m.Subject
			}
		}
	}
	return ""
}

// round follows a link to the end of its round, and returns what it said, page by page, and the deltaLink.
func (f *tracked) round(link string, headers ...string) (pages [][]string, delta string) {
	f.t.Helper()
	for range 100 {
		a := f.want(link, headers...)
		page := []string{}
		for _, row := range a.rows() {
			said, _ := row["subject"].(string)
			if removed, ok := row["@removed"].(map[string]any); ok {
				said = fmt.Sprintf("-%s %v", f.byID(row["id"].(string)), removed["reason"])
			}
			page = append(page, said)
		}
		pages = append(pages, page)
		next, more := a.json["@odata.nextLink"].(string)
		delta, done := a.json["@odata.deltaLink"].(string)
		if more == done {
			f.t.Fatalf("a page has not exactly one link: %s", a.body)
		}
		if done {
			return pages, delta
		}
		link = next
	}
	f.t.Fatal("the round has no end")
	return nil, ""
}

func TestDeltaTellsWhatChanged(t *testing.T) {
	for name, test := range map[string]struct {
		query  string
		first  [][]string
		change func(f *tracked)
		second [][]string
	}{
		"nothing": {"", [][]string{{"one", "two", "three"}}, func(*tracked) {}, [][]string{{}}},
		"new":     {"", [][]string{{"one", "two", "three"}}, func(f *tracked) { f.arrive("four", f.now) }, [][]string{{"four"}}},
		"same second": {"", [][]string{{"one", "two", "three"}}, func(f *tracked) {
			f.arrive("four", noon)
			f.arrive("five", noon)
		}, [][]string{{"four", "five"}}},
		"updated twice, told once": {"", [][]string{{"one", "two", "three"}}, func(f *tracked) {
			f.mail.MarkRead(f.id("two"))
			f.mail.MarkRead(f.id("two"))
		}, [][]string{{"two"}}},
		"moved out": {"", [][]string{{"one", "two", "three"}}, func(f *tracked) { f.mail.Move(f.id("two"), "Archive") }, [][]string{{"- changed"}}},
		"moved out and back": {"", [][]string{{"one", "two", "three"}}, func(f *tracked) {
			f.mail.Move(f.mail.Move(f.id("two"), "Archive"), "Inbox")
		}, [][]string{{"- changed", "two"}}},
		"gone":         {"", [][]string{{"one", "two", "three"}}, func(f *tracked) { f.mail.Remove(f.id("two")) }, [][]string{{"- deleted"}}},
		"new and gone": {"", [][]string{{"one", "two", "three"}}, func(f *tracked) { f.mail.Remove(f.arrive("four", f.now)) }, [][]string{{"- deleted"}}},
		"newest first": {"?$orderby=receivedDateTime+desc", [][]string{{"three", "two", "one"}}, func(*tracked) {}, [][]string{{}}},
		"pages": {"?$top=2", [][]string{{"one", "two"}, {"three"}}, func(f *tracked) {
			for i := range 4 {
				f.arrive(fmt.Sprint(i), f.now)
			}
		}, [][]string{{"0", "1"}, {"2", "3"}}},
		"since": {"?$filter=receivedDateTime+ge+2026-03-02T12:01:00Z", [][]string{{"two", "three"}}, func(f *tracked) {
			f.mail.MarkRead(f.id("one"))
			f.mail.MarkRead(f.id("two"))
		}, [][]string{{"two"}}},
		"after": {"?$filter=receivedDateTime+gt+2026-03-02T12:01:00Z", [][]string{{"three"}}, func(f *tracked) { f.mail.Remove(f.id("one")) }, [][]string{{}}},
		"created": {"?changeType=created", [][]string{{"one", "two", "three"}}, func(f *tracked) {
			f.mail.MarkRead(f.arrive("four", f.now))
			f.mail.MarkRead(f.id("one"))
			f.mail.Remove(f.id("two"))
		}, [][]string{{"four"}}},
		"updated": {"?changeType=updated", [][]string{{}}, func(f *tracked) {
			f.arrive("four", f.now)
			f.mail.MarkRead(f.id("one"))
		}, [][]string{{"one"}}},
		"deleted": {"?changeType=deleted", [][]string{{}}, func(f *tracked) {
			f.arrive("four", f.now)
			f.mail.Move(f.id("one"), "Archive")
		}, [][]string{{"- changed"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := track(t, graphtest.DeltaBehaviour{}, "one", "two", "three")
			first, link := f.round(inboxDelta + test.query)
			if diff := cmp.Diff(test.first, first); diff != "" {
				t.Errorf("first round (-want +got):\n%s", diff)
			}
			test.change(f)
			second, _ := f.round(link)
			if diff := cmp.Diff(test.second, second); diff != "" {
				t.Errorf("second round (-want +got):\n%s", diff)
			}
			again, _ := f.round(link)
			if diff := cmp.Diff(second, again); diff != "" {
				t.Errorf("the same link again (-first +again):\n%s", diff)
			}
		})
	}
}

// id finds a message of the Inbox by its subject.
func (f *tracked) id(subject string) string {
	f.t.Helper()
	for _, m := range f.mail.Messages("Inbox") {
		if m.Subject == subject {
			return m.ID
		}
	}
	f.t.Fatalf("no message %q", subject)
	return ""
}

func TestDeltaMayBeAwkward(t *testing.T) {
	for name, test := range map[string]struct {
		behaviour     graphtest.DeltaBehaviour
		query         string
		first, second [][]string
	}{
		"repeats":      {graphtest.DeltaBehaviour{Repeats: true}, "?$top=2", [][]string{{"one", "two"}, {"two", "three"}}, [][]string{{"one", "two"}, {"two", "three"}}},
		"page of one":  {graphtest.DeltaBehaviour{Repeats: true}, "?$top=1", [][]string{{"one"}, {"one", "two"}, {"two", "three"}}, [][]string{{"one"}, {"one", "two"}, {"two", "three"}}},
		"empty pages":  {graphtest.DeltaBehaviour{EmptyPages: true}, "?$top=2", [][]string{{}, {"one", "two"}, {}, {"three"}}, [][]string{{}, {"one", "two"}, {}, {"three"}}},
		"both of them": {graphtest.DeltaBehaviour{EmptyPages: true, Repeats: true}, "?$top=2", [][]string{{}, {"one", "two"}, {}, {"two", "three"}}, [][]string{{}, {"one", "two"}, {}, {"two", "three"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := track(t, test.behaviour, "one", "two", "three")
			first, link := f.round(inboxDelta + test.query)
			if diff := cmp.Diff(test.first, first); diff != "" {
				t.Errorf("first round (-want +got):\n%s", diff)
			}
			for _, subject := range []string{"one", "two", "three"} {
				f.mail.MarkRead(f.id(subject))
			}
			second, _ := f.round(link)
			if diff := cmp.Diff(test.second, second); diff != "" {
				t.Errorf("second round (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeltaOfMovedInMessages(t *testing.T) {
	for name, test := range map[string]struct {
		behaviour graphtest.DeltaBehaviour
		query     string
		want      [][]string
	}{
		"all":                      {graphtest.DeltaBehaviour{}, "", [][]string{{"moved"}}},
		"created":                  {graphtest.DeltaBehaviour{}, "?changeType=created", [][]string{{"moved"}}},
		"created, and switched":    {graphtest.DeltaBehaviour{ArrivalsNotCreated: true}, "?changeType=created", [][]string{{}}},
		"everything, and switched": {graphtest.DeltaBehaviour{ArrivalsNotCreated: true}, "", [][]string{{"moved"}}},
	} {
		t.Run(name, func(t *testing.T) {
			f := track(t, test.behaviour)
			old := f.tenant.mail(f.mail, "Archive", "a@fabrikam.example", "moved", "Mon, 23 Feb 2026 08:00:00 +0000", "x")
			_, link := f.round(inboxDelta + test.query)
			f.mail.Move(old, "Inbox")
			got, _ := f.round(link)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDeltaWhileTheFolderChanges(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{}, "one", "two", "three", "four")
	a := f.want(inboxDelta + "?$top=2")
	next := a.json["@odata.nextLink"].(string)
	f.mail.Remove(f.id("two")) // where the next page would go on
	f.arrive("early", noon.Add(-time.Hour))
	rest, link := f.round(next)
	if diff := cmp.Diff([][]string{{"three", "four"}}, rest); diff != "" {
		t.Errorf("rest of the first round (-want +got):\n%s", diff)
	}
	changes, _ := f.round(link)
	if diff := cmp.Diff([][]string{{"- deleted", "early"}}, changes); diff != "" {
		t.Errorf("second round (-want +got):\n%s", diff)
	}
}

func TestLateMessageComesWithItsEarlierTime(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{}, "one")
	const source = "From: a@fabrikam.example\r\nSubject: late\r\nDate: Mon, 02 Mar 2026 11:00:00 +0000\r\n\r\nx"
	if err := f.mail.AddLateEML("Inbox", strings.NewReader(source), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	first, link := f.round(inboxDelta)
	f.now = noon.Add(5 * time.Minute)
	second, _ := f.round(link)
	if diff := cmp.Diff([][][]string{{{"one"}}, {{"late"}}}, [][][]string{first, second}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if received := f.mail.Messages("Inbox")[1].Received; !received.Equal(noon.Add(-time.Hour)) {
		t.Errorf("received %s", received)
	}
	if err := f.mail.AddLateEML("Inbox", strings.NewReader(source), -1); err == nil {
		t.Error("a delay is negative")
	}
}

func TestDeltaTokensExpire(t *testing.T) {
	for name, expire := range map[string]func(f *tracked){
		"by demand": func(f *tracked) { f.ExpireDeltaTokens() },
		"by age":    func(f *tracked) { f.now = f.now.Add(7 * 24 * time.Hour) },
		"by too many changes": func(f *tracked) {
			for range graphtest.MaxChanges + 1 {
				f.mail.MarkRead(f.id("one"))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, notFound := range []bool{false, true} {
				f := track(t, graphtest.DeltaBehaviour{ExpiredNotFound: notFound}, "one")
				_, link := f.round(inboxDelta + "?$select=subject")
				expire(f)
				f.as(graphtest.Token{Roles: []string{"Mail.Read"}})
				a := f.get(link)
				if notFound {
					f.refused(a, http.StatusNotFound, "syncStateNotFound")
					continue
				}
				f.refused(a, http.StatusGone, "syncStateNotFound")
				again, _ := f.round(a.header.Get("Location"))
				if diff := cmp.Diff([][]string{{"one"}}, again); diff != "" {
					t.Errorf("from the Location (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestDeltaTokensAreBound(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{}, "one")
	_, link := f.round(inboxDelta)
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	token := u.Query().Get("$deltatoken")
	immutable := []string{"Prefer", `IdType="ImmutableId"`}
	for name, test := range map[string]struct {
		link    string
		headers []string
	}{
		"another folder":      {strings.Replace(link, "inbox", "archive", 1), nil},
		"another id kind":     {link, immutable},
		"token cut":           {link[:len(link)-1], nil},
		"token altered":       {strings.Replace(link, token, token[:20]+flip(token[20])+token[21:], 1), nil},
		"as a skip token":     {strings.Replace(link, "$deltatoken", "$skiptoken", 1), nil},
		"both tokens":         {link + "&$skiptoken=" + token, nil},
		"with another option": {link + "&$select=subject", nil},
		"empty":               {inboxDelta + "?$deltatoken=", nil},
		"token of a list":     {inboxDelta + "?$skiptoken=AAAA", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if a := f.get(test.link, test.headers...); a.status != http.StatusBadRequest {
				t.Errorf("answered %d %s", a.status, a.body)
			}
		})
	}
	f.as(graphtest.Token{ClientID: "99999999-9999-4999-8999-999999999999", Roles: []string{"Mail.Read"}})
	f.refused(f.get(link), http.StatusBadRequest, "BadRequest")
}

func flip(b byte) string {
	if b == 'A' {
		return "B"
	}
	return "A"
}

func TestDeltaOptions(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{}, "one", "two")
	for _, query := range []string{
		`$search="x"`, "$skip=1", "$count=true", "$filter=isRead eq false", "$filter=receivedDateTime le 2026-01-01T00:00:00Z",
		"$filter=receivedDateTime ge 2026-01-01T00:00:00Z and isRead eq false", "$filter=receivedDateTime ge soon", "$orderby=subject",
		"$orderby=receivedDateTime", "$orderby=receivedDateTime desc,subject", "changeType=moved", "changeType=created,updated", "changeType=", "$top=0", "$top=1001", "$select=colour",
	} {
		name, value, _ := strings.Cut(query, "=")
		if a := f.get(inboxDelta + "?" + name + "=" + url.QueryEscape(value)); a.status != http.StatusBadRequest {
			t.Errorf("%s is answered with %d %s", query, a.status, a.body)
		}
	}
	a := f.want(inboxDelta+"?$select=subject&$expand=attachments", "Prefer", "odata.maxpagesize=1")
	row := a.rows()[0]
	if row["subject"] != "one" || row["body"] != nil || row["attachments"] == nil || row["@odata.type"] != "#microsoft.graph.message" || row["@odata.etag"] == nil {
		t.Errorf("the first page is %s", a.body)
	}
	if got := a.header.Get("Preference-Applied"); got != "odata.maxpagesize=1" {
		t.Errorf("Preference-Applied: %s", got)
	}
	next := f.want(a.json["@odata.nextLink"].(string)).rows()[0]
	if next["subject"] != "two" || next["body"] != nil || next["attachments"] == nil {
		t.Errorf("the options of the first call do not hold on the second page: %v", next)
	}
}

func TestDeltaKeepsTheIDKind(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{}, "one", "two")
	immutable := []string{"Prefer", `IdType="ImmutableId"`}
	want := f.mail.Messages("Inbox")[1].ImmutableID
	first := f.want(inboxDelta, immutable...)
	if first.column("id")[0] != want {
		t.Errorf("the ids are %v", first.column("id"))
	}
	f.mail.Move(f.id("one"), "Archive")
	if got := f.want(first.json["@odata.deltaLink"].(string), immutable...).column("id"); !slices.Equal(got, []string{want}) {
		t.Errorf("removed %v, want %s", got, want)
	}
}

func TestDeltaNeedsPermission(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{}, "one")
	f.as(graphtest.Token{Roles: []string{"User.Read.All"}})
	f.refused(f.get(inboxDelta), http.StatusForbidden, "ErrorAccessDenied")
	f.as(graphtest.Token{Roles: []string{"Mail.ReadBasic.All"}})
	if row := f.want(inboxDelta + "?$expand=attachments").rows()[0]; row["body"] != nil || row["attachments"] != nil || row["subject"] != "one" {
		t.Errorf("Mail.ReadBasic.All shows %v", row)
	}
	f.as(graphtest.Token{Roles: []string{"Mail.Read"}})
	f.refused(f.get("/users/soc@contoso.example/mailFolders/cut/messages/delta"), http.StatusBadRequest, "ErrorInvalidIdMalformed")
}

func TestDeltaLinksNameTheHostOfTheClient(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{}, "one")
	a := f.want("https://graph.contoso.example/v1.0" + inboxDelta)
	if link := a.json["@odata.deltaLink"].(string); !strings.HasPrefix(link, "https://graph.contoso.example/v1.0"+inboxDelta+"?$deltatoken=") {
		t.Errorf("the deltaLink is %s", link)
	}
}

func TestDeltaFollowsWhatClientsDo(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{}, "one")
	f.as(graphtest.Token{Roles: []string{"Mail.Read", "Mail.ReadWrite"}})
	const folders = "/users/soc@contoso.example/mailFolders"
	_, messageLink := f.round(inboxDelta)
	folderLink := f.want(folders+"/delta", "Prefer", "odata.maxpagesize=100").json["@odata.deltaLink"].(string)
	made := f.made(folders, map[string]any{"displayName": "New"}).json["id"].(string)
	f.changed(folders+"/"+made, map[string]any{"displayName": "Renamed"})
	gone := f.made(folders, map[string]any{"displayName": "Gone"}).json["id"].(string)
	for range 2 { // to Deleted Items, and from there
		if a := f.do(http.MethodDelete, folders+"/"+gone, ""); a.status != http.StatusNoContent {
			t.Fatalf("answered %d %s", a.status, a.body)
		}
	}
	message := "/users/soc@contoso.example/messages/" + f.id("one")
	f.changed(message, map[string]any{"isRead": true})
	f.made(message+"/move", map[string]any{"DestinationId": made})

	said := map[string]any{}
	for _, row := range f.want(folderLink).rows() {
		said[row["id"].(string)] = row["displayName"]
		if row["@removed"] != nil {
			said[row["id"].(string)] = row["@removed"].(map[string]any)["reason"]
		}
	}
	if said[made] != "Renamed" || said[gone] != "deleted" {
		t.Errorf("folders %v", said)
	}
	changes, _ := f.round(messageLink)
	if diff := cmp.Diff([][]string{{"- changed"}}, changes); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestDeltaMayBeWrittenWithBrackets(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{}, "one")
	pages, link := f.round(inboxDelta + "()?$select=subject")
	again, _ := f.round(link)
	if diff := cmp.Diff([][][]string{{{"one"}}, {{}}}, [][][]string{pages, again}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDeltaWithFilterTracksSoManyMessages(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{})
	for i := range graphtest.MostTracked + 1 {
		f.arrive(fmt.Sprint(i), noon.Add(time.Duration(i)*time.Second))
	}
	for query, want := range map[string]int{"": graphtest.MostTracked + 1, "&$filter=receivedDateTime+ge+2026-03-02T00:00:00Z": graphtest.MostTracked} {
		pages, _ := f.round(inboxDelta + "?$top=1000&$select=subject" + query)
		count := 0
		for _, page := range pages {
			count += len(page)
		}
		if count != want {
			t.Errorf("with %q the first round has %d messages, want %d", query, count, want)
		}
	}
}

func TestDeltaOfFolders(t *testing.T) {
	f := track(t, graphtest.DeltaBehaviour{}, "one")
	const path = "/users/soc@contoso.example/mailFolders/delta"
	a := f.want(path, "Prefer", "odata.maxpagesize=5")
	seen := a.column("displayName")
	for a.json["@odata.nextLink"] != nil {
		a = f.want(a.json["@odata.nextLink"].(string), "Prefer", "odata.maxpagesize=5")
		seen = append(seen, a.column("displayName")...)
	}
	if want := f.want("/users/soc@contoso.example/mailFolders").column("displayName"); !slices.Equal(seen, want) {
		t.Errorf("folders %v, want %v", seen, want)
	}
	if _, err := f.mail.AddFolder("Inbox/phishing"); err != nil {
		t.Fatal(err)
	}
	f.arrive("two", noon)
	if err := f.mail.HideFolder("Archive"); err != nil {
		t.Fatal(err)
	}
	rows := f.want(a.json["@odata.deltaLink"].(string)).rows()
	if len(rows) != 3 || rows[0]["displayName"] != "phishing" || rows[1]["totalItemCount"] != 2.0 || rows[2]["@removed"] == nil {
		t.Errorf("changes %v", rows)
	}
	for _, query := range []string{"?$top=1", "?$filter=displayName%20eq%20'x'", "?$search=x"} {
		if a := f.get(path + query); a.status != http.StatusBadRequest {
			t.Errorf("%s is answered with %d", query, a.status)
		}
	}
}

func FuzzDeltaToken(f *testing.F) {
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(panicf), graphtest.WithClock(func() time.Time { return noon }))
	if err != nil {
		f.Fatal(err)
	}
	if _, err := server.AddMailbox("soc@contoso.example"); err != nil {
		f.Fatal(err)
	}
	token, err := server.Token(graphtest.Token{Roles: []string{"Mail.Read"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", "AAAA", strings.Repeat("A", 300), "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		request, err := http.NewRequest(http.MethodGet, server.URL+"/v1.0"+inboxDelta+"?$deltatoken="+url.QueryEscape(text), http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+token)
		response, err := server.RoundTripper().RoundTrip(request)
		if err != nil || response.StatusCode != http.StatusBadRequest {
			t.Errorf("%q is answered with %v %v", text, response, err)
		}
	})
}
