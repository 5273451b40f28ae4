package connection

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial"
	"github.com/postern-dev/postern/manifests"
)

const (
	// maxAnswer bounds an answer of the token service in bytes.
	maxAnswer = 1 << 20
	// maxRoots bounds the file of certificate authorities in bytes.
	maxRoots = 1 << 20
	// discovery ends the path of the document that would name the token endpoint.
	discovery = "/v2.0/.well-known/openid-configuration"
)

// tokenService carries the requests of one fetch, and keeps of the last answer what an error may be made of.
// azidentity and MSAL call it for one request at a time.
type tokenService struct {
	connection *Connection
	answer     answer
	pace       pace // of a device that waits for its user
}

func (c *Connection) service() *tokenService { return &tokenService{connection: c} }

// answer is what became of a request to the token service.
type answer struct {
	failure     error // No answer came.
	status      int
	word        string  // "error" of an error answer.
	numbers     []int64 // "error_codes" of it.
	correlation string
	retryAfter  time.Duration
	ahead       time.Duration // this machine's clock, before the service's
}

// Do implements policy.Transporter.
func (s *tokenService) Do(req *http.Request) (*http.Response, error) {
	c := s.connection
	if !c.asks(req.URL) {
		return nil, s.fail(errForeign)
	}
	if err := s.pace.wait(req.Context()); err != nil {
		return nil, s.fail(err)
	}
	if strings.HasSuffix(req.URL.Path, discovery) {
		return reply(req, http.StatusOK, c.endpoints()), nil
	}
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return nil, s.fail(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errTooLong
	}
	if err != nil {
		return nil, s.fail(err)
	}
	s.answer = answer{status: resp.StatusCode}
	if resp.StatusCode == http.StatusOK {
		return reply(req, resp.StatusCode, body), nil
	}
	s.answer.read(resp.Header, body)
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		s.answer.ahead = c.now().Sub(at)
	}
	s.pace.slower(s.answer.word)
	// What the libraries do not get, they cannot log: the text of an error may repeat the request. MSAL goes by the word.
	refused := reply(req, resp.StatusCode, []byte(`{"error":"`+s.answer.known()+`"}`))
	if after := resp.Header.Get("Retry-After"); after != "" {
		refused.Header.Set("Retry-After", after)
	}
	return refused, nil
}

var (
	errForeign = errors.New("another origin than the authority was asked for")
	errTooLong = errors.New("the answer is too long")
)

// fail keeps why no answer came, and tells azcore when trying again cannot help.
func (s *tokenService) fail(err error) error {
	s.answer = answer{failure: err}
	if errors.Is(err, errForeign) || errors.Is(err, errTooLong) || untrusted(err) || errors.As(err, new(*abi.Error)) {
		return final{err}
	}
	return err
}

// final is an error that azcore does not retry after.
type final struct{ error }

// NonRetriable is how azcore knows.
func (final) NonRetriable() {}

func (f final) Unwrap() error { return f.error }

// known is the word of an error answer if it is one that this package knows; anything else may be a secret that a server echoes.
func (a *answer) known() string {
	switch a.word {
	case "access_denied", "authorization_declined", "authorization_pending", "bad_verification_code", "consent_required", "expired_token",
		"interaction_required", "invalid_client", "invalid_grant", "invalid_request", "invalid_resource", "invalid_scope", "login_required",
		"slow_down", "temporarily_unavailable", "unauthorized_client":
		return a.word
	}
	return ""
}

// asks reports whether a request goes where this connection gets its tokens.
func (c *Connection) asks(u *url.URL) bool {
	if c.config.Auth != manifests.AuthManagedIdentity {
		return u.Scheme == c.authority.Scheme && u.Host == c.authority.Host
	}
	return slices.ContainsFunc(identityEndpoints(), func(own *url.URL) bool { return u.Scheme == own.Scheme && u.Host == own.Host })
}

// metadataHost is the address of the metadata service of an Azure virtual machine.
const metadataHost = "169.254.169.254"

// identityEndpoints are where a managed identity's tokens may come from. What Azure puts into the environment of a service names the
// endpoint there; a virtual machine's has a fixed address.
// Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
func identityEndpoints() []*url.URL {
	endpoints := []*url.URL{{Scheme: "http", Host: metadataHost}}
	for _, name := range []string{"IDENTITY_ENDPOINT", "MSI_ENDPOINT"} {
		if own, err := url.Parse(os.Getenv(name)); err == nil && own.Host != "" {
			endpoints = append(endpoints, own)
		}
	}
	return endpoints
}

// tokenWay is how the connection's tokens are fetched. Those of a managed identity come from this machine or its network, which is why
// its endpoints are named, for this alone; and never by a proxy, which could read both the request and the token.
// Source: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#proxies
func (c *Connection) tokenWay() dial.Way {
	if c.config.Auth != manifests.AuthManagedIdentity {
		return c.way
	}
	way := dial.Way{Roots: c.way.Roots}
	for _, endpoint := range identityEndpoints() {
		way.Named = append(way.Named, hostPort(endpoint))
	}
	return way
}

// endpoint is an endpoint of the tenant's token service.
func (c *Connection) endpoint(name string) string {
	return c.authority.String() + "/" + c.config.Tenant + "/oauth2/v2.0/" + name
}

// ConsentURL is the page on which an administrator consents, for the whole tenant, to what the application is registered with.
// Source: https://learn.microsoft.com/entra/identity/enterprise-apps/grant-admin-consent
func (c *Connection) ConsentURL() string {
	return c.authority.String() + "/" + c.config.Tenant + "/adminconsent?client_id=" + c.config.ClientID
}

// read takes from an error answer what is a number or a known word.
func (a *answer) read(header http.Header, body []byte) {
	if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 && seconds <= int(24*time.Hour/time.Second) {
		a.retryAfter = time.Duration(seconds) * time.Second
	}
	var p fastjson.Parser
	v, err := abi.Parse(&p, body, maxAnswer)
	if err != nil {
		return
	}
	a.word = string(v.GetStringBytes("error"))
	for _, number := range v.GetArray("error_codes") {
		if n, err := number.Int64(); err == nil && n > 0 {
			a.numbers = append(a.numbers, n)
		}
	}
	if id := string(v.GetStringBytes("correlation_id")); len(id) == len(uuid.Nil.String()) && uuid.Validate(id) == nil {
		a.correlation = id
	}
}

// endpoints is the discovery document that follows from the configuration.
func (c *Connection) endpoints() []byte {
	base := c.authority.String() + "/" + c.config.Tenant
	doc := []byte(`{"issuer":`)
	doc = abi.AppendString(doc, base+"/v2.0")
	doc = append(doc, `,"authorization_endpoint":`...)
	doc = abi.AppendString(doc, base+"/oauth2/v2.0/authorize")
	doc = append(doc, `,"token_endpoint":`...)
	doc = abi.AppendString(doc, base+"/oauth2/v2.0/token")
	return append(doc, '}')
}

func reply(req *http.Request, status int, body []byte) *http.Response {
	return &http.Response{
		Status:        strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{"Content-Type": {"application/json"}},
		Body:          io.NopCloser(bytes.NewReader(body)),
		ContentLength: int64(len(body)),
		Request:       req,
	}
}

// newTransport makes the transport to a token service.
func newTransport(way dial.Way) *http.Transport {
	transport := way.Transport()
	transport.ResponseHeaderTimeout = tryTimeout
	return transport
}

// readRoots reads certificates in PEM and adds them to the system's.
func readRoots(file string) (*x509.CertPool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%w; create the file or correct its name", err)
	}
	defer f.Close()
	pem, err := io.ReadAll(io.LimitReader(f, maxRoots+1))
	if err != nil {
		return nil, err
	}
	if len(pem) > maxRoots {
		return nil, fmt.Errorf("%s is over %d bytes; keep only the certificates that are needed", file, maxRoots)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool() // A machine without authorities of its own still trusts this file's.
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM; it should start with -----BEGIN CERTIFICATE-----", file)
	}
	return roots, nil
}
