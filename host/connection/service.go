package connection

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial"
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
// azidentity calls it for one request at a time.
type tokenService struct {
	connection *Connection
	answer     answer
}

// answer is what became of a request to the token service.
type answer struct {
	failure     error // No answer came.
	status      int
	word        string  // "error" of an error answer.
	numbers     []int64 // "error_codes" of it.
	correlation string
	retryAfter  time.Duration
}

// Do implements policy.Transporter.
func (s *tokenService) Do(req *http.Request) (*http.Response, error) {
	c := s.connection
	if req.URL.Scheme != c.authority.Scheme || req.URL.Host != c.authority.Host {
		return nil, s.fail(errForeign)
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
	// What azidentity does not get, it cannot log: the text of an error may repeat the request.
	refused := reply(req, resp.StatusCode, []byte("{}"))
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
	base := c.authority.String() + "/" + c.tenant
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
