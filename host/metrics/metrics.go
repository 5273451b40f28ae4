// Package metrics counts and times what a host does, for Prometheus.
//
// Values of labels come from small sets only: the names of plugins, actions and templates in manifests, of connections in
// the operator's file, and the words of the contract. None is a user's or a guest's: no address, id or query.
// docs/embed.md lists all metrics.
//
// A nil [*Metrics] counts nothing, and takes no time to speak of.
package metrics

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postern-dev/postern/abi"
)

// namespace begins every name.
const namespace = "postern"

// Metrics are those of one host. They are safe for concurrent use.
type Metrics struct {
	registry   prometheus.Registerer
	registered []prometheus.Collector

	running     prometheus.Gauge
	invocations *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	fuel        *prometheus.HistogramVec
	memory      *prometheus.HistogramVec
	exchanges   *prometheus.CounterVec
	admissions  *prometheus.HistogramVec

	requests     *prometheus.CounterVec
	requestTime  *prometheus.HistogramVec
	throttled    *prometheus.CounterVec
	retries      *prometheus.CounterVec
	bytes        *prometheus.CounterVec
	waits        *prometheus.HistogramVec
	refusedWaits *prometheus.CounterVec
	tokens       *prometheus.HistogramVec
}

// Instances yields how many instances of a plugin are idle, and how many are in use.
type Instances func(yield func(plugin, version string, idle, busy int))

// New registers the metrics. The error says that the registry has some of the same names already: two hosts need
// registries of their own, or [prometheus.WrapRegistererWith] a label that tells them apart.
func New(registry prometheus.Registerer, instances Instances) (*Metrics, error) {
	m := &Metrics{registry: registry}
	m.running = gauge("invocations_running", "Invocations that run now.")
	m.invocations = counter("invocations_total", "Invocations that ended, by status and by the code of the failure, empty for none.",
		"plugin", "version", "action", "connection", "status", "code")
	m.duration = histogram("invocation_duration_seconds", "Time of invocations that ran, their waiting included.", seconds(), "plugin", "action")
	m.fuel = histogram("invocation_fuel_units", "Fuel that invocations burnt.", prometheus.ExponentialBuckets(100_000, 4, 10), "plugin", "action")
	m.memory = histogram("invocation_memory_bytes", "Memory that invocations had at their end.", prometheus.ExponentialBuckets(1<<20, 2, 10), "plugin", "action")
	m.exchanges = counter("exchanges_total", "Exchanges as the audit record has them; each request of a batch is one.",
		"plugin", "op", "decision", "code")
	m.admissions = histogram("admission_duration_seconds", "Time to load a module: admitted, taken from the code cache, refused, or failed for another reason.", seconds(), "plugin", "version", "outcome")
	m.requests = counter("graph_requests_total", "Requests that left for Graph, by the class of the answer's status, \"none\" without an answer.",
		"connection", "plugin", "method", "template", "status")
	m.requestTime = histogram("graph_request_duration_seconds", "Time from sending a request until its answer was read. Those within a batch count as the batch.",
		seconds(), "connection", "method", "template")
	m.throttled = counter("graph_throttled_total", "Answers with status 429.", "connection", "plugin", "template")
	m.retries = counter("graph_retries_total", "Requests that were tried again.", "connection", "plugin", "method", "template")
	m.bytes = counter("graph_bytes_total", "Bytes of bodies sent and received.", "connection", "plugin", "direction")
	m.waits = histogram("limit_wait_seconds", "Time that requests waited for a limit, 0 included.", seconds(), "connection", "limit")
	m.refusedWaits = counter("limit_refusals_total", "Requests that were not sent, since a limit would not have let them in in time.", "connection", "limit")
	m.tokens = histogram("token_fetch_duration_seconds", "Time to fetch a token, by the code of the failure, empty for none.", seconds(), "connection", "code")
	for _, c := range []prometheus.Collector{
		m.running, m.invocations, m.duration, m.fuel, m.memory, m.exchanges, m.admissions, m.requests, m.requestTime, m.throttled,
		m.retries, m.bytes, m.waits, m.refusedWaits, m.tokens, &pools{description: description("sandbox_instances",
			"Instances of modules: idle ones, and those that invocations use.", "plugin", "version", "state"), instances: instances},
	} {
		if err := registry.Register(c); err != nil {
			m.Close()
			return nil, err
		}
		m.registered = append(m.registered, c)
	}
	return m, nil
}

// Close takes the metrics out of the registry.
func (m *Metrics) Close() {
	if m == nil {
		return
	}
	for _, c := range m.registered {
		m.registry.Unregister(c)
	}
}

// Begin counts an invocation as running. It has to be called before Ended.
func (m *Metrics) Begin() {
	if m != nil {
		m.running.Inc()
	}
}

// Invocation is one that has ended.
type Invocation struct {
	// Plugin, Version, Action and Connection are empty if they turned out not to exist.
	Plugin, Version, Action, Connection string
	// Ran says that the module did.
	Ran          bool
	Code         abi.Code // empty for success
	Took         time.Duration
	Fuel, Memory uint64
}

// Ended counts an invocation.
func (m *Metrics) Ended(i Invocation) {
	if m == nil {
		return
	}
	m.running.Dec()
	status := "success"
	if i.Code != "" {
		status = "failed"
	}
	m.invocations.WithLabelValues(i.Plugin, i.Version, i.Action, i.Connection, status, string(i.Code)).Inc()
	if i.Ran {
		m.duration.WithLabelValues(i.Plugin, i.Action).Observe(i.Took.Seconds())
		m.fuel.WithLabelValues(i.Plugin, i.Action).Observe(float64(i.Fuel))
		m.memory.WithLabelValues(i.Plugin, i.Action).Observe(float64(i.Memory))
	}
}

// Exchange counts an exchange.
func (m *Metrics) Exchange(plugin string, op abi.Op, decision string, code abi.Code) {
	if m != nil {
		m.exchanges.WithLabelValues(plugin, string(op), decision, string(code)).Inc()
	}
}

// Admission is told how long it took to load a module. Outcome is admitted, cached, refused or failed.
func (m *Metrics) Admission(plugin, version, outcome string, took time.Duration) {
	if m != nil {
		m.admissions.WithLabelValues(plugin, version, outcome).Observe(took.Seconds())
	}
}

// Request is one that has left for Graph.
type Request struct {
	Connection, Plugin, Method, Template string
	Status                               int // 0 without an answer
	InBatch                              bool
	Took                                 time.Duration
	Out, In                              int64
}

// Request counts a request.
func (m *Metrics) Request(r Request) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(r.Connection, r.Plugin, r.Method, r.Template, class(r.Status)).Inc()
	if r.Status == 429 {
		m.throttled.WithLabelValues(r.Connection, r.Plugin, r.Template).Inc()
	}
	if r.InBatch {
		return
	}
	m.requestTime.WithLabelValues(r.Connection, r.Method, r.Template).Observe(r.Took.Seconds())
	m.bytes.WithLabelValues(r.Connection, r.Plugin, "out").Add(float64(r.Out))
	m.bytes.WithLabelValues(r.Connection, r.Plugin, "in").Add(float64(r.In))
}

// Retry counts a request that is tried again.
func (m *Metrics) Retry(connection, plugin, method, template string) {
	if m != nil {
		m.retries.WithLabelValues(connection, plugin, method, template).Inc()
	}
}

// Wait is told how long a request waited for a limit, and whether it was let in.
func (m *Metrics) Wait(connection, limit string, took time.Duration, in bool) {
	if m == nil {
		return
	}
	m.waits.WithLabelValues(connection, limit).Observe(took.Seconds())
	if !in {
		m.refusedWaits.WithLabelValues(connection, limit).Inc()
	}
}

// Token is told how long it took to fetch a token, and the code of the failure, if any.
func (m *Metrics) Token(connection string, code abi.Code, took time.Duration) {
	if m != nil {
		m.tokens.WithLabelValues(connection, string(code)).Observe(took.Seconds())
	}
}

// class is that of an HTTP status. A server may send what it likes.
func class(status int) string {
	switch {
	case status == 0:
		return "none"
	case status >= 200 && status < 600:
		return strconv.Itoa(status/100) + "xx"
	default:
		return "other"
	}
}

// seconds are the buckets of all times: from a read on loopback to the longest timeout.
func seconds() []float64 {
	return []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

func description(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(prometheus.BuildFQName(namespace, "", name), help, labels, nil)
}

// pools reads how many instances there are when it is asked.
type pools struct {
	description *prometheus.Desc
	instances   Instances
}

// Describe implements [prometheus.Collector].
func (p *pools) Describe(ch chan<- *prometheus.Desc) { ch <- p.description }

// Collect implements [prometheus.Collector].
func (p *pools) Collect(ch chan<- prometheus.Metric) {
	p.instances(func(plugin, version string, idle, busy int) {
		ch <- prometheus.MustNewConstMetric(p.description, prometheus.GaugeValue, float64(idle), plugin, version, "idle")
		ch <- prometheus.MustNewConstMetric(p.description, prometheus.GaugeValue, float64(busy), plugin, version, "busy")
	})
}
