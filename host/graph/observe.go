package graph

import (
	"context"
	"io"
	"time"
)

// Observer is told what the requests of a client do, for metrics and traces. Its methods are called from the
// goroutines that make the requests, with their contexts, and must not wait. What they are told comes from manifests
// and from the protocol: no value of a path, no query and no text of a server.
type Observer interface {
	// Waited is told how long a request has waited for a limit, and why it was not let in, if so.
	Waited(ctx context.Context, limit LimitKind, took time.Duration, err error)
	// Sent is told of a request that has left, once its answer was read or there was none.
	Sent(ctx context.Context, s Sent)
	// Retrying is told that a request is about to be tried again, after so long. The first retry is number 1.
	Retrying(ctx context.Context, req *Request, retry int, wait time.Duration)
}

// LimitKind says what a limit bounds.
type LimitKind string

// The kinds of limits, in the order in which they are waited for.
const (
	GrantLimit      LimitKind = "grant"
	PluginLimit     LimitKind = "plugin"
	MailboxLimit    LimitKind = "mailbox"
	ConnectionLimit LimitKind = "connection"
)

// limitKinds are the kinds in their order.
func limitKinds() [4]LimitKind {
	return [...]LimitKind{GrantLimit, PluginLimit, MailboxLimit, ConnectionLimit}
}

// Templates of requests that no manifest names.
const (
	// BatchTemplate is that of the request that carries others.
	BatchTemplate = "/$batch"
	// UploadTemplate is that of all requests to an upload session, whose address is secret.
	UploadTemplate = "(upload session)"
)

// Sent is one request that has left.
type Sent struct {
	Method, Template string
	Caller           Caller
	// Status is that of the answer; 0 without one.
	Status int
	// InBatch says that it went within a batch. Time and bytes are those of the batch, and 0 here.
	InBatch bool
	// Took is the time from its sending until its answer was read.
	Took time.Duration
	// Out and In are the sizes of the bodies, in bytes.
	Out, In int64
}

// sending is a request that has left, until it is reported.
type sending struct {
	observer Observer // nil if nobody wants to know
	ctx      context.Context
	sent     Sent
	began    time.Time
}

// departs notes that a request of the client leaves.
func (c *Client) departs(ctx context.Context, method, template string, caller Caller, out int64) sending {
	if c.settings.Observer == nil {
		return sending{}
	}
	return sending{c.settings.Observer, ctx, Sent{Method: method, Template: template, Caller: caller, Out: out}, time.Now()}
}

// report tells of the request, once.
func (s *sending) report() {
	if s.observer == nil {
		return
	}
	s.sent.Took = time.Since(s.began)
	s.observer.Sent(s.ctx, s.sent)
	s.observer = nil
}

// arriving is the body of an answer. The request is under way until it is closed.
type arriving struct {
	io.ReadCloser
	*admission
	sending
}

// Read counts.
func (a *arriving) Read(b []byte) (int, error) {
	n, err := a.ReadCloser.Read(b)
	a.sent.In += int64(n)
	return n, err
}

// Close ends the request.
func (a *arriving) Close() error {
	defer a.leave()
	defer a.report()
	return a.ReadCloser.Close()
}

// retrying tells that a request is tried again.
func (c *Client) retrying(ctx context.Context, req *Request, retry int, wait time.Duration) {
	if c.settings.Observer != nil {
		c.settings.Observer.Retrying(ctx, req, retry, wait)
	}
}

// pass waits for one limit.
func (c *Client) pass(ctx context.Context, kind LimitKind, limit *Limit, caller Caller, n int) error {
	if c.settings.Observer == nil || limit == nil || limit.bounds == (Bounds{}) {
		return c.enter(ctx, kind, limit, caller, n)
	}
	began := time.Now()
	err := c.enter(ctx, kind, limit, caller, n)
	c.settings.Observer.Waited(ctx, kind, time.Since(began), err)
	return err
}

func (c *Client) enter(ctx context.Context, kind LimitKind, limit *Limit, caller Caller, n int) error {
	if err := limit.Enter(ctx, caller, n); err != nil || kind != ConnectionLimit || c.settings.Shared == nil {
		return err
	}
	err := c.settings.Shared.Enter(ctx, n)
	if err != nil {
		limit.Leave(n)
	}
	return err
}
