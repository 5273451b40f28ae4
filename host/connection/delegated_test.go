package connection_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/graphtest"
)

// device opens a connection of the device code flow, signed in.
func (w *world) device(lines ...string) *connection.Connection {
	w.t.Helper()
	conn := w.open(append([]string{`auth = "device_code"`}, lines...)...)
	if err := w.signIn(conn); err != nil {
		w.t.Fatal(err)
	}
	return conn
}

func (w *world) tokenFile() string {
	return filepath.Join(w.dir, "tokens", "connection-contoso.tokens")
}

func TestASignInOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.device().Close()
		asked := len(w.seen.grants)
		later := w.open(`auth = "device_code"`)
		if status, err := w.try(later, "/me"); err != nil || status != http.StatusOK || len(w.seen.grants) != asked {
			t.Errorf("the next process: %d, %v, after %v", status, err, w.seen.grants)
		}
		for month := range 8 { // each renewal lives on the one before it
			time.Sleep(30 * 24 * time.Hour)
			if status, err := w.try(w.open(`auth = "device_code"`), "/me"); err != nil || status != http.StatusOK {
				t.Fatalf("after %d months: %d, %v", month+1, status, err)
			}
		}
	})
}

func TestProcessesThatShareASignInRenewItOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.device()
		time.Sleep(2 * time.Hour)
		var wg sync.WaitGroup
		for range 8 {
			conn := w.open(`auth = "device_code"`)
			for range 4 {
				wg.Go(func() {
					if status, err := w.try(conn, "/me"); err != nil || status != http.StatusOK {
						t.Errorf("%d, %v", status, err)
					}
				})
			}
		}
		wg.Wait()
		if got := w.seen.count("refresh_token"); got != 1 {
			t.Errorf("%d renewals", got)
		}
	})
}

func TestATokenThatGraphRefusedIsNotTakenFromTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		conn := w.device()
		req := request(t, messages)
		if err := conn.Authorize(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		old := req.Header.Get("Authorization")
		if err := conn.Renew(t.Context(), req); err != nil || req.Header.Get("Authorization") == old || w.seen.count("refresh_token") != 1 {
			t.Errorf("after a refusal: %v, renewals %d", err, w.seen.count("refresh_token"))
		}
	})
}

func TestARenewalIsOnTheDiskBeforeItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		conn := w.device()
		time.Sleep(2 * time.Hour)
		before, err := os.ReadFile(w.tokenFile())
		if err != nil {
			t.Fatal(err)
		}
		blocked := filepath.Join(w.tokenFile(), "blocked")
		w.seen.before = func(req *http.Request) { // nothing can take the file's place from now on
			w.seen.before = nil
			if err := errors.Join(os.Remove(w.tokenFile()), os.MkdirAll(blocked, 0o700)); err != nil {
				t.Error(err)
			}
		}
		req := request(t, messages)
		err = conn.Authorize(t.Context(), req)
		if !errors.Is(err, abi.Auth) || req.Header.Get("Authorization") != "" || !strings.Contains(err.Error(), "cannot be kept") {
			t.Errorf("a token was given out that is not kept: %v", err)
		}
		if err := errors.Join(os.RemoveAll(w.tokenFile()), os.WriteFile(w.tokenFile(), before, 0o600)); err != nil {
			t.Fatal(err)
		}
		if status, err := w.try(conn, "/me"); err != nil || status != http.StatusOK { // Entra takes the old one for a while
			t.Errorf("after the disk was mended: %d, %v", status, err)
		}
		drafts, err := filepath.Glob(filepath.Join(w.dir, "tokens", ".draft-*"))
		if err != nil || len(drafts) > 0 {
			t.Errorf("left behind: %v, %v", drafts, err)
		}
	})
}

func TestTheStoreOpensOnlyForItsConnectionAndKey(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1}, 32))
	for name, test := range map[string]struct {
		spoil func(w *world)
		lines []string
		says  string
	}{
		"untouched": {func(*world) {}, nil, ""},
		"a byte was changed": {func(w *world) {
			b, err := os.ReadFile(w.tokenFile())
			if err != nil {
				w.t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			w.write("tokens/connection-contoso.tokens", string(b))
		}, nil, "does not open"},
		"cut short":         {func(w *world) { w.write("tokens/connection-contoso.tokens", "postern-tokens/1\nx") }, nil, "does not open"},
		"another format":    {func(w *world) { w.write("tokens/connection-contoso.tokens", `{"refresh_token":"x"}`) }, nil, "no file of this version"},
		"endless":           {func(w *world) { w.write("tokens/connection-contoso.tokens", strings.Repeat("x", 2<<20)) }, nil, "too long"},
		"another authority": {func(*world) {}, []string{`authority = "https://login.microsoft.com"`}, "does not open"},
		"another key":       {func(w *world) { w.env["OTHER"] = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{9}, 32)) }, []string{"", "[host]", `token_key = { env = "OTHER" }`}, "does not open"},
		"no key":            {func(*world) {}, []string{"", "[host]", `token_key = { env = "OTHER" }`}, "token_key: environment variable OTHER is empty"},
		"a short key":       {func(w *world) { w.env["OTHER"] = "aGVsbG8=" }, []string{"", "[host]", `token_key = { env = "OTHER" }`}, "32 bytes in base64"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.env["KEY"] = key
				w.device("", "[host]", `token_key = { env = "KEY" }`)
				if len(test.lines) == 0 || test.lines[0] != "" {
					test.lines = append(test.lines, "", "[host]", `token_key = { env = "KEY" }`)
				}
				test.spoil(w)
				_, err := w.try(w.open(append([]string{`auth = "device_code"`}, test.lines...)...), "/me")
				if test.says == "" && err != nil || test.says != "" && (!errors.Is(err, abi.Auth) || !strings.Contains(err.Error(), test.says)) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestAKeyringGetsItsTokenKeyAtTheFirstSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.device("", "[host]", `token_key = { keyring = "tokens" }`)
		if key, err := base64.StdEncoding.DecodeString(w.keys["postern/tokens"]); err != nil || len(key) != 32 {
			t.Errorf("the keyring holds %v", w.keys)
		}
		if status, err := w.try(w.open(`auth = "device_code"`, "", "[host]", `token_key = { keyring = "tokens" }`), "/me"); err != nil || status != http.StatusOK {
			t.Errorf("the next process: %d, %v", status, err)
		}
	})
}

func TestLogoutForgetsTheUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		conn := w.device()
		for _, want := range []bool{true, false} {
			if removed, err := conn.Logout(t.Context()); err != nil || removed != want {
				t.Errorf("Logout = %t, %v", removed, err)
			}
		}
		if _, err := w.try(conn, "/me"); !errors.Is(err, abi.Auth) || !strings.Contains(err.Error(), "nobody has signed in") {
			t.Errorf("got %v", err)
		}
		if _, err := os.Stat(w.tokenFile()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the file is still there: %v", err)
		}
	})
}

func TestSignInsThatDoNotSucceed(t *testing.T) {
	for name, test := range map[string]struct {
		auth   string
		prompt func(w *world, p connection.Prompt) error
		code   abi.Code
		says   string
	}{
		"declined on the page": {"device_code", func(w *world, p connection.Prompt) error { return w.DeclineDevice(p.Code) }, abi.Consent, "declined"},
		"nobody comes":         {"device_code", func(*world, connection.Prompt) error { return nil }, abi.Auth, "nobody signed in in time"},
		"an application":       {"managed_identity", func(*world, connection.Prompt) error { return nil }, abi.InvalidInput, "signs in by itself"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				conn := w.open(fmt.Sprintf("auth = %q", test.auth))
				_, err := conn.Login(t.Context(), func(p connection.Prompt) error { return test.prompt(w, p) })
				if !errors.Is(err, test.code) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v", err)
				}
				if got := w.seen.count("device_code"); got > 125 { // ten minutes, every five seconds
					t.Errorf("the token service was asked %d times", got)
				}
			})
		})
	}
	t.Run("the browser is sent back with an error", func(t *testing.T) {
		w := newWorld(t)
		conn := w.open(`auth = "authorization_code"`)
		w.app(func(a *graphtest.App) { a.Scopes = nil })
		if err := w.signIn(conn); !errors.Is(err, abi.Consent) || !strings.Contains(err.Error(), "AADSTS65001") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("the caller gives up", func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := w.open(`auth = "authorization_code"`).Login(ctx, func(connection.Prompt) error { cancel(); return nil })
		if !errors.Is(err, abi.Auth) || !strings.Contains(err.Error(), "cancelled") {
			t.Errorf("got %v", err)
		}
	})
}

// What a server, a browser and a user hand over stays inside: refresh tokens, codes, device codes, assertions, keys and passwords appear in
// no log, error, status, file or reachable memory.
func TestNothingOfASignInComesOut(t *testing.T) {
	var said strings.Builder
	azlog.SetListener(func(event azlog.Event, text string) { fmt.Fprintln(&said, event, text) })
	t.Cleanup(func() { azlog.SetListener(nil) })
	secrets := map[string]string{canary: "client secret", password: "PFX password"}
	for _, text := range []string{own().keyPEM(), own().keyPEM8()} {
		secrets[strings.Split(text, "\n")[5]] = "private key"
	}
	for _, m := range modes() {
		t.Run(m.name, func(t *testing.T) {
			run := func(t *testing.T) {
				w := newWorld(t)
				if m.prepare != nil {
					m.prepare(w)
				}
				conn := w.open(m.lines...)
				if m.user {
					if err := w.signIn(conn); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := w.try(conn, "/users"); err != nil {
					t.Fatal(err)
				}
				if _, err := conn.Generate(t.Context()); err != nil {
					t.Fatal(err)
				}
				status, err := conn.Status(t.Context())
				fmt.Fprintf(&said, "%+v %#v %v\n", status, status, err)
				w.seen.before = func(req *http.Request) { req.Body = http.NoBody } // a server that understands nothing
				_, err = conn.Generate(t.Context())
				fmt.Fprintf(&said, "%v %+v %#v\n%+v %#v\n%s\n", err, err, err, conn, conn, w.log)
				memory(&said, reflect.ValueOf(conn))
				files, err := filepath.Glob(filepath.Join(w.dir, "tokens", "*"))
				if err != nil || m.user != (len(files) > 0) {
					t.Errorf("files of tokens: %v, %v", files, err)
				}
				for _, file := range files {
					content, err := os.ReadFile(file)
					info, statErr := os.Stat(file)
					if err != nil || statErr != nil || info.Mode().Perm() != 0o600 {
						t.Errorf("%s: %v, %v, %v", file, info.Mode(), err, statErr)
					}
					said.Write(content)
				}
				for secret, what := range w.seen.secrets {
					secrets[secret] = what
				}
			}
			if m.browser {
				run(t)
			} else {
				synctest.Test(t, run)
			}
		})
	}
	kinds := map[string]bool{}
	for secret, what := range secrets {
		kinds[what] = true
		if strings.Contains(said.String(), secret) {
			t.Errorf("the %s came out: %.10s…", what, secret)
		}
	}
	for _, what := range []string{"access_token", "refresh_token", "device_code", "code", "code_verifier", "client_assertion", "id_token"} {
		if !kinds[what] {
			t.Errorf("no %s was seen, so the test would find none", what)
		}
	}
}

// memory writes what a dump of a connection's memory would show, but for what belongs to the test.
func memory(w *strings.Builder, v reflect.Value) {
	conn := v.Elem()
	for i := range conn.NumField() {
		switch conn.Type().Field(i).Name {
		case "transport", "secrets", "log", "ends", "end", "flight", "store":
			continue // the test's own, or functions
		}
		reachable(w, conn.Field(i), map[uintptr]bool{})
	}
}
