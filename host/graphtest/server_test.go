package graphtest_test

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func TestAuthorityOutlivesARestart(t *testing.T) {
	first, err := graphtest.NewServer(graphtest.CheckAnswers(t.Errorf))
	if err != nil {
		t.Fatal(err)
	}
	key, err := first.CAKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second, err := graphtest.NewServer(graphtest.CheckAnswers(t.Errorf), graphtest.WithCA(first.CAPEM(), key), graphtest.WithListener(listener), graphtest.WithHosts("graph.contoso.example"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = second.Close() })
	response, err := first.Client().Get(second.URL + "/v1.0/users")
	if err != nil {
		t.Fatalf("a client of the first server does not trust the second: %v", err)
	}
	_ = response.Body.Close()
	if err := response.TLS.PeerCertificates[0].VerifyHostname("graph.contoso.example"); err != nil {
		t.Error(err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(second.CAPEM()) {
		t.Error("CAPEM is no certificate")
	}
}

func TestDomainsOfTheTenant(t *testing.T) {
	n := newTenantWith(t, []string{"Group.Read.All"}, graphtest.WithoutNetwork(), graphtest.WithDomains("fabrikam.example"))
	g, err := n.AddGroup("Été & Co")
	if err != nil {
		t.Fatal(err)
	}
	if g.Mail() != "tco@fabrikam.example" {
		t.Errorf("the group's address is %s", g.Mail())
	}
	response, err := n.http.Get(n.AuthorityURL() + "common/discovery/instance?api-version=1.1")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("instance discovery answers %d", response.StatusCode)
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	server := newTenant(t)
	other := newTenant(t)
	key, err := other.CAKeyPEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, option := range map[string]graphtest.Option{
		"tenant that is no GUID":     graphtest.WithTenant("contoso"),
		"authority that is no PEM":   graphtest.WithCA([]byte("x"), []byte("y")),
		"authority of another's key": graphtest.WithCA(server.CAPEM(), key),
		"address that is taken":      graphtest.WithAddr("256.0.0.1:0"),
	} {
		t.Run(name, func(t *testing.T) {
			if s, err := graphtest.NewServer(option, graphtest.CheckAnswers(t.Errorf)); err == nil {
				t.Errorf("the server started at %s", s.URL)
			}
		})
	}
	server.mailbox("soc@contoso.example")
	if _, err := server.AddMailbox("SOC@contoso.example"); err == nil {
		t.Error("two mailboxes have the same address")
	}
	if _, err := server.AddMailbox("soc"); err == nil {
		t.Error("a mailbox has no address")
	}
	if _, err := server.AddGroup("g", graphtest.Members("nobody")); err == nil {
		t.Error("a group has a member that is not there")
	}
}

func TestSampleTenantIsTheSameEveryTime(t *testing.T) {
	show := func() (ids []string) {
		n := newTenant(t, "Mail.Read", "User.Read.All", "Group.Read.All", "Calendars.Read", "MailboxSettings.Read", "Group-Conversation.Read.All")
		sample, err := n.AddSampleTenant()
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, sample.App.ClientID, sample.Group.ID())
		ids = append(ids, n.want("/users").column("id")...)
		for _, m := range []*graphtest.Mailbox{sample.SOC, sample.Alex, sample.Dana} {
			user := "/users/" + m.Address()
			for _, list := range []string{"/messages?$top=100", "/mailFolders", "/mailFolders/inbox/childFolders", "/events", "/mailFolders/inbox/messageRules"} {
				ids = append(ids, n.want(user+list).column("id")...)
			}
		}
		group := "/groups/" + sample.Group.ID()
		for _, thread := range n.want(group + "/threads").column("id") {
			ids = append(ids, n.want(group+"/threads/"+escape(thread)+"/posts").column("id")...)
		}
		return ids
	}
	first := show()
	if len(first) < 60 {
		t.Errorf("the sample tenant has only %d things", len(first))
	}
	if diff := cmp.Diff(first, show()); diff != "" {
		t.Errorf("ids of two sample tenants (-first +second):\n%s", diff)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	n := newTenant(t, "Mail.Read", "Mail.Send", "User.Read.All", "Group-Conversation.ReadWrite.All", "Group.Read.All")
	sample, err := n.AddSampleTenant()
	if err != nil {
		t.Fatal(err)
	}
	const clients, rounds = 8, 10
	before := len(sample.SOC.Messages("Inbox"))
	var wait sync.WaitGroup
	for client := range clients {
		wait.Go(func() {
			for round := range rounds {
				body := fmt.Sprintf(`{"message":{"subject":"%d-%d","toRecipients":[{"emailAddress":{"address":"soc@contoso.example"}}]}}`, client, round)
				if a := n.do(http.MethodPost, "/users/alex@contoso.example/sendMail", body); a.status != http.StatusAccepted {
					t.Errorf("answered %d %s", a.status, a.body)
				}
				n.get("/users/soc@contoso.example/messages?$select=subject&$filter=isRead%20eq%20false")
				n.get("/groups/" + sample.Group.ID() + "/conversations")
				n.get("/users/soc@contoso.example/mailFolders")
				sample.Dana.Messages("Inbox")
				n.Journal()
			}
		})
	}
	wait.Wait()
	if got := len(sample.SOC.Messages("Inbox")) - before; got != clients*rounds {
		t.Errorf("%d mails arrived, want %d", got, clients*rounds)
	}
}

func BenchmarkGetMessage(b *testing.B) {
	server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return noon }))
	if err != nil {
		b.Fatal(err)
	}
	sample, err := server.AddSampleTenant()
	if err != nil {
		b.Fatal(err)
	}
	token, err := server.Token(graphtest.Token{Roles: []string{"Mail.Read"}})
	if err != nil {
		b.Fatal(err)
	}
	request, err := http.NewRequestWithContext(b.Context(), http.MethodGet,
		server.URL+"/v1.0/users/soc@contoso.example/messages/"+escape(sample.SOC.Messages("Inbox")[0].ID)+"?$select=subject,from,receivedDateTime", strings.NewReader(""))
	if err != nil {
		b.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	transport := server.RoundTripper()
	b.ReportAllocs()
	for b.Loop() {
		response, err := transport.RoundTrip(request)
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(err, response.StatusCode)
		}
	}
}
