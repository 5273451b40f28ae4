package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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
	case g.Dry && j.Hold != "":
		return &abi.Error{
			Code:    abi.PolicyDenied,
			Message: "it would be held for an operator, by " + j.Hold,
			Detail:  abi.Detail{Asked: g.Method + " " + g.Path, Rule: j.Hold},
		}
	case g.Dry:
		return nil
	case inv.release != nil:
		if j.Draft && (draft != inv.release.Draft || !slices.Equal(j.Recipients, inv.release.Recipients)) {
			return &abi.Error{
				Code:    abi.Conflict,
				Message: "the draft is another than the one that was held: its content or its recipients have changed; drop it and ask anew",
			}
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

// unlessKept drops a request that was held although that could not be put on record.
func (inv *invocation) unlessKept(err error, id string) error {
	if err == nil || id == "" {
		return err
	}
	store, openErr := inv.host.heldStore()
	if openErr != nil {
		return errors.Join(err, openErr)
	}
	_, dropErr := store.Drop(id, false)
	return errors.Join(err, dropErr)
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
		Keep:    inv.permit.Constrained(), Limits: inv.host.rates(inv.permit.Grant, inv.installed.Plugin, inv.connection.Name),
		Caller: graph.Caller{Plugin: inv.installed.Name, Invocation: inv.id},
	}
	o := inv.send(ctx, new(fastjson.Parser), req)
	r := inv.record(abi.OpGraph)
	r.Capability, r.Method, r.Template, r.Params, r.Query = g.Capability, req.Method, template.String(), req.Params, req.Query
	r.Status, r.RequestID, r.ClientRequestID = o.Trace.Status, o.Trace.RequestID, o.Trace.ClientRequestID
	r.Message = "the host reads the recipients of a draft"
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
