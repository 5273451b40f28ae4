package connection_test

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/graphtest"
)

// mode is a way to sign in: what the operator writes, and what has to be there.
type mode struct {
	name    string
	lines   []string
	prepare func(*world)
	// user is set where a person signs in.
	user bool
	// browser is set where that person's browser comes back over a real socket.
	browser bool
}

func modes() []mode {
	return []mode{
		{name: "secret", lines: []string{`client_secret = { file = "secret" }`}},
		{name: "secret in a variable", lines: []string{`client_secret = { env = "SECRET" }`}, prepare: func(w *world) { w.env["SECRET"] = canary }},
		{name: "secret in the keyring", lines: []string{`client_secret = { keyring = "contoso" }`}, prepare: func(w *world) { w.keys["postern/contoso"] = canary }},
		{name: "certificate", lines: []string{`auth = "certificate"`, `certificate = { file = "own.pem" }`}, prepare: func(w *world) {
			w.write("own.pem", own().certificatePEM()+own().keyPEM8())
			w.app(withCertificate(own()))
		}},
		{name: "certificate with a thumbprint", lines: []string{
			`auth = "certificate"`, `certificate = { file = "own.pem" }`, `private_key = { file = "own.key" }`,
			fmt.Sprintf("certificate_thumbprint = %q", colons(own().thumbprint())),
		}, prepare: func(w *world) {
			w.write("own.pem", own().certificatePEM())
			w.write("own.key", own().keyPEM())
			w.app(withCertificate(own()))
		}},
		{name: "PFX", lines: []string{`auth = "certificate"`, `certificate = { file = "own.pfx" }`, `certificate_password = { file = "password" }`}, prepare: func(w *world) {
			w.write("own.pfx", own().pfx(password))
			w.write("password", password+"\n")
			w.app(withCertificate(own()))
		}},
		{name: "thumbprint and key in one line", lines: []string{
			`auth = "certificate"`, `private_key = { env = "KEY" }`, fmt.Sprintf("certificate_thumbprint = %q", strings.ToUpper(own().thumbprint())),
		}, prepare: func(w *world) {
			w.env["KEY"] = strings.ReplaceAll(own().keyPEM(), "\n", " ")
			w.app(withCertificate(own()))
		}},
		{name: "automatic, by the secret", lines: []string{`auth = "automatic"`, `client_secret = { file = "secret" }`, `certificate = { file = "none.pem" }`}},
		{name: "automatic, by the certificate", lines: []string{`auth = "automatic"`, `client_secret = { file = "secret" }`, `certificate = { file = "own.pem" }`}, prepare: func(w *world) {
			w.write("own.pem", own().certificatePEM()+own().keyPEM())
			w.app(func(a *graphtest.App) {
				withCertificate(own())(a)
				a.SecretExpires = time.Unix(0, 0)
			})
		}},
		{name: "authorization code", lines: []string{`auth = "authorization_code"`}, user: true, browser: true},
		{name: "authorization code of an application with a secret", lines: []string{`auth = "authorization_code"`, `client_secret = { file = "secret" }`, `scopes = ["User.Read"]`},
			prepare: func(w *world) { w.app(func(a *graphtest.App) { a.PublicClient = false }) }, user: true, browser: true},
		{name: "authorization code of an application with a certificate", lines: []string{`auth = "authorization_code"`, `certificate = { file = "own.pem" }`}, prepare: func(w *world) {
			w.write("own.pem", own().certificatePEM()+own().keyPEM())
			w.app(func(a *graphtest.App) { withCertificate(own())(a); a.PublicClient = false })
		}, user: true, browser: true},
		{name: "device code", lines: []string{`auth = "device_code"`, `scopes = ["User.Read"]`}, user: true},
		{name: "managed identity of the system", lines: []string{`auth = "managed_identity"`}, prepare: func(w *world) { w.managed("") }},
		{name: "managed identity by client id", lines: []string{`auth = "managed_identity"`, fmt.Sprintf("client_id = %q", clientID)}, prepare: func(w *world) { w.managed("/subscriptions/1/postern") }},
		{name: "workload identity", lines: []string{`auth = "workload_identity"`}, prepare: func(w *world) {
			w.write("federated", own().federated(w.t, "api://AzureADTokenExchange")+"\n")
			w.env["AZURE_FEDERATED_TOKEN_FILE"] = filepath.Join(w.dir, "federated")
			w.app(trusting(own()))
		}},
	}
}

func (w *world) managed(resource string) {
	if err := w.AddManagedIdentity(graphtest.ManagedIdentity{ClientID: clientID, ResourceID: resource, Roles: []string{"User.Read.All"}}); err != nil {
		w.t.Fatal(err)
	}
}

// colons writes a thumbprint as Windows and OpenSSL do, with an invisible mark in front.
func colons(digits string) string {
	var b strings.Builder
	b.WriteString("\u200e")
	for i := 0; i < len(digits); i += 2 {
		if i > 0 {
			b.WriteString(":")
		}
		b.WriteString(strings.ToUpper(digits[i : i+2]))
	}
	return b.String()
}

func TestEveryWayToSignIn(t *testing.T) {
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			run := func(t *testing.T) {
				w := newWorld(t)
				if m.prepare != nil {
					m.prepare(w)
				}
				conn := w.open(m.lines...)
				path := "/users"
				if m.user {
					path = "/me"
					if err := w.signIn(conn); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					if status, err := w.try(conn, path); err != nil || status != http.StatusOK {
						t.Fatalf("Graph answered %d, %v", status, err)
					}
				}
				token, err := conn.Generate(t.Context())
				if err != nil || !token.Readable || len(token.Permissions) == 0 || m.user != (token.User == soc) {
					t.Errorf("a new token: %+v, %v", token, err)
				}
				if status, err := w.try(conn, path); err != nil || status != http.StatusOK {
					t.Errorf("after that Graph answered %d, %v", status, err)
				}
				if status, err := conn.Status(t.Context()); err != nil || status.State != connection.Working || status.TokenExpires.IsZero() {
					t.Errorf("status %+v, %v", status, err)
				}
			}
			if m.browser {
				run(t)
			} else {
				synctest.Test(t, run)
			}
		})
	}
}

func TestEveryFailureHasItsCauseAndRemedy(t *testing.T) {
	secret := []string{`client_secret = { file = "secret" }`}
	certificate := []string{`auth = "certificate"`, `certificate = { file = "own.pem" }`}
	device := []string{`auth = "device_code"`}
	withOwn := func(w *world) { w.write("own.pem", own().certificatePEM()+own().keyPEM()) }
	must := func(w *world, err error) {
		if err != nil {
			w.t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name    string
		lines   []string
		prepare func(*world)
		spoil   func(*world) // after the sign-in of a user, whose token then ends
		code    abi.Code
		graph   string
		cause   string
		remedy  string
		options []graphtest.Option
	}{
		{name: "expired secret", lines: secret, prepare: func(w *world) { w.app(func(a *graphtest.App) { a.SecretExpires = time.Unix(0, 0) }) },
			code: abi.Auth, graph: "AADSTS7000222", cause: "the client secret has expired", remedy: "create a new one"},
		{name: "wrong secret", lines: secret, prepare: func(w *world) { w.app(func(a *graphtest.App) { a.Secret = "x" }) },
			code: abi.Auth, graph: "AADSTS7000215", cause: "the client secret is wrong", remedy: "not its id"},
		{name: "wrong tenant", lines: append([]string{`tenant = "fabrikam.example"`, fmt.Sprintf("client_id = %q", clientID)}, secret...),
			code: abi.Auth, graph: "AADSTS90002", cause: "the tenant does not exist", remedy: "check tenant"},
		{name: "wrong application", lines: append([]string{fmt.Sprintf("tenant = %q", graphtest.DefaultTenant), `client_id = "99999999-9999-4999-8999-999999999999"`}, secret...),
			code: abi.Auth, graph: "AADSTS700016", cause: "does not know the application", remedy: "check client_id"},
		{name: "unregistered certificate", lines: certificate, prepare: func(w *world) { withOwn(w); w.app(withCertificate(other())) },
			code: abi.Auth, graph: "AADSTS700027", cause: "the application does not know the certificate", remedy: "upload it"},
		{name: "clock ahead", lines: certificate, prepare: func(w *world) { withOwn(w); w.app(withCertificate(own())) },
			options: []graphtest.Option{graphtest.WithClock(func() time.Time { return time.Now().Add(-time.Hour) })},
			code:    abi.Auth, graph: "AADSTS700024", cause: "it is 1h0m0s ahead", remedy: "synchronise"},
		{name: "clock behind", lines: certificate, prepare: func(w *world) { withOwn(w); w.app(withCertificate(own())) },
			options: []graphtest.Option{graphtest.WithClock(func() time.Time { return time.Now().Add(time.Hour) })},
			code:    abi.Auth, graph: "AADSTS700024", cause: "it is 1h0m0s behind", remedy: "synchronise"},
		{name: "wrong audience of a federated token", lines: []string{`auth = "workload_identity"`, `federated_token = { file = "federated" }`}, prepare: func(w *world) {
			w.write("federated", own().federated(w.t, "https://elsewhere.example"))
			w.app(trusting(own()))
		}, code: abi.Auth, graph: "AADSTS700212", cause: "trusts no token of this audience", remedy: "federated credential"},
		{name: "Graph of another cloud", lines: append([]string{`graph = "https://graph.example"`}, secret...),
			code: abi.Auth, graph: "AADSTS500011", cause: "does not know the Graph origin as an audience", remedy: "same cloud"},
		{name: "no managed identity", lines: []string{`auth = "managed_identity"`},
			code: abi.Auth, graph: "invalid_request", cause: "no such managed identity", remedy: "assign one"},
		{name: "nobody signed in", lines: device, code: abi.Auth, cause: "nobody has signed in", remedy: `postern auth login contoso`},
		{name: "consent missing", lines: device, spoil: func(w *world) { w.app(func(a *graphtest.App) { a.Scopes = nil }) },
			code: abi.Consent, graph: "AADSTS65001", cause: "nobody has consented", remedy: "/adminconsent?client_id="},
		{name: "revoked sign-in", lines: device, spoil: func(w *world) { must(w, w.RevokeSignIns(soc)) },
			code: abi.Auth, graph: "AADSTS50173", cause: "revoked", remedy: `postern auth login contoso`},
		{name: "sign-in that was not used for long", lines: device, spoil: func(*world) { time.Sleep(100 * 24 * time.Hour) },
			code: abi.Auth, graph: "AADSTS700082", cause: "has expired", remedy: `postern auth login contoso`},
		{name: "second factor", lines: device, spoil: func(w *world) { must(w, w.SetSignIn(soc, graphtest.SignInNeedsMFA)) },
			code: abi.Auth, graph: "AADSTS50076", cause: "second factor", remedy: `postern auth login contoso`},
		{name: "conditional access", lines: device, spoil: func(w *world) { must(w, w.SetSignIn(soc, graphtest.SignInBlocked)) },
			code: abi.Auth, graph: "AADSTS53003", cause: "conditional access blocks", remedy: "administrator"},
		{name: "disabled account", lines: device, spoil: func(w *world) { must(w, w.SetSignIn(soc, graphtest.SignInDisabled)) },
			code: abi.Auth, graph: "AADSTS50057", cause: "account is disabled", remedy: "enable it"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, test.options...)
				if test.prepare != nil {
					test.prepare(w)
				}
				conn := w.open(test.lines...)
				if test.spoil != nil {
					if err := w.signIn(conn); err != nil {
						t.Fatal(err)
					}
					test.spoil(w)
					time.Sleep(2 * time.Hour)
				}
				_, err := w.try(conn, "/users")
				var e *abi.Error
				if !errors.As(err, &e) || e.Code != test.code || e.Detail.GraphCode != test.graph {
					t.Fatalf("got %v", err)
				}
				status, failure := conn.Status(t.Context())
				if !errors.Is(failure, test.code) || status.State != connection.Broken || !strings.Contains(status.Cause, test.cause) || !strings.Contains(status.Remedy, test.remedy) {
					t.Errorf("status %+v, %v", status, failure)
				}
				if !strings.Contains(e.Message, test.cause) || !strings.Contains(e.Message, test.remedy) {
					t.Errorf("the error says %q", e.Message)
				}
			})
		})
	}
}
