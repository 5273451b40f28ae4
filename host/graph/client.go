package graph

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/dial"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

// Authorizer adds the credential to a request, if and only if it goes to its own
// origin. host/connection has the one that production uses.
type Authorizer interface {
	// Authorize sets the Authorization header.
	Authorize(ctx context.Context, req *http.Request) error
	// Renew puts a newer token on a request that Graph answered with 401.
	Renew(ctx context.Context, req *http.Request) error
}

// Saver keeps the bytes of an answer as a blob of the invocation.
type Saver interface {
	Blobs
	Create(ctx context.Context, r io.Reader, contentType string) (abi.Blob, error)
}

// Request is a request that policy has allowed.
type Request struct {
	Method   string
	Template manifests.Template
	// Beta sends it to Graph's beta version.
	Beta    bool
	Params  []abi.Pair
	Query   []abi.Pair
	Headers []abi.Pair
	// Body is nil, or a tree that was read by [abi.Parse].
	Body *fastjson.Value
	// ContentType is the media type of a Body that is a text instead of JSON.
	ContentType string
	// AnyStatus makes an answer of every status, with its headers and its body, unless it leaves open whether a write was
	// carried out. A body that is no JSON is a text, or a blob.
	AnyStatus bool
	// PageLimit is how many rows of a list to merge; 0 for one answer as it is.
	PageLimit int
	// Save keeps the answer as a blob.
	Save bool
	// Upload is a blob to put into the upload session that the request opens.
	Upload string
	// After are the places in its batch of earlier requests that have to succeed before it is sent.
	After []int
	// URL is a link of an earlier answer to a request of the same Template and Params,
	// instead of Query.
	URL string
	// Keep names the parameters that are constrained: a link must not lead to another
	// value of them.
	Keep []string
	// Limits are kept besides the connection's and the mailbox's. Requests of one batch have the same.
	Limits Limits
	// Caller is who waits for them.
	Caller Caller
}

// Limits are those that a request shares with others of its plugin; nil is none.
type Limits struct {
	// Grant is that of its grant, and Plugin what the plugin's own manifest says.
	Grant, Plugin *Limit
}

func (r *Request) isWrite() bool { return r.Method != http.MethodGet }

// leavesTraces reports whether a request that was carried out unnoticed matters. An upload session that was
// opened so expires, with what is in it.
func (r *Request) leavesTraces() bool { return r.isWrite() && r.Upload == "" }

// isRepeatable reports whether doing it twice is the same as once.
func (r *Request) isRepeatable() bool {
	switch r.Method {
	case http.MethodPost:
		return r.Upload != ""
	case http.MethodDelete:
		return !r.goesToDeletedItems()
	default:
		return true
	}
}

// goesToDeletedItems reports whether a DELETE moves a thing to Deleted Items and leaves it its id. A second
// DELETE would find it there and go further: to Recoverable Items with a message, to nowhere with a folder. A message
// gets another id with the move, unless the request asks for immutable ids.
// Source: https://learn.microsoft.com/graph/outlook-immutable-id
func (r *Request) goesToDeletedItems() bool {
	segments := r.Template.Segments()
	if len(segments) < 2 || segments[len(segments)-1].Parameter == "" {
		return false
	}
	switch strings.ToLower(segments[len(segments)-2].Literal) {
	case "mailfolders", "childfolders":
		return true
	case "messages":
		return slices.ContainsFunc(r.Headers, func(h abi.Pair) bool {
			return strings.EqualFold(h.Name, "Prefer") && strings.Contains(strings.ToLower(h.Value), "immutableid")
		})
	}
	return false
}

// Answer is what Graph answered.
type Answer struct {
	Status  int
	Headers []abi.Pair
	// Body is nil without one.
	Body *fastjson.Value
	Blob *abi.Blob
	// Next and Delta are Graph's links, not yet sealed, on the connection's origin.
	Next, Delta string
	Truncated   bool
}

// Trace is what the audit record says of an exchange's HTTP, also when it failed.
type Trace struct {
	// Requests counts the HTTP requests: one for each page.
	Requests int
	// Status, RequestID and ClientRequestID are those of the last.
	Status                     int
	RequestID, ClientRequestID string
	// BytesOut and BytesIn count bodies.
	BytesOut, BytesIn int64
	// Ahead is by how much this machine's clock was ahead of the server's, by the Date of the last answer that had one.
	Ahead time.Duration
}

// Client makes the requests of one connection. It is safe for concurrent use.
type Client struct {
	origin    *url.URL
	auth      Authorizer
	transport http.RoundTripper
	settings  Settings
	mailboxes mailboxes
}

// Settings are those of a connection.
type Settings struct {
	// Limit bounds the requests of the connection; nil does not.
	Limit *Limit
	// Shared is what bounds them together with those of other hosts, after Limit has let them in; nil does not.
	Shared Shared
	// Retry says how often and for how long requests are tried again. The zero value never does.
	Retry Retry
	// UploadHosts are where upload sessions may be: host[:port], or *.domain for all below a domain.
	UploadHosts []string
	// Scheme is the kind of token that requests carry, by which a refusal is explained. The zero value explains less.
	Scheme permissions.Scheme
	// UserAgent names the host to Graph.
	UserAgent string
	// Observer is told what the requests do; nil for nobody.
	Observer Observer
	// Clock is what retries wait by, and what the limits of mailboxes go by.
	Clock Clock
}

// NewClient makes a client for the Graph origin, an https URL without a path.
func NewClient(origin *url.URL, auth Authorizer, transport http.RoundTripper, settings Settings) *Client {
	return &Client{origin: origin, auth: auth, transport: transport, settings: settings}
}

// NewTransport makes the transport of one connection to Graph and its upload sessions, by the way that
// host/connection tells.
func NewTransport(way dial.Way) *http.Transport {
	transport := way.Transport()
	transport.ResponseHeaderTimeout = headerTimeout
	return transport
}

// Do makes the request. The values of the answer belong to p. The error is an
// [*abi.Error]; the trace tells how far it came.
func (c *Client) Do(ctx context.Context, p *fastjson.Parser, req *Request, blobs Saver) (*Answer, Trace, error) {
	call := &call{client: c, req: req, blobs: blobs, id: uuid.NewString()}
	answer, err := call.do(ctx, p)
	if refused := call.refused; err != nil && refused != nil && !errors.Is(err, abi.OutcomeUnknown) && ofStatus(err, refused.Status) {
		return refused, call.trace, nil
	}
	return answer, call.trace, err
}
