package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/manifests/permissions"
)

// asked is a Graph request of the guest that policy has allowed and the audit record knows of.
type asked struct {
	from    *abi.GraphRequest
	request *graph.Request
	record  audit.Record
	started time.Time
	refusal error // why it is not made; nil if it is
}

// isSent reports whether the request leaves: one that was refused does not, nor does one that the guest wanted judged only.
func (a *asked) isSent() bool { return a.refusal == nil && !a.from.Dry }

// judge holds a Graph request against the permit. beside says that other writes go with it, which may come before it. A refusal,
// of policy or of Graph, is an error in the reply; what is returned as an error ends the invocation.
func (inv *invocation) judge(ctx context.Context, op abi.Op, g *abi.GraphRequest, beside bool) (*asked, error) {
	a := &asked{from: g, record: inv.record(op), started: time.Now()}
	r := &a.record
	link, err := inv.redeem(g)
	var j policy.Judgement
	if err == nil {
		j, err = inv.permit.Request(g)
	}
	template := j.Request.Path
	if err == nil && link == "" {
		err = graph.CheckParams(template, g.Params)
	}
	var draft string
	j.Draft = j.Draft || inv.release != nil && inv.release.Draft != ""
	switch {
	case err != nil || !j.Draft:
	case g.Dry && len(inv.rehearsed) > 0:
		err = inv.permit.DraftTo(&j, inv.rehearsed)
	case beside:
		err = draftBeside(g)
	default:
		draft, err = inv.readDraft(ctx, g, &j)
	}
	if err == nil {
		err = inv.letGo(g, &j, draft)
	}
	r.Capability, r.Method, r.Template, r.Recipients = g.Capability, g.Method, g.Path, j.Recipients
	if template.String() != "" { // else the values are a guest's own text, as long as it likes
		r.Params, r.Query = g.Params, g.Query
	}
	if err != nil {
		a.refusal = err
		r.Held = cmp.Or(coded(err).Detail.Held, r.Held)
		return a, inv.unlessKept(inv.put(*r, audit.Denied, err), coded(err).Detail.Held)
	}
	if g.Dry {
		if !j.Sends && len(j.Recipients) > 0 {
			inv.rehearsed = j.Recipients
		}
		r.Message = "dry run: would be sent, and was not"
		return a, inv.put(*r, audit.Allowed, nil)
	}
	a.request = &graph.Request{
		Method: g.Method, Template: template, Beta: j.Request.Beta, Params: g.Params, Query: g.Query, Headers: g.Headers,
		Body: inv.marked(g, &j), ContentType: g.ContentType, PageLimit: g.PageLimit, Save: g.Save, Upload: g.Upload, After: g.After, URL: link,
		Keep: inv.permit.Constrained(), Limits: inv.host.rates(inv.permit.Grant, inv.installed.Plugin, inv.connection.Name),
		Caller: graph.Caller{Plugin: inv.installed.Name, Invocation: inv.id},
	}
	if draft != "" {
		a.request.Headers = ifMatch(g.Headers, draft)
	}
	if g.Method == http.MethodGet {
		return a, nil
	}
	// A write that leaves is on record even if nothing can be written after it.
	intent := judged(*r, audit.Allowed, nil)
	intent.Message = "about to be sent"
	return a, inv.write(intent)
}

// conclude records what became of a request and makes the reply to it.
func (inv *invocation) conclude(a *asked, o graph.Outcome) (*abi.Reply, error) {
	if a.refusal != nil {
		var err error
		if a.request != nil { // it was allowed, and comes after one that was not
			err = inv.put(a.record, audit.Denied, a.refusal)
		}
		return &abi.Reply{Error: coded(a.refusal)}, inv.afterWrite(err)
	}
	if a.from.Dry {
		return &abi.Reply{}, nil
	}
	r := &a.record
	traced(r, o, a.started)
	reply, err := (*abi.Reply)(nil), inv.needsUser(a.from, o.Err)
	if err == nil {
		reply, err = inv.replyTo(a.from, o.Answer)
	}
	if err != nil {
		reply = &abi.Reply{Error: coded(err)}
	}
	return reply, inv.afterWrite(inv.put(*r, audit.Allowed, err))
}

// traced completes a record with what is known of a request that was made.
func traced(r *audit.Record, o graph.Outcome, started time.Time) {
	r.Status, r.RequestID, r.ClientRequestID = o.Trace.Status, o.Trace.RequestID, o.Trace.ClientRequestID
	r.BytesOut, r.BytesIn, r.Duration = o.Trace.BytesOut, o.Trace.BytesIn, time.Since(started)
}

// needsUser tells of a write in a group that Graph refused to an application's own token. The permission is documented
// for some of them, and Graph is known to have refused the like all the same, so that a reader who is told to look at
// permissions would look in vain.
func (inv *invocation) needsUser(g *abi.GraphRequest, err error) error {
	var refused *abi.Error
	if !errors.As(err, &refused) || refused.Code != abi.AccessDenied || refused.Detail.GraphCode != "ErrorAccessDenied" ||
		inv.permit.Scheme != permissions.Application || g.Method == http.MethodGet || !strings.HasPrefix(g.Path, "/groups/{group}/") {
		return err
	}
	told := *refused
	told.Code = abi.NotSupported
	told.Message = "Graph refused an application's own token for " + g.Method + " " + g.Path +
		"; if the application has its permission, the request needs a signed-in user"
	return &told
}

// graph judges and makes one Graph request.
func (inv *invocation) graph(ctx context.Context, p *fastjson.Parser, op abi.Op, g *abi.GraphRequest) (*abi.Reply, error) {
	a, err := inv.judge(ctx, op, g, false)
	if err != nil {
		return nil, err
	}
	var o graph.Outcome
	if a.isSent() {
		o = inv.send(ctx, p, a.request)
	}
	return inv.conclude(a, o)
}

// http makes one Graph request that is given as a URI. Any status is a reply to it.
func (inv *invocation) http(ctx context.Context, h *abi.HTTPRequest) (*abi.Reply, error) {
	g, err := inv.permit.URI(inv.connection.Graph, h)
	if err != nil {
		r := inv.record(abi.OpHTTP)
		r.Method = h.Method
		return &abi.Reply{Error: coded(err)}, inv.put(r, audit.Denied, err)
	}
	a, err := inv.judge(ctx, abi.OpHTTP, g, false)
	if err != nil {
		return nil, err
	}
	var o graph.Outcome
	if a.refusal == nil {
		a.request.AnyStatus = true
		o = inv.send(ctx, &inv.answer, a.request)
	}
	return inv.conclude(a, o)
}

// send makes a request.
func (inv *invocation) send(ctx context.Context, p *fastjson.Parser, req *graph.Request) (o graph.Outcome) {
	ctx, span := inv.host.span(ctx, "request", trace.SpanKindClient)
	inv.beginWrite(req)
	o.Answer, o.Trace, o.Err = inv.client.graph.Do(ctx, p, req, inv.blobs)
	inv.endWrite(req, o.Err)
	inv.endRequest(span, req, o)
	return o
}

// beginWrite counts a write as carried out, from before it leaves until endWrite learns that it was not.
func (inv *invocation) beginWrite(req *graph.Request) {
	if req.Method != http.MethodGet {
		inv.writes.Add(1)
	}
}

func (inv *invocation) endWrite(req *graph.Request, err error) {
	switch {
	case req.Method == http.MethodGet || err == nil:
	case errors.Is(err, abi.OutcomeUnknown):
		inv.unknown.Add(1)
	default:
		inv.writes.Add(-1)
	}
}

// afterWrite is an error that ends the invocation after a write has left: whatever
// went wrong, the caller has to know that the write may be there.
func (inv *invocation) afterWrite(err error) error {
	if err == nil || inv.writes.Load() == 0 || errors.Is(err, abi.OutcomeUnknown) {
		return err
	}
	unknown := *coded(err)
	unknown.Code = abi.OutcomeUnknown
	unknown.Message += "; " + writeWasSent
	return &unknown
}

const writeWasSent = "a write was sent before that: look whether the change is there before you repeat it"

// owner is what a sealed link is bound to.
func (inv *invocation) owner() string {
	return strings.Join([]string{"links/1", inv.installed.Name, inv.connection.Name, inv.connection.Tenant, inv.connection.Graph}, " ")
}

// redeem opens the sealed link of a request and puts back what the request was
// that the link continues, so that policy judges it again.
func (inv *invocation) redeem(g *abi.GraphRequest) (string, error) {
	if g.Link == "" {
		return inv.goOn(g), nil
	}
	sealer, err := inv.host.links()
	if err != nil {
		return "", err
	}
	link, err := sealer.Open(g.Link, inv.owner(), inv.host.config.Now())
	if err != nil {
		return "", err
	}
	g.Capability, g.Method, g.Path, g.Params, g.Headers = link.Capability, "GET", link.Template, link.Params, link.Headers
	return link.URL, nil
}

func (inv *invocation) replyTo(g *abi.GraphRequest, answer *graph.Answer) (*abi.Reply, error) {
	reply := &abi.Reply{
		Status: answer.Status, Headers: answer.Headers, Body: answer.Body, Blob: answer.Blob, Truncated: answer.Truncated,
	}
	var err error
	if reply.Next, err = inv.seal(g, inv.follow(g, answer)); err != nil {
		return nil, err
	}
	reply.Delta, err = inv.seal(g, answer.Delta)
	return reply, err
}

func (inv *invocation) seal(g *abi.GraphRequest, url string) (string, error) {
	if url == "" {
		return "", nil
	}
	sealer, err := inv.host.links()
	if err != nil {
		return "", err
	}
	return sealer.Seal(inv.linkTo(g, url), inv.owner())
}

// batch makes several requests, each judged and recorded by itself: in one HTTP request those that can be, the
// others beside it. None is begun after an audit record could not be written.
func (inv *invocation) batch(ctx context.Context, requests []abi.GraphRequest) (*abi.Reply, error) {
	if err := inv.take(len(requests) - 1); err != nil {
		return nil, err
	}
	all := make([]*asked, len(requests))
	beside := slices.ContainsFunc(requests, canChangeDraft)
	for i := range requests {
		var err error
		if all[i], err = inv.judge(ctx, abi.OpBatch, &requests[i], beside); err != nil {
			return nil, inv.afterWrite(err)
		}
	}
	outcomes := make([]graph.Outcome, len(all))
	if err := inv.sendAll(ctx, all, outcomes); err != nil {
		return nil, inv.afterWrite(err)
	}
	reply := &abi.Reply{Replies: make([]abi.Reply, len(requests))}
	var failed error
	for i, a := range all {
		one, err := inv.conclude(a, outcomes[i])
		if err != nil {
			failed = errors.Join(failed, err) // the others are put on record all the same
			continue
		}
		reply.Replies[i] = *one
	}
	if failed != nil {
		return nil, failed
	}
	boundReplies(requests, reply.Replies)
	return reply, nil
}

// sendAll makes the requests of a batch that were not refused: in one HTTP request if all of them can be.
func (inv *invocation) sendAll(ctx context.Context, all []*asked, outcomes []graph.Outcome) error {
	requests, count, together := make([]*graph.Request, len(all)), 0, true
	for i, a := range all {
		a.refuseAfter(all)
		if a.isSent() {
			requests[i] = a.request
			count++
			together = together && a.request.Batchable()
		}
	}
	if count < 2 || !together {
		return inv.sendApart(ctx, requests, outcomes)
	}
	for _, req := range requests {
		if req != nil {
			inv.beginWrite(req)
		}
	}
	ctx, span := inv.host.span(ctx, "request $batch", trace.SpanKindClient)
	copy(outcomes, inv.client.graph.DoBatch(ctx, requests))
	if span != nil {
		end(span, nil, attribute.Int("postern.batched", count))
	}
	for i, req := range requests {
		if req != nil {
			inv.endWrite(req, outcomes[i].Err)
		}
	}
	return nil
}

// refuseAfter refuses a request that comes after one that was refused.
func (a *asked) refuseAfter(all []*asked) {
	for _, n := range a.from.After {
		if a.refusal == nil && all[n].refusal != nil {
			a.refusal = graph.NotSent(n, all[n].refusal)
		}
	}
}

// sendApart makes requests side by side, each after those that it depends on.
func (inv *invocation) sendApart(ctx context.Context, requests []*graph.Request, outcomes []graph.Outcome) error {
	done := make([]chan struct{}, len(requests))
	for i := range done {
		done[i] = make(chan struct{})
	}
	group, begin := errgroup.WithContext(ctx)
	group.SetLimit(batchWidth) // those that come before others start before them, so nobody waits in vain
	for i, req := range requests {
		if req == nil {
			close(done[i])
			continue
		}
		group.Go(func() (err error) {
			defer close(done[i])
			defer func() {
				if fault := recover(); fault != nil {
					err = &abi.Error{Code: abi.Internal, Message: fmt.Sprintf("a fault of the host: %v", fault)}
				}
			}()
			for _, n := range req.After {
				<-done[n]
				if failed := outcomes[n].Err; failed != nil {
					outcomes[i].Err = graph.NotSent(n, failed)
					return nil
				}
			}
			if begin.Err() != nil {
				return begin.Err()
			}
			outcomes[i] = inv.send(ctx, new(fastjson.Parser), req)
			return nil
		})
	}
	return group.Wait()
}

// boundReplies drops the bodies of a batch's replies that do not fit one reply. A
// write keeps its status: it was carried out.
func boundReplies(requests []abi.GraphRequest, replies []abi.Reply) {
	size, values := 0, 0
	for i := range replies {
		body := replies[i].Body
		if body == nil {
			continue
		}
		bodySize, bodyValues := len(abi.AppendValue(nil, body)), abi.CountValues(body)
		switch {
		case size+bodySize <= maxBatchBytes && values+bodyValues <= maxBatchValues:
			size, values = size+bodySize, values+bodyValues
		case requests[i].Method == http.MethodGet:
			replies[i] = abi.Reply{Error: tooLarge("the answers of the batch are too large together; ask for fewer at once")}
		default:
			replies[i].Body = nil
		}
	}
}
