package host

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/metrics"
	"github.com/postern-dev/postern/host/sandbox"
)

// tracerName names the spans' origin to OpenTelemetry.
const tracerName = "github.com/postern-dev/postern/host"

// waitEvent is the shortest wait for a limit that a span tells of.
const waitEvent = time.Millisecond

// observe begins what Config asks for. Nothing is kept, and no span made, unless it does.
func (h *Host) observe() (err error) {
	if h.config.Tracing != nil {
		h.tracer = h.config.Tracing.Tracer(tracerName, trace.WithInstrumentationVersion(Version))
	}
	if h.config.Metrics != nil {
		h.metrics, err = metrics.New(h.config.Metrics, h.instances)
	}
	return err
}

// instances tells of the instances of the modules that are loaded.
func (h *Host) instances(yield func(plugin, version string, idle, busy int)) {
	for l := range h.modules.all() {
		if l.module != nil {
			idle, busy := l.module.Instances()
			yield(l.from.Name, version(l.from), idle, busy)
		}
	}
}

// version is that of an installed plugin; empty if its folder's name is none.
func version(i *catalog.Installed) string {
	if i.Version == nil {
		return ""
	}
	return i.Version.String()
}

// admission counts the loading of a module.
func (h *Host) admission(i *catalog.Installed, module *sandbox.Module, err error, took time.Duration) {
	outcome := "admitted"
	switch {
	case errors.Is(err, abi.PluginFailed):
		outcome = "refused"
	case err != nil:
		outcome = "failed"
	case module.Cached():
		outcome = "cached"
	}
	h.metrics.Admission(i.Name, version(i), outcome, took)
}

// span begins a span; nil without tracing. The names and attributes of spans are of manifests, the operator's file and
// the protocol, like the labels of metrics: whatever holds a person's data stays in the audit record.
func (h *Host) span(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	if h.tracer == nil {
		return ctx, nil
	}
	return h.tracer.Start(ctx, name, trace.WithSpanKind(kind))
}

// end ends a span. Of an error it tells the code; the message may name people.
func end(span trace.Span, err error, attributes ...attribute.KeyValue) {
	if err != nil {
		code := string(coded(err).Code)
		span.SetStatus(codes.Error, code)
		span.SetAttributes(attribute.String("error.type", code))
	}
	span.SetAttributes(attributes...)
	span.End()
}

// began tells of an invocation that begins. ended has to be called with what became of it.
func (inv *invocation) began(ctx context.Context) (_ context.Context, ended func(err error, took time.Duration)) {
	h := inv.host
	if h.metrics == nil && h.tracer == nil {
		return ctx, func(error, time.Duration) {}
	}
	h.metrics.Begin()
	ctx, span := h.span(ctx, "invocation", trace.SpanKindInternal)
	return ctx, func(err error, took time.Duration) {
		i := metrics.Invocation{Ran: inv.started, Took: took, Fuel: inv.usage.Fuel, Memory: inv.usage.Memory}
		if inv.installed != nil {
			i.Plugin, i.Version = inv.installed.Name, version(inv.installed)
		}
		if inv.action != nil { // else the action's name is the caller's own text
			i.Action = inv.action.ID
		}
		if inv.connection != nil {
			i.Connection = inv.connection.Name
		}
		if err != nil {
			i.Code = coded(err).Code
		}
		h.metrics.Ended(i)
		if span == nil {
			return
		}
		if i.Action != "" {
			span.SetName("invocation " + i.Action)
		}
		end(span, err,
			attribute.String("postern.invocation", inv.id), attribute.String("postern.action", i.Action),
			attribute.String("postern.plugin", i.Plugin), attribute.String("postern.version", i.Version), attribute.String("postern.connection", i.Connection),
			attribute.Int64("postern.fuel", int64(i.Fuel)), attribute.Int64("postern.memory", int64(i.Memory)))
	}
}

// endExchange ends the span of an exchange. A refusal is one of its reply.
func endExchange(span trace.Span, op abi.Op, reply *abi.Reply, err error) {
	if span == nil {
		return
	}
	if err == nil && reply != nil && reply.Error != nil {
		err = reply.Error
	}
	if op != "" {
		span.SetName("exchange " + string(op))
	}
	end(span, err, attribute.String("postern.op", string(op)))
}

// endRequest ends the span of a request, pages and retries and all.
func (inv *invocation) endRequest(span trace.Span, req *graph.Request, o graph.Outcome) {
	if span == nil {
		return
	}
	span.SetName(req.Method + " " + req.Template.String())
	end(span, o.Err,
		attribute.String("http.request.method", req.Method), attribute.String("url.template", req.Template.String()),
		attribute.String("server.address", inv.client.connection.Origin().Hostname()),
		attribute.Int("http.response.status_code", o.Trace.Status), attribute.Int("postern.requests", o.Trace.Requests),
		attribute.String("postern.client_request_id", o.Trace.ClientRequestID),
		attribute.Int64("http.request.body.size", o.Trace.BytesOut), attribute.Int64("http.response.body.size", o.Trace.BytesIn))
}

// counted counts an exchange as it is on record.
func (inv *invocation) counted(r *audit.Record) {
	inv.host.metrics.Exchange(inv.installed.Name, r.Op, string(r.Decision), r.Code)
}

// observer is told what the requests of a connection do.
type observer struct {
	metrics    *metrics.Metrics
	tracing    bool
	connection string
}

// observer returns that of a connection; nil if nobody wants to know.
func (h *Host) observer(connection string) graph.Observer {
	if h.metrics == nil && h.tracer == nil {
		return nil
	}
	return &observer{metrics: h.metrics, tracing: h.tracer != nil, connection: connection}
}

// Waited implements [graph.Observer].
func (o *observer) Waited(ctx context.Context, limit graph.LimitKind, took time.Duration, err error) {
	o.metrics.Wait(o.connection, string(limit), took, err == nil)
	if o.tracing && (took >= waitEvent || err != nil) {
		trace.SpanFromContext(ctx).AddEvent("wait", trace.WithAttributes(
			attribute.String("postern.limit", string(limit)), attribute.Float64("postern.seconds", took.Seconds()), attribute.Bool("postern.refused", err != nil)))
	}
}

// Sent implements [graph.Observer].
func (o *observer) Sent(_ context.Context, s graph.Sent) {
	o.metrics.Request(metrics.Request{
		Connection: o.connection, Plugin: s.Caller.Plugin, Method: s.Method, Template: s.Template,
		Status: s.Status, InBatch: s.InBatch, Took: s.Took, Out: s.Out, In: s.In,
	})
}

// Retrying implements [graph.Observer].
func (o *observer) Retrying(ctx context.Context, req *graph.Request, retry int, wait time.Duration) {
	o.metrics.Retry(o.connection, req.Caller.Plugin, req.Method, req.Template.String())
	if o.tracing {
		trace.SpanFromContext(ctx).AddEvent("retry", trace.WithAttributes(
			attribute.String("url.template", req.Template.String()), attribute.Int("postern.retry", retry), attribute.Float64("postern.seconds", wait.Seconds())))
	}
}

// fetched returns what counts the tokens of a connection; nil if nobody wants to know.
func (h *Host) fetched(connection string) func(time.Duration, error) {
	if h.metrics == nil {
		return nil
	}
	return func(took time.Duration, err error) {
		var code abi.Code
		if err != nil {
			code = coded(err).Code
		}
		h.metrics.Token(connection, code, took)
	}
}
