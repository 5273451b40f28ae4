package connection_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/zalando/go-keyring"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/manifests"
)

const (
	soc      = "soc@contoso.example"
	password = "canary~Password.3"
)

// world is an emulated tenant, reached in process at Microsoft's own addresses, with one application and one user.
type world struct {
	*graphtest.Server
	t    *testing.T
	dir  string
	log  *bytes.Buffer
	seen *wiretap
	keys memoryKeyring
	env  map[string]string
}

func newWorld(t *testing.T, options ...graphtest.Option) *world {
	t.Helper()
	server, err := graphtest.NewServer(append(options, graphtest.WithoutNetwork())...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := server.AddMailbox(soc); err != nil {
		t.Fatal(err)
	}
	w := &world{
		Server: server, t: t, dir: t.TempDir(), log: &bytes.Buffer{}, keys: memoryKeyring{}, env: map[string]string{},
		seen: &wiretap{next: server.RoundTripper()},
	}
	w.app(nil)
	if err := server.SignInAs(soc); err != nil {
		t.Fatal(err)
	}
	w.write("secret", canary+"\n")
	return w
}

// app registers the application, as change wants it.
func (w *world) app(change func(*graphtest.App)) {
	w.t.Helper()
	app := graphtest.App{
		ClientID: clientID, Secret: canary, Roles: []string{"User.Read.All"}, Scopes: []string{"User.Read", "Mail.Read"},
		PublicClient: true, RedirectURIs: []string{"http://localhost"},
	}
	if change != nil {
		change(&app)
	}
	if err := w.AddApp(app); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// open opens the connection with these lines, and whatever tables follow an empty one.
func (w *world) open(lines ...string) *connection.Connection {
	w.t.Helper()
	text, tables, _ := strings.Cut(strings.Join(lines, "\n"), "\n\n")
	identity := fmt.Sprintf("tenant = %q\nclient_id = %q\n", w.Tenant(), clientID)
	if strings.Contains(text, "tenant = ") || strings.Contains(text, "managed_identity") {
		identity = ""
	}
	src := "[connection.contoso]\n" + identity + text + "\n" + tables + "\n"
	config, err := manifests.ParseConfig("postern.toml", []byte(src))
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := connection.Open(config.Connections[0], connection.Options{
		Transport: w.seen, Dir: w.dir, Logger: slog.New(slog.NewTextHandler(w.log, nil)), Keyring: w.keys, Provider: config.Provider,
		TokensDir: filepath.Join(w.dir, "tokens"), TokenKey: config.Host.TokenKey,
		Key:    func(string, int) ([]byte, error) { return bytes.Repeat([]byte{7}, 32), nil },
		Getenv: func(name string) string { return w.env[name] },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(conn.Close)
	return conn
}

// try makes a Graph request with the connection's token.
func (w *world) try(conn *connection.Connection, path string) (status int, err error) {
	w.t.Helper()
	req := request(w.t, conn.Origin().String()+"/v1.0"+path)
	if err := conn.Authorize(w.t.Context(), req); err != nil {
		return 0, err
	}
	resp, err := w.RoundTripper().RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode, nil
}

// signIn signs the user in, as a browser or a person at a device would.
func (w *world) signIn(conn *connection.Connection) error {
	w.t.Helper()
	_, err := conn.Login(w.t.Context(), func(p connection.Prompt) error {
		if p.Code != "" {
			return w.ApproveDevice(p.Code, soc)
		}
		return w.browse(p.URL)
	})
	return err
}

// browse opens the page of a sign-in and goes where it sends the browser.
func (w *world) browse(page string) error {
	resp, err := w.Client().Get(page)
	if err != nil {
		return err
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		return fmt.Errorf("the page answered %s: %w", resp.Status, err)
	}
	resp, err = http.Get(back.String())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if code := back.Query().Get("code"); code != "" && bytes.Contains(answer, []byte(code)) {
		w.t.Error("the page shows the code")
	}
	return err
}

// wiretap hears all that goes to the token service and comes from it, and collects what nobody else may see.
type wiretap struct {
	next    http.RoundTripper
	mu      sync.Mutex
	secrets map[string]string
	grants  []string
	before  func(*http.Request)
}

func (s *wiretap) RoundTrip(req *http.Request) (*http.Response, error) {
	var form url.Values
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		form, _ = url.ParseQuery(string(body))
	}
	if s.before != nil {
		s.before(req)
	}
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var answer map[string]any
	_ = json.Unmarshal(body, &answer)
	s.mu.Lock()
	defer s.mu.Unlock()
	if grant := form.Get("grant_type"); grant != "" {
		s.grants = append(s.grants, grant)
	}
	if s.secrets == nil {
		s.secrets = map[string]string{}
	}
	for _, name := range []string{"client_secret", "client_assertion", "refresh_token", "device_code", "code", "code_verifier"} {
		if v := form.Get(name); v != "" {
			s.secrets[v] = name
		}
	}
	for _, name := range []string{"access_token", "refresh_token", "device_code", "id_token"} {
		if v, ok := answer[name].(string); ok {
			s.secrets[v] = name
		}
	}
	return resp, err
}

func (s *wiretap) count(grant string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, g := range s.grants {
		if g == grant {
			n++
		}
	}
	return n
}

// memoryKeyring stands for the operating system's.
type memoryKeyring map[string]string

func (k memoryKeyring) Get(service, user string) (string, error) {
	if secret, ok := k[service+"/"+user]; ok {
		return secret, nil
	}
	return "", keyring.ErrNotFound
}

func (k memoryKeyring) Set(service, user, secret string) error {
	k[service+"/"+user] = secret
	return nil
}

// pair is a certificate with its key, in the forms in which operators have them.
type pair struct {
	certificate *x509.Certificate
	key         *rsa.PrivateKey
}

// pairs makes each key once for all tests: it takes a while.
var pairs = sync.OnceValue(func() []pair {
	made := make([]pair, 3)
	for i := range made {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		made[i].key = key
		until := time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC)
		if i == 2 {
			until = time.Now().Add(10 * 24 * time.Hour)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: "postern"}, NotBefore: time.Unix(0, 0), NotAfter: until}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			panic(err)
		}
		if made[i].certificate, err = x509.ParseCertificate(der); err != nil {
			panic(err)
		}
	}
	return made
})

// own is the registered certificate, other one that is not, and ending one that ends soon.
func own() pair    { return pairs()[0] }
func other() pair  { return pairs()[1] }
func ending() pair { return pairs()[2] }

func (p pair) certificatePEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Raw}))
}

func (p pair) keyPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(p.key)}))
}

func (p pair) keyPEM8() string {
	der, err := x509.MarshalPKCS8PrivateKey(p.key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func (p pair) pfx(password string) string {
	der, err := pkcs12.Modern.Encode(p.key, p.certificate, nil, password)
	if err != nil {
		panic(err)
	}
	return string(der)
}

func (p pair) thumbprint() string {
	sum := sha1.Sum(p.certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// federated makes the token of a cluster.
func (p pair) federated(t *testing.T, audience string) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": "https://cluster.example/", "sub": "system:serviceaccount:postern:host", "aud": audience,
		"nbf": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(),
	})
	signed, err := token.SignedString(p.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func withCertificate(p pair) func(*graphtest.App) {
	return func(a *graphtest.App) { a.Certificates = []*x509.Certificate{p.certificate} }
}

func trusting(p pair) func(*graphtest.App) {
	return func(a *graphtest.App) {
		a.Federated = []graphtest.FederatedCredential{{Issuer: "https://cluster.example/", Subject: "system:serviceaccount:postern:host", Key: &p.key.PublicKey}}
	}
}
