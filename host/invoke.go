package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/host/sandbox"
	"github.com/postern-dev/postern/manifests"
)

// Invocation is one call of one action.
type Invocation struct {
	// Action is the action's id, such as "mail.get".
	Action string
	// Connection is a name of the operator's file. It may be empty if the file has
	// one connection only.
	Connection string
	// Parameters by name: strings, booleans, numbers, lists and objects, as
	// encoding/json takes them. Nil is none.
	Parameters map[string]any
}

// Invoke runs an action. The result is never nil; its Error, which is also
// returned, tells why the action failed. It ends when ctx does, or after the
// timeout of the plugin and the grant.
func (h *Host) Invoke(ctx context.Context, call Invocation) (*Result, error) {
	inv := &invocation{
		host: h,
		id:   uuid.NewString(),
		call: call,
		log:  h.log,
	}
	started := time.Now()
	result := &Result{
		Status: Success, Action: call.Action, Connection: call.Connection, Invocation: inv.id,
		Parameter: json.RawMessage("{}"), Data: []json.RawMessage{},
		Summary: Summary{TotalObjects: 1, TotalObjectsSuccessful: 1},
	}
	leave, ok := h.running.enter()
	if !ok {
		return result, result.fail(coded(errClosed()))
	}
	defer leave()
	ctx, cancel := h.running.context(ctx)
	defer cancel()
	err := inv.run(ctx, result)
	if recordErr := inv.end(err, time.Since(started)); err == nil {
		err = recordErr
	}
	if err == nil {
		return result, nil
	}
	return result, result.fail(coded(err))
}

// fail turns the result into that of a failure.
func (result *Result) fail(failure *abi.Error) error {
	result.Status, result.Error = Failed, failure
	result.Message = failure.Message
	result.Data, result.Truncated = []json.RawMessage{}, false
	result.Summary.TotalObjectsSuccessful = 0
	return failure
}

// coded gives every error a code. Only what the project's own code wrote has one
// already; the rest may hold anything.
func coded(err error) *abi.Error {
	var failure *abi.Error
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.Is(err, context.DeadlineExceeded):
		return &abi.Error{Code: abi.DeadlineExceeded, Message: "the invocation's time is over"}
	case errors.Is(err, context.Canceled):
		return &abi.Error{Code: abi.DeadlineExceeded, Message: "the invocation was cancelled by its caller, or its host was closed"}
	default:
		return &abi.Error{Code: abi.Internal, Message: err.Error()}
	}
}

// resolved is what the action of an invocation turned out to be.
type resolved struct {
	installed  *catalog.Installed
	action     *manifests.Action
	connection *manifests.Connection
	client     *client
	permit     *policy.Permit
}

// connectionNamed returns the connection of that name, or the only one.
func (h *Host) connectionNamed(name string) (*manifests.Connection, error) {
	if name == "" && len(h.config.Connections) == 1 {
		return &h.config.Connections[0], nil
	}
	if c, ok := h.config.Connection(name); ok {
		return c, nil
	}
	var names []string
	for _, c := range h.config.Connections {
		names = append(names, c.Name)
	}
	problem := fmt.Sprintf("there is no connection %q", name)
	if name == "" {
		problem = "say which connection to use"
	}
	if len(names) == 0 {
		return nil, &abi.Error{Code: abi.InvalidInput, Message: problem + "; the operator's file has none: add [connection.NAME]"}
	}
	return nil, &abi.Error{
		Code: abi.InvalidInput, Message: problem + "; the operator's file has " + strings.Join(names, ", "),
		Detail: abi.Detail{Near: names[:min(len(names), 20)]},
	}
}

// resolve finds the module, the connection and the permit of an action. What it
// found before an error is returned with it.
func (h *Host) resolve(id, connection string) (resolved, error) {
	var r resolved
	var err error
	if r.connection, err = h.connectionNamed(connection); err != nil {
		return r, err
	}
	grant, ok := policy.Find(h.config, "", id, r.connection.Name)
	if !ok {
		return r, h.notGranted(id, r.connection.Name)
	}
	if r.installed, err = h.catalog.Resolve(grant); err != nil {
		return r, err
	}
	if err := h.fits(r.installed.Plugin); err != nil {
		return r, err
	}
	if r.action, ok = r.installed.Plugin.Action(id); !ok {
		return r, &abi.Error{Code: abi.UnknownAction, Message: fmt.Sprintf("%s has no action %s, although grant.%s names it", r.installed, id, grant.Name)}
	}
	if r.client, err = h.client(r.connection); err != nil {
		return r, err
	}
	r.permit, err = policy.NewPermit(r.installed.Plugin, r.action, grant, r.client.connection.Scheme())
	return r, err
}

// fits reports what of the operator's file cannot be meant for the plugin.
func (h *Host) fits(plugin *manifests.Plugin) error {
	if err := h.config.Check(plugin); err != nil {
		return &abi.Error{Code: abi.PolicyDenied, Message: "the operator's file does not fit the plugin: " + err.Error()}
	}
	return nil
}

// notGranted tells an action that is installed but not granted from one that does
// not exist.
func (h *Host) notGranted(id, connection string) error {
	actions, err := h.Actions()
	if err != nil {
		return err
	}
	var near []string
	for _, a := range actions {
		if a.ID == id {
			if err := h.fits(a.installed.Plugin); err != nil {
				return err // a misspelt action of a grant, most likely
			}
			return policy.NotGranted(h.config, a.installed.Plugin, a.action, connection)
		}
		if family, _, _ := strings.Cut(id, "."); strings.HasPrefix(a.ID, family+".") && !slices.Contains(near, a.ID) {
			near = append(near, a.ID)
		}
	}
	message := fmt.Sprintf("no installed plugin has the action %q; \"postern actions\" lists what there is", id)
	if len(near) > 0 {
		message += ", such as " + strings.Join(near, ", ")
	}
	return &abi.Error{Code: abi.UnknownAction, Message: message, Detail: abi.Detail{Near: near[:min(len(near), 20)]}}
}

// invocation is one invocation on its way. It answers the guest's exchanges.
type invocation struct {
	host *Host
	id   string
	call Invocation
	log  *slog.Logger
	// started says that the module ran: policy and parameters allowed it.
	started bool
	resolved
	exchanges
}

// run goes through the invocation, and fills in result as it learns.
func (inv *invocation) run(ctx context.Context, result *Result) error {
	h := inv.host
	var err error
	inv.resolved, err = h.resolve(inv.call.Action, inv.call.Connection)
	if inv.connection != nil {
		result.Connection = inv.connection.Name
	}
	if inv.installed != nil {
		result.Plugin = inv.installed.String()
	}
	if err != nil {
		return err
	}
	inv.log = h.log.With("invocation", inv.id, "plugin", result.Plugin, "action", inv.action.ID)
	checked, err := parameters(new(fastjson.Parser), inv.action, inv.call.Parameters)
	if err != nil {
		return err
	}
	result.Parameter = abi.AppendValue(nil, checked)
	if err := inv.prepare(); err != nil {
		return err
	}
	module, err := h.module(ctx, inv.installed)
	if err != nil {
		return err
	}
	limits := inv.permit.Limits
	ctx, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	document := abi.Invocation{
		ID: inv.id, Action: inv.action.ID, Parameters: checked,
		Now: h.options.Now(), Memory: int64(limits.Memory),
	}
	inv.started = true
	answer, err := module.Invoke(ctx, sandbox.Limits{Memory: uint64(limits.Memory)}, document.AppendJSON(nil), inv)
	inv.reportDropped()
	if err != nil {
		return inv.afterWrite(err)
	}
	return inv.finish(answer, result)
}

// finish reads what the guest responded with.
func (inv *invocation) finish(answer []byte, result *Result) error {
	res, err := abi.ParseResult(new(fastjson.Parser), answer)
	if err != nil {
		return inv.afterWrite(&abi.Error{Code: abi.PluginFailed, Message: "the plugin's " + err.Error()})
	}
	if res.Error != nil {
		return inv.attested(res.Error)
	}
	if err := inv.addRows(res.Data); err != nil {
		return inv.afterWrite(err)
	}
	if inv.rows != nil {
		result.Data = inv.rows
	}
	result.Message, result.Truncated = res.Message, res.Truncated
	for _, b := range inv.blobs.List() {
		result.Blobs = append(result.Blobs, Blob{b.Name, b.Size, b.ContentType, b.MD5, b.SHA1, b.SHA256})
	}
	return nil
}

// attested is a guest's error without what only the host may say: that policy
// denied something or a bound was hit, by which rule, and which lines of TOML would allow it. A guest
// could talk an operator into a wider grant. An error of the host that the guest
// passes on as it got it stays.
func (inv *invocation) attested(e *abi.Error) *abi.Error {
	text := e.AppendJSON(nil)
	for _, refusal := range inv.refusals {
		if bytes.Equal(refusal.AppendJSON(nil), text) {
			return refusal
		}
	}
	own := *e
	own.Detail.Asked, own.Detail.Rule, own.Detail.Allow = "", "", ""
	switch own.Code {
	case abi.PolicyDenied, abi.Auth, abi.Consent, abi.FuelExhausted, abi.MemoryExhausted, abi.DeadlineExceeded, abi.ExchangeLimit, abi.Internal:
		own.Code, own.Message = abi.PluginFailed, "the plugin says: "+own.Message
	}
	return &own
}

// end writes the audit line of the invocation itself.
func (inv *invocation) end(err error, took time.Duration) error {
	log, logErr := inv.host.auditLog()
	if logErr != nil {
		return &abi.Error{Code: abi.Internal, Message: "nothing runs without an audit record: " + logErr.Error()}
	}
	r := inv.record(audit.OpInvocation)
	r.Decision, r.Duration = audit.Denied, took
	if inv.started {
		r.Decision = audit.Allowed
	}
	if err != nil {
		failure := coded(err)
		r.Code, r.Message, r.Rule = failure.Code, failure.Message, failure.Detail.Rule
	}
	return inv.afterWrite(log.Write(r))
}

// record starts an audit record with what all of the invocation's have in common.
func (inv *invocation) record(op abi.Op) audit.Record {
	r := audit.Record{
		Time: inv.host.options.Now(), Invocation: inv.id, Action: inv.call.Action, Connection: inv.call.Connection, Op: op,
	}
	if inv.connection != nil {
		r.Connection = inv.connection.Name
	}
	if inv.installed != nil {
		r.Plugin = inv.installed.String()
	}
	return r
}
