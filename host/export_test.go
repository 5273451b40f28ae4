package host

import (
	"context"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/trace"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/trigger"
)

// Layers are the parts of an invocation below the sandbox, for measuring them one by one.
type Layers struct {
	inv *invocation
}

// Layers prepares an invocation of an action on the only connection, without a module.
func (h *Host) Layers(action string) (*Layers, error) {
	inv := &invocation{host: h, id: uuid.NewString(), call: Invocation{Action: action}, log: h.log}
	var err error
	if inv.resolved, err = h.resolve(action, ""); err != nil {
		return nil, err
	}
	return &Layers{inv}, inv.prepare()
}

// Exchange answers an exchange as the guest's host does. They are not counted.
func (l *Layers) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	l.inv.count = 0
	return l.inv.Exchange(ctx, request)
}

// Watch does what watching adds to an exchange of one request, and nothing else.
func (l *Layers) Watch(ctx context.Context) {
	inv, record := l.inv, audit.Record{}
	ctx, exchange := inv.host.span(ctx, "exchange", trace.SpanKindInternal)
	_, request := inv.host.span(ctx, "request", trace.SpanKindClient)
	inv.endRequest(request, nil, graph.Outcome{})
	inv.counted(&record)
	endExchange(exchange, abi.OpGraph, nil, nil)
}

// Graph is the client of the invocation's connection, and the request that an exchange asks of it.
func (l *Layers) Graph(ctx context.Context, g *abi.GraphRequest) (*graph.Client, *graph.Request, error) {
	a, err := l.inv.judge(ctx, abi.OpGraph, g, false)
	if err != nil {
		return nil, nil, err
	}
	return l.inv.client.graph, a.request, a.refusal
}

// ReplayAll is what replaying without ids does.
func ReplayAll(ctx context.Context, store trigger.Store, name string) (int, error) {
	return replayAll(ctx, store, name)
}
