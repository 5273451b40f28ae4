package host

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/held"
)

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
