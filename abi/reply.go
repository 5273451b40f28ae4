package abi

import (
	"strconv"

	"github.com/valyala/fastjson"
)

// Reply answers one exchange. Error is set, or some of the others by the operation.
type Reply struct {
	// Status, Headers and Body are Graph's answer: 2xx or 3xx, the few headers
	// that a guest may see, and the body if it is JSON.
	Status  int
	Headers []Pair
	Body    *fastjson.Value
	// Blob tells where the answer's bytes are, for Save and for a created blob.
	Blob *Blob
	// Next and Delta are sealed links, to be redeemed by [GraphRequest.Link].
	Next, Delta string
	// Truncated says that a paged list was cut at its limit.
	Truncated bool
	// Data holds the bytes read from a blob, and Size the blob's size.
	Data []byte
	Size int64
	// Replies answer the requests of a batch, in their order.
	Replies []Reply
	// Seen answers the keys of a "seen" exchange in their order: true if the trigger's host has committed a record of that key.
	Seen []bool
	// Error says why the exchange was refused or what Graph refused.
	Error *Error
}

// Blob describes bytes kept by the host.
type Blob struct {
	// Name is what the blob is passed by, within the invocation.
	Name string
	// Size is in bytes.
	Size int64
	// ContentType is what Graph said it is; empty for a blob that the guest made.
	ContentType string
	// Detected is what its first bytes say it is, as a media type; Graph and whoever sent it may say otherwise.
	Detected string
	// MD5, SHA1 and SHA256 are lower-case hex.
	MD5, SHA1, SHA256 string
}

// AppendJSON appends the reply as it goes to the guest.
func (reply *Reply) AppendJSON(dst []byte) []byte {
	w := writer{b: dst}
	reply.write(&w)
	return w.b
}

func (reply *Reply) write(w *writer) {
	w.open()
	if reply.Error != nil {
		w.name("error")
		w.b = reply.Error.AppendJSON(w.b)
		w.close()
		return
	}
	w.integer("status", int64(reply.Status))
	w.pairs("headers", reply.Headers)
	w.value("body", reply.Body)
	if b := reply.Blob; b != nil {
		w.name("blob")
		w.open()
		w.text("name", b.Name)
		w.name("size")
		w.b = strconv.AppendInt(w.b, b.Size, 10)
		w.text("content_type", b.ContentType)
		w.text("detected", b.Detected)
		w.text("md5", b.MD5)
		w.text("sha1", b.SHA1)
		w.text("sha256", b.SHA256)
		w.close()
	}
	w.text("next", reply.Next)
	w.text("delta", reply.Delta)
	w.truth("truncated", reply.Truncated)
	if reply.Data != nil {
		w.name("data")
		w.b = appendBase64(w.b, reply.Data)
	}
	w.integer("size", reply.Size)
	if len(reply.Seen) > 0 {
		w.name("seen")
		w.b = append(w.b, '[')
		for i, is := range reply.Seen {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			w.b = strconv.AppendBool(w.b, is)
		}
		w.b = append(w.b, ']')
	}
	if reply.Replies != nil {
		w.name("replies")
		w.b = append(w.b, '[')
		for i := range reply.Replies {
			if i > 0 {
				w.b = append(w.b, ',')
			}
			reply.Replies[i].write(w)
		}
		w.b = append(w.b, ']')
	}
	w.close()
}

// ParseReply reads a host's reply. Its values belong to p.
func ParseReply(p *fastjson.Parser, b []byte) (*Reply, error) {
	v, err := Parse(p, b, MaxReply)
	if err != nil {
		return nil, err
	}
	r := reader{document: "reply"}
	reply := r.reply(v, true)
	return reply, r.err()
}

func (r *reader) reply(v *fastjson.Value, outer bool) *Reply {
	reply := &Reply{}
	members := 0
	r.object(v, "it", func(key string, v *fastjson.Value) bool {
		members++
		switch key {
		case "status":
			reply.Status = int(r.integer(v, key, leastStatus, mostStatus))
		case "headers":
			reply.Headers = r.pairs(v, key)
		case "body":
			reply.Body = v
		case "blob":
			reply.Blob = r.blob(v)
		case "next":
			reply.Next = r.text(v, key, MaxReply)
		case "delta":
			reply.Delta = r.text(v, key, MaxReply)
		case "truncated":
			reply.Truncated = r.boolean(v, key)
		case "data":
			reply.Data = r.base64(v, key)
		case "size":
			reply.Size = r.integer(v, key, 0, 1<<53)
		case "seen":
			if !outer {
				return false
			}
			for _, item := range r.array(v, key, MaxKeys) {
				reply.Seen = append(reply.Seen, r.boolean(item, "each of seen"))
			}
		case "replies":
			if !outer {
				return false
			}
			for _, item := range r.array(v, key, MaxBatch) {
				reply.Replies = append(reply.Replies, *r.reply(item, false))
			}
		case "error":
			reply.Error = r.error(v)
		default:
			return false
		}
		return true
	})
	if reply.Error != nil && members > 1 {
		r.fail("nothing may stand beside error")
	}
	return reply
}

func (r *reader) blob(v *fastjson.Value) *Blob {
	b := &Blob{}
	r.object(v, "blob", func(key string, v *fastjson.Value) bool {
		name := "blob." + key
		switch key {
		case "name":
			b.Name = r.word(v, name)
		case "size":
			b.Size = r.integer(v, name, 0, 1<<53)
		case "content_type":
			b.ContentType = r.text(v, name, MaxWord)
		case "detected":
			b.Detected = r.text(v, name, MaxWord)
		case "md5":
			b.MD5 = r.text(v, name, MaxWord)
		case "sha1":
			b.SHA1 = r.text(v, name, MaxWord)
		case "sha256":
			b.SHA256 = r.text(v, name, MaxWord)
		default:
			return false
		}
		return true
	})
	if b.Name == "" {
		r.fail("blob.name must be there")
	}
	return b
}
