package graph

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
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
	body   *body // nil without one
	blobs  Saver
	id     string
	trace  Trace
	// token is what the latest request was authorised with. No answer may repeat it.
	token string
	// refused is the latest answer that was no success, for a request that takes any status.
	refused *Answer
	// entered says that the limits have let it in already.
	entered bool
	// doubt and after are what is known of the latest attempt, if it failed.
	doubt doubt
	after time.Duration
}

func (c *call) do(ctx context.Context, p *fastjson.Parser) (*Answer, error) {
	target := c.req.URL
	var err error
	switch {
	case c.req.isWrite() && c.req.PageLimit > 0:
		return nil, &abi.Error{Code: abi.InvalidInput, Message: "only the rows of a GET come in pages; leave page out"}
	case c.req.PageLimit > 0 && isContent(c.req.Template):
		return nil, &abi.Error{Code: abi.InvalidInput, Message: "the content of an item is no list; leave page out"}
	case opensUpload(c.req.Template) != (c.req.Upload != ""):
		return nil, &abi.Error{Code: abi.InvalidInput, Message: "upload names the blob for a createUploadSession, and goes with nothing else"}
	case target != "" && !continues(c.client.origin, c.req, target):
		return nil, badLink("it does not continue the list that it was sealed for")
	case c.req.Body == nil:
	case !c.req.isWrite():
		return nil, &abi.Error{Code: abi.InvalidInput, Message: "a GET carries no body; leave body out"}
	default:
		if c.body, err = c.newBody(); err != nil {
			return nil, err
		}
	}
	if target == "" {
		if target, err = buildURL(c.client.origin, c.req); err != nil {
			return nil, err
		}
	}
	switch {
	case c.req.PageLimit > 0:
		return c.pages(ctx, p, target)
	case c.req.Upload != "":
		return c.uploaded(ctx, p, target)
	}
	return c.one(ctx, p, target)
}

// attempt makes a single HTTP request of the call and reads its answer.
func (c *call) attempt(ctx context.Context, p *fastjson.Parser, target string) (*Answer, *failure) {
	c.doubt, c.after = lasting, 0
	answer, err := c.exchange(ctx, p, target)
	if err != nil {
		return nil, &failure{err, c.doubt, c.after}
	}
	return answer, nil
}

func (c *call) exchange(ctx context.Context, p *fastjson.Parser, target string) (*Answer, error) {
	res, err := c.send(ctx, target)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	counted := &counter{Reader: res.Body}
	defer func() { c.trace.BytesIn += counted.n }()
	content := newGuard(contentOf(res, counted), c.token)
	c.trace.Status = res.StatusCode
	if date, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		c.trace.Ahead = c.now().Sub(date)
	}
	c.trace.RequestID = word(content.header(res, "request-id"))
	if res.StatusCode < http.StatusOK { // another protocol begins here, which no time bounds
		return nil, c.refusal(res, nil, c.now())
	}
	if res.StatusCode/100 != 2 {
		body, err := io.ReadAll(io.LimitReader(content, maxErrorBody))
		if errors.Is(err, errEcho) {
			body = nil
		}
		err = c.refusal(res, body, c.now())
		c.weigh(res)
		if c.req.AnyStatus {
			c.refused = c.anyAnswer(res, content, body)
		}
		return nil, err
	}
	answer := &Answer{Status: res.StatusCode, Headers: told(func(name string) string { return content.header(res, name) })}
	if c.req.AnyStatus {
		answer.Headers = c.headersOf(res, content)
		if media := mediaType(content.header(res, "Content-Type")); !c.req.Save && media != jsonType && res.StatusCode != http.StatusNoContent {
			return c.plain(ctx, p, content, media, answer)
		}
	}
	if c.req.Save {
		blob, err := c.blobs.Create(ctx, content, mediaType(content.header(res, "Content-Type")))
		if err != nil {
			return nil, c.broken(ctx, err)
		}
		answer.Blob = &blob
		return answer, nil
	}
	return answer, c.read(ctx, p, content, res.ContentLength, mediaType(content.header(res, "Content-Type")), answer)
}

// told are the headers of an answer that a guest learns.
func told(header func(name string) string) (pairs []abi.Pair) {
	for _, name := range []string{"ETag", "Preference-Applied"} {
		if value := header(name); value != "" && len(value) <= abi.MaxWord {
			pairs = append(pairs, abi.Pair{Name: name, Value: value})
		}
	}
	return pairs
}

// read reads the JSON body of an answer, within the bound of a reply.
// length is what the server says that there is, negative if it does not.
func (c *call) read(ctx context.Context, p *fastjson.Parser, body io.Reader, length int64, media string, answer *Answer) error {
	b, err := readAll(io.LimitReader(body, abi.MaxReply-replyEnvelope+1), length)
	if err == nil {
		err = ctx.Err() // a server that notices it may end the body there, as if it were whole
	}
	if err != nil {
		return c.broken(ctx, err)
	}
	if len(b) == 0 {
		return nil
	}
	if len(b) > abi.MaxReply-replyEnvelope {
		return c.unusable(abi.TooLarge, fmt.Sprintf("is over %d MiB", abi.MaxReply>>20)+"; ask for fewer rows or members, or save it as a blob")
	}
	if media != jsonType {
		return c.malformed("is not JSON but " + media)
	}
	v, err := abi.Parse(p, b, abi.MaxReply)
	if err != nil {
		c.doubt = open // Graph has been seen to end a list in the middle, with an error inside
		return c.malformed("cannot be read: " + err.Error())
	}
	if len(b) > 2*(abi.MaxValues-replyValues) && abi.CountValues(v) > abi.MaxValues-replyValues {
		return c.unusable(abi.TooLarge, "holds too many values; ask for fewer rows or members, or save it as a blob")
	}
	return c.take(v, answer)
}

// maxBelieved is how much memory a server's word is taken for, in bytes.
const maxBelieved = 64 << 10

// readAll is [io.ReadAll] that begins with room for what the server says to come.
func readAll(from io.Reader, length int64) ([]byte, error) {
	var b bytes.Buffer
	b.Grow(int(min(max(length, 0), maxBelieved)) + bytes.MinRead)
	_, err := b.ReadFrom(from)
	return b.Bytes(), err
}

// take makes a body that was read that of an answer, and takes the links out of it.
func (c *call) take(v *fastjson.Value, answer *Answer) (err error) {
	answer.Body = v
	if answer.Next, err = c.takeLink(v, "@odata.nextLink"); err != nil {
		return err
	}
	answer.Delta, err = c.takeLink(v, "@odata.deltaLink")
	return err
}

func (c *call) malformed(problem string) error { return c.unusable(abi.Upstream, problem) }

// unusable is the error of a success whose body cannot be used. A write has
// probably happened all the same.
func (c *call) unusable(code abi.Code, problem string) error {
	e := &abi.Error{Code: code, Message: "Graph's answer " + problem, Detail: c.detail()}
	if c.req.leavesTraces() {
		return unknownOutcome(e, "Graph's answer "+problem)
	}
	return e
}

func (c *call) detail() abi.Detail {
	return abi.Detail{
		Status: c.trace.Status, Time: c.now(),
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

func (c *call) sendOnce(ctx context.Context, target string, authorize func(context.Context, *http.Request) error) (_ *http.Response, err error) {
	admitted, err := c.enter(ctx)
	if err != nil {
		return nil, c.unsent(err)
	}
	defer func() {
		if err != nil {
			admitted.leave()
		}
	}()
	// Once there is a connection, the request may have left: it is written beside
	// this function, and what ends the wait does not tell how far it came. A
	// transport that tells nothing has to be taken to have sent it.
	var left atomic.Bool
	left.Store(true)
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { left.Store(false) },
		GotConn: func(httptrace.GotConnInfo) { left.Store(true) },
	})
	req, err := c.build(traced, target)
	if err != nil {
		return nil, err
	}
	if err := authorize(ctx, req); err != nil {
		return nil, c.unsent(err)
	}
	if err := ctx.Err(); err != nil {
		return nil, c.unsent(err)
	}
	c.token = strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
	if c.body != nil {
		// The transport sends a body again only if a kept connection turned out to
		// be closed before anything was written to it.
		req.ContentLength = c.body.size
		req.GetBody = func() (io.ReadCloser, error) { return c.body.reader(c.blobs), nil }
		req.Body = c.body.reader(c.blobs)
		c.trace.BytesOut += c.body.size
	}
	c.trace.Requests++
	c.trace.ClientRequestID = c.id
	sending := c.client.departs(ctx, c.req.Method, c.template(), c.req.Caller, req.ContentLength)
	res, err := c.client.transport.RoundTrip(req)
	if err != nil {
		sending.report()
		return nil, c.failed(ctx, err, left.Load())
	}
	res.Request = req
	sending.sent.Status = res.StatusCode
	res.Body = &arriving{res.Body, admitted, sending}
	return res, nil
}

// enter waits until the request may be sent: by the limits of its grant and plugin, then that of its
// mailbox, then the connection's, whose rate is so kept to the moment.
func (c *call) enter(ctx context.Context) (*admission, error) {
	if c.entered {
		return nil, nil
	}
	a := &admission{client: c.client, mailbox: c.client.mailboxes.enter(c.req, c.client.settings.Clock)}
	a.limits = [...]*Limit{c.req.Limits.Grant, c.req.Limits.Plugin, a.mailbox.limit(), c.client.settings.Limit}
	for i, limit := range a.limits {
		if err := c.client.pass(ctx, limitKinds()[i], limit, c.req.Caller, 1); err != nil {
			a.leave()
			return nil, err
		}
		a.entered++
	}
	return a, nil
}

// admission is a request that limits have let in. A nil one is of a request that they have let in as part of another.
type admission struct {
	client  *Client
	mailbox *mailboxLimit
	limits  [4]*Limit
	entered int // how many of the limits
	left    bool
}

// leave ends the request to the limits, once. It is called by who makes the request, and by no two at once.
func (a *admission) leave() {
	if a == nil || a.left {
		return
	}
	a.left = true
	for _, limit := range a.limits[:a.entered] {
		limit.Leave(1)
	}
	a.client.mailboxes.leave(a.mailbox)
}

// template is that of the request; the one that carries a batch has none of a manifest.
func (c *call) template() string {
	if c.entered {
		return BatchTemplate
	}
	return c.req.Template.String()
}

func (c *call) now() time.Time { return c.client.settings.Clock.now() }

// weigh notes what a refusal says of what was done, and has others wait as well if the
// mailbox is the one that is asked too much.
func (c *call) weigh(res *http.Response) {
	now := c.now()
	c.after = retryAfter(res.Header.Get("Retry-After"), now)
	switch status := res.StatusCode; {
	case status == http.StatusTooManyRequests:
		c.doubt = untouched
		c.client.mailboxes.pause(c.req, now.Add(c.after))
	case unprocessed(res):
		c.doubt = untouched
	case status == 500, status == 502, status == 503, status == 504:
		c.doubt = open
	}
}

// build makes the request without its body, which is opened once it is sure to be sent.
func (c *call) build(ctx context.Context, target string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, c.req.Method, target, nil)
	if err != nil {
		return nil, &abi.Error{Code: abi.Internal, Message: "the URL of the request cannot be read"}
	}
	for _, h := range c.req.Headers {
		req.Header.Set(h.Name, h.Value)
	}
	// Under the names as [http.CanonicalHeaderKey] writes them, which it need not do for each request then.
	values := [...]string{c.client.settings.UserAgent, c.id, "true", "application/json", "gzip"}
	req.Header["User-Agent"] = values[0:1:1]
	req.Header["Client-Request-Id"] = values[1:2:2]
	req.Header["Return-Client-Request-Id"] = values[2:3:3]
	req.Header["Accept"] = values[3:4:4]
	req.Header["Accept-Encoding"] = values[4:5:5]
	if c.req.Save {
		req.Header.Set("Accept", "*/*")
	}
	if c.body != nil {
		req.Header.Set("Content-Type", cmp.Or(c.req.ContentType, jsonType))
	}
	return req, nil
}

// unsent is the error of a request that never left.
func (c *call) unsent(err error) error {
	var coded *abi.Error
	if errors.As(err, &coded) {
		return coded
	}
	if problem := ending(err); problem != "" {
		return &abi.Error{Code: abi.DeadlineExceeded, Message: problem + " before the request could be sent; nothing was sent", Detail: c.detail()}
	}
	return err
}

// ending tells in words that err is the end of a context, or "".
func ending(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "the invocation's time was over"
	case errors.Is(err, context.Canceled):
		return "the invocation was cancelled"
	default:
		return ""
	}
}

// failed is the error of a request that got no answer. left tells whether it may
// have reached Graph.
func (c *call) failed(ctx context.Context, err error, left bool) error {
	var coded *abi.Error
	switch {
	case left:
		c.doubt = open
	case !untrusted(err) && !errors.As(err, &coded):
		c.doubt = untouched
	}
	switch {
	case left && c.req.leavesTraces():
		return unknownOutcome(&abi.Error{Detail: c.detail()}, "the connection broke")
	case ctx.Err() != nil && left:
		return c.late(ctx)
	case ctx.Err() != nil:
		return c.unsent(ctx.Err())
	case errors.As(err, &coded): // of host/dial or host/connection
		return &abi.Error{Code: coded.Code, Message: coded.Message, Detail: c.detail()}
	default:
		return &abi.Error{Code: abi.Upstream, Message: "Graph cannot be reached at " + c.client.origin.Host + ": " + networkProblem(err), Detail: c.detail()}
	}
}

// late is the error of a read whose answer did not come in time.
func (c *call) late(ctx context.Context) error {
	return &abi.Error{Code: abi.DeadlineExceeded, Message: ending(ctx.Err()) + " before Graph had answered; ask for less, or raise the timeout", Detail: c.detail()}
}

// broken is the error of an answer that ended too soon or could not be kept.
func (c *call) broken(ctx context.Context, err error) error {
	var coded *abi.Error
	if !errors.As(err, &coded) && !errors.Is(err, errEcho) && !errors.Is(err, errEncoding) && !errors.Is(err, errPadding) {
		c.doubt = open
	}
	switch {
	case c.req.leavesTraces():
		return unknownOutcome(&abi.Error{Detail: c.detail()}, "the answer broke off")
	case errors.As(err, &coded):
		return coded
	case errors.Is(err, errEncoding):
		return c.malformed("comes in an encoding that was not asked for")
	case errors.Is(err, errPadding):
		return c.malformed("is longer compressed than it is; check what stands between")
	case errors.Is(err, errEcho):
		return c.malformed("repeats the connection's token and was thrown away; check the connection's graph origin and what stands between")
	default:
		return c.unanswered(ctx)
	}
}

// unanswered is the error of a read without a whole answer.
func (c *call) unanswered(ctx context.Context) error {
	if ctx.Err() != nil {
		return c.late(ctx)
	}
	return &abi.Error{Code: abi.Upstream, Message: "Graph's answer broke off; try again", Detail: c.detail()}
}

// untrusted reports whether the server's certificate is the problem, which does not pass.
func untrusted(err error) bool {
	return errors.As(err, new(*tls.CertificateVerificationError)) || errors.As(err, new(x509.UnknownAuthorityError)) ||
		errors.As(err, new(x509.HostnameError)) || errors.As(err, new(x509.CertificateInvalidError))
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
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return "the proxy does not answer; is it running, and is the connection's proxy right?"
	case errors.As(err, &dns):
		return "its name is not known"
	case errors.As(err, &op) && op.Op == "dial":
		return "nothing answers there; is it running, and is the connection's graph origin right?"
	default:
		return "the connection broke; try again"
	}
}

// graphJSON is the type of the answers of Graph as it spells it.
const graphJSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

func mediaType(header string) string {
	switch header {
	case "application/json", graphJSON: // of nearly every answer, and slow to take apart
		return "application/json"
	}
	media, _, err := mime.ParseMediaType(header)
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
