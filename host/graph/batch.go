package graph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// maxBatchAnswer bounds the answer to a batch, in bytes: a few megabytes for each of its requests.
const maxBatchAnswer = 4 * abi.MaxReply

// maxBatchBody bounds a batch as it is sent, in bytes. Graph takes about 4 MB.
// Source: https://learn.microsoft.com/graph/json-batching
const maxBatchBody = 3 << 20

// Outcome is what became of one request of a batch.
type Outcome struct {
	Answer *Answer
	Trace  Trace
	Err    error
}

// Batchable reports whether a request can be one of a batch: it answers with JSON once, and its body is known
// before it is sent.
func (r *Request) Batchable() bool {
	return !r.Save && r.Upload == "" && r.PageLimit == 0 && !r.Beta && !r.AnyStatus && r.ContentType == "" && !isContent(r.Template) && !opensUpload(r.Template) && !hasBlob(r.Body)
}

func hasBlob(v *fastjson.Value) bool {
	if v == nil {
		return false
	}
	if _, isBlob, err := abi.BlobReference(v); isBlob || err != nil {
		return true
	}
	switch v.Type() {
	case fastjson.TypeArray:
		return slices.ContainsFunc(v.GetArray(), hasBlob)
	case fastjson.TypeObject:
		found := false
		v.GetObject().Visit(func(_ []byte, member *fastjson.Value) { found = found || hasBlob(member) })
		return found
	}
	return false
}

// batch is requests that are sent in one.
type batch struct {
	client *Client
	items  []*item
}

// item is one request of a batch.
type item struct {
	*call
	target string // relative to the version
	text   []byte // of the body, nil without one
	answer *Answer
	failed *failure
	// inDoubt says that an attempt may have been carried out.
	inDoubt bool
}

// DoBatch makes requests that are all [Request.Batchable], at most [abi.MaxBatch] of them, in as few HTTP requests
// as their size allows, and sends again those that Graph asks for. The outcomes are those of the requests, in their
// order; a request that is nil has none, and none comes after it.
//
// Graph carries out at most four requests of a batch to one mailbox at once, and counts each. So
// each takes its place under the limits, as it does when it is sent alone.
func (c *Client) DoBatch(ctx context.Context, requests []*Request) []Outcome {
	b := &batch{client: c}
	for _, req := range requests {
		if req == nil {
			b.items = append(b.items, nil)
			continue
		}
		b.items = append(b.items, c.item(req))
	}
	began, attempt := c.settings.Clock.now(), 1
	for ; ; attempt++ {
		for _, part := range parts(b.pending()) {
			b.send(ctx, part)
		}
		if !b.again(ctx, attempt) {
			break
		}
	}
	outcomes := make([]Outcome, len(b.items))
	for n, i := range b.items {
		if i == nil {
			continue
		}
		outcomes[n] = Outcome{Answer: i.answer, Trace: i.trace}
		if i.failed != nil {
			outcomes[n].Err = i.gaveUp(i.failed, attempt, c.settings.Clock.now().Sub(began), i.inDoubt)
		}
	}
	return outcomes
}

// item prepares one request. One that cannot be sent has failed already.
func (c *Client) item(req *Request) *item {
	i := &item{call: &call{client: c, req: req, id: uuid.NewString()}}
	target := req.URL
	var err error
	switch {
	case req.Body != nil && !req.isWrite():
		err = &abi.Error{Code: abi.InvalidInput, Message: "a GET carries no body; leave body out"}
	case req.Body != nil:
		i.text = abi.AppendValue(nil, req.Body)
	}
	if err == nil && target == "" {
		target, err = buildURL(c.origin, req)
	} else if err == nil && !continues(c.origin, req, target) {
		err = badLink("it does not continue the list that it was sealed for")
	}
	if err == nil && len(i.text) > maxBatchBody {
		err = &abi.Error{Code: abi.TooLarge, Message: "the body of the request is too large for a batch; send it alone"}
	}
	if err != nil {
		i.failed = &failure{err: err}
		return i
	}
	i.target = strings.TrimPrefix(target, c.origin.Scheme+"://"+c.origin.Host+apiVersion)
	return i
}

// pending are the items that have no answer and may get one.
func (b *batch) pending() (items []*item) {
	for _, i := range b.items {
		if i != nil && i.answer == nil && i.failed == nil {
			items = append(items, i)
		}
	}
	return items
}

// parts cuts items into those that fit one batch, by their size and by the rates that they are under.
func parts(items []*item) (all [][]*item) {
	size, start := 0, 0
	for n, i := range items {
		own := len(i.text) + len(i.target) + 1024 // headers are few and short
		most := min(i.client.settings.Limit.count(), i.req.Limits.Grant.count(), i.req.Limits.Plugin.count())
		if n > start && (size+own > maxBatchBody || n-start >= most) {
			all, start, size = append(all, items[start:n]), n, 0
		}
		size += own
	}
	if start < len(items) {
		all = append(all, items[start:])
	}
	return all
}

// again waits until those that failed for a reason that passes may be sent again, the
// longest of the times that they have to wait, and makes them pending. It reports
// whether there are any.
func (b *batch) again(ctx context.Context, attempt int) bool {
	var longest time.Duration
	var waiting []*item
	for _, i := range b.items {
		switch {
		case i == nil || i.failed == nil:
			continue
		case i.inDoubt && gone(i.req, i.failed.err):
			i.answer, i.failed = &Answer{Status: http.StatusNoContent}, nil
			continue
		}
		i.inDoubt = i.inDoubt || i.failed.doubt == open
		if wait, again := b.client.settings.Retry.wait(ctx, b.client.settings.Clock, i.req, i.failed, attempt); again {
			longest = max(longest, wait)
			waiting = append(waiting, i)
		}
	}
	for _, i := range waiting {
		b.client.retrying(ctx, i.req, attempt, longest)
	}
	if len(waiting) == 0 || b.client.settings.Clock.sleep(ctx, longest) != nil {
		return false
	}
	for _, i := range waiting {
		i.failed = nil
	}
	return true
}

// send makes one HTTP request of items, and settles each.
func (b *batch) send(ctx context.Context, items []*item) {
	items = b.ready(items)
	if len(items) == 0 {
		return
	}
	outer := &call{client: b.client, id: uuid.NewString(), entered: true, req: &Request{Method: http.MethodPost, Caller: items[0].req.Caller}}
	leave, err := b.enter(ctx, items)
	if err != nil {
		fail(ctx, items, outer.unsent(err), outer)
		return
	}
	defer leave()
	text := b.text(items)
	outer.body = &body{parts: []part{{text: text}}, size: int64(len(text))}
	res, err := outer.send(ctx, b.client.origin.Scheme+"://"+b.client.origin.Host+apiVersion+"/$batch")
	for _, i := range items {
		i.trace.Requests += outer.trace.Requests
		i.trace.BytesOut += int64(len(i.text))
		i.trace.ClientRequestID = i.id
		i.token = outer.token
	}
	if err != nil {
		fail(ctx, items, err, outer)
		return
	}
	defer res.Body.Close()
	content := newGuard(contentOf(res, res.Body), outer.token)
	if res.StatusCode == http.StatusOK {
		b.read(ctx, outer, content, items)
		return
	}
	problem := []byte(nil)
	if res.StatusCode >= http.StatusOK {
		if problem, err = io.ReadAll(io.LimitReader(content, maxErrorBody)); err != nil {
			problem = nil
		}
	}
	for _, i := range items {
		i.refused(res, problem)
		i.tell(ctx)
	}
}

// ready are the items whose requests before them have succeeded, or go with them.
func (b *batch) ready(items []*item) (ready []*item) {
	for _, i := range items {
		i.doubt, i.after = lasting, 0
		i.failed = b.unmet(i, ready)
		if i.failed == nil {
			ready = append(ready, i)
		}
	}
	return ready
}

// unmet is why an item cannot go along with others, nil if it can.
func (b *batch) unmet(i *item, along []*item) *failure {
	for _, n := range i.req.After {
		before := b.items[n]
		if before.answer != nil || slices.Contains(along, before) {
			continue
		}
		if before.failed == nil {
			return &failure{err: NotSent(n, nil), doubt: untouched} // it has not come along
		}
		return &failure{err: NotSent(n, before.failed.err), doubt: min(before.failed.doubt, untouched)}
	}
	return nil
}

// NotSent is the error of a request that was not sent because the one at place n of its batch, which it comes
// after, failed with err.
func NotSent(n int, err error) error {
	code := abi.Conflict
	var e *abi.Error
	if errors.As(err, &e) && e.Code != abi.OutcomeUnknown { // of this one it is known that nothing was sent
		code = e.Code
	}
	return &abi.Error{Code: code, Message: "it was not sent, since request " + strconv.Itoa(n) + " of the batch, which it comes after, did not succeed"}
}

// enter waits until the items may be sent together. Mailboxes come in one order for all batches, so
// that no two wait for each other.
func (b *batch) enter(ctx context.Context, items []*item) (leave func(), err error) {
	type place struct {
		kind  LimitKind
		limit *Limit
		n     int
	}
	places := []place{{GrantLimit, items[0].req.Limits.Grant, len(items)}, {PluginLimit, items[0].req.Limits.Plugin, len(items)}}
	mailboxes := map[*mailboxLimit]int{}
	names := map[string]*mailboxLimit{}
	for _, i := range items {
		if limit := b.client.mailboxes.enter(i.req, b.client.settings.Clock); limit != nil {
			defer b.client.mailboxes.leave(limit)
			mailboxes[limit]++
			names[mailboxOf(i.req)] = limit
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		places = append(places, place{MailboxLimit, names[name].Limit, mailboxes[names[name]]})
	}
	places = append(places, place{ConnectionLimit, b.client.settings.Limit, len(items)})
	entered := 0
	leave = func() {
		for _, p := range places[:entered] {
			p.limit.Leave(p.n)
		}
	}
	for _, p := range places {
		if err := b.client.pass(ctx, p.kind, p.limit, items[0].req.Caller, p.n); err != nil {
			leave()
			return nil, err
		}
		entered++
	}
	return leave, nil
}

// text writes the batch. See https://learn.microsoft.com/graph/json-batching.
func (b *batch) text(items []*item) []byte {
	type request struct {
		ID        string            `json:"id"`
		Method    string            `json:"method"`
		URL       string            `json:"url"`
		Headers   map[string]string `json:"headers"`
		Body      json.RawMessage   `json:"body,omitempty"`
		DependsOn []string          `json:"dependsOn,omitempty"`
	}
	requests := make([]request, len(items))
	for n, i := range items {
		headers := map[string]string{"client-request-id": i.id}
		for _, h := range i.req.Headers {
			headers[h.Name] = h.Value
		}
		if i.text != nil {
			headers["Content-Type"] = "application/json"
		}
		requests[n] = request{strconv.Itoa(n), i.req.Method, i.target, headers, i.text, nil}
		for _, before := range i.req.After {
			if at := slices.Index(items, b.items[before]); at >= 0 {
				requests[n].DependsOn = append(requests[n].DependsOn, strconv.Itoa(at))
			}
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]any{"requests": requests}); err != nil {
		return nil // texts and trees that were read before always encode
	}
	return out.Bytes()
}

// read settles the items by the answer to their batch.
func (b *batch) read(ctx context.Context, outer *call, content io.Reader, items []*item) {
	left := slices.Clone(items)
	defer func() {
		outer.doubt = open
		fail(ctx, slices.DeleteFunc(left, func(i *item) bool { return i == nil }),
			unknownOutcome(&abi.Error{Detail: outer.detail()}, "the answer to the batch is not whole"), outer)
	}()
	text, err := io.ReadAll(io.LimitReader(content, maxBatchAnswer+1))
	if err != nil || len(text) > maxBatchAnswer || ctx.Err() != nil {
		return
	}
	v, err := abi.Parse(new(fastjson.Parser), text, maxBatchAnswer)
	if err != nil {
		return
	}
	answers := make([][]*fastjson.Value, len(items))
	for _, response := range v.GetArray("responses") {
		id := string(response.GetStringBytes("id"))
		if n, err := strconv.Atoi(id); err == nil && n >= 0 && n < len(items) && id == strconv.Itoa(n) {
			answers[n] = append(answers[n], response)
		}
	}
	for n, all := range answers {
		if len(all) == 1 { // of two, nobody knows which is true
			left[n].settle(all[0])
			left[n].tell(ctx)
			left[n] = nil
		}
	}
}

// settle takes what Graph answered to an item.
func (i *item) settle(v *fastjson.Value) {
	res := &http.Response{StatusCode: v.GetInt("status"), Header: http.Header{}}
	v.GetObject("headers").Visit(func(name []byte, value *fastjson.Value) {
		res.Header.Set(string(name), string(value.GetStringBytes()))
	})
	i.trace.Status, i.trace.RequestID = res.StatusCode, word(res.Header.Get("request-id"))
	content := v.Get("body")
	switch {
	case res.StatusCode == http.StatusFailedDependency:
		i.failed = &failure{err: &abi.Error{Code: abi.Conflict, Message: "it was not carried out, since a request of the batch that it depends on did not succeed", Detail: i.detail()}, doubt: untouched}
		return
	case res.StatusCode/100 != 2:
		var problem []byte
		if content != nil {
			problem = abi.AppendValue(nil, content)
		}
		i.refused(res, problem)
		return
	}
	answer := &Answer{Status: res.StatusCode, Headers: told(res.Header.Get)}
	if content != nil && content.Type() != fastjson.TypeNull {
		// What is not JSON comes as a text. See https://learn.microsoft.com/graph/json-batching.
		err := error(nil)
		if content.Type() == fastjson.TypeObject {
			err = i.take(content, answer)
		} else {
			i.doubt, err = open, i.malformed("is not JSON, or was broken off")
		}
		if err != nil {
			i.failed = &failure{err: err, doubt: i.doubt}
			return
		}
	}
	i.answer = answer
}

// tell reports an item as a request of its own: Graph counts it as one.
func (i *item) tell(ctx context.Context) {
	if o := i.client.settings.Observer; o != nil {
		o.Sent(ctx, Sent{Method: i.req.Method, Template: i.req.Template.String(), Caller: i.req.Caller, Status: i.trace.Status, InBatch: true})
	}
}

// refused settles an item that Graph refused, by itself or with its batch.
func (i *item) refused(res *http.Response, problem []byte) {
	i.trace.Status = res.StatusCode
	err := i.refusal(res, problem, i.now())
	i.weigh(res)
	i.failed = &failure{err, i.doubt, i.after}
}

// fail settles items whose batch got no answer. Of the writes among them nobody knows, if it
// may have arrived.
func fail(ctx context.Context, items []*item, err error, outer *call) {
	for _, i := range items {
		own := err
		if e, ok := err.(*abi.Error); ok && e.Code == abi.OutcomeUnknown && !i.req.leavesTraces() {
			own = i.unanswered(ctx)
		}
		i.failed = &failure{own, outer.doubt, outer.after}
	}
}
