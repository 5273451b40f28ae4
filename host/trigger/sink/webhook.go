package sink

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/postern-dev/postern/host/dial"
	"github.com/postern-dev/postern/host/trigger"
)

const (
	// RecordHeader names a record by its [ID]: in the question whether a receiver has it, and in the answer.
	RecordHeader = "Postern-Record"
	// DefaultTimeout is how long a receiver may take for one record.
	DefaultTimeout = 30 * time.Second
	// DefaultSettle is how long a request may still be under way at the receiver although its sender is gone.
	DefaultSettle = time.Minute
	// sending is how long after the first of them began records are posted. Those that are left come again, noted anew: when a sender dies it
	// is only known when what it sent began, and so when it must have ended.
	sending = 10 * time.Second

	// hostSlack is by how much the clock of the host that began a delivery may be behind.
	hostSlack = 30 * time.Second
	// maxAnswer is how much of an answer is read, so that its connection can be used again. Nothing of it is looked at.
	maxAnswer = 64 << 10
	// maxRetryAfter bounds how long a receiver can ask to be left alone.
	maxRetryAfter = 24 * time.Hour
	// minSecret is how many bytes a secret has at least, as Standard Webhooks ask for.
	minSecret = 24
	// secretPrefix begins a secret that is written in base64.
	secretPrefix = "whsec_"
)

// WebhookOptions are those of a webhook.
type WebhookOptions struct {
	// URL is where records are posted to: https, or http to this machine.
	URL string
	// Secret returns what requests are signed with, at least 24 bytes: text, or "whsec_" and base64. It is asked for at every delivery, so
	// that it can change; nil signs nothing.
	Secret func(ctx context.Context) (string, error)
	// Way is how requests get there. A host that URL names by its address, or as localhost, may be at that; any other must be at a public
	// one unless Way.Named has it.
	Way dial.Way
	// Timeout bounds one request; 0 is [DefaultTimeout].
	Timeout time.Duration
	// Settle is how long after its sender was through with it the receiver is not yet asked about a delivery in doubt; 0 is
	// [DefaultSettle]. It is longer than the receiver, and what stands before it, keep a request whose sender is gone.
	Settle time.Duration
	// Now is the clock; nil is [time.Now].
	Now func() time.Time
}

// Webhook is a [trigger.Sink] that posts each record, signed by the scheme of Standard Webhooks
// (https://github.com/standard-webhooks/standard-webhooks): webhook-id is the record's [ID], webhook-timestamp the time in seconds, and
// webhook-signature "v1," and the base64 of the HMAC-SHA256 over id, timestamp and body, with dots between.
//
//	answer                        what becomes of the record
//	2xx                           it is delivered
//	408, 429, 500, 503, other 5xx it is tried again, not before Retry-After
//	3xx                           it is tried again; no redirect is followed
//	other 4xx                     it is parked
//	502, 504, none or half of one it is in doubt, once the request has left
//
// In doubt the receiver is asked, with GET, the same signature of an empty body, and the header Postern-Record: ID. It answers 200 or 204 if
// it has the record, 404 if not, and repeats the header: an answer without it is from somebody who does not know what was asked.
type Webhook struct {
	options   WebhookOptions
	transport *http.Transport
}

var _ trigger.Sink = (*Webhook)(nil)

// NewWebhook makes the sink. The error says what is wrong with the options, and quotes nothing of the URL: it may hold a secret.
func NewWebhook(options WebhookOptions) (*Webhook, error) {
	u, err := url.Parse(options.URL)
	if err != nil || u.Hostname() == "" || u.Fragment != "" || u.User != nil || u.Opaque != "" {
		return nil, errors.New("url is no URL such as \"https://siem.example/records\", without credentials")
	}
	address, err := netip.ParseAddr(u.Hostname())
	itself := u.Hostname() == "localhost" || err == nil && address.Unmap().IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !itself) {
		return nil, errors.New("url must begin with https://; http:// is for this machine only")
	}
	if itself || err == nil {
		host := u.Host
		if u.Port() == "" && u.Scheme == "http" {
			host += ":80"
		}
		options.Way.Named = append([]string{host}, options.Way.Named...)
	}
	if options.Timeout < 0 || options.Settle < 0 {
		return nil, errors.New("times must not be negative")
	}
	if options.Timeout == 0 {
		options.Timeout = DefaultTimeout
	}
	if options.Settle == 0 {
		options.Settle = DefaultSettle
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Webhook{options, options.Way.Transport()}, nil
}

// Close closes connections that are kept open.
func (w *Webhook) Close() error {
	w.transport.CloseIdleConnections()
	return nil
}

// Deliver posts one record after the other, for some seconds.
func (w *Webhook) Deliver(ctx context.Context, records []trigger.Delivery) (int, error) {
	for i := range records {
		if i > 0 && w.options.Now().Sub(records[0].Begun) > sending {
			return i, nil
		}
		if err := ctx.Err(); err != nil {
			return i, err
		}
		if err := w.post(ctx, &records[i]); err != nil {
			return i, err
		}
	}
	return len(records), nil
}

func (w *Webhook) post(ctx context.Context, r *trigger.Delivery) error {
	body, err := message(r)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, w.options.Timeout)
	defer cancel()
	var left atomic.Bool // whether anything of the request has left; the transport tells so on another goroutine
	req, err := w.request(httptrace.WithClientTrace(within, &httptrace.ClientTrace{
		WroteHeaderField: func(string, []string) { left.Store(true) },
	}), http.MethodPost, ID(r.Trigger, r.Key), body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	// The transport sends a request again by itself only if it may be sent twice, or if nothing of it has left.
	req.GetBody = nil
	req.Body = io.NopCloser(&leasedBody{ctx, bytes.NewReader(body)})
	res, err := w.transport.RoundTrip(req)
	if err != nil {
		if left.Load() {
			return &trigger.DoubtError{Reason: "no answer came to a request that had left"}
		}
		return errors.New("the receiver cannot be reached: " + plain(err))
	}
	defer res.Body.Close()
	finish(res)
	return judge(res)
}

// leasedBody is the body of a request that is not sent if the lease has ended while the connection was made. The transport reads it before anything
// has left, but for headers that are longer than ours.
type leasedBody struct {
	ctx  context.Context
	body io.Reader
}

func (b *leasedBody) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.body.Read(p)
}

// finish reads an answer as far as that lets its connection be used again, whatever becomes of it: the status has said all. After 101 the
// connection speaks something else, which nothing bounds.
func finish(res *http.Response) {
	if res.StatusCode != http.StatusSwitchingProtocols {
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	}
}

// request makes a signed request.
func (w *Webhook) request(ctx context.Context, method, id string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, w.options.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("url is no URL")
	}
	stamp := strconv.FormatInt(w.options.Now().Unix(), 10)
	req.Header.Set("User-Agent", "Postern")
	req.Header["webhook-id"] = []string{id} // in the spelling of the scheme; servers take any
	req.Header["webhook-timestamp"] = []string{stamp}
	if w.options.Secret == nil {
		return req, nil
	}
	secret, err := w.options.Secret(ctx)
	if err != nil {
		return nil, err
	}
	key, err := keyOf(secret)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	req.Header["webhook-signature"] = []string{"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}
	return req, nil
}

// keyOf returns the key of a secret. Its errors do not quote it.
func keyOf(secret string) ([]byte, error) {
	key := []byte(secret)
	if text, ok := strings.CutPrefix(secret, secretPrefix); ok {
		var err error
		if key, err = base64.StdEncoding.DecodeString(text); err != nil {
			return nil, errors.New("the webhook's secret is not base64 after whsec_")
		}
	}
	if len(key) < minSecret {
		return nil, fmt.Errorf("the webhook's secret has less than %d bytes; make a longer one", minSecret)
	}
	return key, nil
}

// judge tells what an answer means for the record.
func judge(res *http.Response) error {
	reason := fmt.Sprintf("the receiver answered %d", res.StatusCode)
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusBadGateway, code == http.StatusGatewayTimeout:
		return &trigger.DoubtError{Reason: reason + ", which a gateway says of a request that may have arrived"}
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return &trigger.LaterError{Reason: reason, After: retryAfter(res)}
	case code >= 400:
		return &trigger.PermanentError{Reason: reason}
	case code >= 300:
		return errors.New(reason + ", and redirects are not followed; name the URL that it leads to")
	default:
		return &trigger.DoubtError{Reason: reason}
	}
}

// retryAfter reads Retry-After, in seconds or as a date. Source: RFC 9110, 10.2.3.
func retryAfter(res *http.Response) time.Duration {
	text := res.Header.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		now, err := http.ParseTime(res.Header.Get("Date"))
		if err != nil {
			now = time.Now()
		}
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// Holds asks the receiver for one record after the other.
func (w *Webhook) Holds(ctx context.Context, records []trigger.Delivery) ([]bool, error) {
	for i := range records {
		ended := records[i].Begun.Add(sending + w.options.Timeout + hostSlack)
		if known := records[i].Ended; !known.IsZero() && known.Before(ended) {
			ended = known
		}
		if wait := ended.Add(w.options.Settle).Sub(w.options.Now()); wait > 0 {
			return nil, &trigger.LaterError{Reason: "the delivery may still be on its way", After: wait}
		}
	}
	holds := make([]bool, len(records))
	for i := range records {
		var err error
		if holds[i], err = w.ask(ctx, ID(records[i].Trigger, records[i].Key)); err != nil {
			return nil, err
		}
	}
	return holds, nil
}

func (w *Webhook) ask(ctx context.Context, id string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, w.options.Timeout)
	defer cancel()
	req, err := w.request(ctx, http.MethodGet, id, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set(RecordHeader, id)
	res, err := w.transport.RoundTrip(req)
	if err != nil {
		return false, errors.New("the receiver cannot be asked whether it has the record: " + plain(err))
	}
	defer res.Body.Close()
	finish(res)
	knows := res.Header.Get(RecordHeader) == id
	switch code := res.StatusCode; {
	case knows && (code == http.StatusOK || code == http.StatusNoContent):
		return true, nil
	case knows && code == http.StatusNotFound:
		return false, nil
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500 && code != http.StatusNotImplemented:
		return false, &trigger.LaterError{Reason: fmt.Sprintf("the receiver answered %d when it was asked", code), After: retryAfter(res)}
	default:
		return false, trigger.ErrCannotTell
	}
}

// plain is the text of an error on the way to the receiver, without its line ends. The transport's errors do not hold the URL.
func plain(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "it took too long"
	case errors.Is(err, context.Canceled):
		return "the host is stopping"
	}
	const shown = 300
	text := strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, err.Error()), " ")
	return text[:min(len(text), shown)]
}
