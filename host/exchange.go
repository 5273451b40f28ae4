package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/valyala/fastjson"
	"golang.org/x/sync/errgroup"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/manifests"
)

// exchanges is the state that one invocation's exchanges share.
type exchanges struct {
	count    int
	audit    *audit.Log
	blobs    *blob.Set
	rows     []json.RawMessage
	rowBytes int
	lines    int
	request  fastjson.Parser
	answer   fastjson.Parser
	reply    []byte
	// refusals are the last errors that replies carried.
	refusals []*abi.Error
	// writes counts the writes that were carried out or may have been, and unknown
	// those of them of which nobody knows.
	writes, unknown atomic.Int32
}

func (inv *invocation) prepare() error {
	store, err := inv.host.Blobs()
	if err != nil {
		return &abi.Error{Code: abi.Internal, Message: "the blobs folder cannot be used: " + err.Error()}
	}
	inv.blobs = store.NewSet(maxBlobBytes)
	inv.audit, err = inv.host.auditLog()
	return err
}

// Exchange answers one exchange of the guest. What it returns as an error ends
// the invocation: a bound that was hit, or an audit record that cannot be written.
func (inv *invocation) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	if err := inv.take(1); err != nil {
		return nil, err
	}
	x, err := abi.ParseExchange(&inv.request, request)
	if err != nil {
		err := &abi.Error{Code: abi.InvalidInput, Message: err.Error()}
		if err := inv.put(inv.record(audit.OpExchange), audit.Denied, err); err != nil {
			return nil, err
		}
		return inv.answered(&abi.Reply{Error: err}), nil
	}
	var reply *abi.Reply
	switch x.Op {
	case abi.OpGraph:
		reply, err = inv.graph(ctx, &inv.answer, abi.OpGraph, x.Graph)
	case abi.OpBatch:
		reply, err = inv.batch(ctx, x.Batch)
	default:
		reply, err = inv.local(ctx, x)
	}
	if err != nil {
		return nil, err
	}
	return inv.answered(reply), nil
}

// take counts n exchanges against the invocation's bound.
func (inv *invocation) take(n int) error {
	inv.count += n
	most := inv.permit.Limits.Exchanges
	if inv.count <= most {
		return nil
	}
	err := &abi.Error{
		Code:    abi.ExchangeLimit,
		Message: fmt.Sprintf("the plugin asked for more than the %d exchanges that it may have; ask for less, or raise exchanges in the grant's limits up to the plugin's own", most),
	}
	return errors.Join(err, inv.put(inv.record(audit.OpExchange), audit.Denied, err))
}

func (inv *invocation) answered(reply *abi.Reply) []byte {
	inv.remember(reply)
	for i := range reply.Replies {
		inv.remember(&reply.Replies[i])
	}
	inv.reply = reply.AppendJSON(inv.reply[:0])
	if len(inv.reply) > abi.MaxReply {
		return inv.answered(&abi.Reply{Error: tooLarge("the reply to the exchange is too large; ask for less at once")})
	}
	return inv.reply
}

// remember keeps an error of the host, to know it again if the guest ends with it.
func (inv *invocation) remember(reply *abi.Reply) {
	if reply.Error == nil {
		return
	}
	if len(inv.refusals) == maxRefusals {
		inv.refusals = inv.refusals[1:]
	}
	inv.refusals = append(inv.refusals, reply.Error)
}

func tooLarge(message string) *abi.Error { return &abi.Error{Code: abi.TooLarge, Message: message} }

// put completes a record and puts it into the audit log.
func (inv *invocation) put(r audit.Record, decision audit.Decision, failure error) error {
	if err := inv.audit.Write(judged(r, decision, failure)); err != nil {
		return &abi.Error{Code: abi.Internal, Message: err.Error()}
	}
	return nil
}

// judged is a record with what became of what it records.
func judged(r audit.Record, decision audit.Decision, failure error) audit.Record {
	r.Decision = decision
	if failure != nil {
		e := coded(failure)
		r.Code, r.Message, r.Rule = e.Code, e.Message, e.Detail.Rule
	}
	return r
}

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
		Body: g.Body, PageLimit: g.PageLimit, Save: g.Save, URL: link,
		Keep: inv.permit.Constrained(), Rate: inv.host.rate(inv.permit.Grant),
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

// local answers the exchanges that stay in the host: rows, blobs and log lines.
func (inv *invocation) local(ctx context.Context, x *abi.Exchange) (*abi.Reply, error) {
	reply := &abi.Reply{}
	var err error
	switch x.Op {
	case abi.OpRows:
		if err := inv.addRows(x.Rows); err != nil {
			return nil, errors.Join(err, inv.put(inv.record(x.Op), audit.Denied, err))
		}
	case abi.OpBlob:
		err = inv.blob(ctx, x.Blob, reply)
	case abi.OpLog:
		inv.logLine(ctx, level(x.Log.Level), x.Log.Message)
	}
	if err != nil {
		reply = &abi.Reply{Error: coded(err)}
		return reply, inv.put(inv.record(x.Op), audit.Denied, err)
	}
	return reply, inv.put(inv.record(x.Op), audit.Allowed, nil)
}

// addRows keeps result rows, written anew from what was read.
func (inv *invocation) addRows(rows []*fastjson.Value) error {
	for _, row := range rows {
		text := abi.AppendValue(nil, row)
		if inv.rowBytes += len(text); len(inv.rows) == maxRows || inv.rowBytes > maxRowBytes {
			return &abi.Error{Code: abi.ExchangeLimit, Message: fmt.Sprintf("the result is over %d rows or %d MiB; ask for less at a time", maxRows, maxRowBytes>>20)}
		}
		inv.rows = append(inv.rows, text)
	}
	return nil
}

func (inv *invocation) blob(ctx context.Context, b *abi.BlobRequest, reply *abi.Reply) error {
	if b.Name == "" {
		made, err := inv.blobs.Create(ctx, strings.NewReader(string(b.Data)), "")
		reply.Blob = &made
		return err
	}
	f, size, err := inv.blobs.Open(b.Name)
	if err != nil {
		return err
	}
	defer f.Close()
	if b.Offset > size {
		return &abi.Error{Code: abi.InvalidInput, Message: fmt.Sprintf("the blob has %d bytes only", size)}
	}
	if _, err := f.Seek(b.Offset, io.SeekStart); err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(b.Length)))
	reply.Data, reply.Size = data, size
	return err
}

// Output takes a line that the guest wrote to its standard output or error.
func (inv *invocation) Output(ctx context.Context, line []byte) {
	inv.logLine(ctx, slog.LevelDebug, string(line))
}

// logLine hands one line of the guest to the host's log, up to a bound. The line is
// an attribute, which slog's handlers quote, so that it can forge no other line.
func (inv *invocation) logLine(ctx context.Context, level slog.Level, line string) {
	if inv.lines++; inv.lines <= maxLogLines {
		inv.log.Log(ctx, level, "guest", "line", line)
	}
}

func (inv *invocation) reportDropped() {
	if dropped := inv.lines - maxLogLines; dropped > 0 {
		inv.log.Warn("guest logged too much", "dropped", dropped)
	}
}

func level(l abi.Level) slog.Level {
	switch l {
	case abi.Warn:
		return slog.LevelWarn
	case abi.Info:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}
