package graphtest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

// Page sizes; see https://learn.microsoft.com/graph/paging and the pages of the single resources. The default of group content is not
// documented.
const (
	outlookPage       = 10
	outlookMostPage   = 1000
	directoryPage     = 100
	directoryMostPage = 999
)

func (r *route) perPage() int {
	if r.area == directory {
		return directoryPage
	}
	return outlookPage
}

func (r *route) mostPerPage() int {
	if r.area == directory {
		return directoryMostPage
	}
	return outlookMostPage
}

// A collection is what a list answers from, in its default order.
type collection struct {
	length int
	at     func(i int) *record
}

func collect[T any](items []T, get func(T) *record) collection {
	return collection{len(items), func(i int) *record { return get(items[i]) }}
}

// list answers a page of a collection, filtered and ordered as the query wants.
func (c *call) list(items collection) (*reply, error) {
	size := c.route.perPage()
	if c.maxPage > 0 {
		size = min(c.maxPage, c.route.mostPerPage())
	}
	if c.query.top > 0 {
		size = c.query.top
	}
	if c.query.filter != nil || c.query.order != nil {
		enough := items.length
		if c.query.order == nil && !c.query.count {
			enough = min(enough, c.query.skip+size+1) // one beyond the page tells that there is a next one
		}
		chosen, err := c.choose(items, c.query.filter, c.query.order, enough)
		if err != nil {
			return nil, err
		}
		items = collection{len(chosen), func(i int) *record { return chosen[i] }}
	}
	from := min(c.query.skip, items.length)
	until := min(from+size, items.length)

	var out bytes.Buffer
	out.WriteByte('{')
	out.Write(encodeMember("@odata.context", c.context(false), nil))
	if c.query.count && c.query.first {
		out.Write(append([]byte(`,"@odata.count":`), strconv.Itoa(items.length)...))
	}
	out.WriteString(`,"value":[`)
	for i := from; i < until; i++ {
		if i > from {
			out.WriteByte(',')
		}
		items.at(i).write(&out, &c.view)
		out.WriteByte('}')
	}
	out.WriteByte(']')
	if until < items.length {
		out.WriteByte(',')
		out.Write(encodeMember("@odata.nextLink", c.nextLink(until), nil))
	}
	out.WriteByte('}')
	return &reply{status: http.StatusOK, body: out.Bytes()}, nil
}

// count answers how many there are, as plain text.
func (c *call) count(items collection) (*reply, error) {
	length := items.length
	if c.query.filter != nil {
		chosen, err := c.choose(items, c.query.filter, nil, items.length)
		if err != nil {
			return nil, err
		}
		length = len(chosen)
	}
	return &reply{status: http.StatusOK, contentType: "text/plain", body: strconv.AppendInt(nil, int64(length), 10)}, nil
}

// choose filters and orders a collection; either may be nil. It stops when it has found enough.
func (c *call) choose(items collection, filter *odata.Filter, order odata.Order, enough int) ([]*record, error) {
	var chosen []*record
	for i := 0; i < items.length && len(chosen) < enough; i++ {
		item := items.at(i)
		if filter != nil {
			ok, err := filter.Match(item)
			var typeError *odata.TypeError
			if errors.As(err, &typeError) {
				return nil, c.badQuery("Invalid filter clause: %v", err)
			}
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		chosen = append(chosen, item)
	}
	if order != nil {
		slices.SortStableFunc(chosen, func(a, b *record) int { return order.Compare(a, b) })
	}
	return chosen, nil
}

// entity answers one record.
func (c *call) entity(r *record, more ...[]byte) (*reply, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	out.Write(encodeMember("@odata.context", c.context(true), nil))
	out.WriteByte(',')
	start := out.Len()
	r.write(&out, &c.view)
	// The record's own opening brace is dropped: the context stands before its members.
	body := slices.Delete(out.Bytes(), start, start+1)
	for _, member := range more {
		body = append(append(body, ','), member...)
	}
	return &reply{status: http.StatusOK, body: append(body, '}')}, nil
}

// created answers an entity that the request made.
func (c *call) created(r *record) (*reply, error) {
	answer, err := c.entity(r)
	if err == nil {
		answer.status = http.StatusCreated
	}
	return answer, err
}

// context is the @odata.context of the answer.
func (c *call) context(single bool) string {
	var path strings.Builder
	segments := splitPath(c.route.template)
	if c.route.action {
		segments = segments[:len(segments)-1]
	}
	last := len(segments) - 1
	value := 0
	for i, segment := range segments {
		switch {
		case isPlaceholder(segment):
			if i != last {
				path.WriteString("('" + url.PathEscape(c.values[value]) + "')")
			}
			value++
		case i > 0:
			path.WriteString("/" + segment)
		default:
			path.WriteString(segment)
		}
	}
	if c.query.selected != nil {
		path.WriteString("(" + strings.ReplaceAll(c.query.values.Get("$select"), " ", "") + ")")
	}
	if single {
		path.WriteString("/$entity")
	}
	return origin(c.request) + "/" + c.version + "/$metadata#" + path.String()
}

// nextLink is the address of the page that starts at the offset, on the host that the client used.
func (c *call) nextLink(offset int) string {
	values := url.Values{}
	for name, value := range c.query.values {
		values[name] = value
	}
	values.Del("$skip")
	values.Del("$skiptoken")
	if c.route.options&optionSkip != 0 {
		values.Set("$skip", strconv.Itoa(offset))
	} else {
		values.Set("$skiptoken", skipToken(offset))
	}
	link := origin(c.request) + c.request.URL.EscapedPath()
	separator := "?"
	for _, name := range slices.Sorted(maps.Keys(values)) {
		link += separator + name + "=" + url.QueryEscape(values.Get(name))
		separator = "&"
	}
	return link
}

// skipToken hides an offset in an opaque text with a checksum, so that a token that was taken apart is refused.
func skipToken(offset int) string {
	raw := binary.BigEndian.AppendUint64([]byte("skip"), uint64(offset))
	return base64.RawURLEncoding.EncodeToString(binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw)))
}

func parseSkipToken(token string) (offset int, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != len("skip")+8+crc32.Size {
		return 0, false
	}
	body, sum := raw[:len(raw)-crc32.Size], raw[len(raw)-crc32.Size:]
	value := binary.BigEndian.Uint64(body[len("skip"):])
	if binary.BigEndian.Uint32(sum) != crc32.ChecksumIEEE(body) || value > 1<<31 {
		return 0, false
	}
	return int(value), true
}
