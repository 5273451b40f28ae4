package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
)

// SuggestGrant returns the grant that would allow the action of the plugin on the connection with these capabilities.
//
// If a grant for the action, or one for the plugin on exactly this connection, exists, the suggestion is that grant with what is
// missing added and its constraints and limits kept; it replaces the one of the same name. Otherwise it is a new grant under
// a free name. It is a suggestion for the operator to judge: nothing in Postern puts it into a file.
func (c *Config) SuggestGrant(p *Plugin, connection string, capabilities []string, action string) Grant {
	g, ok := c.grantToWiden(p.Name, connection, action)
	if !ok {
		g = Grant{Name: c.freeGrantName(p.Name), Plugin: p.Name, Connections: []string{connection}}
	}
	if !g.Version.Match(p.Version) {
		g.Version = compatible(p.Version)
	}
	g.Capabilities = union(g.Capabilities, capabilities)
	g.Actions = union(g.Actions, []string{action})
	for _, id := range capabilities {
		// One of nothing but beta requests is of no use without.
		if wanted, ok := p.Capability(id); ok && !slices.ContainsFunc(wanted.Requests, func(r Request) bool { return !r.Beta }) {
			g.Beta = true
		}
	}
	return g
}

func (c *Config) grantToWiden(plugin, connection, action string) (Grant, bool) {
	if g, ok := c.Grant(connection, action); ok && g.Plugin == plugin {
		return *g, true
	}
	for _, g := range c.Grants {
		if g.Plugin == plugin && slices.Equal(g.Connections, []string{connection}) {
			return g, true
		}
	}
	return Grant{}, false
}

func (c *Config) freeGrantName(plugin string) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(c.Grants, func(g Grant) bool { return g.Name == name })
	}
	name := plugin
	for i := 2; taken(name); i++ {
		suffix := fmt.Sprintf("-%d", i)
		name = plugin[:min(len(plugin), maxName-len(suffix))] + suffix
	}
	return name
}

// compatible is the constraint that accepts the version and those that promise to be compatible with it. A pre-release
// promises nothing, so it is accepted alone.
func compatible(v *semver.Version) Constraint {
	text := fmt.Sprintf("^%d", v.Major())
	switch {
	case v.Prerelease() != "":
		text = "=" + v.String()
	case v.Major() == 0:
		text = fmt.Sprintf("^0.%d.%d", v.Minor(), v.Patch())
	}
	c, _ := parseConstraint(text) // the text of a version is always a constraint
	return c
}

// union appends the new names that are not there, without touching the old list.
func union(old, more []string) []string {
	all := slices.Clone(old)
	for _, name := range more {
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// Encode writes the grant as lines of an operator's file, which [ParseConfig] reads back to the same grant.
func (g Grant) Encode() string {
	var b strings.Builder
	fmt.Fprintf(&b, "[grant.%s]\n", g.Name)
	if g.Plugin != g.Name {
		fmt.Fprintf(&b, "plugin = %s\n", quote(g.Plugin))
	}
	fmt.Fprintf(&b, "version = %s\n", quote(g.Version.String()))
	fmt.Fprintf(&b, "connections = %s\n", quoteAll(g.Connections))
	fmt.Fprintf(&b, "capabilities = %s\n", quoteAll(g.Capabilities))
	fmt.Fprintf(&b, "actions = %s\n", quoteAll(g.Actions))
	if len(g.Internal) > 0 {
		fmt.Fprintf(&b, "internal = %s\n", quoteAll(g.Internal))
	}
	if g.Mark {
		b.WriteString("mark = true\n")
	}
	if g.Beta {
		b.WriteString("beta = true\n")
	}
	if len(g.Only.Params) > 0 || g.Only.RecipientsSet || len(g.Only.Hold) > 0 {
		fmt.Fprintf(&b, "[grant.%s.only]\n", g.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(g.Only.Params)) {
		fmt.Fprintf(&b, "%s = %s\n", name, quoteAll(g.Only.Params[name]))
	}
	if g.Only.RecipientsSet {
		fmt.Fprintf(&b, "%s = %s\n", recipientsKey, quoteAll(g.Only.Recipients))
	}
	if len(g.Only.Hold) > 0 {
		fmt.Fprintf(&b, "%s = %s\n", holdKey, quoteAll(g.Only.Hold))
	}
	if g.Limits != (Limits{}) || g.Rate != (Rate{}) || g.Sends != (Rate{}) || g.ExternalRecipients != nil {
		fmt.Fprintf(&b, "[grant.%s.limits]\n", g.Name)
	}
	if g.Limits.Memory != 0 {
		fmt.Fprintf(&b, "memory = %q\n", g.Limits.Memory)
	}
	if g.Limits.Fuel != 0 {
		fmt.Fprintf(&b, "fuel = %d\n", g.Limits.Fuel)
	}
	if g.Limits.Timeout != 0 {
		fmt.Fprintf(&b, "timeout = %q\n", formatDuration(g.Limits.Timeout))
	}
	if g.Limits.Exchanges != 0 {
		fmt.Fprintf(&b, "exchanges = %d\n", g.Limits.Exchanges)
	}
	if g.Rate != (Rate{}) {
		fmt.Fprintf(&b, "rate = %q\n", g.Rate)
	}
	if g.Sends != (Rate{}) {
		fmt.Fprintf(&b, "sends = %q\n", g.Sends)
	}
	if g.ExternalRecipients != nil {
		fmt.Fprintf(&b, "external_recipients = %d\n", *g.ExternalRecipients)
	}
	return b.String()
}

// quoteAll writes a list, one value to a line when it is long, so that no line grows beyond what the parser accepts.
func quoteAll[T any](values []T) string {
	const longest = 100 // bytes of a list in one line
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = quote(fmt.Sprint(v))
	}
	line := "[" + strings.Join(quoted, ", ") + "]"
	if len(line) <= longest {
		return line
	}
	return "[\n  " + strings.Join(quoted, ",\n  ") + ",\n]"
}

// quote writes a TOML string. Values that came through this package hold no control characters, so only two
// characters need an escape.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
