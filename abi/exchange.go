package abi

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/valyala/fastjson"
)

// Op names what an exchange asks for.
type Op string

// The operations of version 1.
const (
	// OpGraph makes one Graph request.
	OpGraph Op = "graph"
	// OpHTTP makes one Graph request that is given as a URI, and takes any status for an answer.
	OpHTTP Op = "http"
	// OpBatch makes several; each is judged by itself.
	OpBatch Op = "batch"
	// OpRows hands over result rows so far, so that neither side holds a long list whole.
	OpRows Op = "rows"
	// OpBlob reads a range of a blob of this invocation, or creates one, whole or piece by piece.
	OpBlob Op = "blob"
	// OpSeen asks which records a trigger has handed over before, so that their content need not be fetched again.
	OpSeen Op = "seen"
	// OpLog writes one log line.
	OpLog Op = "log"
)

// Ops are all operations of version 1.
func Ops() []Op { return []Op{OpGraph, OpHTTP, OpBatch, OpRows, OpBlob, OpSeen, OpLog} }

// Exchange is one request of a guest to its host. Op says which of the others is set.
type Exchange struct {
	Op    Op
	Graph *GraphRequest
	HTTP  *HTTPRequest
	Batch []GraphRequest
	Rows  []*fastjson.Value
	Blob  *BlobRequest
	// Seen holds keys of records, 1 to [MaxKeys]. [Reply.Seen] answers them.
	Seen []string
	Log  *LogRequest
}

// Pair is a name and its value.
type Pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// GraphRequest is one Graph request, by template. A guest never writes a URL.
type GraphRequest struct {
	// Capability is the id of the manifest's capability that allows the request.
	Capability string
	// Method is GET, POST, PATCH, PUT or DELETE.
	Method string
	// Path is a template such as /users/{user}/messages/{message}.
	Path string
	// Params holds a value for each parameter of Path. The host percent-encodes it
	// as one segment.
	Params []Pair
	// Query holds query options, such as $select. The host encodes the values.
	Query []Pair
	// Headers holds the few headers that a guest may set, such as Prefer.
	Headers []Pair
	// Body is sent as JSON. {"$blob":"name"} in it stands for the blob's bytes in base64.
	Body *fastjson.Value
	// ContentType is the media type of a Body that is no JSON: Body is then a text, sent as it is. Empty is JSON.
	// "text/plain" is what Graph calls the MIME source of a mail, which is in base64.
	ContentType string
	// PageLimit asks the host to follow @odata.nextLink and return one merged list of
	// at most this many rows. 0 leaves paging to the guest.
	PageLimit int
	// Save streams the answer into a blob.
	Save bool
	// Upload is the name of a blob that the host puts, piece by piece, into the upload session
	// that the request opens: the POST of a createUploadSession. The reply is that of the last
	// piece; where the session is, the guest does not learn.
	Upload string
	// After are the places in its batch, from 0, of earlier requests that have to succeed before this one is
	// sent. Otherwise it is not, and fails as well.
	After []int
	// Dry asks the host to judge the request and not to send it: the reply is empty where it would be sent, and the refusal
	// where it would not.
	Dry bool
	// Link redeems a sealed next or delta link of an earlier reply. Nothing but
	// PageLimit may stand beside it.
	Link string
}

// HTTPRequest is one Graph request by its URI. The host finds the request of a granted capability that the URI is one of, and
// judges it as any other. Any status that is known for certain is a reply.
type HTTPRequest struct {
	// Method is GET, POST, PATCH, PUT or DELETE.
	Method string
	// URI is an absolute one on the connection's Graph origin, or a path such as /v1.0/users/ann%40contoso.com?$select=id.
	URI string
	// Headers, Body and ContentType are those of a [GraphRequest].
	Headers     []Pair
	Body        *fastjson.Value
	ContentType string
}

// BlobRequest reads Length bytes at Offset of the blob Name, or creates a blob
// of Data when Name is empty.
type BlobRequest struct {
	Name   string
	Offset int64
	Length int
	Data   []byte
	// Into says that Data is a piece of a blob that the guest makes in several, and calls so. More says that another piece follows; the
	// reply is then empty. The first piece without More ends the blob. One that is not ended is not kept.
	Into string
	More bool
}

// Level is how much a log line matters.
type Level string

// The levels of a log line.
const (
	Debug Level = "debug"
	Info  Level = "info"
	Warn  Level = "warn"
)

// LogRequest is one log line.
type LogRequest struct {
	Level   Level
	Message string
}

// AppendJSON appends the exchange as the guest asks for it.
func (x *Exchange) AppendJSON(dst []byte) []byte {
	w := writer{b: dst}
	w.open()
	w.text("op", string(x.Op))
	switch x.Op {
	case OpGraph:
		x.Graph.members(&w)
	case OpHTTP:
		w.text("method", x.HTTP.Method)
		w.text("uri", x.HTTP.URI)
		w.pairs("headers", x.HTTP.Headers)
		w.value("body", x.HTTP.Body)
		w.text("content_type", x.HTTP.ContentType)
	case OpBatch:
		w.name("requests")
		w.b = append(w.b, '[')
		for i := range x.Batch {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.open()
			x.Batch[i].members(&w)
			w.close()
		}
		w.b = append(w.b, ']')
	case OpRows:
		w.name("rows")
		w.b = appendValues(w.b, x.Rows)
	case OpBlob:
		if x.Blob.Name == "" {
			w.name("data")
			w.b = appendBase64(w.b, x.Blob.Data)
			w.text("into", x.Blob.Into)
			w.truth("more", x.Blob.More)
		} else {
			w.text("name", x.Blob.Name)
			w.integer("offset", x.Blob.Offset)
			w.integer("length", int64(x.Blob.Length))
		}
	case OpSeen:
		w.name("keys")
		w.b = append(w.b, '[')
		for i, key := range x.Seen {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.b = AppendString(w.b, key)
		}
		w.b = append(w.b, ']')
	case OpLog:
		w.text("level", string(x.Log.Level))
		w.text("message", x.Log.Message)
	}
	w.close()
	return w.b
}

func (g *GraphRequest) members(w *writer) {
	w.text("capability", g.Capability)
	w.text("method", g.Method)
	w.text("path", g.Path)
	w.pairs("params", g.Params)
	w.pairs("query", g.Query)
	w.pairs("headers", g.Headers)
	w.value("body", g.Body)
	w.text("content_type", g.ContentType)
	if g.PageLimit > 0 {
		w.name("page")
		w.open()
		w.integer("limit", int64(g.PageLimit))
		w.close()
	}
	w.truth("save", g.Save)
	w.text("upload", g.Upload)
	if len(g.After) > 0 {
		w.name("after")
		w.b = append(w.b, '[')
		for i, n := range g.After {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.b = strconv.AppendInt(w.b, int64(n), 10)
		}
		w.b = append(w.b, ']')
	}
	w.truth("dry", g.Dry)
	w.text("link", g.Link)
}

// ParseExchange reads what a guest asks for. Its values belong to p.
func ParseExchange(p *fastjson.Parser, b []byte) (*Exchange, error) {
	v, err := Parse(p, b, MaxExchange)
	if err != nil {
		return nil, err
	}
	r := reader{document: "exchange"}
	x := &Exchange{Op: Op(v.GetStringBytes("op"))}
	switch x.Op {
	case OpGraph:
		x.Graph = r.graph(v, true)
	case OpHTTP:
		x.HTTP = r.http(v)
	case OpBatch:
		x.Batch = r.batch(v)
	case OpRows:
		x.Rows = r.rowsRequest(v)
	case OpBlob:
		x.Blob = r.blobRequest(v)
	case OpSeen:
		x.Seen = r.seen(v)
	case OpLog:
		x.Log = r.log(v)
	default:
		r.fail("op must be graph, http, batch, rows, blob, seen or log")
	}
	return x, r.err()
}

func (r *reader) rowsRequest(v *fastjson.Value) (rows []*fastjson.Value) {
	hasRows := false
	r.object(v, "it", func(key string, v *fastjson.Value) bool {
		if key == "rows" {
			hasRows = true
			rows = r.rows(v, key)
		}
		return key == "rows" || key == "op"
	})
	if !hasRows {
		r.fail("rows must be there")
	}
	return rows
}

func (r *reader) seen(v *fastjson.Value) (keys []string) {
	r.object(v, "it", func(name string, v *fastjson.Value) bool {
		if name == "keys" {
			for _, item := range r.array(v, name, MaxKeys) {
				keys = append(keys, r.key(item, "each of keys"))
			}
		}
		return name == "keys" || name == "op"
	})
	if len(keys) == 0 {
		r.fail("keys must hold at least one")
	}
	return keys
}

func (r *reader) batch(v *fastjson.Value) []GraphRequest {
	var requests []GraphRequest
	r.object(v, "it", func(key string, v *fastjson.Value) bool {
		if key == "requests" {
			for n, item := range r.array(v, key, MaxBatch) {
				requests = append(requests, *r.graph(item, false))
				for _, before := range requests[n].After {
					if before >= n {
						r.fail("after must name earlier requests of the batch")
					}
				}
			}
		}
		return key == "requests" || key == "op"
	})
	if len(requests) == 0 {
		r.fail("requests must hold at least one")
	}
	return requests
}

func (r *reader) graph(v *fastjson.Value, hasOp bool) *GraphRequest {
	g := &GraphRequest{}
	hasOther := false
	r.object(v, "it", func(key string, v *fastjson.Value) bool {
		hasOther = hasOther || key != "op" && key != "page" && key != "link"
		switch key {
		case "op":
			return hasOp
		case "capability":
			g.Capability = r.word(v, key)
		case "method":
			g.Method = r.word(v, key)
		case "path":
			g.Path = r.text(v, key, MaxPath)
		case "params":
			g.Params = r.pairs(v, key)
		case "query":
			g.Query = r.pairs(v, key)
		case "headers":
			g.Headers = r.pairs(v, key)
		case "body":
			g.Body = v
		case "content_type":
			g.ContentType = r.word(v, key)
		case "page":
			g.PageLimit = r.page(v)
		case "save":
			g.Save = r.boolean(v, key)
		case "dry":
			g.Dry = r.boolean(v, key)
		case "upload":
			if g.Upload = r.word(v, key); g.Upload == "" {
				r.fail("upload must not be empty")
			}
		case "after":
			for _, place := range r.array(v, key, MaxBatch) {
				g.After = append(g.After, int(r.integer(place, key, 0, MaxBatch-1)))
			}
			return !hasOp
		case "link":
			if g.Link = r.text(v, key, MaxExchange); g.Link == "" {
				r.fail("link must not be empty")
			}
		default:
			return false
		}
		return true
	})
	switch {
	case g.Link != "":
		if hasOther {
			r.fail("nothing but page may stand beside link")
		}
	case g.Capability == "" || g.Path == "":
		r.fail("capability, method and path must be there")
	case g.Save && g.PageLimit > 0:
		r.fail("save and page exclude each other")
	case g.Upload != "" && (g.Save || g.PageLimit > 0 || g.Method != "POST"):
		r.fail("upload goes with the POST of a createUploadSession, and without save and page")
	default:
		r.method(g.Method)
	}
	if g.Link == "" {
		r.content(g.Body, g.ContentType)
	}
	return g
}

func (r *reader) method(method string) {
	switch method {
	case "GET", "POST", "PATCH", "PUT", "DELETE":
	default:
		r.fail("method must be GET, POST, PATCH, PUT or DELETE")
	}
}

// content checks a body that is not JSON.
func (r *reader) content(body *fastjson.Value, contentType string) {
	if contentType == "" {
		return
	}
	if body == nil || body.Type() != fastjson.TypeString {
		r.fail("a body with content_type must be a string")
	}
	if !isTextType(contentType) {
		r.fail("content_type must be text/ and lower-case letters; leave it out for JSON")
	}
}

func isTextType(contentType string) bool {
	subtype, isText := strings.CutPrefix(contentType, "text/")
	return isText && subtype != "" && strings.Trim(subtype, "abcdefghijklmnopqrstuvwxyz") == ""
}

func (r *reader) http(v *fastjson.Value) *HTTPRequest {
	h := &HTTPRequest{}
	r.object(v, "it", func(key string, v *fastjson.Value) bool {
		switch key {
		case "op":
		case "method":
			h.Method = r.word(v, key)
		case "uri":
			h.URI = r.text(v, key, MaxURI)
		case "headers":
			h.Headers = r.pairs(v, key)
		case "body":
			h.Body = v
		case "content_type":
			h.ContentType = r.word(v, key)
		default:
			return false
		}
		return true
	})
	if h.URI == "" {
		r.fail("uri must be there")
	}
	r.method(h.Method)
	r.content(h.Body, h.ContentType)
	return h
}

func (r *reader) page(v *fastjson.Value) (limit int) {
	r.object(v, "page", func(key string, v *fastjson.Value) bool {
		if key != "limit" {
			return false
		}
		limit = int(r.integer(v, "page.limit", 1, MaxPageLimit))
		return true
	})
	if limit == 0 {
		r.fail("page.limit must be there")
	}
	return limit
}

func (r *reader) blobRequest(v *fastjson.Value) *BlobRequest {
	b := &BlobRequest{}
	hasData, hasRange, hasMore := false, false, false
	r.object(v, "it", func(key string, v *fastjson.Value) bool {
		switch key {
		case "op":
		case "name":
			b.Name = r.word(v, key)
		case "offset":
			hasRange = true
			b.Offset = r.integer(v, key, 0, 1<<53)
		case "length":
			hasRange = true
			b.Length = int(r.integer(v, key, 1, MaxBlobRead))
		case "data":
			hasData = true
			b.Data = r.base64(v, key)
		case "into":
			if b.Into = r.word(v, key); b.Into == "" {
				r.fail("into must not be empty")
			}
		case "more":
			hasMore = true
			b.More = r.boolean(v, key)
		default:
			return false
		}
		return true
	})
	if hasMore && b.Into == "" || b.Into != "" && !hasData {
		r.fail("into goes with data, and more with into")
	}
	if hasData == (b.Name != "") || hasData && hasRange || !hasData && b.Length == 0 {
		r.fail("either data, or name and length, must be there")
	}
	return b
}

func (r *reader) base64(v *fastjson.Value, name string) []byte {
	text := r.text(v, name, base64.StdEncoding.EncodedLen(MaxBlobRead))
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // Even the strict decoder skips line breaks.
		r.fail(name + " must be standard base64")
	}
	if len(data) > MaxBlobRead {
		r.fail(name + " is over " + strconv.Itoa(MaxBlobRead) + " bytes")
	}
	return data
}

func appendBase64(dst, data []byte) []byte {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, data)
	return append(dst, '"')
}

func (r *reader) log(v *fastjson.Value) *LogRequest {
	l := &LogRequest{}
	r.object(v, "it", func(key string, v *fastjson.Value) bool {
		switch key {
		case "op":
		case "level":
			l.Level = Level(r.word(v, key))
		case "message":
			l.Message = r.text(v, key, MaxLogMessage)
		default:
			return false
		}
		return true
	})
	switch l.Level {
	case Debug, Info, Warn:
	default:
		r.fail("level must be debug, info or warn")
	}
	return l
}

// BlobPrefix starts the name of every blob.
const BlobPrefix = "sha256:"

// BlobName is the name under which a blob of the given SHA-256 is passed.
func BlobName(sha256 [32]byte) string {
	const hex = "0123456789abcdef"
	name := make([]byte, 0, len(BlobPrefix)+64)
	name = append(name, BlobPrefix...)
	for _, b := range sha256 {
		name = append(name, hex[b>>4], hex[b&0xF])
	}
	return string(name)
}

// BlobReference returns the blob's name if v is {"$blob":"name"}. ok is false for
// any other value; an object that holds "$blob" beside something else, or not as a
// string, is a [*FormatError].
func BlobReference(v *fastjson.Value) (name string, ok bool, err error) {
	if v.Type() != fastjson.TypeObject {
		return "", false, nil
	}
	ref := v.Get("$blob")
	if ref == nil {
		return "", false, nil
	}
	if n := v.GetObject().Len(); n != 1 || ref.Type() != fastjson.TypeString {
		return "", false, &FormatError{"body", "an object with $blob must hold the blob's name and nothing else, not " + strconv.Itoa(n) + " members"}
	}
	return string(ref.GetStringBytes()), true, nil
}
