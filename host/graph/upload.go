package graph

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

const (
	// uploadPiece is how much of a blob one request carries, in bytes: ten times 320 KiB, of which other upload
	// sessions of Graph want multiples, and below the 4 MB that Outlook takes.
	// Source: https://learn.microsoft.com/graph/outlook-large-attachments
	uploadPiece = 10 * 320 << 10
	// maxUpload is the largest attachment that Outlook takes, in bytes.
	maxUpload = 150 << 20
	// maxUploadURL bounds the address of a session, in bytes.
	maxUploadURL = 8 << 10
)

// opensUpload reports whether a request opens an upload session. Its answer names an address that is as
// good as a key, and so is for the host alone.
func opensUpload(template manifests.Template) bool {
	path := template.String()
	last := strings.TrimSuffix(strings.ToLower(path[strings.LastIndexByte(path, '/')+1:]), "()")
	return strings.TrimPrefix(last, "microsoft.graph.") == "createuploadsession"
}

// upload is a blob on its way into an upload session.
type upload struct {
	*call
	blob    io.ReadSeeker
	size    int64
	session string // its address, which is never told
	host    string // of the address, which may be
}

// uploaded opens an upload session by the call's request and puts the blob into it. Nobody sees the attachment
// before the last piece has arrived: so until then a failure means that nothing happened.
func (c *call) uploaded(ctx context.Context, p *fastjson.Parser, target string) (*Answer, error) {
	blob, size, err := c.blobs.Open(c.req.Upload)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	if size == 0 || size > maxUpload {
		return nil, &abi.Error{Code: abi.TooLarge, Message: fmt.Sprintf("the blob has %d bytes; an upload session takes 1 to %d", size, maxUpload)}
	}
	opened, err := c.one(ctx, p, target)
	if err != nil {
		return nil, err
	}
	address := string(opened.Body.GetStringBytes("uploadUrl"))
	host, err := c.client.uploadHost(address)
	if err != nil {
		return nil, &abi.Error{Code: abi.Upstream, Message: "Graph opened no upload session that can be used: " + err.Error(), Detail: c.detail()}
	}
	u := &upload{call: c, blob: blob, size: size, session: address, host: host}
	answer, err := u.pieces(ctx, p)
	if err != nil && !errors.Is(err, abi.OutcomeUnknown) {
		u.cancel()
	}
	return answer, err
}

// uploadHost checks the address of a session and returns its host. It must be one that the connection's
// operator, or Microsoft, has named for this: the blob goes there.
func (c *Client) uploadHost(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxUploadURL || u.Scheme != "https" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return "", errors.New("its address is not that of an https server")
	}
	for _, allowed := range c.settings.UploadHosts {
		suffix, wild := strings.CutPrefix(allowed, "*.")
		if u.Host == allowed || wild && strings.HasSuffix(u.Host, "."+suffix) {
			return u.Host, nil
		}
	}
	return "", fmt.Errorf("it is at another host than those of upload_hosts (%s)", strings.Join(c.settings.UploadHosts, ", "))
}

// pieces sends the blob, piece by piece, and returns what the answer to the last one tells.
func (u *upload) pieces(ctx context.Context, p *fastjson.Parser) (*Answer, error) {
	attempts := max(u.client.settings.Retry.Attempts, 1)
	// A server may want a piece in parts, but not go on by a few bytes for ever.
	most := 2 * (u.size/uploadPiece + 1)
	for offset, failed := int64(0), 0; ; {
		end := min(offset+uploadPiece, u.size)
		u.doubt, u.after = lasting, 0
		next, location, err := u.piece(ctx, p, offset, end)
		switch {
		case err == nil && location != nil:
			return location, nil
		case err == nil && next > offset && next <= end && next < u.size && most > 0:
			offset, failed = next, 0
			most--
			continue
		case err == nil:
			return nil, u.malformed("to a piece of an upload asks for a piece that there is not, or for ever smaller ones")
		}
		if failed++; failed >= attempts || u.doubt == lasting {
			return nil, u.ended(err, end)
		}
		wait, again := u.client.settings.Retry.wait(ctx, u.client.settings.Clock, u.req, &failure{err, u.doubt, u.after}, failed)
		if !again {
			return nil, u.ended(err, end)
		}
		u.client.retrying(ctx, u.req, failed, wait)
		if u.client.settings.Clock.sleep(ctx, wait) != nil {
			return nil, u.ended(err, end)
		}
		if u.doubt == open {
			// The piece may have arrived. Asking where the session stands is not offered everywhere.
			if next, err := u.standing(ctx, p); err == nil && next > offset && next <= end && next < u.size {
				offset = next
			}
		}
	}
}

// ended is the error of a piece after which there was no other.
func (u *upload) ended(err error, end int64) error {
	if end == u.size && u.doubt == open {
		return unknownOutcome(&abi.Error{Detail: u.detail()}, "the last piece of the upload got no answer")
	}
	return err
}

// piece sends the bytes from offset to end. It returns from where the server wants the next, or, after the last piece,
// the answer.
func (u *upload) piece(ctx context.Context, p *fastjson.Parser, offset, end int64) (next int64, done *Answer, err error) {
	if _, err := u.blob.Seek(offset, io.SeekStart); err != nil {
		return 0, nil, &abi.Error{Code: abi.Internal, Message: "the blob cannot be read: " + err.Error()}
	}
	res, err := u.send(ctx, http.MethodPut, io.LimitReader(u.blob, end-offset), func(req *http.Request) {
		req.ContentLength = end - offset
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, end-1, u.size))
		u.trace.BytesOut += end - offset
	})
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	switch {
	case res.StatusCode == http.StatusCreated && end == u.size:
		return 0, &Answer{Status: res.StatusCode, Body: attachmentOf(p, res.Header.Get("Location"))}, nil
	case res.StatusCode == http.StatusOK || res.StatusCode == http.StatusAccepted:
		next, err := u.expected(p, res)
		return next, nil, err
	}
	return 0, nil, u.refused(res)
}

// standing asks where the session wants the next piece from.
func (u *upload) standing(ctx context.Context, p *fastjson.Parser) (int64, error) {
	res, err := u.send(ctx, http.MethodGet, nil, func(*http.Request) {})
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, u.refused(res)
	}
	return u.expected(p, res)
}

// expected reads the start of the first range that the session expects.
func (u *upload) expected(p *fastjson.Parser, res *http.Response) (int64, error) {
	b, err := io.ReadAll(io.LimitReader(res.Body, maxErrorBody))
	if err != nil {
		u.doubt = open
		return 0, u.broken(res.Request.Context(), err)
	}
	v, err := abi.Parse(p, b, maxErrorBody)
	if err != nil {
		return 0, u.malformed("cannot be read: " + err.Error())
	}
	ranges := v.GetArray("nextExpectedRanges")
	if len(ranges) == 0 {
		return 0, u.malformed("does not tell which piece comes next")
	}
	start, _, _ := strings.Cut(string(ranges[0].GetStringBytes()), "-")
	next, err := strconv.ParseInt(start, 10, 64)
	if err != nil || next < 0 {
		return 0, u.malformed("does not tell which piece comes next")
	}
	return next, nil
}

// cancel gives the session up. If that fails, it expires by itself.
func (u *upload) cancel() {
	ctx, cancel := context.WithTimeout(context.Background(), cancelTimeout)
	defer cancel()
	if res, err := u.send(ctx, http.MethodDelete, nil, func(*http.Request) {}); err == nil {
		res.Body.Close()
	}
}

// send makes a request to the session. It carries no token: the address is the key, and the host is not Graph's.
func (u *upload) send(ctx context.Context, method string, body io.Reader, prepare func(*http.Request)) (*http.Response, error) {
	admitted, err := u.enter(ctx)
	if err != nil {
		return nil, u.unsent(err)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.session, body)
	if err != nil {
		admitted.leave()
		return nil, u.malformed("names an upload session that cannot be asked")
	}
	req.Header.Set("User-Agent", u.client.settings.UserAgent)
	prepare(req)
	u.trace.Requests++
	sending := u.client.departs(ctx, method, UploadTemplate, u.req.Caller, req.ContentLength)
	res, err := u.client.transport.RoundTrip(req)
	if err != nil {
		sending.report()
		admitted.leave()
		var coded *abi.Error
		if u.doubt = open; untrusted(err) || errors.As(err, &coded) {
			u.doubt = lasting
		}
		if ctx.Err() != nil {
			return nil, &abi.Error{Code: abi.DeadlineExceeded, Message: ending(ctx.Err()) + " during the upload; nothing was attached", Detail: u.detail()}
		}
		if coded != nil {
			return nil, &abi.Error{Code: coded.Code, Message: coded.Message, Detail: u.detail()}
		}
		return nil, &abi.Error{Code: abi.Upstream, Message: "the upload session cannot be reached at " + u.host + ": " + networkProblem(err), Detail: u.detail()}
	}
	u.trace.Status = res.StatusCode
	sending.sent.Status = res.StatusCode
	res.Body = &arriving{res.Body, admitted, sending}
	return res, nil
}

// refused is the error of an answer of the session that is not a success.
func (u *upload) refused(res *http.Response) error {
	now := u.now()
	u.weigh(res)
	e := &abi.Error{Code: abi.Upstream, Detail: u.detail()}
	e.Detail.RetryAfter = retryAfter(res.Header.Get("Retry-After"), now)
	advice := "try again"
	switch res.StatusCode {
	case http.StatusTooManyRequests:
		e.Code, advice = abi.Throttled, "Outlook asks to slow down"
	case http.StatusNotFound, http.StatusGone, http.StatusUnauthorized, http.StatusForbidden:
		e.Code, advice = abi.NotFound, "the upload session is gone, or has expired; start the upload anew"
	case http.StatusRequestEntityTooLarge:
		e.Code, advice = abi.TooLarge, "the attachment is too large"
	case http.StatusRequestedRangeNotSatisfiable:
		u.doubt, advice = open, "the session wants another piece"
	case http.StatusInsufficientStorage:
		e.Code, advice = abi.Quota, "the mailbox is full"
	}
	e.Message = fmt.Sprintf("%s (the upload session at %s answered %d)", advice, u.host, res.StatusCode)
	return e
}

// attachmentOf makes the body of the last answer: the id of the attachment, if its address tells it.
func attachmentOf(p *fastjson.Parser, location string) *fastjson.Value {
	_, key, found := strings.Cut(location, "Attachments('")
	id, closed := strings.CutSuffix(key, "')")
	if decoded, err := url.PathUnescape(id); err == nil {
		id = decoded
	}
	if !found || !closed || len(id) > abi.MaxWord || slices.Contains([]byte(id), '\'') || id == "" {
		return nil
	}
	v, err := abi.Parse(p, append(abi.AppendString([]byte(`{"id":`), id), '}'), abi.MaxReply)
	if err != nil {
		return nil
	}
	return v
}
