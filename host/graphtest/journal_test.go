package graphtest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func TestJournalTellsWhatWasAsked(t *testing.T) {
	n := newTenant(t)
	m := n.mailbox("soc@contoso.example")
	n.as(graphtest.Token{ClientID: "app", User: m.Address(), Scopes: []string{"Mail.Read"}})
	a := n.get("/me/messages?$top=1")
	n.get("/users/soc@contoso.example/mailFolders/inbox")
	n.get("/telegrams")
	var got []string
	for _, r := range n.Journal() {
		got = append(got, fmt.Sprint(r.Seq, " ", r.Method, " ", r.Host, r.Path, " ", r.Template, " ", r.Status, " ", r.Caller.ClientID, " ", r.Caller.User))
	}
	host := strings.TrimPrefix(n.URL, "https://")
	want := []string{
		"1 GET " + host + "/v1.0/me/messages /me/messages 200 app soc@contoso.example",
		"2 GET " + host + "/v1.0/users/soc@contoso.example/mailFolders/inbox /users/{user}/mailFolders/{folder} 200 app soc@contoso.example",
		"3 GET " + host + "/v1.0/telegrams  400 app soc@contoso.example",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	if id := n.Journal()[0].RequestID; id == "" || id != a.header.Get("request-id") {
		t.Errorf("request id %q, answered %q", id, a.header.Get("request-id"))
	}
	n.ResetJournal()
	n.get("/telegrams")
	if got := n.Journal(); len(got) != 1 || got[0].Seq != 4 {
		t.Errorf("after the reset: %+v", got)
	}
}

func TestFollowersSeeEveryRequestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTenantWith(t, []string{"User.Read.All"}, graphtest.WithoutNetwork())
		n.get("/users?n=1")
		n.get("/users?n=2")
		n.get("/users?n=3")
		ctx, cancel := context.WithCancel(t.Context())
		var (
			wait        sync.WaitGroup
			first, late []string
		)
		follow := func(after uint64, into *[]string) {
			for r := range n.FollowJournal(ctx, after) {
				*into = append(*into, r.Query.Get("n"))
			}
		}
		wait.Go(func() { follow(0, &first) })
		wait.Go(func() { follow(2, &late) })
		synctest.Wait()
		n.get("/users?n=4")
		n.get("/users?n=5")
		synctest.Wait()
		n.ResetJournal()
		n.get("/users?n=6")
		synctest.Wait()
		cancel()
		wait.Wait()
		if diff := cmp.Diff([][]string{{"1", "2", "3", "4", "5", "6"}, {"3", "4", "5", "6"}}, [][]string{first, late}); diff != "" {
			t.Errorf("followers saw (-want +got):\n%s", diff)
		}
	})
}

func TestFollowerMayLeave(t *testing.T) {
	n := newTenant(t)
	n.get("/users")
	for r := range n.FollowJournal(t.Context(), 0) {
		if r.Seq != 1 {
			t.Errorf("the first is %d", r.Seq)
		}
		break
	}
}

func TestRedactedRequestHasNoSecret(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"geheim"}, "code": {"geheim"}, "refresh_token": {"geheim"},
		"client_assertion": {"geheim"}, "scope": {"https://graph.microsoft.com/.default"},
	}
	response, err := n.http.Post(n.AuthorityURL()+n.Tenant()+"/oauth2/v2.0/token?code=geheim", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	response, err = n.http.Post(n.AuthorityURL()+n.Tenant()+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", strings.NewReader("client_secret=geheim%"))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	n.token = "geheim"
	n.get("/users?authtoken=geheim&$top=5", "Cookie", "a=geheim", "Prefer", "return=minimal")
	n.do(http.MethodPost, "/users/x/sendMail", `"`+strings.Repeat("x", 70_000)+`"`)
	for _, r := range n.Journal() {
		shown := r.Redacted()
		if text := fmt.Sprintf("%+v %s", shown, shown.Body); strings.Contains(text, "geheim") || len(shown.Body) > 64<<10 {
			t.Errorf("the request is shown as %.2000s", text)
		}
		if !strings.Contains(fmt.Sprintf("%+v %s", r, r.Body), "geheim") {
			t.Errorf("the journal itself lacks what a test may look for: %.500s", r.Body)
		}
	}
	first, last := n.Journal()[0].Redacted(), n.Journal()[2].Redacted()
	if !strings.Contains(string(first.Body), "client_id=app") || last.Header.Get("Prefer") != "return=minimal" || last.Query.Get("$top") != "5" {
		t.Errorf("what is harmless is hidden: %s %v", first.Body, last)
	}
}

func TestJournalNamesTheWeather(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	for _, fault := range []graphtest.Fault{
		{Status: 429, RetryAfter: time.Second},
		{Close: true, AfterEffect: true},
		{Kind: graphtest.Truncate},
	} {
		n.Fault(fault)
		n.statuses(1, http.MethodGet, "/users", "")
	}
	var got []string
	for _, r := range n.Journal() {
		got = append(got, fmt.Sprint(r.Status, " ", r.Weather))
	}
	if diff := cmp.Diff([]string{"429 fail 429", "0 fail close after the effect", "200 truncate"}, got); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
}
