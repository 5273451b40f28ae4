package connection_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

const (
	tenant   = "5a1f3c1e-7d0c-4c47-9d0d-0c6f3b1d2a10"
	clientID = "0d3c8d2e-1111-4222-8333-444455556666"
	// canary is the secret that no output may hold, and bird what every token starts with.
	canary = "canary~Secret.8Q"
	bird   = "bird.Token."
)

// service is a token service, and Graph too, that the test scripts. Its answer gets a new token to give out.
type service struct {
	mu       sync.Mutex
	requests []*http.Request
	forms    []string
	answer   func(token string) *http.Response
	err      error
}

func (s *service) RoundTrip(req *http.Request) (*http.Response, error) {
	form, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, req)
	s.forms = append(s.forms, string(form))
	if s.err != nil {
		return nil, s.err
	}
	token := bird + strconv.Itoa(len(s.requests))
	if s.answer != nil {
		return s.answer(token), nil
	}
	return grants(token, 3599), nil
}

func (s *service) set(err error, answer func(token string) *http.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.answer = err, answer
}

func (s *service) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func answers(status int, body string, header ...string) *http.Response {
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func grants(token string, seconds int) *http.Response {
	return answers(200, fmt.Sprintf(`{"token_type":"Bearer","expires_in":%d,"ext_expires_in":%[1]d,"access_token":%q}`, seconds, token))
}

// refuses answers as Entra does, with a description that repeats what it must not.
func refuses(status int, word string, numbers ...int64) *http.Response {
	body, _ := json.Marshal(map[string]any{
		"error": word, "error_codes": numbers, "error_description": "AADSTS: " + canary + " is wrong",
		"trace_id": canary, "correlation_id": "33333333-3333-4333-8333-333333333333",
	})
	return answers(status, string(body))
}

// clock is a time that the test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// configured parses a connection with further lines in its table.
func configured(t *testing.T, lines ...string) manifests.Connection {
	t.Helper()
	src := fmt.Sprintf("[connection.contoso]\ntenant = %q\nclient_id = %q\n%s\n", tenant, clientID, strings.Join(lines, "\n"))
	config, err := manifests.ParseConfig("postern.toml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return config.Connections[0]
}

type setup struct {
	*connection.Connection
	service *service
	clock   *clock
	log     *bytes.Buffer
	dir     string
}

// start opens a connection with a secret file, talking to a scripted service.
func start(t *testing.T) *setup {
	t.Helper()
	s := &setup{
		service: &service{},
		clock:   &clock{at: time.Date(2026, 11, 21, 20, 0, 0, 0, time.UTC)},
		log:     &bytes.Buffer{},
		dir:     t.TempDir(),
	}
	s.keep(t, canary+"\n")
	var err error
	s.Connection, err = connection.Open(configured(t, `client_secret = { file = "secret" }`), connection.Options{
		Transport: s.service, Dir: s.dir, Now: s.clock.now, Logger: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// keep writes the secret's file.
func (s *setup) keep(t *testing.T, secret string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, "secret"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
}

func request(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

const messages = "https://graph.microsoft.com/v1.0/users/soc%40contoso.example/messages"

// authorized gives the token that a request gets.
func (s *setup) authorized(t *testing.T) string {
	t.Helper()
	req := request(t, messages)
	if err := s.Authorize(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
}

func TestOpenNeitherSendsNorReadsTheSecret(t *testing.T) {
	s := &service{}
	c, err := connection.Open(configured(t, `client_secret = { file = "does-not-exist" }`), connection.Options{Transport: s, Dir: t.TempDir()})
	if err != nil || s.asked() != 0 {
		t.Fatal(err, s.asked())
	}
	if c.Name() != "contoso" || connection.Scheme(manifests.AuthSecret) != permissions.Application || c.Origin().String() != "https://graph.microsoft.com" || c.Way().Roots != nil || c.Way().Proxy != nil {
		t.Errorf("got %s, %s, %s, %v", c.Name(), connection.Scheme(manifests.AuthSecret), c.Origin(), c.Way())
	}
	c.Origin().Host = "elsewhere.example"
	if c.Origin().Host != "graph.microsoft.com" {
		t.Error("the origin can be changed from outside")
	}
}

func TestOneRequestToTheTokenEndpointAndNoDiscovery(t *testing.T) {
	s := start(t)
	if got := s.authorized(t); got != bird+"1" {
		t.Errorf("got %q", got)
	}
	if got := s.authorized(t); got != bird+"1" {
		t.Errorf("the second request got %q", got)
	}
	if s.service.asked() != 1 {
		t.Fatalf("%d requests were sent", s.service.asked())
	}
	req, form := s.service.requests[0], s.service.forms[0]
	if got := req.Method + " " + req.URL.String(); got != "POST https://login.microsoftonline.com/"+tenant+"/oauth2/v2.0/token" {
		t.Error(got)
	}
	for _, want := range []string{"grant_type=client_credentials", "client_id=" + clientID, "client_secret=canary~Secret.8Q", "scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"} {
		if !strings.Contains(form, want) {
			t.Errorf("%s is not in %s", want, form)
		}
	}
	if got := req.Header.Get("User-Agent"); !strings.HasPrefix(got, "postern ") {
		t.Errorf("User-Agent is %q", got)
	}
}

func TestNoOtherOriginGetsAToken(t *testing.T) {
	s := start(t)
	s.authorized(t)
	for name, change := range map[string]func(*http.Request){
		"http":           func(r *http.Request) { r.URL.Scheme = "http" },
		"another host":   func(r *http.Request) { r.URL.Host = "evil.example" },
		"another port":   func(r *http.Request) { r.URL.Host = "graph.microsoft.com:8443" },
		"the port named": func(r *http.Request) { r.URL.Host = "graph.microsoft.com:443" },
		"upper case":     func(r *http.Request) { r.URL.Host = "GRAPH.microsoft.com" },
		"trailing dot":   func(r *http.Request) { r.URL.Host = "graph.microsoft.com." },
		"a suffix":       func(r *http.Request) { r.URL.Host = "graph.microsoft.com.evil.example" },
		"a user":         func(r *http.Request) { *r.URL = *request(t, "https://graph.microsoft.com@evil.example/v1.0").URL },
		"user info":      func(r *http.Request) { *r.URL = *request(t, "https://x@graph.microsoft.com/v1.0").URL },
		"Host header":    func(r *http.Request) { r.Host = "evil.example" },
		"opaque":         func(r *http.Request) { r.URL.Opaque = "//evil.example/" },
		"no host":        func(r *http.Request) { r.URL.Host = "" },
		"authority":      func(r *http.Request) { r.URL.Host = "login.microsoftonline.com" },
		"beta elsewhere": func(r *http.Request) { *r.URL = *request(t, "https://graph.microsoft.us/beta/me").URL },
	} {
		t.Run(name, func(t *testing.T) {
			for what, ask := range map[string]func(context.Context, *http.Request) error{"Authorize": s.Authorize, "Renew": s.Renew} {
				req := request(t, messages)
				req.Header.Set("Authorization", "Bearer old")
				change(req)
				if err := ask(t.Context(), req); !errors.Is(err, abi.Internal) {
					t.Errorf("%s: got %v", what, err)
				}
				if got := req.Header.Get("Authorization"); got != "" {
					t.Errorf("%s left %q", what, got)
				}
			}
		})
	}
	if s.service.asked() != 1 {
		t.Errorf("%d fetches", s.service.asked())
	}
}

func TestWaitingRequestsShareOneFetch(t *testing.T) {
	s := start(t)
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if got := s.authorized(t); got != bird+"1" {
				t.Errorf("got %q", got)
			}
		})
	}
	wg.Wait()
	if s.service.asked() != 1 {
		t.Errorf("%d fetches", s.service.asked())
	}
}

func TestATokenIsRenewedBeforeItExpires(t *testing.T) {
	s := start(t)
	s.authorized(t)
	s.clock.pass(54 * time.Minute)
	if got := s.authorized(t); got != bird+"1" {
		t.Errorf("5 minutes and more before the end: got %q", got)
	}
	s.clock.pass(time.Minute)
	if got := s.authorized(t); got != bird+"2" {
		t.Errorf("within 5 minutes of the end: got %q", got)
	}
}

func TestAShortTokenIsRenewedAtHalfItsLife(t *testing.T) {
	s := start(t)
	s.service.set(nil, func(token string) *http.Response { return grants(token, 400) })
	s.authorized(t)
	s.clock.pass(190 * time.Second)
	if got := s.authorized(t); got != bird+"1" {
		t.Errorf("got %q", got)
	}
	s.clock.pass(20 * time.Second)
	if got := s.authorized(t); got != bird+"2" {
		t.Errorf("got %q", got)
	}
}

func TestTheOldTokenServesWhileItLastsWhenRenewalFails(t *testing.T) {
	s := start(t)
	s.authorized(t)
	s.service.set(nil, func(string) *http.Response { return refuses(401, "invalid_client", 7000222) })
	s.clock.pass(56 * time.Minute)
	for range 3 {
		if got := s.authorized(t); got != bird+"1" {
			t.Errorf("got %q", got)
		}
	}
	if s.service.asked() != 2 {
		t.Errorf("%d fetches: a renewal that failed was tried again at once", s.service.asked())
	}
	if !strings.Contains(s.log.String(), "the old one is used") {
		t.Errorf("the log says %q", s.log)
	}
	s.clock.pass(31 * time.Second)
	s.authorized(t)
	if s.service.asked() != 3 {
		t.Errorf("%d fetches: a renewal that failed was not tried again", s.service.asked())
	}
	s.clock.pass(5 * time.Minute)
	if err := s.Authorize(t.Context(), request(t, messages)); !errors.Is(err, abi.Auth) {
		t.Errorf("after the end: %v", err)
	}
}

func TestASecretReplacedInItsFileIsPickedUp(t *testing.T) {
	s := start(t)
	s.authorized(t)
	s.keep(t, "another~Secret")
	s.clock.pass(time.Hour)
	s.authorized(t)
	if form := s.service.forms[1]; !strings.Contains(form, "client_secret=another~Secret") {
		t.Error(form)
	}
}

func TestRenew(t *testing.T) {
	t.Run("gets a new token after a refusal", func(t *testing.T) {
		s := start(t)
		req := request(t, messages)
		if err := s.Authorize(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if err := s.Renew(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if got := req.Header.Get("Authorization"); got != "Bearer "+bird+"2" {
			t.Errorf("got %q", got)
		}
	})
	t.Run("one fetch serves all requests that carried the token", func(t *testing.T) {
		s := start(t)
		requests := make([]*http.Request, 20)
		for i := range requests {
			requests[i] = request(t, messages)
			if err := s.Authorize(t.Context(), requests[i]); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		for _, req := range requests {
			wg.Go(func() {
				if err := s.Renew(t.Context(), req); err != nil || req.Header.Get("Authorization") != "Bearer "+bird+"2" {
					t.Errorf("got %v, %v", req.Header, err)
				}
			})
		}
		wg.Wait()
		if s.service.asked() != 2 {
			t.Errorf("%d fetches", s.service.asked())
		}
	})
	t.Run("tokens refused one after another end in an error, for a while", func(t *testing.T) {
		s := start(t)
		req := request(t, messages)
		if err := errors.Join(s.Authorize(t.Context(), req), s.Renew(t.Context(), req)); err != nil {
			t.Fatal(err)
		}
		if err := s.Renew(t.Context(), req.Clone(t.Context())); !errors.Is(err, abi.Auth) {
			t.Errorf("got %v", err)
		}
		s.clock.pass(10 * time.Second)
		if err := s.Renew(t.Context(), req); err != nil {
			t.Error(err)
		}
		if s.service.asked() != 3 {
			t.Errorf("%d fetches", s.service.asked())
		}
	})
	t.Run("a refused token does not come back when the fetch fails", func(t *testing.T) {
		s := start(t)
		req := request(t, messages)
		if err := s.Authorize(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		s.service.set(nil, func(string) *http.Response { return refuses(401, "invalid_client", 7000215) })
		for range 2 {
			if err := s.Renew(t.Context(), req); !errors.Is(err, abi.Auth) || req.Header.Get("Authorization") != "" {
				t.Errorf("got %v, %v", req.Header, err)
			}
		}
	})
}

func TestRefusalsOfTheTokenService(t *testing.T) {
	for name, test := range map[string]struct {
		answer *http.Response
		code   abi.Code
		graph  string
		says   string
	}{
		"wrong secret":            {refuses(401, "invalid_client", 7000215), abi.Auth, "AADSTS7000215", "store the secret's value, not its id"},
		"expired secret":          {refuses(401, "invalid_client", 7000222), abi.Auth, "AADSTS7000222", "create a new one"},
		"unknown application":     {refuses(400, "unauthorized_client", 700016), abi.Auth, "AADSTS700016", "check client_id and tenant"},
		"unknown tenant":          {refuses(400, "invalid_request", 90002), abi.Auth, "AADSTS90002", "check tenant"},
		"malformed tenant":        {refuses(400, "invalid_request", 900023), abi.Auth, "AADSTS900023", "neither a directory id nor a domain"},
		"unknown certificate":     {refuses(401, "invalid_client", 700027), abi.Auth, "AADSTS700027", "thumbprint"},
		"another issuer":          {refuses(401, "invalid_client", 700021), abi.Auth, "AADSTS700021", "check client_id"},
		"another audience":        {refuses(401, "invalid_client", 700023), abi.Auth, "AADSTS700023", "check authority"},
		"scope":                   {refuses(400, "invalid_scope", 70011), abi.Auth, "AADSTS70011", "same cloud"},
		"consent by number":       {refuses(400, "invalid_grant", 65001), abi.Consent, "AADSTS65001", "administrator"},
		"consent by word":         {refuses(400, "consent_required"), abi.Consent, "consent_required", "administrator"},
		"second factor":           {refuses(400, "interaction_required", 50076), abi.Auth, "AADSTS50076", "second factor"},
		"second factor, enrol":    {refuses(400, "interaction_required", 50079), abi.Auth, "AADSTS50079", "second factor"},
		"conditional access":      {refuses(400, "access_denied", 53003), abi.Auth, "AADSTS53003", "conditional access"},
		"code used twice":         {refuses(400, "invalid_grant", 54005), abi.Auth, "AADSTS54005", "start the sign-in again"},
		"interaction by word":     {refuses(400, "interaction_required"), abi.Auth, "interaction_required", "sign in"},
		"client by word":          {refuses(401, "invalid_client"), abi.Auth, "invalid_client", "check client_id"},
		"unauthorized by word":    {refuses(400, "unauthorized_client"), abi.Auth, "unauthorized_client", "check client_id"},
		"grant by word":           {refuses(400, "invalid_grant"), abi.Auth, "invalid_grant", "enabled"},
		"scope by word":           {refuses(400, "invalid_scope"), abi.Auth, "invalid_scope", "same cloud"},
		"unknown number":          {refuses(400, "invalid_request", 12345), abi.Auth, "AADSTS12345", "look up AADSTS12345"},
		"known behind an unknown": {refuses(400, "invalid_request", 12345, 700016), abi.Auth, "AADSTS700016", "check client_id"},
		"unknown word":            {refuses(400, canary), abi.Auth, "", "check tenant"},
		"no JSON":                 {answers(400, "<html>"+canary), abi.Auth, "", "check tenant"},
		"an unusual status":       {answers(404, "<html>"+canary), abi.Upstream, "", "status 404"},
		"a redirect":              {answers(302, "", "Location", "https://evil.example/"), abi.Upstream, "", "status 302"},
		"no token":                {answers(200, `{"token_type":"Bearer","expires_in":3599}`), abi.Upstream, "", "without a token"},
		"a token that is none":    {grants(bird+"\r\nX: y", 3599), abi.Upstream, "", "without a token"},
		"a token too long":        {grants(bird+strings.Repeat("x", 40_000), 3599), abi.Upstream, "", "without a token"},
		"200 and no JSON":         {answers(200, canary), abi.Upstream, "", "without a token"},
		"an endless answer":       {answers(200, strings.Repeat(" ", 1<<20+1)), abi.Upstream, "", "more than 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			s.service.set(nil, func(string) *http.Response { return test.answer })
			err := s.Authorize(t.Context(), request(t, messages))
			var e *abi.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Code != test.code || e.Detail.GraphCode != test.graph || !strings.Contains(e.Message, test.says) || !strings.HasPrefix(e.Message, "connection contoso: ") {
				t.Errorf("got %s", e.AppendJSON(nil))
			}
			if strings.HasPrefix(test.graph, "AADSTS") && e.Detail.RequestID != "33333333-3333-4333-8333-333333333333" {
				t.Errorf("the correlation id is %q", e.Detail.RequestID)
			}
			if s.service.asked() != 1 {
				t.Errorf("it was asked %d times", s.service.asked())
			}
		})
	}
}

func TestABusyTokenServiceIsTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		answer *http.Response
		err    error
		asked  int
		code   abi.Code
		says   string
		after  time.Duration
	}{
		"fault":                    {answer: answers(503, "<html>"+canary), asked: 3, code: abi.Upstream, says: "status 503"},
		"throttled":                {answer: answers(429, "{}", "Retry-After", "2"), asked: 3, code: abi.Throttled, says: "slow down", after: 2 * time.Second},
		"asked to wait very long":  {answer: answers(429, "{}", "Retry-After", "600"), asked: 1, code: abi.Throttled, says: "slow down", after: 10 * time.Minute},
		"temporarily unavailable":  {answer: refuses(400, "temporarily_unavailable"), asked: 1, code: abi.Upstream, says: "try again"},
		"the connection breaks":    {err: io.ErrUnexpectedEOF, asked: 3, code: abi.Upstream, says: "the connection broke"},
		"nobody answers":           {err: os.ErrDeadlineExceeded, asked: 3, code: abi.Upstream, says: "no answer in time"},
		"an unknown authority":     {err: x509.UnknownAuthorityError{}, asked: 1, code: abi.Upstream, says: "ca_file"},
		"an expired certificate":   {err: x509.CertificateInvalidError{Reason: x509.Expired}, asked: 1, code: abi.Upstream, says: "has expired"},
		"another's certificate":    {err: x509.HostnameError{Certificate: &x509.Certificate{}}, asked: 1, code: abi.Upstream, says: "another host"},
		"an error with the secret": {err: errors.New(canary), asked: 3, code: abi.Upstream, says: "the connection broke"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := start(t)
				s.service.set(test.err, func(string) *http.Response { return test.answer })
				err := s.Authorize(t.Context(), request(t, messages))
				var e *abi.Error
				if !errors.As(err, &e) || e.Code != test.code || !strings.Contains(e.Message, test.says) || e.Detail.RetryAfter != test.after {
					t.Errorf("got %v", err)
				}
				if s.service.asked() != test.asked {
					t.Errorf("it was asked %d times", s.service.asked())
				}
			})
		})
	}
	t.Run("and may succeed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := start(t)
			s.service.set(nil, func(token string) *http.Response {
				if token == bird+"3" {
					return grants(token, 3599)
				}
				return answers(500, "")
			})
			if got := s.authorized(t); got != bird+"3" {
				t.Errorf("got %q", got)
			}
		})
	})
}

func TestACallerWhoGivesUpLeavesTheFetchToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.service.set(nil, func(token string) *http.Response {
			time.Sleep(10 * time.Second)
			return grants(token, 3599)
		})
		hasty, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var patient string
		var wg sync.WaitGroup
		wg.Go(func() {
			time.Sleep(time.Millisecond)
			patient = s.authorized(t)
		})
		if err := s.Authorize(hasty, request(t, messages)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		wg.Wait()
		if patient != bird+"1" || s.service.asked() != 1 {
			t.Errorf("got %q after %d fetches", patient, s.service.asked())
		}
	})
}

func TestNeitherEnvironmentNorLibraryCanRedirectTheSecret(t *testing.T) {
	t.Setenv("AZURE_AUTHORITY_HOST", "https://evil.example")
	s := start(t)
	s.authorized(t)
	if host := s.service.requests[0].URL.Host; host != "login.microsoftonline.com" {
		t.Errorf("the secret went to %s", host)
	}

	t.Setenv("AZURE_REGIONAL_AUTHORITY_NAME", "westeurope")
	s = start(t)
	err := s.Authorize(t.Context(), request(t, messages))
	if !errors.Is(err, abi.Upstream) || !strings.Contains(err.Error(), "AZURE_REGIONAL_AUTHORITY_NAME") || s.service.asked() != 0 {
		t.Errorf("got %v after %d requests", err, s.service.asked())
	}
}

func TestSecretSources(t *testing.T) {
	for name, test := range map[string]struct {
		content string // of the file, or of the variable
		sent    string
		says    string
	}{
		"plain":                  {"s3cret", "s3cret", ""},
		"a line break":           {"s3cret\n", "s3cret", ""},
		"a line break of DOS":    {"s3cret\r\n", "s3cret", ""},
		"at the bound":           {strings.Repeat("s", 16384) + "\r\n", strings.Repeat("s", 16384), ""},
		"one over the bound":     {strings.Repeat("s", 16385), "", "over 16384 bytes"},
		"far over the bound":     {strings.Repeat("s", 1<<20), "", "over 16384 bytes"},
		"empty":                  {"", "", "is empty"},
		"a line break only":      {"\n", "", "is empty"},
		"two lines":              {"canary\ncanary\n", "", "line break"},
		"a space":                {" canary", "", "space"},
		"a byte order mark":      {"\ufeffcanary", "", "another character"},
		"a NUL":                  {"canary\x00", "", "another character"},
		"UTF-16":                 {"\xff\xfec\x00", "", "another character"},
		"a form feed at the end": {"canary\f", "", "another character"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(file, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, line := range []string{`client_secret = { file = "secret" }`, `client_secret = { env = "SECRET" }`} {
				s := &service{}
				c, err := connection.Open(configured(t, line), connection.Options{Transport: s, Dir: filepath.Dir(file), Getenv: func(name string) string {
					return map[string]string{"SECRET": test.content}[name]
				}})
				if err != nil {
					t.Fatal(err)
				}
				err = c.Authorize(t.Context(), request(t, messages))
				if test.says != "" {
					if !errors.Is(err, abi.Auth) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "canary") || s.asked() != 0 {
						t.Errorf("%s: got %v", line, err)
					}
				} else if err != nil || !strings.Contains(s.forms[0], "client_secret="+test.sent+"&") {
					t.Errorf("%s: got %v", line, err)
				}
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		s := start(t)
		os.Remove(filepath.Join(s.dir, "secret"))
		if err := s.Authorize(t.Context(), request(t, messages)); !errors.Is(err, abi.Auth) || !strings.Contains(err.Error(), filepath.Join(s.dir, "secret")) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a folder", func(t *testing.T) {
		s := start(t)
		if err := errors.Join(os.Remove(filepath.Join(s.dir, "secret")), os.Mkdir(filepath.Join(s.dir, "secret"), 0o700)); err != nil {
			t.Fatal(err)
		}
		if err := s.Authorize(t.Context(), request(t, messages)); !errors.Is(err, abi.Auth) || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a file that others may read is warned of", func(t *testing.T) {
		s := start(t)
		if err := os.Chmod(filepath.Join(s.dir, "secret"), 0o644); err != nil {
			t.Fatal(err)
		}
		s.authorized(t)
		if info, err := os.Stat(filepath.Join(s.dir, "secret")); err != nil || info.Mode().Perm() != 0o644 {
			return // A system without such modes.
		}
		if !strings.Contains(s.log.String(), "other users may read the client secret") {
			t.Errorf("the log says %q", s.log)
		}
	})
}

func TestCertificateAuthorities(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct{ content, says string }{
		"no certificate": {"hello", "holds no certificate"},
		"too long":       {strings.Repeat("#", 1<<20+1), "over 1048576 bytes"},
		"damaged":        {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), "holds no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := connection.Open(configured(t, `client_secret = { env = "X" }`, `ca_file = "ca.pem"`), connection.Options{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), test.says) || !strings.Contains(err.Error(), "connection contoso: ca_file: ") {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("no file", func(t *testing.T) {
		_, err := connection.Open(configured(t, `client_secret = { env = "X" }`, `ca_file = "none.pem"`), connection.Options{Dir: dir})
		if !errors.Is(err, os.ErrNotExist) {
			t.Errorf("got %v", err)
		}
	})
}

func TestOpenRefusesWhatIsNoOrigin(t *testing.T) {
	for _, bad := range []string{"", "http://graph.microsoft.com", "https://", "https://u@h", "https://h/", "https://h/x", "https://h?x", "https://h#x", "graph.microsoft.com", "https://h\n", "HTTPS://h"} {
		c := configured(t, `client_secret = { env = "X" }`)
		c.Graph = bad
		if _, err := connection.Open(c, connection.Options{}); err == nil {
			t.Errorf("graph %q is taken", bad)
		}
		c = configured(t, `client_secret = { env = "X" }`)
		c.Authority = bad
		if _, err := connection.Open(c, connection.Options{}); err == nil {
			t.Errorf("authority %q is taken", bad)
		}
	}
}

func FuzzAnswersOfTheTokenService(f *testing.F) {
	f.Add(uint8(0), []byte(`{"error":"invalid_client","error_codes":[7000215],"correlation_id":"33333333-3333-4333-8333-333333333333"}`))
	f.Add(uint8(1), []byte(`{"error_codes":[-1,1e99,"x",null,99999999999999999999]}`))
	f.Add(uint8(2), []byte(`{"token_type":"Bearer","expires_in":"3599","access_token":"x"}`))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		statuses := []int{400, 401, 200, 302, 404} // None that is tried again after a wait.
		s := start(t)
		s.service.set(nil, func(string) *http.Response { return answers(statuses[int(which)%len(statuses)], string(body)) })
		req := request(t, messages)
		err := s.Authorize(t.Context(), req)
		var e *abi.Error
		switch {
		case err == nil:
			if !strings.HasPrefix(req.Header.Get("Authorization"), "Bearer ") {
				t.Error("no token, and no error")
			}
		case !errors.As(err, &e) || len(e.Message) > 300 || req.Header.Get("Authorization") != "":
			t.Errorf("got %v", err)
		case strings.ContainsFunc(e.Message, func(r rune) bool { return r < ' ' || r > '~' }):
			t.Errorf("the error holds what was answered: %q", e.Message)
		}
	})
}

// TestNeitherSecretNorTokenComesOut looks for both in everything that the package and the libraries below it say.
func TestNeitherSecretNorTokenComesOut(t *testing.T) {
	var said strings.Builder
	azlog.SetListener(func(event azlog.Event, text string) { fmt.Fprintln(&said, event, text) })
	t.Cleanup(func() { azlog.SetListener(nil) })

	show := func(v any) {
		fmt.Fprintf(&said, "%v %+v %#v %s %q %x %d\n", v, v, v, v, v, v, v)
		b, err := json.Marshal(v)
		fmt.Fprintln(&said, string(b), err)
		slog.New(slog.NewTextHandler(&said, nil)).Info("text", "value", v)
		slog.New(slog.NewJSONHandler(&said, nil)).Info("json", "value", v)
	}
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		s.authorized(t)
		synctest.Wait() // What follows reads all memory of the connection.
		show(s.Connection)
		show(struct{ C any }{s.Connection})
		show(struct{ c *connection.Connection }{s.Connection})
		reachable(&said, reflect.ValueOf(s.Connection), map[uintptr]bool{})
	})

	for _, answer := range []*http.Response{
		refuses(401, "invalid_client", 7000215), refuses(400, canary), answers(400, canary), answers(200, bird+canary), answers(200, `{"access_token":"`+bird+`", "error":"`+canary+`"}`),
		answers(302, canary, "Location", "https://evil.example/"+canary), answers(200, `{"token_type":"Bearer","expires_in":"`+canary+`","access_token":"`+bird+`"}`),
	} {
		s := start(t)
		s.service.set(nil, func(string) *http.Response { return answer })
		err := s.Authorize(t.Context(), request(t, messages))
		if err == nil {
			t.Error("an answer without a token was taken")
		}
		for ; err != nil; err = errors.Unwrap(err) {
			show(err)
		}
		said.WriteString(s.log.String())
	}
	for _, word := range []string{canary, bird} {
		if i := strings.Index(said.String(), word); i >= 0 {
			t.Errorf("found %q in …%s…", word, said.String()[max(0, i-300):min(said.Len(), i+100)])
		}
		if strings.Contains(said.String(), fmt.Sprintf("%x", word)) {
			t.Errorf("found %q in hexadecimal", word)
		}
	}
}

// reachable writes every text that a printer could find by walking through memory, as debuggers and dumpers do.
func reachable(w *strings.Builder, v reflect.Value, seen map[uintptr]bool) {
	switch v.Kind() {
	case reflect.String:
		fmt.Fprintln(w, v.String())
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*service]() && !seen[v.Pointer()] {
			seen[v.Pointer()] = true
			reachable(w, v.Elem(), seen)
		}
	case reflect.Interface:
		if !v.IsNil() {
			reachable(w, v.Elem(), seen)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			reachable(w, v.Field(i), seen)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			fmt.Fprintf(w, "%s\n", v.Bytes())
			return
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			reachable(w, v.Index(i), seen)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			reachable(w, key, seen)
			reachable(w, v.MapIndex(key), seen)
		}
	}
}

func TestClosingEndsAFetchThatIsUnderWay(t *testing.T) {
	s := start(t)
	asked := make(chan struct{})
	s.service.set(nil, func(string) *http.Response {
		close(asked)
		s.Close()
		return answers(503, "")
	})
	err := s.Authorize(t.Context(), request(t, messages))
	<-asked
	if err == nil || s.service.asked() != 1 {
		t.Errorf("got %v after %d requests", err, s.service.asked())
	}
}
