package connection_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/manifests"
)

// tenantWith starts a tenant with one mailbox and one application.
func tenantWith(t *testing.T, app graphtest.App) *graphtest.Server {
	t.Helper()
	server, err := graphtest.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	if _, err := server.AddMailbox("soc@contoso.example"); err != nil {
		t.Fatal(err)
	}
	if err := server.AddApp(app); err != nil {
		t.Fatal(err)
	}
	return server
}

// connect opens a connection to the server over TLS, trusting its certificate by ca_file, with the default transport.
func connect(t *testing.T, server *graphtest.Server) *connection.Connection {
	t.Helper()
	dir := t.TempDir()
	err := errors.Join(
		os.WriteFile(filepath.Join(dir, "ca.pem"), server.CAPEM(), 0o600),
		os.WriteFile(filepath.Join(dir, "secret"), []byte(canary+"\n"), 0o600),
	)
	if err != nil {
		t.Fatal(err)
	}
	config := configured(t, `client_secret = { file = "secret" }`, `ca_file = "ca.pem"`, fmt.Sprintf("graph = %q", server.URL), fmt.Sprintf("authority = %q", server.URL))
	config.Tenant = server.Tenant()
	conn, err := connection.Open(config, connection.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func app() graphtest.App {
	return graphtest.App{ClientID: clientID, Secret: canary, Roles: []string{"Mail.Read"}}
}

func TestGraphTakesTheToken(t *testing.T) {
	server := tenantWith(t, app())
	conn := connect(t, server)
	client := &http.Client{Transport: conn.Way().Transport()}
	defer client.CloseIdleConnections()
	get := func() int {
		t.Helper()
		req := request(t, conn.Origin().String()+"/v1.0/users/soc@contoso.example/messages")
		if err := conn.Authorize(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusUnauthorized {
			if err := conn.Renew(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			if resp, err = client.Do(req); err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		return resp.StatusCode
	}
	for range 3 {
		if got := get(); got != http.StatusOK {
			t.Errorf("Graph answers %d", got)
		}
	}
	server.Fault(graphtest.Fault{Path: "/users/{user}/messages", Status: http.StatusUnauthorized})
	if got := get(); got != http.StatusOK {
		t.Errorf("after a renewal Graph answers %d", got)
	}
	tokens := 0
	for _, received := range server.Journal() {
		if strings.HasSuffix(received.Path, "/token") {
			tokens++
		} else if !strings.HasPrefix(received.Path, "/v1.0/users/") {
			t.Errorf("a request to %s", received.Path)
		}
	}
	if tokens != 2 {
		t.Errorf("%d tokens were fetched", tokens)
	}
}

func TestEntraRefuses(t *testing.T) {
	wrong, expired, other := app(), app(), app()
	wrong.Secret = "another~Secret"
	expired.SecretExpires = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	other.ClientID = "99999999-9999-4999-8999-999999999999"
	for name, test := range map[string]struct {
		app  graphtest.App
		says string
	}{
		"a wrong secret":         {wrong, "AADSTS7000215"},
		"an expired secret":      {expired, "AADSTS7000222"},
		"an unknown application": {other, "AADSTS700016"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := connect(t, tenantWith(t, test.app))
			err := conn.Authorize(t.Context(), request(t, conn.Origin().String()+"/v1.0/users"))
			var e *abi.Error
			if !errors.As(err, &e) || e.Code != abi.Auth || e.Detail.GraphCode != test.says || e.Detail.RequestID == "" {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("an unknown tenant", func(t *testing.T) {
		server := tenantWith(t, app())
		config := configured(t, `client_secret = { env = "X" }`, fmt.Sprintf("authority = %q", server.URL))
		conn, err := connection.Open(config, connection.Options{Transport: server.RoundTripper(), Getenv: func(string) string { return canary }})
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.Authorize(t.Context(), request(t, messages)); err != nil {
			t.Fatalf("the server's own tenant: %v", err)
		}
		config.Tenant = "fabrikam.example"
		if conn, err = connection.Open(config, connection.Options{Transport: server.RoundTripper(), Getenv: func(string) string { return canary }}); err != nil {
			t.Fatal(err)
		}
		if err := conn.Authorize(t.Context(), request(t, messages)); !errors.Is(err, abi.Auth) || !strings.Contains(err.Error(), "AADSTS90002") {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheTokenServiceMustProveWhoItIs(t *testing.T) {
	server, stranger := tenantWith(t, app()), tenantWith(t, app())
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), stranger.CAPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, says := range map[string]string{
		"":                   "name the authority's certificate in ca_file",
		`ca_file = "ca.pem"`: "check that ca_file holds the certificate of its authority",
	} {
		conn, err := connection.Open(configured(t, `client_secret = { env = "X" }`, fmt.Sprintf("authority = %q", server.URL), line), connection.Options{Dir: dir, Getenv: func(string) string { return canary }})
		if err != nil {
			t.Fatal(err)
		}
		err = conn.Authorize(t.Context(), request(t, messages))
		if !errors.Is(err, abi.Upstream) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v", line, err)
		}
	}
	if got := len(server.Journal()); got != 0 {
		t.Errorf("%d requests arrived", got)
	}
}

func TestATokenServiceThatIsNotThere(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	synctest.Test(t, func(t *testing.T) { // Retries wait; here they wait no real time.
		conn, err := connection.Open(configured(t, `client_secret = { env = "X" }`, fmt.Sprintf("authority = %q", "https://"+address)), connection.Options{Getenv: func(string) string { return canary }})
		if err != nil {
			t.Fatal(err)
		}
		err = conn.Authorize(t.Context(), request(t, messages))
		if !errors.Is(err, abi.Upstream) || !strings.Contains(err.Error(), "the token service at "+address+" cannot be reached: it takes no connections") {
			t.Errorf("got %v", err)
		}
	})
}

func Example() {
	server, err := graphtest.NewServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	if err := server.AddApp(graphtest.App{ClientID: clientID, Secret: "s3cret", Roles: []string{"User.Read.All"}}); err != nil {
		fmt.Println(err)
		return
	}
	config, err := manifests.ParseConfig("postern.toml", fmt.Appendf(nil, `
[connection.contoso]
tenant = %q
client_id = %q
client_secret = { env = "CONTOSO_SECRET" }
graph = %q
authority = %q
`, server.Tenant(), clientID, server.URL, server.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := connection.Open(config.Connections[0], connection.Options{
		Transport: server.RoundTripper(),
		Getenv:    func(string) string { return "s3cret" },
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	ours, _ := http.NewRequest(http.MethodGet, conn.Origin().String()+"/v1.0/users", nil)
	fmt.Println(conn.Authorize(context.Background(), ours), ours.Header.Get("Authorization") != "")
	theirs, _ := http.NewRequest(http.MethodGet, "https://evil.example/v1.0/users", nil)
	fmt.Println(conn.Authorize(context.Background(), theirs) != nil, theirs.Header.Get("Authorization") != "")
	fmt.Printf("%+v\n", conn)
	// Output:
	// <nil> true
	// true false
	// connection contoso
}
