package graphtest

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

// options is a set of query options.
type options uint16

const (
	optionSelect options = 1 << iota
	optionTop
	optionSkip
	optionSkipToken
	optionFilter
	optionOrder
	optionSearch
	optionCount
	optionExpand
	optionHiddenFolders
	optionWindow // startDateTime and endDateTime
)

// systemOptions are OData's own, whose dollar sign may be left out.
var systemOptions = map[string]options{
	"$select":     optionSelect,
	"$top":        optionTop,
	"$skip":       optionSkip,
	"$skiptoken":  optionSkipToken,
	"$filter":     optionFilter,
	"$orderby":    optionOrder,
	"$search":     optionSearch,
	"$count":      optionCount,
	"$expand":     optionExpand,
	"$format":     0,
	"$deltatoken": 0,
	"$apply":      0,
	"$compute":    0,
	"$levels":     0,
}

// query holds the parsed query options.
type query struct {
	selected      map[string]bool // property names as Graph writes them; nil if $select was not given
	filter        *odata.Filter
	order         odata.Order
	search        *odata.Search
	top           int // 0 if not given
	skip          int
	first         bool // not a later page
	count         bool
	expand        []string
	hiddenFolders bool
	values        url.Values // of everything, by the option's full name
}

// badQuery refuses a query option in the words of the service behind the route.
func (c *call) badQuery(format string, args ...any) *problem {
	if c.route.area == directory {
		return refuse(http.StatusBadRequest, "Request_BadRequest", format, args...)
	}
	return refuse(http.StatusBadRequest, "RequestBroker--ParseUri", format, args...)
}

// readQuery parses the query options, and refuses those that Graph does not know or the route does not imitate.
func (c *call) readQuery() (query, error) {
	q := query{values: url.Values{}, first: true}
	raw, err := url.ParseQuery(c.request.URL.RawQuery)
	if err != nil {
		return q, c.badQuery("The query string is malformed: %v", err)
	}
	for name, values := range raw {
		full, err := c.optionName(name)
		if err != nil {
			return q, err
		}
		if full == "" {
			continue
		}
		if len(values) > 1 || q.values.Has(full) {
			return q, c.badQuery("Query option '%s' was specified more than once, but it must be specified at most once.", full)
		}
		q.values[full] = values
	}
	for _, read := range []func(*query) error{c.readSelect, c.readNumbers, c.readFilter, c.readOrder, c.readSearch, c.readExpand} {
		if err := read(&q); err != nil {
			return q, err
		}
	}
	return q, nil
}

// optionName gives an option its full name; empty for a custom option that Graph ignores.
func (c *call) optionName(name string) (string, error) {
	full := strings.ToLower(name)
	if !strings.HasPrefix(full, "$") && systemOptions["$"+full] != 0 {
		full = "$" + full
	}
	option, system := systemOptions[full]
	switch {
	case full == "includehiddenfolders" && c.route.options&optionHiddenFolders != 0:
		return full, nil
	case (full == "startdatetime" || full == "enddatetime") && c.route.options&optionWindow != 0:
		return full, nil
	case !system && strings.HasPrefix(full, "$"):
		return "", c.badQuery("The query parameter '%s' is not supported.", name)
	case !system:
		return "", nil
	case option == 0 || c.route.options&option == 0:
		if option == optionSkip && c.route.area == directory {
			return "", c.badQuery("'$skip' is not supported by the service.")
		}
		return "", errNotImitated("query options such as " + full + " here")
	}
	return full, nil
}

func (c *call) readSelect(q *query) error {
	if !q.values.Has("$select") {
		return nil
	}
	names, err := odata.ParseNames(q.values.Get("$select"))
	if err != nil {
		return c.badQuery("Parsing OData Select and Expand failed: %v", err)
	}
	q.selected = map[string]bool{}
	for _, name := range names {
		if name == "*" {
			q.selected = nil
			return nil
		}
		typ := c.route.typ
		if cast, rest, ok := strings.Cut(name, "/"); ok && c.types.DerivesFrom(strings.TrimPrefix(cast, "microsoft.graph."), typ) {
			typ, name = strings.TrimPrefix(cast, "microsoft.graph."), rest
		}
		property, ok := c.types.Property(typ, name)
		if !ok {
			return c.badQuery("Parsing OData Select and Expand failed: Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, typ)
		}
		q.selected[property.Name] = true
	}
	return nil
}

func (c *call) readNumbers(q *query) error {
	for name, target := range map[string]*int{"$top": &q.top, "$skip": &q.skip} {
		if !q.values.Has(name) {
			continue
		}
		text := q.values.Get(name)
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return c.badQuery("Invalid value '%s' for %s query option found. The %s query option requires a non-negative integer value.", text, name, name)
		}
		*target = int(n)
	}
	if q.values.Has("$top") && q.top == 0 {
		return c.badQuery("Invalid page size specified: '0'. Must be between 1 and %d inclusive.", c.route.mostPerPage())
	}
	if most := c.route.mostPerPage(); q.top > most {
		return c.badQuery("The limit of '%d' for Top query has been exceeded. The value from the incoming request is '%d'.", most, q.top)
	}
	if q.values.Has("$skiptoken") {
		offset, ok := parseSkipToken(q.values.Get("$skiptoken"))
		if !ok {
			return c.badQuery("Skip token is invalid.")
		}
		q.skip = offset
	}
	q.first = !q.values.Has("$skip") && !q.values.Has("$skiptoken")
	for name, target := range map[string]*bool{"$count": &q.count, "includehiddenfolders": &q.hiddenFolders} {
		if text := q.values.Get(name); text != "" {
			value, err := strconv.ParseBool(text)
			if err != nil {
				return c.badQuery("Invalid value '%s' for %s query option found. Valid values are 'true' and 'false'.", text, name)
			}
			*target = value
		}
	}
	return nil
}

func (c *call) readFilter(q *query) error {
	if !q.values.Has("$filter") {
		return nil
	}
	filter, err := odata.ParseFilter(q.values.Get("$filter"))
	if err != nil {
		return c.badQuery("Invalid filter clause: %v", err)
	}
	if err := filter.Check(c.types.Of(c.route.typ)); err != nil {
		return c.badQuery("Invalid filter clause: %v", err)
	}
	q.filter = filter
	return nil
}

func (c *call) readOrder(q *query) error {
	if !q.values.Has("$orderby") {
		return nil
	}
	order, err := odata.ParseOrder(q.values.Get("$orderby"))
	if err == nil {
		err = order.Check(c.types.Of(c.route.typ))
	}
	if err != nil {
		return c.badQuery("Invalid orderby clause: %v", err)
	}
	q.order = order
	return nil
}

func (c *call) readSearch(q *query) error {
	if !q.values.Has("$search") {
		return nil
	}
	search, err := odata.ParseSearch(q.values.Get("$search"))
	if err != nil {
		return refuse(http.StatusBadRequest, "BadRequest", "Invalid $search clause: %v", err)
	}
	q.search = search
	return nil
}

func (c *call) readExpand(q *query) error {
	if !q.values.Has("$expand") {
		return nil
	}
	names, err := odata.ParseNames(q.values.Get("$expand"))
	if err != nil {
		return c.badQuery("Parsing OData Select and Expand failed: %v", err)
	}
	if len(names) > 1 {
		return c.badQuery("Parsing OData Select and Expand failed: only one relationship can be expanded per request.")
	}
	q.expand = names
	return nil
}

// needsAdvanced refuses what the directory serves only to a request with ConsistencyLevel: eventual and $count=true.
func (c *call) needsAdvanced() error {
	f := c.query.filter
	advanced := c.query.count || f != nil && (f.Uses("ne") || f.Uses("not") || f.Uses("endswith") || c.query.order != nil)
	eventual := strings.EqualFold(c.request.Header.Get("ConsistencyLevel"), "eventual")
	if advanced && !(eventual && (c.query.count || !c.query.first)) {
		return refuse(http.StatusBadRequest, "Request_UnsupportedQuery",
			"The specified query is an advanced query: it needs the header ConsistencyLevel: eventual and $count=true.")
	}
	if f != nil && f.Uses("contains") {
		return refuse(http.StatusBadRequest, "Request_UnsupportedQuery", "Unsupported Query. The filter function 'contains' is not supported on this resource.")
	}
	return nil
}

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
	if c.query.filter != nil || c.query.order != nil {
		chosen, err := c.choose(items)
		if err != nil {
			return nil, err
		}
		items = collection{len(chosen), func(i int) *record { return chosen[i] }}
	}
	size := c.route.perPage()
	if c.maxPage > 0 {
		size = min(c.maxPage, c.route.mostPerPage())
	}
	if c.query.top > 0 {
		size = c.query.top
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

func (c *call) choose(items collection) ([]*record, error) {
	var chosen []*record
	for i := range items.length {
		item := items.at(i)
		if c.query.filter != nil {
			ok, err := c.query.filter.Match(item)
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
	if c.query.order != nil {
		slices.SortStableFunc(chosen, func(a, b *record) int { return c.query.order.Compare(a, b) })
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

// context is the @odata.context of the answer.
func (c *call) context(single bool) string {
	var path strings.Builder
	segments := splitPath(c.route.template)
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
	return origin(c.request) + "/v1.0/$metadata#" + path.String()
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
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	link := origin(c.request) + c.request.URL.EscapedPath()
	separator := "?"
	for _, name := range names {
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
