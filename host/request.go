package host

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/valyala/fastjson"
	"golang.org/x/sync/errgroup"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/manifests"
)

// graph judges and makes one Graph request. A refusal, of policy or of Graph, is
// an error in the reply.
func (inv *invocation) graph(ctx context.Context, p *fastjson.Parser, op abi.Op, g *abi.GraphRequest) (*abi.Reply, error) {
	started := time.Now()
	r := inv.record(op)
	link, err := inv.redeem(g)
	var template manifests.Template
	if err == nil {
		template, r.Recipients, err = inv.permit.Request(g)
	}
	if err == nil && link == "" {
		err = graph.CheckParams(template, g.Params)
	}
	r.Capability, r.Method, r.Template = g.Capability, g.Method, g.Path
	if template.String() != "" { // else the values are a guest's own text, as long as it likes
		r.Params, r.Query = g.Params, g.Query
	}
	if err != nil {
		return &abi.Reply{Error: coded(err)}, inv.put(r, audit.Denied, err)
	}
	if g.Method != http.MethodGet {
		// A write that leaves is on record even if nothing can be written after it.
		intent := r
		intent.Message = "about to be sent"
		if err := inv.put(intent, audit.Allowed, nil); err != nil {
			return nil, err
		}
	}
	answer, trace, err := inv.send(ctx, p, &graph.Request{
		Method: g.Method, Template: template, Params: g.Params, Query: g.Query, Headers: g.Headers,
		Body: g.Body, PageLimit: g.PageLimit, Save: g.Save, Upload: g.Upload, URL: link,
		Keep: inv.permit.Constrained(), Limit: inv.host.limit(inv.permit.Grant),
		Caller: graph.Caller{Plugin: inv.installed.Name, Invocation: inv.id},
	})
	r.Status, r.RequestID, r.ClientRequestID = trace.Status, trace.RequestID, trace.ClientRequestID
	r.BytesOut, r.BytesIn, r.Duration = trace.BytesOut, trace.BytesIn, time.Since(started)
	var reply *abi.Reply
	if err == nil {
		reply, err = inv.replyTo(g, answer)
	}
	if err != nil {
		reply = &abi.Reply{Error: coded(err)}
	}
	return reply, inv.afterWrite(inv.put(r, audit.Allowed, err))
}

// send makes a request. A write counts as carried out from before it leaves until it
// is known that it was not.
func (inv *invocation) send(ctx context.Context, p *fastjson.Parser, req *graph.Request) (*graph.Answer, graph.Trace, error) {
	if req.Method == http.MethodGet {
		return inv.client.graph.Do(ctx, p, req, inv.blobs)
	}
	inv.writes.Add(1)
	answer, trace, err := inv.client.graph.Do(ctx, p, req, inv.blobs)
	switch {
	case errors.Is(err, abi.OutcomeUnknown):
		inv.unknown.Add(1)
	case err != nil:
		inv.writes.Add(-1)
	}
	return answer, trace, err
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
		return "", nil
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
	if reply.Next, err = inv.seal(g, answer.Next); err != nil {
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
	return sealer.Seal(graph.Link{
		URL: url, Capability: g.Capability, Template: g.Path, Params: g.Params, Headers: g.Headers,
		Sealed: inv.host.config.Now(),
	}, inv.owner())
}

// batch makes several requests, each judged and recorded by itself. None is begun
// after an audit record could not be written.
func (inv *invocation) batch(ctx context.Context, requests []abi.GraphRequest) (*abi.Reply, error) {
	if err := inv.take(len(requests) - 1); err != nil {
		return nil, err
	}
	reply := &abi.Reply{Replies: make([]abi.Reply, len(requests))}
	group, begin := errgroup.WithContext(ctx)
	group.SetLimit(batchWidth)
	for i := range requests {
		group.Go(func() (err error) {
			defer func() {
				if fault := recover(); fault != nil {
					err = &abi.Error{Code: abi.Internal, Message: fmt.Sprintf("a fault of the host: %v", fault)}
				}
			}()
			if begin.Err() != nil {
				return begin.Err()
			}
			one, err := inv.graph(ctx, new(fastjson.Parser), abi.OpBatch, &requests[i])
			if err == nil {
				reply.Replies[i] = *one
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, inv.afterWrite(err)
	}
	boundReplies(requests, reply.Replies)
	return reply, nil
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
