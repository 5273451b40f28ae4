package graphtest_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

// limited is a tenant whose limits are on, and its clock.
func limited(t *testing.T, form graphtest.RetryAfterForm, roles ...string) (*tenant, *graphtest.Clock) {
	t.Helper()
	clock := graphtest.NewClock(noon)
	weather := graphtest.WithWeather(graphtest.Weather{Limits: true, LimitsRetryAfter: form})
	return newTenantWith(t, roles, graphtest.WithoutNetwork(), graphtest.WithClock(clock.Now), weather), clock
}

func TestFourRequestsAtOnceForOneMailbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newTenantWith(t, []string{"Mail.Read"}, graphtest.WithoutNetwork(), graphtest.WithWeather(graphtest.Weather{Limits: true}))
		n.mailbox("soc@contoso.example")
		n.mailbox("dana@contoso.example")
		n.Fault(graphtest.Fault{Kind: graphtest.Slow, Latency: time.Second, Times: -1})
		var (
			wait    sync.WaitGroup
			mu      sync.Mutex
			refused int
		)
		for i := range 10 {
			mailbox := []string{"soc@contoso.example", "dana@contoso.example"}[i%2]
			wait.Go(func() {
				a := n.get("/users/" + mailbox + "/messages")
				if a.status == http.StatusOK {
					return
				}
				mu.Lock()
				defer mu.Unlock()
				refused++
				n.refused(a, http.StatusTooManyRequests, "ApplicationThrottled")
				if !strings.Contains(string(a.body), "MailboxConcurrency") || a.header.Get("Retry-After") != "1" {
					t.Errorf("refused with %v %s", a.header, a.body)
				}
			})
		}
		wait.Wait()
		if refused != 2 {
			t.Errorf("%d requests were refused, want the fifth of each mailbox", refused)
		}
		n.want("/users/soc@contoso.example/messages")
	})
}

func TestTenThousandRequestsInTenMinutes(t *testing.T) {
	n, clock := limited(t, graphtest.RetryAfterSeconds, "Mail.Read")
	n.mailbox("soc@contoso.example")
	n.mailbox("dana@contoso.example")
	const path = "/users/soc@contoso.example/mailFolders/inbox"
	for range 10_000 {
		clock.Advance(time.Millisecond) // 10 seconds in all, so that the limit for a second is not met
		if a := n.want(path); a.header.Get("Retry-After") != "" {
			t.Fatal("an answer that is no refusal tells to wait")
		}
	}
	a := n.get(path)
	n.refused(a, http.StatusTooManyRequests, "ApplicationThrottled")
	if wait := a.header.Get("Retry-After"); wait != "591" {
		t.Errorf("Retry-After: %s, want the rest of ten minutes from the first request", wait)
	}
	n.want("/users/dana@contoso.example/mailFolders/inbox")
	n.as(graphtest.Token{ClientID: "another", Roles: []string{"Mail.Read"}})
	n.want(path)
	n.as(graphtest.Token{Roles: []string{"Mail.Read"}})
	n.refused(n.get(path), http.StatusTooManyRequests, "ApplicationThrottled")
	clock.Advance(591 * time.Second)
	n.as(graphtest.Token{Roles: []string{"Mail.Read"}})
	n.want(path)
}

func TestUploadBudget(t *testing.T) {
	n, clock := limited(t, graphtest.RetryAfterDate, "Mail.Send")
	n.mailbox("soc@contoso.example")
	pad := strings.Repeat(" ", 4<<20-len(oneMail)) // the largest body
	const most = 150 / 4
	for i := range most {
		if a := n.do(http.MethodPost, sendPath, oneMail+pad); a.status != http.StatusAccepted {
			t.Fatalf("mail %d: %d %s", i, a.status, a.body)
		}
		n.ResetJournal()
	}
	a := n.do(http.MethodPost, sendPath, oneMail+pad)
	n.refused(a, http.StatusTooManyRequests, "ApplicationThrottled")
	if until := a.header.Get("Retry-After"); until != "Mon, 02 Mar 2026 12:05:00 GMT" {
		t.Errorf("Retry-After: %s", until)
	}
	if sent := len(n.Delivered()); sent != most {
		t.Errorf("%d mails were sent: the refused one too", sent)
	}
	clock.Advance(5 * time.Minute)
	if a := n.do(http.MethodPost, sendPath, oneMail); a.status != http.StatusAccepted {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestResourceUnitsOfTheDirectory(t *testing.T) {
	n, clock := limited(t, graphtest.RetryAfterFraction, "User.Read.All", "Group.Read.All")
	for path, cost := range map[string]string{
		"/users": "2", "/users?$select=id": "1", "/users?$select=id&$top=5": "1", "/users?$top=5": "1", "/users?%24TOP=500": "2", "/groups": "1",
	} {
		if got := n.want(path).header.Get("x-ms-resource-unit"); got != cost {
			t.Errorf("%s costs %s, want %s", path, got, cost)
		}
	}
	clock.Advance(time.Minute)
	shown := 0
	for i := range 3500 / 2 {
		if i%1000 == 0 {
			clock.Advance(time.Second) // the limit for a second is not met; 350 units flow back
		}
		if n.want("/users").header.Get("x-ms-throttle-limit-percentage") != "" {
			shown++
		}
	}
	if shown == 0 || shown > 1000 {
		t.Errorf("the load was shown %d times", shown)
	}
	a := n.get("/users")
	for range 176 { // the 350 that flowed back
		if a = n.get("/users"); a.status != http.StatusOK {
			break
		}
	}
	n.refused(a, http.StatusTooManyRequests, "TooManyRequests")
	wait, err := strconv.ParseFloat(a.header.Get("Retry-After"), 64)
	if err != nil || wait <= 0 || wait > 0.01 || !strings.HasPrefix(a.header.Get("x-ms-throttle-scope"), "Tenant_Application/Read/") ||
		a.header.Get("x-ms-throttle-information") != "ResourceUnitLimitExceeded" || a.header.Get("x-ms-throttle-limit-percentage") != "1.0" {
		t.Errorf("headers: %v", a.header)
	}
	clock.Advance(10 * time.Millisecond)
	n.want("/users")
}

func TestRequestsOfOneSecond(t *testing.T) {
	n, clock := limited(t, graphtest.RetryAfterMissing, "Mail.Read")
	for i := range 4 {
		n.mailbox(fmt.Sprintf("m%d@contoso.example", i))
	}
	for i := range 2000 {
		n.want(fmt.Sprintf("/users/m%d@contoso.example/mailFolders/inbox", i%4))
	}
	a := n.get("/users/m0@contoso.example/mailFolders/inbox")
	n.refused(a, http.StatusTooManyRequests, "TooManyRequests")
	if wait := a.header.Get("Retry-After"); wait != "" {
		t.Errorf("Retry-After: %s", wait)
	}
	clock.Advance(time.Second)
	n.want("/users/m0@contoso.example/mailFolders/inbox")
}

func TestLimitsAreOffByDefault(t *testing.T) {
	n := newTenant(t, "Mail.Read")
	n.mailbox("soc@contoso.example")
	for range 2500 {
		n.want("/users/soc@contoso.example/mailFolders/inbox")
	}
}
