package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/postern-dev/postern/host/graphtest"
)

// browser is standard error with somebody who reads it: the page that a command says to open is opened.
type browser struct {
	t      *testing.T
	server *graphtest.Server
	said   bytes.Buffer
}

func (b *browser) Write(text []byte) (int, error) {
	if page := regexp.MustCompile(`https://\S+/authorize\S+`).Find(text); page != nil {
		if err := b.open(string(page)); err != nil {
			b.t.Error(err)
		}
	}
	return b.said.Write(text)
}

func (b *browser) open(page string) error {
	answer, err := b.server.Client().Get(page)
	if err != nil {
		return err
	}
	answer.Body.Close()
	back, err := answer.Location()
	if err != nil {
		return fmt.Errorf("the page answered %s: %w", answer.Status, err)
	}
	if answer, err = http.Get(back.String()); err == nil {
		answer.Body.Close()
	}
	return err
}

// A user signs in once, later commands act for the user, and a sign-out ends that. No token is shown.
func TestLoginStatusLogout(t *testing.T) {
	dir := t.TempDir()
	server := canaryServer(t, dir, "x")
	app := graphtest.App{ClientID: emulatedClient, PublicClient: true, RedirectURIs: []string{"http://localhost"}, Scopes: []string{"Mail.Read", "Mail.Send"}}
	if err := server.AddApp(app); err != nil {
		t.Fatal(err)
	}
	if err := server.SignInAs("soc@contoso.example"); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, configFile)
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	user := strings.Replace(string(config), `client_secret = { file = "client-secret" }`, `auth = "authorization_code"`, 1)
	if err := os.WriteFile(file, []byte(user), 0o600); err != nil {
		t.Fatal(err)
	}
	person := &browser{t: t, server: server}
	var printed strings.Builder
	run := func(want int, args ...string) string {
		t.Helper()
		var out strings.Builder
		person.said.Reset()
		c := &cli{in: strings.NewReader(""), out: &out, err: person, getenv: func(name string) string { return map[string]string{configEnv: file}[name] }}
		if got := c.run(context.Background(), args); got != want {
			t.Fatalf("postern %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), got, want, &out, &person.said)
		}
		printed.WriteString(out.String() + person.said.String())
		return out.String()
	}
	run(6, "auth", "status")
	if got := run(0, "auth", "login", "emulated", "--no-browser", "-o", "table"); got != "signed in to emulated as soc@contoso.example\n" {
		t.Errorf("login prints %q", got)
	}
	if got := run(0, "auth", "status", "-o", "table"); !strings.Contains(got, "delegated  works  soc@contoso.example") {
		t.Errorf("status prints\n%s", got)
	}
	run(0, "run", "mail.search", "email_address=soc@contoso.example", "limit=1")
	run(0, "doctor")
	if got := run(0, "auth", "logout", "emulated"); got != "signed out of emulated\n" {
		t.Errorf("logout prints %q", got)
	}
	run(6, "run", "mail.search", "email_address=soc@contoso.example", "limit=1")
	for _, secret := range tokens(t, server) {
		if strings.Contains(printed.String(), secret) {
			t.Error("a token was shown")
		}
	}
}
