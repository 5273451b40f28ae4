package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/sandbox"
)

// Invocation is one call of one action.
type Invocation struct {
	// Action is the action's id, such as "mail.get".
	Action string
	// Connection is a name of the operator's file. It may be empty if the file has
	// one connection only.
	Connection string
	// Parameters by name: strings, booleans, numbers, lists and objects, as
	// encoding/json takes them. Nil is none. Bytes are standard base64, or {"$blob": name} for a blob of the host's
	// store, such as one that an earlier invocation saved.
	Parameters map[string]any
	// Stop, once it is closed, ends a list that an action which only reads is reading: after the page that it reads then. The result has
	// the rows so far, and tells by Next where to go on. Nil stops nothing. What else ends an invocation is its context, without a result.
	Stop <-chan struct{}
	// Continue is the Next of an earlier result of the same action, on the same connection and with the same parameters. The
	// list goes on from there.
	Continue string
	// Progress is told how far the invocation has got, after each answer of Graph. It must return soon.
	Progress func(Progress)
}

// Invoke runs an action. The result is never nil; its Error, which is also
// returned, tells why the action failed. It ends when ctx does, or after the
// timeout of the plugin and the grant.
func (h *Host) Invoke(ctx context.Context, call Invocation) (*Result, error) {
	return h.invoke(ctx, h.newInvocation(call))
}

func (h *Host) newInvocation(call Invocation) *invocation {
	return &invocation{host: h, id: uuid.NewString(), call: call, log: h.log}
}

func (h *Host) invoke(ctx context.Context, inv *invocation) (*Result, error) {
	call := inv.call
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
	ctx, ended := inv.began(ctx)
	err := inv.run(ctx, result)
	took := time.Since(started)
	if recordErr := inv.end(err, took); err == nil {
		err = recordErr
	}
	ended(err, took)
	if err != nil {
		if !inv.isOwn() {
			result.Data = []json.RawMessage{} // of a connection's test the rows are what tells what failed
		}
		err = result.fail(coded(err))
	}
	result.tellHeld(inv.held)
	return result, err
}

// fail turns the result into that of a failure.
func (result *Result) fail(failure *abi.Error) error {
	result.Status, result.Error = Failed, failure
	result.Message = failure.Message
	result.Truncated = false
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

// invocation is one invocation on its way. It answers the guest's exchanges.
type invocation struct {
	host *Host
	id   string
	call Invocation
	log  *slog.Logger
	// parameter are the parameters as they were checked, with defaults filled in.
	parameter []byte
	// started says that the module ran: policy and parameters allowed it.
	started bool
	// release is set if there is no guest, but an operator who releases a held request.
	release *release
	// poll is set if this is a run of a trigger.
	poll *polling
	// usage is what the module used.
	usage sandbox.Usage
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
	inv.parameter = abi.AppendValue(nil, checked)
	result.Parameter = inv.parameter
	document := abi.Invocation{ID: inv.id, Action: inv.action.ID, Parameters: checked}
	if inv.poll != nil {
		document.Trigger = inv.poll.Trigger
		document.Failures, document.Failure = inv.poll.failures()
		if document.State, err = inv.polledState(); err != nil {
			return err
		}
	}
	if inv.isOwn() {
		return inv.runOwn(ctx, result)
	}
	if err := inv.resume(); err != nil {
		return err
	}
	wait, err := h.load(ctx, inv.installed)
	if err != nil {
		return err
	}
	if err := inv.prepare(); err != nil { // while the module loads: each takes its time
		return err
	}
	if err := lend(inv.blobs, checked); err != nil {
		return err
	}
	if err := inv.lendNamed(checked); err != nil {
		return err
	}
	module, err := wait()
	if err != nil {
		return err
	}
	limits := inv.permit.Limits
	ctx, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	document.Now, document.Memory = h.config.Now(), int64(limits.Memory)
	inv.started = true
	invoke := func() (answer []byte, err error) {
		answer, inv.usage, err = module.Invoke(ctx, sandbox.Limits{Memory: uint64(limits.Memory), Fuel: limits.Fuel}, document.AppendJSON(nil), inv)
		return answer, err
	}
	answer, err := invoke()
	if errors.Is(err, sandbox.ErrClosed) { // approved anew in between: nothing ran
		if wait, err = h.load(ctx, inv.installed); err == nil {
			if module, err = wait(); err == nil {
				answer, err = invoke()
			}
		}
	}
	inv.abandon()
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
		return inv.withWrites(inv.attested(res.Error))
	}
	if err := inv.addRows(res.Data); err != nil {
		return inv.afterWrite(err)
	}
	if inv.rows != nil {
		result.Data = inv.rows
	}
	result.Message, result.Truncated = res.Message, res.Truncated
	if inv.poll != nil {
		if err := inv.poll.checkClock(); err != nil {
			return err
		}
		inv.poll.more = res.More
		if res.State != nil {
			inv.poll.left = abi.AppendValue(nil, res.State)
		}
	}
	if err := errors.Join(inv.stopped(result), inv.notResumed()); err != nil {
		return err
	}
	for _, b := range inv.blobs.List() {
		result.Blobs = append(result.Blobs, Blob(b))
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
	own.Detail.Asked, own.Detail.Rule, own.Detail.Allow, own.Detail.Held = "", "", "", ""
	switch own.Code {
	case abi.PolicyDenied, abi.Auth, abi.Consent, abi.FuelExhausted, abi.MemoryExhausted, abi.DeadlineExceeded, abi.ExchangeLimit, abi.Internal:
		own.Code, own.Message = abi.PluginFailed, "the plugin says: "+own.Message
	}
	return &own
}

// withWrites is a guest's error that tells of the writes before it. One of which
// nobody knows the outcome weighs more than what the guest ended with.
func (inv *invocation) withWrites(e *abi.Error) error {
	if inv.unknown.Load() > 0 {
		return inv.afterWrite(e)
	}
	if inv.writes.Load() == 0 || e.Code == abi.OutcomeUnknown {
		return e
	}
	told := *e
	told.Message += "; " + writeWasSent
	return &told
}

// end writes the audit line of the invocation itself.
func (inv *invocation) end(err error, took time.Duration) error {
	log, logErr := inv.host.auditLog()
	if logErr != nil {
		return logErr
	}
	decision := audit.Denied
	if inv.started {
		decision = audit.Allowed
	}
	r := inv.record(audit.OpInvocation)
	r.Duration, r.Fuel, r.Memory = took, inv.usage.Fuel, inv.usage.Memory
	return inv.afterWrite(log.Write(judged(r, decision, err)))
}

// record starts an audit record with what all of the invocation's have in common.
func (inv *invocation) record(op abi.Op) audit.Record {
	r := audit.Record{
		Time: inv.host.config.Now(), Invocation: inv.id, Action: inv.call.Action, Connection: inv.call.Connection, Op: op,
	}
	if inv.connection != nil {
		r.Connection = inv.connection.Name
	}
	if inv.installed != nil {
		r.Plugin = inv.installed.String()
	}
	if inv.poll != nil {
		r.Trigger = inv.poll.Trigger
	}
	if inv.release != nil {
		r.Held, r.Operator = inv.release.ID, inv.release.operator
	}
	return r
}
