package connection_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/connection/provider"
)

// TestMain lets this test program be a provider, too: of each kind that a host has to stand.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "provide" {
		provide(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

func provide(how string) {
	switch how {
	case "nothing":
		fmt.Println(canary)
		fmt.Fprintln(os.Stderr, canary)
		os.Exit(1)
	case "noise":
		fmt.Println(canary)
	}
	provider.Serve(provider.Func(func(ctx context.Context, r provider.Request) ([]byte, error) {
		fmt.Println(canary)
		fmt.Fprintln(os.Stderr, canary)
		switch how {
		case "missing":
			return nil, fmt.Errorf("%s: %w", canary, provider.ErrNotFound)
		case "denied":
			return nil, fmt.Errorf("%s: %w", canary, provider.ErrDenied)
		case "failing":
			return nil, errors.New(canary)
		case "crashing":
			os.Exit(3)
		case "hanging":
			time.Sleep(time.Minute)
		case "endless":
			return make([]byte, provider.MaxSecret+1), nil
		case "environment":
			return []byte(strings.Join(os.Environ(), "|")), nil
		case "asked":
			return []byte(r.Connection + "|" + r.Key + "|" + r.Item), nil
		}
		return []byte(canary), nil
	}))
}

// digest is that of a file, as sha256sum prints it.
func digest(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func TestTheExampleProviderHandsOutASecret(t *testing.T) {
	w := newWorld(t)
	program := filepath.Join(w.dir, "secret-provider")
	if out, err := exec.Command("go", "build", "-o", program, "../../examples/secret-provider").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.MkdirAll(filepath.Join(w.dir, "secrets", "contoso"), 0o700); err != nil {
		t.Fatal(err)
	}
	table := fmt.Sprintf("[provider.folder]\ncommand = [%q, %q]\nsha256 = %q\n", program, filepath.Join(w.dir, "secrets"), digest(t, program))
	conn := w.open(`client_secret = { provider = "folder" }`, "", table)
	if _, err := w.try(conn, "/users"); !errors.Is(err, abi.Auth) || !strings.Contains(err.Error(), "has no such secret; store the secret") {
		t.Errorf("without the secret: %v", err)
	}
	w.write("secrets/contoso/client_secret", canary+"\n")
	if status, err := w.try(conn, "/users"); err != nil || status != http.StatusOK {
		t.Errorf("%d, %v", status, err)
	}
}

func TestProvidersThatMisbehaveAreBoundedAndSayNothing(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	right := digest(t, program)
	for name, test := range map[string]struct {
		program, digest, how string
		says                 string
	}{
		"right":                   {program, right, "right", ""},
		"another digest":          {program, strings.Repeat("0", 64), "right", "look at what changed"},
		"no program":              {filepath.Join(filepath.Dir(program), "none"), right, "right", "check command"},
		"a bare name of none":     {"postern-no-such-provider", right, "right", "there is no program"},
		"that ends at once":       {program, right, "nothing", "does not start as a provider"},
		"that talks first":        {program, right, "noise", "does not start as a provider"},
		"without the secret":      {program, right, "missing", "has no such secret"},
		"that may not":            {program, right, "denied", "may not hand out"},
		"that fails":              {program, right, "failing", "could not get the secret"},
		"that crashes":            {program, right, "crashing", "could not get the secret"},
		"that hangs":              {program, right, "hanging", "does not answer in time"},
		"that never stops":        {program, right, "endless", "too long"},
		"with another's contents": {program, right, "environment", "another character"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.env["CONTOSO_SECRET"], w.env["PATH"] = canary, "/usr/bin"
			conn := w.open(`client_secret = { provider = "test" }`, "",
				fmt.Sprintf("[provider.test]\ncommand = [%q, \"provide\", %q]\nsha256 = %q\ntimeout = \"3s\"\n", test.program, test.how, test.digest))
			_, err := w.try(conn, "/users")
			if test.says == "" && err != nil || test.says != "" && (!errors.Is(err, abi.Auth) || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("got %v", err)
			}
			if strings.Contains(fmt.Sprint(err, w.log), canary) {
				t.Errorf("what it said came out: %v %s", err, w.log)
			}
			left, globErr := filepath.Glob(filepath.Join(os.TempDir(), "postern-provider-*"))
			if globErr != nil || len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestAProviderIsToldWhatIsWantedAndGetsNoEnvironment(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CONTOSO_SECRET", canary)
	ask := func(how string) string {
		p := provider.Program{Path: program, Args: []string{"provide", how}, SHA256: digest(t, program), Env: []string{"GIVEN=yes"}, Timeout: 10 * time.Second}
		secret, err := p.Ask(t.Context(), provider.Request{Connection: "contoso", Key: "client_secret", Item: "kv/x"})
		if err != nil {
			t.Fatal(err)
		}
		return string(secret)
	}
	if got := ask("asked"); got != "contoso|client_secret|kv/x" {
		t.Errorf("it was asked for %q", got)
	}
	if got := ask("environment"); !strings.Contains(got, "GIVEN=yes") || strings.Contains(got, canary) {
		t.Errorf("its environment is %q", got)
	}
}
