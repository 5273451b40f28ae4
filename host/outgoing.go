package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/held"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/host/state"
	"github.com/postern-dev/postern/manifests"
)

// letGo decides whether a request that sends may go now: it is held for an operator, or counted against the grant's sends.
func (inv *invocation) letGo(g *abi.GraphRequest, j *policy.Judgement, draft string) error {
	switch {
	case !j.Sends:
		return nil
	case inv.release != nil:
		if j.Draft && (draft != inv.release.Draft || !slices.Equal(j.Recipients, inv.release.Recipients)) {
			return &abi.Error{Code: abi.Conflict, Message: "the draft is another than the one that was held: its content or its recipients have changed; drop it and ask anew"}
		}
	case j.Hold != "":
		return inv.hold(g, j, draft)
	}
	return inv.countSend()
}

// countSend notes one more send of the grant, if its rate has room.
func (inv *invocation) countSend() error {
	grant := inv.permit.Grant
	if grant.Sends == (manifests.Rate{}) {
		return nil
	}
	store, err := inv.host.states()
	if err != nil {
		return unusableState(err)
	}
	wait, err := store.Take("sends-"+grant.Name, grant.Sends.Count, grant.Sends.Per, inv.host.config.Now())
	if err != nil {
		return unusableState(err)
	}
	if wait <= 0 {
		return nil
	}
	rule := "grant." + grant.Name + ".limits.sends"
	return &abi.Error{
		Code:    abi.Throttled,
		Message: fmt.Sprintf("%s allows %s, and as many have been sent; nothing was sent now, try again later", rule, grant.Sends),
		Detail:  abi.Detail{Asked: "one more send", Rule: rule, RetryAfter: wait},
	}
}

func unusableState(err error) error {
	return &abi.Error{Code: abi.Internal, Message: "nothing is sent that cannot be counted: " + err.Error()}
}

// states opens the folder of what outlives the process.
func (h *Host) states() (*state.Store, error) {
	return h.state.get(func() (*state.Store, error) { return state.Open(h.operator.StateDir()) })
}

// hold keeps a request for an operator. What it returns is the refusal that says so.
func (inv *invocation) hold(g *abi.GraphRequest, j *policy.Judgement, draft string) error {
	store, err := inv.host.heldStore()
	if err != nil {
		return unusableState(err)
	}
	r := held.Request{
		Invocation: inv.id, Action: inv.action.ID, Plugin: inv.installed.String(), Connection: inv.connection.Name,
		Grant: inv.permit.Grant.Name, Rule: j.Hold, Recipients: j.Recipients, Draft: draft,
		Capability: g.Capability, Method: g.Method, Path: g.Path, Params: g.Params, Query: g.Query, Headers: g.Headers,
		ContentType: g.ContentType,
	}
	if g.Body != nil {
		r.Body = abi.AppendValue(nil, g.Body)
		r.Blobs = blobsOf(g.Body, nil)
	}
	r, err = store.Put(r, func(name string) (io.ReadCloser, error) {
		content, _, err := inv.blobs.Open(name)
		return content, err
	}, inv.host.config.Now())
	if err != nil {
		return err
	}
	inv.held = append(inv.held, r.ID)
	return &abi.Error{
		Code:    abi.PolicyDenied,
		Message: "it was not sent, but is " + heldAs(r.ID),
		Detail:  abi.Detail{Asked: g.Method + " " + g.Path, Rule: j.Hold, Held: r.ID},
	}
}

func heldAs(id string) string {
	return "held for release as " + id + `: an operator decides with "postern held show ` + id + `"`
}

// tellHeld adds to a result what is held, whatever the plugin made of it.
func (result *Result) tellHeld(ids []string) {
	result.Held = ids
	for _, id := range ids {
		if !strings.Contains(result.Message, id) {
			result.Message = strings.TrimPrefix(result.Message+"; "+heldAs(id), "; ")
		}
	}
}

// blobsOf lists the names of the blobs in a body, each once.
func blobsOf(v *fastjson.Value, names []string) []string {
	name, isBlob, err := abi.BlobReference(v)
	switch {
	case err != nil:
		return names // refused when it is sent
	case isBlob && !slices.Contains(names, name):
		return append(names, name)
	}
	for _, item := range v.GetArray() {
		names = blobsOf(item, names)
	}
	v.GetObject().Visit(func(_ []byte, member *fastjson.Value) {
		if !isBlob {
			names = blobsOf(member, names)
		}
	})
	return names
}

// readDraft reads the recipients of the draft that a request sends, and has them judged. It returns the draft's etag, by which
// the send is bound to what was read.
func (inv *invocation) readDraft(ctx context.Context, g *abi.GraphRequest, j *policy.Judgement) (etag string, err error) {
	if err := inv.take(1); err != nil {
		return "", err
	}
	path := j.Request.Path.String()
	template, err := manifests.ParseTemplate(path[:strings.LastIndexByte(path, '/')])
	if err != nil {
		return "", err
	}
	req := &graph.Request{
		Method: http.MethodGet, Template: template, Beta: j.Request.Beta, Params: g.Params,
		Query:   []abi.Pair{{Name: "$select", Value: "toRecipients,ccRecipients,bccRecipients,replyTo"}},
		Headers: slices.DeleteFunc(slices.Clone(g.Headers), func(h abi.Pair) bool { return !strings.EqualFold(h.Name, "Prefer") }),
		Keep:    inv.permit.Constrained(), Limit: inv.host.limit(inv.permit.Grant),
		Caller: graph.Caller{Plugin: inv.installed.Name, Invocation: inv.id},
	}
	o := inv.send(ctx, new(fastjson.Parser), req)
	r := inv.record(abi.OpGraph)
	r.Capability, r.Method, r.Template, r.Params, r.Query = g.Capability, req.Method, template.String(), req.Params, req.Query
	r.Status, r.RequestID, r.ClientRequestID, r.Message = o.Trace.Status, o.Trace.RequestID, o.Trace.ClientRequestID, "the host reads the recipients of a draft"
	if err := inv.put(r, audit.Allowed, o.Err); err != nil {
		return "", err
	}
	if o.Err != nil {
		unread := *coded(o.Err)
		unread.Message = "the draft was not sent, since its recipients could not be read: " + unread.Message
		return "", &unread
	}
	etag = string(o.Answer.Body.GetStringBytes("@odata.etag"))
	if len(etag) > abi.MaxWord || strings.ContainsFunc(etag, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "", &abi.Error{Code: abi.Upstream, Message: "the draft was not sent, since Graph gave it an etag that is none"}
	}
	return etag, inv.permit.Draft(j, o.Answer.Body)
}

// ifMatch are the headers with the condition that the thing is still what was read.
func ifMatch(headers []abi.Pair, etag string) []abi.Pair {
	others := slices.DeleteFunc(slices.Clone(headers), func(h abi.Pair) bool { return strings.EqualFold(h.Name, "If-Match") })
	return append(others, abi.Pair{Name: "If-Match", Value: etag})
}

// markHeader tells an Exchange transport rule that a message was made by an action. Its value is the action's id.
const markHeader = "x-postern-action"

// marked is the body of a request, with the mark if it makes a message and the grant wants one.
func (inv *invocation) marked(g *abi.GraphRequest, j *policy.Judgement) *fastjson.Value {
	if !inv.permit.Grant.Mark || g.Body == nil {
		return g.Body
	}
	return policy.Mark(g, j.Request, markHeader, inv.action.ID)
}

// heldFolder is the folder of held requests, in that of the state.
const heldFolder = "held"

// release is an operator's release of a held request.
type release struct {
	*held.Claim
	operator string
}

// heldStore opens the folder of held requests.
func (h *Host) heldStore() (*held.Store, error) {
	return h.held.get(func() (*held.Store, error) {
		if _, err := h.states(); err != nil { // which makes the folder above
			return nil, err
		}
		return held.Open(filepath.Join(h.operator.StateDir(), heldFolder))
	})
}

// Held lists the requests that are held, oldest first. Those that have waited too long are dropped, and on record.
func (h *Host) Held() ([]held.Request, error) {
	store, err := h.heldStore()
	if err != nil {
		return nil, err
	}
	all, err := store.List()
	if err != nil {
		return nil, err
	}
	var left []held.Request
	for _, r := range all {
		if r.State == held.Waiting && !r.Expires.After(h.config.Now()) {
			if _, err := h.DropHeld(r.ID, "expired", false); err != nil && !errors.Is(err, abi.NotFound) {
				return nil, err
			}
			continue
		}
		left = append(left, r)
	}
	return left, nil
}

// HeldRequest returns the request that is held as id. The error is [abi.NotFound].
func (h *Host) HeldRequest(id string) (held.Request, error) {
	store, err := h.heldStore()
	if err != nil {
		return held.Request{}, err
	}
	return store.Get(id)
}

// DropHeld removes a held request, which is never sent then. operator is who says so, for the record. One that is being
// released is [abi.Conflict], unless force says that its process is gone.
func (h *Host) DropHeld(id, operator string, force bool) (held.Request, error) {
	store, err := h.heldStore()
	if err != nil {
		return held.Request{}, err
	}
	log, err := h.auditLog()
	if err != nil {
		return held.Request{}, err
	}
	r, err := store.Drop(id, force)
	if err != nil {
		return r, err
	}
	record := h.heldRecord(r, operator)
	record.Message = "dropped while " + string(r.State)
	return r, log.Write(judged(record, audit.Denied, nil))
}

func (h *Host) heldRecord(r held.Request, operator string) audit.Record {
	return audit.Record{
		Time: h.config.Now(), Invocation: r.Invocation, Action: r.Action, Plugin: r.Plugin, Connection: r.Connection, Op: audit.OpRelease,
		Capability: r.Capability, Method: r.Method, Template: r.Path, Params: r.Params, Recipients: r.Recipients, Held: r.ID, Operator: operator,
	}
}

// Release sends a held request, through all that a plugin's requests go through: the operator's file as it is now, limits, retries,
// the audit record, which names operator. However often it is called at the same time, the request is sent once.
//
// The error is [abi.OutcomeUnknown] if the request was sent and may or may not have been carried out: it is kept as such, and not sent
// again. After any other error it waits as before.
func (h *Host) Release(ctx context.Context, id, operator string) (held.Request, error) {
	leave, ok := h.running.enter()
	if !ok {
		return held.Request{}, errClosed()
	}
	defer leave()
	ctx, cancel := h.running.context(ctx)
	defer cancel()
	store, err := h.heldStore()
	if err != nil {
		return held.Request{}, err
	}
	claim, err := store.Claim(id, h.config.Now())
	if err != nil {
		return held.Request{}, err
	}
	inv := &invocation{
		host: h, id: claim.Invocation, call: Invocation{Action: claim.Action, Connection: claim.Connection},
		log: h.log, release: &release{claim, operator},
	}
	err = inv.sendHeld(ctx)
	switch {
	case err == nil:
		return claim.Request, claim.Done()
	case errors.Is(err, abi.OutcomeUnknown) || inv.writes.Load() > 0:
		return claim.Request, errors.Join(inv.afterWrite(err), claim.Doubt())
	}
	return claim.Request, errors.Join(coded(err), claim.Return())
}

// sendHeld judges the held request anew and sends it.
func (inv *invocation) sendHeld(ctx context.Context) error {
	claim := inv.release
	var err error
	if inv.resolved, err = inv.host.resolve(claim.Action, claim.Connection); err != nil {
		return err
	}
	if plugin, _, _ := strings.Cut(claim.Plugin, "@"); inv.installed.Name != plugin {
		return &abi.Error{Code: abi.PolicyDenied, Message: claim.Action + " is now one of another plugin than when the request was held; drop it and ask anew"}
	}
	if err := inv.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, inv.permit.Limits.Timeout)
	defer cancel()
	if err := inv.restoreBlobs(ctx); err != nil {
		return err
	}
	g := &abi.GraphRequest{
		Capability: claim.Capability, Method: claim.Method, Path: claim.Path, Params: claim.Params, Query: claim.Query,
		Headers: claim.Headers, ContentType: claim.ContentType,
	}
	if len(claim.Body) > 0 {
		if g.Body, err = abi.Parse(&inv.request, claim.Body, abi.MaxExchange); err != nil {
			return damaged(claim.ID)
		}
	}
	if err := inv.put(inv.host.heldRecord(claim.Request, claim.operator), audit.Allowed, nil); err != nil {
		return err
	}
	reply, err := inv.graph(ctx, &inv.answer, abi.OpGraph, g)
	if err == nil && reply.Error != nil {
		err = reply.Error
	}
	return err
}

func damaged(id string) error {
	return &abi.Error{Code: abi.Internal, Message: "the held request " + id + " is damaged; drop it and ask anew"}
}

// restoreBlobs makes the blobs of a held request those of the invocation again. They are named by their content.
func (inv *invocation) restoreBlobs(ctx context.Context) error {
	for _, name := range inv.release.Blobs {
		content, err := inv.release.Blob(name)
		if err != nil {
			return damaged(inv.release.ID)
		}
		blob, err := inv.blobs.Create(ctx, content, "")
		content.Close()
		if err != nil {
			return err
		}
		if blob.Name != name {
			return damaged(inv.release.ID)
		}
	}
	return nil
}
