package host_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/graphtest"
)

const observedGrant = `
[grant.mail]
version = "^1"
connections = ["contoso"]
capabilities = ["mail.read"]
actions = ["mail.get"]
[grant.mail.only]
user = ["soc@contoso.example"]
[grant.mail.limits]
rate = "1000/1s"
`

// observed is a house that is watched, after invocations of every fate.
func observed(t *testing.T, configure func(*host.Config)) *house {
	t.Helper()
	h := furnish(t, furnishing{plugins: []string{"../plugins/mail"}, grants: observedGrant, configure: configure})
	message := h.tenant.SOC.Messages("Inbox")[0].ID
	h.must(t, "mail.get", map[string]any{"email_address": soc, "id": message})
	h.graph.Fault(graphtest.Fault{Path: "/users/{user}/messages/{message}", Status: http.StatusTooManyRequests})
	h.must(t, "mail.get", map[string]any{"email_address": soc, "id": message})
	for _, refused := range []struct {
		action, user string
		want         abi.Code
	}{
		{"mail.get", dana, abi.PolicyDenied},
		{"mail.forge-" + dana, soc, abi.UnknownAction},
	} {
		if _, err := h.run(t, refused.action, map[string]any{"email_address": refused.user, "id": message}); err == nil {
			t.Fatalf("%s was not refused", refused.action)
		}
	}
	return h
}

// counts reads a registry: of counters and gauges the value, of histograms the number of observations.
func counts(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	read := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetName()+"="+l.GetValue())
			}
			name := family.GetName() + "{" + strings.Join(labels, " ") + "}"
			read[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return read
}

func TestMetricsTellWhatHappenedAndOfNobody(t *testing.T) {
	registry := prometheus.NewRegistry()
	h := observed(t, func(c *host.Config) { c.Metrics = registry })
	got := counts(t, registry)
	for name := range got {
		if strings.Contains(name, "contoso.example") || strings.Contains(name, "forge") {
			t.Errorf("a caller's text is a label: %s", name)
		}
	}
	maps.DeleteFunc(got, func(name string, _ float64) bool { // sizes, and how the shared sandbox came by the module
		return strings.HasPrefix(name, "postern_graph_bytes_total") || strings.HasPrefix(name, "postern_admission") || strings.HasPrefix(name, "postern_sandbox")
	})
	const mail, template = "plugin=mail", "template=/users/{user}/messages/{message}"
	want := map[string]float64{
		"postern_invocations_running{}": 0,
		"postern_invocations_total{action=mail.get code= connection=contoso " + mail + " status=success version=1.0.0}":             2,
		"postern_invocations_total{action=mail.get code=policy_denied connection=contoso " + mail + " status=failed version=1.0.0}": 1,
		"postern_invocations_total{action= code=unknown_action connection=contoso plugin= status=failed version=}":                  1,
		"postern_invocation_duration_seconds{action=mail.get " + mail + "}":                                                         3,
		"postern_invocation_fuel_units{action=mail.get " + mail + "}":                                                               3,
		"postern_invocation_memory_bytes{action=mail.get " + mail + "}":                                                             3,
		"postern_exchanges_total{code= decision=allowed op=graph " + mail + "}":                                                     2,
		"postern_exchanges_total{code=policy_denied decision=denied op=graph " + mail + "}":                                         1,
		"postern_graph_requests_total{connection=contoso method=GET " + mail + " status=2xx " + template + "}":                      2,
		"postern_graph_requests_total{connection=contoso method=GET " + mail + " status=4xx " + template + "}":                      1,
		"postern_graph_request_duration_seconds{connection=contoso method=GET " + template + "}":                                    3,
		"postern_graph_throttled_total{connection=contoso " + mail + " " + template + "}":                                           1,
		"postern_graph_retries_total{connection=contoso method=GET " + mail + " " + template + "}":                                  1,
		"postern_limit_wait_seconds{connection=contoso limit=grant}":                                                                3,
		"postern_limit_wait_seconds{connection=contoso limit=mailbox}":                                                              3,
		"postern_limit_wait_seconds{connection=contoso limit=connection}":                                                           3,
		"postern_token_fetch_duration_seconds{code= connection=contoso}":                                                            1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if left := counts(t, registry); len(left) > 0 {
		t.Errorf("after Close the registry has %v", slices.Collect(maps.Keys(left)))
	}
}

func TestHostsShareARegistryUnderLabelsOfTheirOwn(t *testing.T) {
	registry := prometheus.NewRegistry()
	labelled := func(name string) prometheus.Registerer {
		return prometheus.WrapRegistererWith(prometheus.Labels{"host": name}, registry)
	}
	h := furnish(t, furnishing{plugins: []string{}, configure: func(c *host.Config) { c.Metrics = labelled("first") }})
	config := host.Config{Operator: h.operator(t), Metrics: labelled("first")}
	if _, err := host.Open(config); err == nil || !strings.Contains(err.Error(), "WrapRegistererWith") {
		t.Errorf("Open: %v", err)
	}
	config.Metrics = labelled("second")
	second, err := host.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	second.Close()
	left := counts(t, registry)
	if _, there := left["postern_invocations_running{host=first}"]; !there || len(left) != 1 {
		t.Errorf("after one host was closed the registry has %v", left)
	}
}

func TestSpansFollowAnInvocationToItsRequests(t *testing.T) {
	exporter := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	h := observed(t, func(c *host.Config) { c.Tracing = provider })
	spans := exporter.GetSpans()
	names := map[string]string{}
	for _, s := range spans {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	const request = "GET /users/{user}/messages/{message}"
	var got []string
	for _, s := range spans {
		line := s.Name
		if parent := names[s.Parent.SpanID().String()]; parent != "" {
			line = parent + " > " + line
		}
		for _, e := range s.Events {
			line += " +" + e.Name
		}
		if s.Status.Code == codes.Error {
			line += " !" + s.Status.Description
		}
		got = append(got, line)
	}
	want := []string{
		"exchange graph > " + request, "invocation mail.get > exchange graph", "invocation mail.get",
		"exchange graph > " + request + " +retry", "invocation mail.get > exchange graph", "invocation mail.get",
		"invocation mail.get > exchange graph !policy_denied", "invocation mail.get !policy_denied",
		"invocation !unknown_action",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, s := range spans {
		attributes := slices.Clone(s.Attributes)
		for _, e := range s.Events {
			attributes = append(attributes, e.Attributes...)
		}
		if slices.ContainsFunc(attributes, func(a attribute.KeyValue) bool {
			text := fmt.Sprint(a.Value.AsInterface())
			return strings.Contains(text, "contoso.example") || strings.Contains(text, h.tenant.SOC.Messages("Inbox")[0].ID)
		}) {
			t.Errorf("%s tells whose mail was read: %v", s.Name, attributes)
		}
	}
	for _, r := range h.graph.Journal() {
		for name := range r.Header {
			if strings.EqualFold(name, "traceparent") || strings.EqualFold(name, "tracestate") || strings.EqualFold(name, "baggage") {
				t.Errorf("Graph got %s", name)
			}
		}
	}
}

// BenchmarkUnwatched is what is left of watching an exchange when nobody does.
func BenchmarkUnwatched(b *testing.B) {
	h := furnish(b, furnishing{plugins: []string{"../plugins/mail"}, grants: observedGrant, inProcess: true})
	layers, err := h.Layers("mail.get")
	if err != nil {
		b.Fatal(err)
	}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		layers.Watch(ctx)
	}
}

// BenchmarkObserving is an exchange that policy refuses, the cheapest of all: watched by nobody, by metrics, and by traces as well.
func BenchmarkObserving(b *testing.B) {
	for name, configure := range map[string]func(*host.Config){
		"nobody":  nil,
		"metrics": func(c *host.Config) { c.Metrics = prometheus.NewRegistry() },
		"both": func(c *host.Config) {
			c.Metrics, c.Tracing = prometheus.NewRegistry(), sdktrace.NewTracerProvider()
		},
	} {
		b.Run("by="+name, func(b *testing.B) {
			h := furnish(b, furnishing{plugins: []string{"../plugins/mail"}, grants: observedGrant, inProcess: true, configure: configure})
			layers, err := h.Layers("mail.get")
			if err != nil {
				b.Fatal(err)
			}
			// A request that policy refuses comes to no limit, so any number of them can be measured.
			text := fmt.Appendf(nil, `{"op":"graph","capability":"mail.read","method":"GET","path":"/users/{user}/messages/{message}","params":{"user":%q,"message":"x"}}`, dana)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := layers.Exchange(b.Context(), text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
