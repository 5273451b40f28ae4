package manifests

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Trigger sets an action of the kind trigger or poll going.
type Trigger struct {
	// Name by which commands refer to it, and under which its state is kept: [a-z][a-z0-9_-]{0,62}.
	Name string
	// Action is the id of the action that is polled. A grant has to allow it. TOML: action, required.
	Action string
	// Connection is the name of the connection that it is polled on. TOML: connection, default the only one.
	Connection string
	// Every is the time from the start of one run to that of the next, from [MinInterval] to [MaxInterval], and not less than the action's
	// own interval; some jitter is added. Zero is the action's interval. TOML: every = "60s", default the action's interval.
	Every time.Duration
	// Sinks are the names of those that get each record, at most [MaxSinksOfTrigger]. Without any, records go to the standard output of
	// "postern poll". TOML: sinks, default none.
	Sinks []string
	// Retain is how long the key of a record is remembered at least, after it was last handed over or asked for, from [MinRetain] to
	// [MaxRetain]. TOML: retain = "840h", default [DefaultRetain].
	Retain time.Duration
	// Notify has Graph tell when what the action watches has changed, so that it runs at once, and whenever it is due all the same. It needs
	// [Config.Notifications]. TOML: notify, default false.
	Notify bool
	// Parameters of the action by name, as a caller would give them: strings, booleans, numbers, and lists of these or of tables. The host
	// checks them against the action. TOML: [trigger.NAME.parameters], at most [MaxParameters].
	Parameters map[string]any
}

// Bounds and defaults of triggers.
const (
	MaxTriggers       = 500
	MaxSinksOfTrigger = 16
	MinRetain         = time.Hour
	MaxRetain         = 366 * 24 * time.Hour
	// DefaultRetain is longer than the 30 days for which Exchange Online keeps deleted items by default, after
	// which no sweep finds them again.
	DefaultRetain = 35 * 24 * time.Hour
)

// Trigger returns the trigger of this name.
func (c *Config) Trigger(name string) (*Trigger, bool) {
	i := slices.IndexFunc(c.Triggers, func(t Trigger) bool { return t.Name == name })
	if i < 0 {
		return nil, false
	}
	return &c.Triggers[i], true
}

func readTrigger(name string, t *table) Trigger {
	if _, f := parseLocalName(name); f != nil {
		t.self(f)
	}
	trigger := Trigger{
		Name:       name,
		Action:     parsedRequired(t, "action", `"mail.poll"`, parseID),
		Connection: parsed(t, "connection", "", parseLocalName),
		Every:      parsed(t, "every", 0, durationWithin(MinInterval, MaxInterval)),
		Retain:     parsed(t, "retain", DefaultRetain, durationWithin(MinRetain, MaxRetain)),
		Notify:     t.boolean("notify"),
	}
	trigger.Sinks, _ = list(t, "sinks", MaxSinksOfTrigger, parseLocalName)
	if parameters, ok := t.child("parameters"); ok {
		trigger.Parameters = readParameters(parameters)
	}
	t.finish()
	return trigger
}

// readParameters takes any names: which there are, the action's manifest says.
func readParameters(t *table) map[string]any {
	if len(t.values) > MaxParameters {
		t.self(flawf("remove some", "there are %d, at most %d are allowed", len(t.values), MaxParameters))
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if f := checkValue(t.values[key]); f != nil {
			t.flaw(key, f)
		}
	}
	return t.values
}

// checkValue refuses what JSON has no word for. How deep a value nests is bounded by the notation.
func checkValue(v any) *flaw {
	switch v := v.(type) {
	case string, bool:
		return nil
	case int64, float64:
		_, f := toNumber(v)
		return f
	case []any:
		for _, item := range v {
			if f := checkValue(item); f != nil {
				return f
			}
		}
		return nil
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if f := checkValue(v[name]); f != nil {
				return f
			}
		}
		return nil
	case []map[string]any:
		for _, item := range v {
			if f := checkValue(item); f != nil {
				return f
			}
		}
		return nil
	default:
		return wrongType(v, `it as text, for example "2026-01-31T09:00:00Z"`)
	}
}

// checkTriggers finds connections and sinks that do not exist, and triggers that no grant allows to run.
func checkTriggers(c *Config, tables []*table) {
	var sinks []string
	for _, s := range c.Sinks {
		sinks = append(sinks, s.Name)
	}
	for i := range c.Triggers {
		trigger, t := &c.Triggers[i], tables[i]
		for _, sink := range trigger.Sinks {
			if !slices.Contains(sinks, sink) {
				t.flaw("sinks", flawf(nearest(sink, sinks, "sink"), "there is no sink %q", sink))
			}
		}
		if trigger.Connection == "" && !t.has("connection") {
			if len(c.Connections) != 1 {
				t.missing("connection", `"contoso"`)
				continue
			}
			trigger.Connection = c.Connections[0].Name
		}
		if _, ok := c.Connection(trigger.Connection); trigger.Connection != "" && !ok {
			t.flaw("connection", flawf(nearestConnection(trigger.Connection, c), "there is no connection %q", trigger.Connection))
		}
	}
}

// nearest suggests one of the names, or to write a table where there is none.
func nearest(name string, names []string, kind string) string {
	if len(names) == 0 {
		return fmt.Sprintf("write a [%s.%s] table", kind, name)
	}
	return suggest(name, names)
}

// checkTrigger finds what only the plugin can tell about a trigger of one of its actions.
func checkTrigger(r *report, t Trigger, p *Plugin) {
	a, ok := p.Action(t.Action)
	if !ok {
		return
	}
	at := "trigger." + t.Name
	if !a.Kind.Polled() {
		var polled []string
		for _, other := range p.Actions {
			if other.Kind.Polled() {
				polled = append(polled, other.ID)
			}
		}
		remedy := "no action of " + p.Name + " can be polled"
		if len(polled) > 0 {
			remedy = "actions of " + p.Name + " that can be: " + strings.Join(polled, ", ")
		}
		r.add(at+".action", at+".action", flawf(remedy, "%s is of the kind %q, which is not polled", a.ID, string(a.Kind)))
	} else if t.Every != 0 && t.Every < a.Interval {
		interval := formatDuration(a.Interval)
		r.add(at+".every", at+".every", flawf(fmt.Sprintf("write every = %q or more, or leave it out", interval),
			"%s may be polled once in %s", a.ID, interval))
	}
	if t.Notify && a.Kind.Polled() && a.Watch.IsZero() {
		r.add(at+".notify", at+".notify", flawf("remove it: the trigger runs whenever it is due", "%s does not say of what Graph could tell it", a.ID))
	}
}
