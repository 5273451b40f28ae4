package graph

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// call is one request on its way, pages and all.
type call struct {
	client *Client
	req    *Request
	blobs  Saver
	id     string
	trace  Trace
}

func (c *call) do(ctx context.Context, p *fastjson.Parser) (*Answer, error) {
	target := c.req.URL
	if target == "" {
		var err error
		if target, err = buildURL(c.client.origin, c.req); err != nil {
			return nil, err
		}
	}
	if c.req.PageLimit > 0 {
		return c.pages(ctx, p, target)
	}
	return c.one(ctx, p, target)
}

// one makes a single HTTP request of the call and reads its answer.
func (c *call) one(ctx context.Context, p *fastjson.Parser, target string) (*Answer, error) {
	res, err := c.send(ctx, target)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	counted := &counter{Reader: res.Body}
	defer func() { c.trace.BytesIn += counted.n }()
	c.trace.Status = res.StatusCode
	c.trace.RequestID = word(res.Header.Get("request-id"))
	if res.StatusCode/100 != 2 {
		body, _ := io.ReadAll(io.LimitReader(counted, maxErrorBody))
		return nil, refusal(c.req, res, body, time.Now())
	}
	answer := &Answer{Status: res.StatusCode}
	for _, name := range []string{"ETag", "Preference-Applied"} {
		if value := res.Header.Get(name); value != "" && len(value) <= abi.MaxWord {
			answer.Headers = append(answer.Headers, abi.Pair{Name: name, Value: value})
		}
	}
	if c.req.Save {
		blob, err := c.blobs.Create(ctx, counted, mediaType(res))
		if err != nil {
			return nil, c.broken(ctx, err)
		}
		answer.Blob = &blob
		return answer, nil
	}
	return answer, c.read(ctx, p, res, counted, answer)
}

// read reads the JSON body of an answer, within the bound of a reply.
func (c *call) read(ctx context.Context, p *fastjson.Parser, res *http.Response, body io.Reader, answer *Answer) error {
	const envelope = 64 << 10 // room for what a reply holds besides the body
	b, err := io.ReadAll(io.LimitReader(body, abi.MaxReply-envelope+1))
	if err != nil {
		return c.broken(ctx, err)
	}
	if len(b) == 0 {
		return nil
	}
	if len(b) > abi.MaxReply-envelope {
		return &abi.Error{Code: abi.TooLarge, Message: "Graph's answer is over 16 MB; ask for fewer rows or members, or save it as a blob", Detail: c.detail()}
	}
	if media := mediaType(res); media != "application/json" {
		return c.malformed("is not JSON but " + media)
	}
	v, err := abi.Parse(p, b, abi.MaxReply)
	if err != nil {
		return c.malformed("cannot be read: " + err.Error())
	}
	answer.Body = v
	answer.Next, err = c.takeLink(v, "@odata.nextLink")
	if err != nil {
		return err
	}
	answer.Delta, err = c.takeLink(v, "@odata.deltaLink")
	return err
}

// malformed is the error of a success whose body cannot be used. A write has
// happened all the same.
func (c *call) malformed(problem string) error {
	e := &abi.Error{Code: abi.Upstream, Message: "Graph's answer " + problem, Detail: c.detail()}
	if c.req.write() {
		return unknownOutcome(e, "Graph's answer "+problem)
	}
	return e
}

func (c *call) detail() abi.Detail {
	return abi.Detail{
		Status: c.trace.Status, Time: time.Now(),
		RequestID: c.trace.RequestID, ClientRequestID: c.id,
	}
}

// send sends the request once; a second time if Graph refused the token, which
// means that it did nothing.
func (c *call) send(ctx context.Context, target string) (*http.Response, error) {
	res, err := c.sendOnce(ctx, target, c.client.auth.Authorize)
	if err != nil || res.StatusCode != http.StatusUnauthorized {
		return res, err
	}
	io.Copy(io.Discard, io.LimitReader(res.Body, maxErrorBody))
	res.Body.Close()
	refused := res.Request.Header
	return c.sendOnce(ctx, target, func(ctx context.Context, req *http.Request) error {
		req.Header["Authorization"] = refused["Authorization"]
		return c.client.auth.Renew(ctx, req)
	})
}

func (c *call) sendOnce(ctx context.Context, target string, authorize func(context.Context, *http.Request) error) (*http.Response, error) {
	if err := c.req.Rate.Wait(ctx); err != nil {
		return nil, c.unsent(err)
	}
	if err := c.client.rate.Wait(ctx); err != nil {
		return nil, c.unsent(err)
	}
	// A transport that does not tell has to be taken to have sent the request.
	var left atomic.Bool
	left.Store(true)
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { left.Store(false) },
		WroteHeaders: func() { left.Store(true) },
	})
	req, size, err := c.build(traced, target)
	if err != nil {
		return nil, err
	}
	if err := authorize(ctx, req); err != nil {
		return nil, c.unsent(err)
	}
	c.trace.Requests++
	c.trace.BytesOut += size
	c.trace.ClientRequestID = c.id
	res, err := c.client.transport.RoundTrip(req)
	if err != nil {
		return nil, c.failed(ctx, err, left.Load())
	}
	res.Request = req
	return res, nil
}

func (c *call) build(ctx context.Context, target string) (*http.Request, int64, error) {
	req, err := http.NewRequestWithContext(ctx, c.req.Method, target, nil)
	if err != nil {
		return nil, 0, &abi.Error{Code: abi.Internal, Message: "the URL of the request cannot be read"}
	}
	for _, h := range c.req.Headers {
		req.Header.Set(h.Name, h.Value)
	}
	req.Header.Set("User-Agent", c.client.userAgent)
	req.Header.Set("client-request-id", c.id)
	req.Header.Set("return-client-request-id", "true")
	req.Header.Set("Accept", "application/json")
	if c.req.Save {
		req.Header.Set("Accept", "*/*")
	}
	if c.req.Body == nil {
		return req, 0, nil
	}
	body, err := newBody(c.req.Body, c.blobs)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.ContentLength = body.size
	req.Body = body.reader(c.blobs)
	return req, body.size, nil
}

// unsent is the error of a request that never left.
func (c *call) unsent(err error) error {
	var coded *abi.Error
	if errors.As(err, &coded) {
		return coded
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &abi.Error{Code: abi.DeadlineExceeded, Message: "the invocation's time was over before the request could be sent; nothing was sent", Detail: c.detail()}
	}
	return err
}

// failed is the error of a request that got no answer. left tells whether it may
// have reached Graph.
func (c *call) failed(ctx context.Context, err error, left bool) error {
	if left && c.req.write() {
		return unknownOutcome(&abi.Error{Detail: c.detail()}, "the connection broke")
	}
	if ctx.Err() != nil {
		return c.unsent(ctx.Err())
	}
	return &abi.Error{Code: abi.Upstream, Message: "Graph cannot be reached at " + c.client.origin.Host + ": " + networkProblem(err), Detail: c.detail()}
}

// broken is the error of an answer that ended too soon.
func (c *call) broken(ctx context.Context, err error) error {
	var coded *abi.Error
	switch {
	case errors.As(err, &coded):
		return coded
	case c.req.write():
		return unknownOutcome(&abi.Error{Detail: c.detail()}, "the answer broke off")
	case ctx.Err() != nil:
		return c.unsent(ctx.Err())
	default:
		return &abi.Error{Code: abi.Upstream, Message: "Graph's answer broke off; try again", Detail: c.detail()}
	}
}

// networkProblem tells the likely cause in words. The error's own text may hold
// the URL and more, and stays behind.
func networkProblem(err error) string {
	var unknown x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &unknown):
		return "its certificate is of an authority that is not trusted; is ca_file the one of this server?"
	case errors.As(err, &hostname):
		return "its certificate is for another name"
	case errors.As(err, &invalid):
		return "its certificate is not valid now"
	case errors.As(err, &dns):
		return "its name is not known"
	case errors.As(err, &op) && op.Op == "dial":
		return "nothing answers there; is it running, and is the connection's graph origin right?"
	default:
		return "the connection broke; try again"
	}
}

func mediaType(res *http.Response) string {
	media, _, err := mime.ParseMediaType(res.Header.Get("Content-Type"))
	if err != nil || len(media) > abi.MaxWord {
		return "application/octet-stream"
	}
	return strings.ToLower(media)
}

// counter counts the bytes read.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	return n, err
}
