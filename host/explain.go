package host

import (
	"fmt"
	"slices"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/manifests"
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
	// Only are the constraints on values and recipients.
	Only map[string][]string `json:"only"`
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
	}
	for name, patterns := range grant.Only.Params {
		x.Only[name] = texts(patterns)
	}
	if grant.Only.RecipientsSet {
		x.Only["recipients"] = texts(grant.Only.Recipients)
	}
	for _, id := range slices.Concat(r.action.Capabilities, r.action.Optional) {
		capability, _ := r.installed.Plugin.Capability(id)
		explained := ExplainedRequest{Capability: id, Decision: audit.Allowed}
		if err := r.permit.Covers(capability); err != nil {
			explained.Decision, explained.Reason = audit.Denied, coded(err).Message
		}
		for _, request := range capability.Requests {
			explained.Request = request.String()
			x.Requests = append(x.Requests, explained)
		}
	}
	return x, nil
}

func texts(patterns []manifests.Pattern) []string {
	out := make([]string, len(patterns))
	for i, p := range patterns {
		out[i] = p.String()
	}
	return out
}
