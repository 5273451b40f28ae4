package graphtest_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/host/graphtest"
)

const oneMail = `{"message":{"subject":"s","toRecipients":[{"emailAddress":{"address":"x@y.example"}}]}}`

func TestFaultComesAsOftenAsAsked(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	n.Fault(graphtest.Fault{Method: http.MethodGet, Path: "/users", Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"2.128"}}, Times: 2})
	for range 2 {
		a := n.get("/users")
		n.refused(a, http.StatusTooManyRequests, "TooManyRequests")
		if a.header.Get("Retry-After") != "2.128" {
			t.Errorf("Retry-After = %q", a.header.Get("Retry-After"))
		}
	}
	n.want("/users")
}

func TestFaultSpeaksGraphsCodes(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	for status, code := range map[int]string{
		0: "ServiceUnavailable", 400: "BadRequest", 401: "InvalidAuthenticationToken", 403: "ErrorAccessDenied", 404: "ErrorItemNotFound",
		412: "ErrorIrresolvableConflict", 429: "TooManyRequests", 500: "UnknownError", 501: "NotImplemented", 502: "UnknownError", 507: "ErrorQuotaExceeded",
	} {
		n.Fault(graphtest.Fault{Status: status})
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
		n.refused(n.get("/users"), status, code)
	}
}

func TestFaultMatchesMethodAndPathOnly(t *testing.T) {
	n := newTenant(t, "User.Read.All", "Mail.Send")
	n.mailbox("soc@contoso.example")
	n.Fault(graphtest.Fault{Method: http.MethodPost, Path: "/v1.0/users/{user}/sendMail", Status: http.StatusBadGateway, Body: "<html>", Times: -1})
	n.want("/users/soc@contoso.example")
	for range 2 {
		if a := n.do(http.MethodPost, sendPath, oneMail); a.status != http.StatusBadGateway || string(a.body) != "<html>" {
			t.Errorf("answered %d %s", a.status, a.body)
		}
	}
	if len(n.Delivered()) != 0 {
		t.Error("the mail was sent although the fault came before its effect")
	}
	n.ClearFaults()
	if a := n.do(http.MethodPost, sendPath, oneMail); a.status != http.StatusAccepted {
		t.Errorf("answered %d after the faults were cleared", a.status)
	}
}

func TestFaultAfterTheEffect(t *testing.T) {
	n := newTenant(t, "Mail.Send")
	n.mailbox("soc@contoso.example")
	n.Fault(graphtest.Fault{Path: "/users/{user}/sendMail", Status: http.StatusGatewayTimeout, AfterEffect: true})
	n.refused(n.do(http.MethodPost, sendPath, oneMail), http.StatusGatewayTimeout, "UnknownError")
	if len(n.Delivered()) != 1 {
		t.Error("the mail was not sent")
	}
}

func TestClosedConnectionAfterTheEffect(t *testing.T) {
	for name, option := range map[string]graphtest.Option{"in process": graphtest.WithoutNetwork(), "over TLS": graphtest.WithAddr("127.0.0.1:0")} {
		t.Run(name, func(t *testing.T) {
			n := newTenantWith(t, []string{"Mail.Send"}, option, graphtest.WithClock(func() time.Time { return noon }))
			n.mailbox("soc@contoso.example")
			n.Fault(graphtest.Fault{Path: "/users/{user}/sendMail", Close: true, AfterEffect: true})
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, n.URL+"/v1.0"+sendPath, strings.NewReader(oneMail))
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+n.token)
			request.Header.Set("Content-Type", "application/json")
			if response, err := n.http.Do(request); err == nil {
				t.Errorf("answered %d in place of a closed connection", response.StatusCode)
				_ = response.Body.Close()
			}
			if sent := len(n.Delivered()); sent != 1 {
				t.Errorf("%d mails were sent, want 1", sent)
			}
			journal := n.Journal()
			if len(journal) != 1 || journal[0].Status != 0 || string(journal[0].Body) != oneMail {
				t.Errorf("journal: %+v", journal)
			}
		})
	}
}

func TestFaultOfTheTokenEndpoint(t *testing.T) {
	n := newTenant(t)
	n.Fault(graphtest.Fault{Path: "/{tenant}/oauth2/v2.0/token", Status: http.StatusServiceUnavailable})
	response, err := n.http.Post(n.AuthorityURL()+n.Tenant()+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("answered %d", response.StatusCode)
	}
}
