package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Grant is what the operator allows of a plugin on some connections.
type Grant struct {
	// Name of the grant: [a-z][a-z0-9_-]{0,62}.
	Name string
	// Plugin that it is for. TOML: plugin, default the grant's name.
	Plugin string
	// Version of the plugin that it is for. TOML: version = "^1", required.
	Version Constraint
	// Connections on which it holds, each of which exists. TOML: connections, required, 1 to [MaxGrantList].
	Connections []string
	// Capabilities that it allows, of those in the manifest. TOML: capabilities, required, at most [MaxGrantList]; [] is for actions that
	// make no requests.
	Capabilities []string
	// Actions that it allows. No other grant allows the same action on the same connection, of whatever plugin.
	// TOML: actions, required, 1 to [MaxGrantList].
	Actions []string
	// Only constrains values. TOML: [grant.NAME.only], default unconstrained.
	Only Only
	// Limits that it lowers; zero values lower nothing. See [Limits.Lower]. TOML: [grant.NAME.limits].
	Limits Limits
	// Rate bounds the requests under this grant, in addition to the connection's own. TOML: [grant.NAME.limits] rate, default unlimited.
	Rate Rate
	// Sends bounds the requests that send something to somebody, over all processes that share the state folder. Count is at
	// most [MaxSends]. TOML: [grant.NAME.limits] sends = "30/1h", default unlimited.
	Sends Rate
	// ExternalRecipients is how many recipients outside Internal one body may name, 0 to [MaxExternalRecipients]; nil is no
	// bound. TOML: [grant.NAME.limits] external_recipients, needs internal, default unlimited.
	ExternalRecipients *int
	// Internal are the addresses that count as the operator's own, for ExternalRecipients and for the entry "external" of
	// hold. It allows nothing by itself. TOML: internal = ["*@contoso.com"], at most [MaxPatterns], default none.
	Internal []Pattern
	// Mark puts a header x-postern-action with the action's id on each message that is made under the grant, where Graph
	// takes headers. TOML: mark, default false.
	Mark bool
	// Beta lets the capabilities use those of their requests that are of Graph's beta version. TOML: beta, default false.
	Beta bool
}

// Only constrains what may be named and who may receive.
type Only struct {
	// Params maps the name of a template parameter to the patterns of which a value must match one. A parameter that
	// is not in the map is unconstrained. TOML: user = ["soc@contoso.com"], at most [MaxOnlyKeys] keys, each of 1 to
	// [MaxPatterns] patterns.
	Params map[string][]Pattern
	// Recipients of which every To, Cc, Bcc and forward address of an outgoing body must match one. Empty with
	// RecipientsSet: nothing may be sent to anybody. TOML: recipients, at most [MaxPatterns].
	Recipients []Pattern
	// RecipientsSet tells a constraint that allows nobody from the absence of a constraint.
	RecipientsSet bool
	// Hold says which requests that send are kept for an operator to release, instead of being sent. TOML: hold, at most
	// [MaxPatterns] entries, see [Hold]; default none.
	Hold []Hold
}

// Keys of [grant.NAME.only] that are not the names of template parameters.
const (
	recipientsKey = "recipients"
	holdKey       = "hold"
)

// Hold is one entry of a grant's hold list. As text it is one of:
//
//   - "*": whatever sends something to somebody
//   - "external": whatever sends to somebody outside the grant's internal, or to recipients that only Graph knows
//   - "mail.send": whatever this action of the grant sends
//   - "ceo@contoso.com", "*@fabrikam.com": whatever sends to a recipient that the [Pattern] matches, or to recipients that only Graph knows
type Hold struct {
	text    string
	pattern Pattern // of an address; zero for the other forms
}

// The entries of a hold list that are words.
const (
	HoldAll      = "*"
	HoldExternal = "external"
)

func parseHold(text string) (Hold, *flaw) {
	switch {
	case text == HoldAll || text == HoldExternal:
		return Hold{text: text}, nil
	case strings.Contains(text, "@"):
		pattern, f := parsePattern(text)
		return Hold{text, pattern}, f
	}
	if _, f := parseID(text); f != nil {
		return Hold{}, flawf(`write "*", "external", an address such as "*@fabrikam.com", or an action of the grant`, "%q cannot be held", shorten(text))
	}
	return Hold{text: text}, nil
}

// String returns the entry as it was written.
func (h Hold) String() string { return h.text }

// Equal reports whether both were written alike.
func (h Hold) Equal(other Hold) bool { return h == other }

// Pattern returns the pattern of an entry that is about an address.
func (h Hold) Pattern() (p Pattern, ok bool) { return h.pattern, h.pattern != Pattern{} }

func readGrant(name string, t *table) Grant {
	if _, f := parseLocalName(name); f != nil {
		t.self(f)
	}
	g := Grant{
		Name:         name,
		Plugin:       parsed(t, "plugin", name, parsePluginName),
		Version:      parsedRequired(t, "version", `"^1"`, parseConstraint),
		Connections:  grantList(t, "connections", `["contoso"]`, parseLocalName),
		Capabilities: readCapabilities(t),
		Actions:      grantList(t, "actions", `["mail.get"]`, parseID),
		Mark:         t.boolean("mark"),
		Beta:         t.boolean("beta"),
	}
	g.Internal, _ = list(t, "internal", MaxPatterns, parsePattern)
	if _, f := parsePluginName(g.Plugin); f != nil && !t.has("plugin") {
		t.flaw("plugin", flawf(`write plugin = "…" with the name of the plugin`, "the grant's name is not a plugin's name"))
	}
	if only, ok := t.child("only"); ok {
		g.Only = readOnly(only)
		checkHold(only, g)
	}
	if limits, ok := t.child("limits"); ok {
		readGrantLimits(limits, &g)
	}
	t.finish()
	return g
}

func readGrantLimits(t *table, g *Grant) {
	g.Limits = readLimits(t, Limits{})
	g.Rate = parsed(t, "rate", Rate{}, parseRate)
	g.Sends = parsed(t, "sends", Rate{}, parseSends)
	if most := t.integer("external_recipients", 0, MaxExternalRecipients, -1); most >= 0 {
		n := int(most)
		g.ExternalRecipients = &n
		if len(g.Internal) == 0 {
			t.flaw("external_recipients", flawf(`write internal = ["*@contoso.com"] in the grant`, "without internal every recipient is external"))
		}
	}
	t.finish()
}

// parseSends is parseRate with a bound of its own: the times of the latest sends are kept in a file.
func parseSends(text string) (Rate, *flaw) {
	r, f := parseRate(text)
	if f == nil && r.Count > MaxSends {
		f = flawf(`write for example "30/1h"`, "%q is over %d sends", shorten(text), MaxSends)
	}
	return r, f
}

// checkHold refuses entries that would hold nothing, or everything by mistake.
func checkHold(only *table, g Grant) {
	for _, h := range g.Only.Hold {
		_, isAddress := h.Pattern()
		switch {
		case h.text == HoldExternal && len(g.Internal) == 0:
			only.flaw(holdKey, flawf(`write internal = ["*@contoso.com"] in the grant`, "without internal every recipient is external"))
		case len(g.Actions) > 0 && h.text != HoldExternal && h.text != HoldAll && !isAddress && !slices.Contains(g.Actions, h.text):
			only.flaw(holdKey, flawf(suggest(h.text, g.Actions), "the grant has no action %q", h.text))
		}
	}
}

// grantList reads one of the lists without which a grant allows nothing.
func grantList(t *table, key, example string, parse func(string) (string, *flaw)) []string {
	items, ok := list(t, key, MaxGrantList, parse)
	if !t.has(key) || ok && len(items) == 0 {
		t.flaw(key, flawf("write for example "+key+" = "+example, "without %s the grant allows nothing", key))
	}
	return items
}

// readCapabilities reads the capabilities, of which there may be none if the file says so.
func readCapabilities(t *table) []string {
	const key = "capabilities"
	items, _ := list(t, key, MaxGrantList, parseID)
	if !t.has(key) {
		t.flaw(key, flawf("write for example "+key+` = ["mail.read"]`, "without %s the grant allows nothing", key))
	}
	return items
}

func readOnly(t *table) Only {
	o := Only{RecipientsSet: t.has(recipientsKey)}
	o.Recipients, _ = list(t, recipientsKey, MaxPatterns, parsePattern)
	o.Hold, _ = list(t, holdKey, MaxPatterns, parseHold)
	if len(t.values) > MaxOnlyKeys {
		t.self(flawf("remove some", "more than %d keys are constrained", MaxOnlyKeys))
		return o
	}
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if key == recipientsKey || key == holdKey {
			continue
		}
		if f := checkOnlyKey(key); f != nil {
			t.flaw(key, f)
			continue
		}
		patterns, ok := list(t, key, MaxPatterns, parsePattern)
		if ok && len(patterns) == 0 {
			t.flaw(key, flawf("list the allowed values, or remove the key to allow all", "no value of {%s} is allowed", key))
		}
		if o.Params == nil {
			o.Params = map[string][]Pattern{}
		}
		o.Params[key] = patterns
	}
	return o
}

// checkOnlyKey refuses what can be no template parameter's name. A constraint on a name that no template has would
// constrain nothing: [Config.Check] finds those that only the plugin can tell.
func checkOnlyKey(key string) *flaw {
	if parameter, ok := ParameterAfter(key); ok {
		return flawf("write "+parameter, "%q is a collection, its parameter is called %q", key, parameter)
	}
	if !isName(key, "_") {
		return flawf(`write for example user = ["soc@contoso.com"]`, "%q is not the name of a template parameter", shorten(key))
	}
	return nil
}

// checkGrants finds connections that do not exist, and actions that two grants allow.
func checkGrants(c *Config, tables []*table) {
	type permit struct{ connection, action string }
	holder := map[permit]string{}
	for i, g := range c.Grants {
		for _, connection := range g.Connections {
			if _, ok := c.Connection(connection); !ok {
				tables[i].flaw("connections", flawf(nearestConnection(connection, c), "there is no connection %q", connection))
			}
			for _, action := range g.Actions {
				p := permit{connection, action}
				if first, ok := holder[p]; ok {
					tables[i].flaw("actions", flawf("remove it from one of them",
						"the action %q on the connection %q is granted by grant.%s already", action, connection, first))
					continue
				}
				holder[p] = g.Name
			}
		}
	}
}

func nearestConnection(name string, c *Config) string {
	var names []string
	for _, connection := range c.Connections {
		names = append(names, connection.Name)
	}
	return nearest(name, names, "connection")
}

// Check finds what only the plugin can tell about the grants that are for it, and the triggers of their actions: a capability or an action that it does
// not have, one that cannot be polled (so often), and a constraint on a parameter that none of the granted capabilities has, which would constrain nothing.
// The error is an [Errors].
func (c *Config) Check(p *Plugin) error {
	r := &report{file: c.file, lines: c.lines}
	for _, g := range c.Grants {
		if g.Plugin == p.Name && g.Version.Match(p.Version) {
			checkGrant(r, g, p)
			for _, t := range c.Triggers {
				if slices.Contains(g.Connections, t.Connection) && slices.Contains(g.Actions, t.Action) {
					checkTrigger(r, t, p)
				}
			}
		}
	}
	return r.err()
}

func checkGrant(r *report, g Grant, p *Plugin) {
	at := "grant." + g.Name
	of := fmt.Sprintf("%s %s", p.Name, p.Version)
	var parameters []string
	for _, id := range g.Capabilities {
		capability, ok := p.Capability(id)
		if !ok {
			r.add(at+".capabilities", at+".capabilities", flawf(nearestCapability(id, p), "%s has no capability %q", of, id))
			continue
		}
		for _, request := range capability.Requests {
			parameters = append(parameters, request.Path.Params()...)
		}
	}
	for _, id := range g.Actions {
		if _, ok := p.Action(id); !ok {
			var ids []string
			for _, a := range p.Actions {
				ids = append(ids, a.ID)
			}
			r.add(at+".actions", at+".actions", flawf(suggest(id, ids), "%s has no action %q", of, id))
		}
	}
	parameters = sortedSet(parameters)
	for _, name := range slices.Sorted(maps.Keys(g.Only.Params)) {
		if !slices.Contains(parameters, name) {
			key := at + ".only." + name
			r.add(key, key, flawf("constrain one of: "+strings.Join(parameters, ", "),
				"no granted request of %s has the parameter {%s}, so the constraint would do nothing", of, name))
		}
	}
}
