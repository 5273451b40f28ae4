package metrics_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/postern-dev/postern/host/metrics"
)

// describing is a registry that notes how what is registered describes itself.
type describing struct {
	*prometheus.Registry
	descriptions []string
}

func (d *describing) Register(c prometheus.Collector) error {
	ch := make(chan *prometheus.Desc, 1)
	c.Describe(ch)
	d.descriptions = append(d.descriptions, (<-ch).String())
	return d.Registry.Register(c)
}

func TestEveryMetricIsDocumentedWithItsLabels(t *testing.T) {
	registry := &describing{Registry: prometheus.NewRegistry()}
	m, err := metrics.New(registry, func(func(plugin, version string, idle, busy int)) {})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	text, err := os.ReadFile("../../docs/embed.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(postern_[a-z_]+)` \\| [a-z]+ \\| ([a-z, ]*)\\|").FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = strings.TrimSpace(row[2])
	}
	pattern := regexp.MustCompile(`fqName: "([a-z_]+)".*variableLabels: \{([a-z,]*)\}`)
	for _, d := range registry.descriptions {
		found := pattern.FindStringSubmatch(d)
		if found == nil {
			t.Fatalf("cannot read %s", d)
		}
		name, labels := found[1], strings.ReplaceAll(found[2], ",", ", ")
		if documented, there := rows[name]; !there || documented != labels {
			t.Errorf("docs/embed.md has %s with the labels %q; they are %q", name, documented, labels)
		}
		delete(rows, name)
	}
	for name := range rows {
		t.Errorf("docs/embed.md has %s, which there is not", name)
	}
}

func TestNoMetricsCountNothing(t *testing.T) {
	var m *metrics.Metrics
	if n := testing.AllocsPerRun(100, func() {
		m.Begin()
		m.Ended(metrics.Invocation{})
		m.Exchange("mail", "graph", "allowed", "")
		m.Admission("mail", "1.0.0", "cached", 1)
		m.Request(metrics.Request{})
		m.Retry("contoso", "mail", "GET", "/users")
		m.Wait("contoso", "grant", 1, true)
		m.Token("contoso", "", 1)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	m.Close()
}
