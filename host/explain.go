package host

import (
	"fmt"
	"slices"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/manifests/permissions"
)

// Explanation says whether an action may run on a connection, and why. Nothing
// runs, and nothing is sent, to find out.
type Explanation struct {
	Action     string         `json:"action"`
	Connection string         `json:"connection"`
	Plugin     string         `json:"plugin,omitempty"`
	Decision   audit.Decision `json:"decision"`
	// Reason is one sentence; Error holds more if the action is denied.
	Reason string     `json:"reason"`
	Error  *abi.Error `json:"error,omitempty"`
	Grant  string     `json:"grant,omitempty"`
	// Requests are all that the action can make of Graph, with the decision on each.
	Requests []ExplainedRequest `json:"requests"`
	// Only are the constraints on values and recipients, and what is held.
	Only map[string][]string `json:"only"`
	// Internal are the addresses that are not external.
	Internal []string `json:"internal,omitempty"`
	// Mark says that messages get a header, and Beta that requests of Graph's beta version are allowed.
	Mark bool `json:"mark,omitempty"`
	Beta bool `json:"beta,omitempty"`
	// Triggers are those of the operator's file that poll the action on the connection.
	Triggers []string `json:"triggers,omitempty"`
	// Watch is what the action watches, so that Graph can tell its triggers of changes; nil if that is nothing.
	Watch *ExplainedWatch `json:"watch,omitempty"`
	// Limits of one invocation.
	Limits ExplainedLimits `json:"limits,omitzero"`
}

// ExplainedRequest is one request of a capability.
type ExplainedRequest struct {
	Capability string         `json:"capability"`
	Request    string         `json:"request"`
	Decision   audit.Decision `json:"decision"`
	Reason     string         `json:"reason,omitempty"`
}

// ExplainedWatch is what an action watches, and what Microsoft Graph wants to see for it.
type ExplainedWatch struct {
	Resource string `json:"resource"`
	// Kind is that of the connection's tokens: application or delegated.
	Kind string `json:"kind"`
	// Permissions are, for each kind of token, those of which it needs one. None are where Graph tells no token of that kind.
	Permissions map[string][]string `json:"permissions"`
	// Notified are the triggers with notify.
	Notified []string `json:"notified"`
}

// ExplainedLimits are the plugin's limits, lowered by the grant.
type ExplainedLimits struct {
	Memory    string `json:"memory"`
	Fuel      uint64 `json:"fuel"`
	Timeout   string `json:"timeout"`
	Exchanges int    `json:"exchanges"`
	// Rate is that of the grant. It and the plugin's hold both.
	Rate string `json:"rate"`
	// PluginRate is what the plugin keeps to by itself, on each connection.
	PluginRate string `json:"plugin_rate"`
	// Sends bounds what is sent to anybody, and ExternalRecipients the recipients of one body that are not internal; nil
	// is no bound.
	Sends              string `json:"sends"`
	ExternalRecipients *int   `json:"external_recipients,omitempty"`
}

// Explain tells whether an action may run on a connection. Its error is about the
// question, such as an action that does not exist; a denial is an answer.
func (h *Host) Explain(action, connection string) (*Explanation, error) {
	r, err := h.resolve(action, connection)
	if err == nil {
		_, err = h.client(r.connection) // one that cannot be opened allows nothing
	}
	failure := (*abi.Error)(nil)
	if err != nil {
		failure = coded(err)
	}
	if failure != nil && (failure.Code == abi.UnknownAction || r.connection == nil) {
		return nil, failure
	}
	x := &Explanation{
		Action: action, Connection: r.connection.Name, Decision: audit.Allowed,
		Requests: []ExplainedRequest{}, Only: map[string][]string{},
	}
	if r.installed != nil {
		x.Plugin = r.installed.String()
	}
	for _, t := range h.operator.Triggers {
		if t.Action == action && t.Connection == x.Connection {
			x.Triggers = append(x.Triggers, t.Name)
		}
	}
	if failure != nil {
		x.Decision, x.Reason, x.Error = audit.Denied, failure.Message, failure
		return x, nil
	}
	grant := r.permit.Grant
	x.Grant = grant.Name
	x.Reason = fmt.Sprintf("grant.%s allows it for %s (%s)", grant.Name, r.installed, grant.Version)
	limits := r.permit.Limits
	x.Limits = ExplainedLimits{
		Memory: limits.Memory.String(), Fuel: limits.Fuel, Timeout: limits.Timeout.String(), Exchanges: limits.Exchanges,
		Rate: grant.Rate.String(), PluginRate: r.installed.Plugin.Rate.String(),
		Sends: grant.Sends.String(), ExternalRecipients: grant.ExternalRecipients,
	}
	x.Internal, x.Mark, x.Beta = texts(grant.Internal), grant.Mark, grant.Beta
	for name, patterns := range grant.Only.Params {
		x.Only[name] = texts(patterns)
	}
	if grant.Only.RecipientsSet {
		x.Only["recipients"] = texts(grant.Only.Recipients)
	}
	if len(grant.Only.Hold) > 0 {
		x.Only["hold"] = texts(grant.Only.Hold)
	}
	x.Watch = h.explainWatch(r)
	for _, id := range slices.Concat(r.action.Capabilities, r.action.Optional) {
		capability, _ := r.installed.Plugin.Capability(id)
		explained := ExplainedRequest{Capability: id, Decision: audit.Allowed}
		if err := r.permit.Covers(capability); err != nil {
			explained.Decision, explained.Reason = audit.Denied, coded(err).Message
		}
		for _, request := range capability.Requests {
			one := explained
			one.Request = request.String()
			if err := r.permit.CoversRequest(request); err != nil && one.Reason == "" {
				one.Decision, one.Reason = audit.Denied, coded(err).Message
			}
			x.Requests = append(x.Requests, one)
		}
	}
	return x, nil
}

func (h *Host) explainWatch(r resolved) *ExplainedWatch {
	if r.action.Watch.IsZero() {
		return nil
	}
	of, _ := permissions.Watch(r.action.Watch.Resource.String())
	w := &ExplainedWatch{
		Resource: r.action.Watch.Resource.String(), Kind: r.permit.Scheme.String(), Permissions: map[string][]string{}, Notified: []string{},
	}
	for _, scheme := range []permissions.Scheme{permissions.Application, permissions.Delegated} {
		w.Permissions[scheme.String()] = append([]string{}, of.Allowing(scheme)...)
	}
	for _, t := range h.operator.Triggers {
		if t.Notify && t.Action == r.action.ID && t.Connection == r.connection.Name {
			w.Notified = append(w.Notified, t.Name)
		}
	}
	return w
}

func texts[T fmt.Stringer](patterns []T) []string {
	out := make([]string, len(patterns))
	for i, p := range patterns {
		out[i] = p.String()
	}
	return out
}
