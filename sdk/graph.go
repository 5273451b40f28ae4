package sdk

import (
	"iter"
	"maps"
	"slices"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// Params holds a value for each parameter of a path template. The host
// percent-encodes each as one segment.
type Params map[string]string

// Query holds query options, such as $select, unencoded.
type Query map[string]string

// Headers holds request headers. The host allows few, such as Prefer.
type Headers map[string]string

// Request is one Graph request.
type Request struct {
	// Capability is the id of the manifest's capability that allows the request.
	Capability string
	// Method is GET if empty.
	Method string
	// Path is a template as it stands in the manifest, without version, such as
	// /users/{user}/messages/{message}.
	Path string
	// Params has a value for each parameter of Path.
	Params Params
	// Query and Headers may be nil.
	Query   Query
	Headers Headers
	// Body is sent as JSON; {"$blob":"name"} in it stands for a blob's bytes in base64.
	Body *Value
	// ContentType makes Body, a text then, something else than JSON: "text/plain" is the MIME source of a mail in base64.
	ContentType string
	// PageLimit asks for one merged list of at most so many items over all pages,
	// from 1 to [abi.MaxPageLimit]; 0 asks for one page as Graph gives it. It is for
	// lists that are short by nature; see [Call.List].
	PageLimit int
	// Save keeps the answer's bytes as a blob, told by [Reply.Blob].
	Save bool
	// Upload is the name of a blob that the host puts into the upload session which the request
	// opens, the POST of a createUploadSession. The reply is that of the last piece.
	Upload string
	// After are the places in [Call.Batch], from 0, of earlier requests that have to succeed before this
	// one is sent. Otherwise it fails without being sent.
	After []int
	// Dry asks the host what it says of the request, and sends nothing: the error is the refusal.
	Dry bool
	// Link asks for the page or change set behind [Reply.Next] or [Reply.Delta];
	// only PageLimit may stand beside it.
	Link string
}

// Reply is what Graph answered.
type Reply struct{ abi.Reply }

// Items returns the items of a list.
func (r *Reply) Items() []*Value {
	if r.Body == nil {
		return nil
	}
	return r.Body.GetArray("value")
}

// Graph makes one Graph request. The error is an [*abi.Error] if the host or Graph
// refused it.
func (c *Call) Graph(r Request) (*Reply, error) {
	// A parser of its own, so that the reply's values last as long as the call.
	return c.graph(new(fastjson.Parser), r)
}

func (c *Call) graph(p *fastjson.Parser, r Request) (*Reply, error) {
	request := r.encode()
	reply, err := c.exchange(p, &abi.Exchange{Op: abi.OpGraph, Graph: &request})
	if err != nil {
		return nil, err
	}
	return &Reply{*reply}, nil
}

// HTTPRequest is one Graph request by its URI, for an action whose caller writes it.
type HTTPRequest struct {
	// Method is GET if empty.
	Method string
	// URI is absolute, on the connection's Graph origin, or a path with its version, such as /v1.0/groups?$top=5.
	// The host matches it with the requests of the action's capabilities.
	URI string
	// Headers, Body and ContentType are those of a [Request].
	Headers     Headers
	Body        *Value
	ContentType string
}

// HTTP makes one Graph request by its URI. Any status that is known for certain is a reply; the error is an [*abi.Error] if the
// host refused the request, or nobody knows whether Graph carried it out.
func (c *Call) HTTP(r HTTPRequest) (*Reply, error) {
	request := abi.HTTPRequest{Method: r.Method, URI: r.URI, Headers: pairs(r.Headers), Body: r.Body, ContentType: r.ContentType}
	if request.Method == "" {
		request.Method = "GET"
	}
	reply, err := c.exchange(new(fastjson.Parser), &abi.Exchange{Op: abi.OpHTTP, HTTP: &request})
	if err != nil {
		return nil, err
	}
	return &Reply{*reply}, nil
}

// maxPages is how many pages of one list are read, so that a list which never ends does.
const maxPages = 1000

// List makes a request for a list and yields at most limit items over all its pages,
// 0 for all of them. If there are more, it marks the result as truncated. Pages are
// read one after the other, as they are needed, into the same memory: an item is good
// until the next one. The first error ends the list.
func (c *Call) List(r Request, limit int) iter.Seq2[*Value, error] {
	return func(yield func(*Value, error) bool) {
		parser := c.takeParser()
		defer func() { c.spare = parser }()
		count := 0
		for range maxPages {
			page, err := c.graph(parser, r)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range page.Items() {
				if count == limit && limit > 0 {
					c.Truncate()
					return
				}
				count++
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			if count == limit && limit > 0 {
				break
			}
			r = Request{Link: page.Next}
		}
		c.Truncate()
	}
}

// takeParser takes the spare parser, or makes one for a list within a list.
func (c *Call) takeParser() *fastjson.Parser {
	parser := c.spare
	if c.spare = nil; parser == nil {
		parser = new(fastjson.Parser)
	}
	return parser
}

// Batch makes up to [abi.MaxBatch] Graph requests at once. Each succeeds or fails
// by itself: Error of a reply tells what was refused. The error is that of the
// batch as a whole.
func (c *Call) Batch(requests ...Request) ([]Reply, error) {
	batch := make([]abi.GraphRequest, len(requests))
	for i := range requests {
		batch[i] = requests[i].encode()
	}
	reply, err := c.exchange(new(fastjson.Parser), &abi.Exchange{Op: abi.OpBatch, Batch: batch})
	if err != nil {
		return nil, err
	}
	if len(reply.Replies) != len(requests) {
		return nil, NewError(abi.Internal, "the host answered a batch with another number of replies than it had requests")
	}
	replies := make([]Reply, len(reply.Replies))
	for i := range reply.Replies {
		replies[i] = Reply{reply.Replies[i]}
	}
	return replies, nil
}

func (r *Request) encode() abi.GraphRequest {
	g := abi.GraphRequest{
		Capability: r.Capability, Method: r.Method, Path: r.Path,
		Params: pairs(r.Params), Query: pairs(r.Query), Headers: pairs(r.Headers),
		Body: r.Body, ContentType: r.ContentType, PageLimit: r.PageLimit, Save: r.Save, Upload: r.Upload, After: r.After, Dry: r.Dry, Link: r.Link,
	}
	if g.Method == "" && g.Link == "" {
		g.Method = "GET"
	}
	return g
}

// pairs sorts by name: the order of a Go map must not reach the audit record.
func pairs[M ~map[string]string](m M) []abi.Pair {
	if len(m) == 0 {
		return nil
	}
	list := make([]abi.Pair, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, abi.Pair{Name: name, Value: m[name]})
	}
	return list
}
