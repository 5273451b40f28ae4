package graphtest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/postern-dev/postern/host/graphtest"
	"golang.org/x/net/html"
)

const (
	redirectURI = "https://app.contoso.example/back"
	alex        = "alex@contoso.example"
	// verifier and challenge are those of RFC 7636, appendix B.
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// directory is a tenant with a clock that tests move, Alex with a mailbox, and one confidential application.
type directory struct {
	*tenant
	now time.Time
}

func newDirectory(t *testing.T) *directory {
	t.Helper()
	d := &directory{now: noon}
	d.tenant = newTenantWith(t, nil, graphtest.WithoutNetwork(), graphtest.WithClock(func() time.Time { return d.now }))
	d.mailbox(alex)
	d.app(confidentialApp())
	return d
}

func confidentialApp() graphtest.App {
	return graphtest.App{
		ClientID: clientID, Name: "Postern", Secret: secret, Roles: []string{"User.Read.All"}, Scopes: []string{"User.Read", "Mail.Read"},
		RedirectURIs: []string{redirectURI, "http://localhost"},
	}
}

func (d *directory) app(app graphtest.App) {
	d.t.Helper()
	if err := d.AddApp(app); err != nil {
		d.t.Fatal(err)
	}
}

func (d *directory) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// tokenAnswer is what the token endpoint says.
type tokenAnswer struct {
	status      int
	body        string
	Error       string
	Suberror    string
	Description string `json:"error_description"`
	Codes       []int  `json:"error_codes"`
	Timestamp   string
	Trace       string `json:"trace_id"`
	Correlation string `json:"correlation_id"`

	Access     string `json:"access_token"`
	Refresh    string `json:"refresh_token"`
	ID         string `json:"id_token"`
	Scope      string
	Expires    int    `json:"expires_in"`
	DeviceCode string `json:"device_code"`
	UserCode   string `json:"user_code"`
	Page       string `json:"verification_uri"`
	Interval   int
}

func (a tokenAnswer) code() int {
	if len(a.Codes) != 1 {
		return 0
	}
	return a.Codes[0]
}

// form makes a form of pairs. A later pair wins, and the value "-" takes a field out.
func form(pairs ...string) url.Values {
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			values.Del(pairs[i])
		} else {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	return values
}

// post sends a form to an endpoint below the tenant.
func (n *tenant) post(endpoint string, values url.Values) tokenAnswer {
	n.t.Helper()
	return n.postAt(n.Tenant(), endpoint, values)
}

func (n *tenant) postAt(realm, endpoint string, values url.Values) tokenAnswer {
	n.t.Helper()
	response, err := n.http.PostForm(n.AuthorityURL()+realm+"/oauth2/v2.0/"+endpoint, values)
	if err != nil {
		n.t.Fatal(err)
	}
	return readToken(n.t, response)
}

// granted posts to the token endpoint and wants tokens.
func (n *tenant) granted(values url.Values) tokenAnswer {
	n.t.Helper()
	a := n.post("token", values)
	if a.status != http.StatusOK || a.Access == "" {
		n.t.Fatalf("answered %d %s", a.status, a.body)
	}
	return a
}

// deny posts to the token endpoint and wants a refusal.
func (n *tenant) deny(values url.Values, kind string, code int) {
	n.t.Helper()
	if a := n.post("token", values); a.Error != kind || a.code() != code {
		n.t.Errorf("answered %d %s, want %s and AADSTS%d", a.status, a.body, kind, code)
	}
}

// authorizeURL is a request for a code, with pairs that add to it or change it.
func (n *tenant) authorizeURL(pairs ...string) string {
	values := form(append([]string{
		"client_id", clientID, "response_type", "code", "redirect_uri", redirectURI, "scope", "openid offline_access Mail.Read", "state", "a state",
		"code_challenge", challenge, "code_challenge_method", "S256", "login_hint", alex,
	}, pairs...)...)
	return n.AuthorityURL() + n.Tenant() + "/oauth2/v2.0/authorize?" + values.Encode()
}

// authorize signs in without a page, and returns the query of where the browser is sent.
func (n *tenant) authorize(pairs ...string) url.Values {
	n.t.Helper()
	response, err := n.http.Get(n.authorizeURL(pairs...))
	if err != nil {
		n.t.Fatal(err)
	}
	body := readAll(n.t, response)
	location, err := response.Location()
	if err != nil {
		n.t.Fatalf("answered %d without a redirect: %s", response.StatusCode, body)
	}
	if got := location.Query().Get("state"); got != "a state" {
		n.t.Errorf("state = %q", got)
	}
	return location.Query()
}

// code signs in and returns the code.
func (n *tenant) code(pairs ...string) string {
	n.t.Helper()
	back := n.authorize(pairs...)
	if back.Get("code") == "" {
		n.t.Fatalf("the browser came back with %v", back)
	}
	return back.Get("code")
}

// codeForm redeems a code.
func codeForm(code string, pairs ...string) url.Values {
	return form(append([]string{
		"grant_type", "authorization_code", "client_id", clientID, "client_secret", secret, "code", code, "redirect_uri", redirectURI,
		"code_verifier", verifier,
	}, pairs...)...)
}

func refreshForm(token string, pairs ...string) url.Values {
	return form(append([]string{"grant_type", "refresh_token", "client_id", clientID, "client_secret", secret, "refresh_token", token}, pairs...)...)
}

func deviceForm(code string, pairs ...string) url.Values {
	return form(append([]string{
		"grant_type", "urn:ietf:params:oauth:grant-type:device_code", "client_id", clientID, "client_secret", secret, "device_code", code,
	}, pairs...)...)
}

// reads checks that Graph accepts a token for a path.
func (n *tenant) reads(token, path string) {
	n.t.Helper()
	n.token = token
	n.want(path)
}

// identity is a certificate with its key.
type identity struct {
	certificate *x509.Certificate
	key         *rsa.PrivateKey
}

func newIdentity(t *testing.T, notAfter time.Time) identity {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "postern"}, NotBefore: time.Unix(0, 0), NotAfter: notAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return identity{certificate, key}
}

// farOff is after every test's clock.
func farOff() time.Time { return time.Date(2120, 1, 1, 0, 0, 0, 0, time.UTC) }

// assertion signs a client assertion. The change may do anything to it before.
func (i identity) assertion(t *testing.T, audience string, now time.Time, change func(*jwt.Token, jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{
		"aud": audience, "iss": clientID, "sub": clientID, "jti": uuid.NewString(),
		"nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, claims)
	sum := sha256.Sum256(i.certificate.Raw)
	token.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sum[:])
	if change != nil {
		change(token, claims)
	}
	signed, err := token.SignedString(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// older makes an assertion the older form: RS256, and the certificate's SHA-1 thumbprint.
func (i identity) older(token *jwt.Token, _ jwt.MapClaims) {
	sum := sha1.Sum(i.certificate.Raw)
	token.Method = jwt.SigningMethodRS256
	token.Header = map[string]any{"typ": "JWT", "alg": "RS256", "x5t": base64.RawURLEncoding.EncodeToString(sum[:])}
}

// A person is at a browser, chooses a user and accepts what is asked.
type person struct {
	http *http.Client
	user string
	// seen are the headings of the pages.
	seen []string
}

// open does what a browser does with an address, until a page has no form left that the person would send. It returns the last address.
func (p *person) open(address string) (*url.URL, error) {
	response, err := p.http.Get(address)
	for range 10 {
		if err != nil {
			return nil, err
		}
		at := response.Request.URL
		body, readErr := io.ReadAll(response.Body)
		if readErr != nil {
			return nil, readErr
		}
		if location, locationErr := response.Location(); locationErr == nil {
			return location, nil
		}
		page, parseErr := html.Parse(bytes.NewReader(body))
		if parseErr != nil {
			return nil, parseErr
		}
		p.seen = append(p.seen, heading(page))
		action, fields, ok := p.answer(page)
		if !ok {
			return at, nil
		}
		target, parseErr := at.Parse(action)
		if parseErr != nil {
			return nil, parseErr
		}
		client := p.http
		if target.Scheme == "http" {
			client = http.DefaultClient // the program that waits on localhost
		}
		response, err = client.PostForm(target.String(), fields)
	}
	return nil, fmt.Errorf("too many pages: %q", p.seen)
}

// answer fills in the form that the person would send.
func (p *person) answer(page *html.Node) (action string, fields url.Values, ok bool) {
	for node := range page.Descendants() {
		if node.Type != html.ElementNode || node.Data != "form" {
			continue
		}
		fields = url.Values{}
		pressed, buttons := false, 0
		for inside := range node.Descendants() {
			switch name, value := attribute(inside, "name"), attribute(inside, "value"); {
			case inside.Data == "input" && attribute(inside, "type") == "hidden", inside.Data == "input" && value != "":
				fields.Set(name, value)
			case inside.Data == "button" && name != "":
				buttons++
				if name == "user" && value == p.user || name == "consent" && value == "accept" {
					fields.Set(name, value)
					pressed = true
				}
			}
		}
		if pressed || buttons == 0 && attribute(node, "action") != "" {
			return attribute(node, "action"), fields, true
		}
	}
	return "", nil, false
}

func heading(page *html.Node) string {
	for node := range page.Descendants() {
		if node.Type == html.ElementNode && node.Data == "h1" && node.FirstChild != nil {
			return node.FirstChild.Data
		}
	}
	return ""
}

func attribute(node *html.Node, name string) string {
	at := slices.IndexFunc(node.Attr, func(a html.Attribute) bool { return a.Key == name })
	if at < 0 {
		return ""
	}
	return strings.TrimSpace(node.Attr[at].Val)
}

// stdThumbprint is the thumbprint of the newer form in the alphabet that Microsoft's library for Go uses.
func stdThumbprint(i identity) string {
	sum := sha256.Sum256(i.certificate.Raw)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// newerThumbprintOnly signs with the older algorithm.
func newerThumbprintOnly(token *jwt.Token, _ jwt.MapClaims) {
	token.Method, token.Header["alg"] = jwt.SigningMethodRS256, "RS256"
}

func readAll(t *testing.T, response *http.Response) string {
	t.Helper()
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func readToken(t *testing.T, response *http.Response) tokenAnswer {
	t.Helper()
	a := tokenAnswer{status: response.StatusCode, body: readAll(t, response)}
	if err := json.Unmarshal([]byte(a.body), &a); err != nil {
		t.Fatalf("the answer is not JSON: %v\n%s", err, a.body)
	}
	return a
}
