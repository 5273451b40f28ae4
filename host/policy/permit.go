package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

// NotGranted is the denial of an action that no grant names on the connection.
func NotGranted(config *manifests.Config, plugin *manifests.Plugin, action *manifests.Action, connection string) *abi.Error {
	return &abi.Error{
		Code:    abi.PolicyDenied,
		Message: fmt.Sprintf("%s is not granted on the connection %s; add a grant to the operator's file, or the action and the connection to one that it has", action.ID, connection),
		Detail: abi.Detail{
			Asked: action.ID + " on " + connection,
			Rule:  "no grant: nothing runs without one",
			Allow: config.SuggestGrant(plugin, connection, action.Capabilities, action.ID).Encode(),
		},
	}
}

// Permit is what an action may do under a grant.
type Permit struct {
	Plugin *manifests.Plugin
	Action *manifests.Action
	Grant  *manifests.Grant
	// Limits are the plugin's, lowered by the grant.
	Limits manifests.Limits
	// Scheme is the kind of token that the requests carry.
	Scheme permissions.Scheme
	// constrained are the template parameters that the grant constrains, sorted.
	constrained []string
}

// NewPermit checks that the grant covers every capability that the action needs,
// and that a token of this scheme can use them.
func NewPermit(plugin *manifests.Plugin, action *manifests.Action, grant *manifests.Grant, scheme permissions.Scheme) (*Permit, error) {
	p := &Permit{
		Plugin: plugin, Action: action, Grant: grant,
		Limits: plugin.Limits.Lower(grant.Limits),
		Scheme: scheme, constrained: slices.Sorted(maps.Keys(grant.Only.Params)),
	}
	for _, id := range action.Capabilities {
		capability, ok := plugin.Capability(id)
		if !ok {
			return nil, p.fault(id+" for "+action.ID, "capability "+id, "the manifest has no capability "+id)
		}
		if err := p.Covers(capability); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func notGrantedCapability(grant *manifests.Grant, capability string, action *manifests.Action) *abi.Error {
	rule := "grant." + grant.Name + ".capabilities"
	wider := *grant
	wider.Capabilities = append(slices.Clone(grant.Capabilities), capability)
	uses, where := "needs", ""
	if slices.Contains(action.Optional, capability) {
		uses, where = "can use", ", if that is wanted"
	}
	return &abi.Error{
		Code: abi.PolicyDenied,
		Message: fmt.Sprintf("%s %s the capability %s, which the grant %s does not give; add it to %s%s",
			action.ID, uses, capability, grant.Name, rule, where),
		Detail: abi.Detail{
			Asked: capability + " for " + action.ID,
			Rule:  rule,
			Allow: wider.Encode(),
		},
	}
}

func wrongToken(action, capability string, scheme permissions.Scheme) *abi.Error {
	owners := "an application's own"
	needs := `a signed-in user: Microsoft Graph has no application permission for it; use a connection with auth = "authorization_code" or "device_code"`
	if scheme == permissions.Delegated {
		owners = "a signed-in user's"
		needs = `an application's own identity: Microsoft Graph has no delegated permission for it; ` +
			`use a connection with auth = "certificate", "secret" or another of an application`
	}
	return &abi.Error{
		Code:    abi.NotSupported,
		Message: fmt.Sprintf("%s needs %s", action, needs),
		Detail:  abi.Detail{Asked: "the capability " + capability, Rule: "the connection's tokens are " + owners},
	}
}

// stated returns the permissions that the capability states for the scheme.
func stated(c *manifests.Capability, scheme permissions.Scheme) []string {
	if scheme == permissions.Delegated {
		return c.Permissions.Delegated
	}
	return c.Permissions.Application
}

// Request judges one Graph request. What it found before a denial is returned with it, for the record.
func (p *Permit) Request(g *abi.GraphRequest) (Judgement, error) {
	var j Judgement
	var err error
	if j.Request, err = p.request(g); err != nil {
		return j, err
	}
	if err := p.params(g.Params, j.Request.Path); err != nil {
		return j, err
	}
	if err := options(g); err != nil {
		return j, err
	}
	err = p.outgoing(g, &j)
	return j, err
}

// request finds the request in the capability that it names.
func (p *Permit) request(g *abi.GraphRequest) (manifests.Request, error) {
	asked := g.Method + " " + g.Path
	if !slices.Contains(p.Action.Capabilities, g.Capability) && !slices.Contains(p.Action.Optional, g.Capability) {
		return manifests.Request{}, p.fault(asked, "action "+p.Action.ID,
			fmt.Sprintf("%s does not list the capability %s in its manifest", p.Action.ID, g.Capability))
	}
	capability, ok := p.Plugin.Capability(g.Capability)
	if !ok {
		return manifests.Request{}, p.fault(asked, "capability "+g.Capability, "the manifest has no capability "+g.Capability)
	}
	if err := p.Covers(capability); err != nil {
		return manifests.Request{}, err
	}
	for _, r := range capability.Requests {
		if r.Method == g.Method && r.Target() == g.Path {
			return r, p.CoversRequest(r)
		}
	}
	return manifests.Request{}, p.fault(asked, "capability "+g.Capability,
		fmt.Sprintf("the capability %s does not allow %s", g.Capability, asked))
}

// CoversRequest tells why a request of a capability that is covered is denied, or nil: those of Graph's beta version need a word of
// their own.
func (p *Permit) CoversRequest(r manifests.Request) error {
	if !r.Beta || p.Grant.Beta {
		return nil
	}
	wider := *p.Grant
	wider.Beta = true
	rule := "grant." + p.Grant.Name + ".beta"
	return &abi.Error{
		Code:    abi.PolicyDenied,
		Message: fmt.Sprintf("%s is of Microsoft Graph's beta version, which %s does not allow; write beta = true there if what may change any day will do", r, rule),
		Detail:  abi.Detail{Asked: r.String(), Rule: rule, Allow: wider.Encode()},
	}
}

// Covers tells why the requests of a capability that the action lists are denied,
// or nil.
func (p *Permit) Covers(capability *manifests.Capability) error {
	if !slices.Contains(p.Grant.Capabilities, capability.ID) {
		return notGrantedCapability(p.Grant, capability.ID, p.Action)
	}
	if len(stated(capability, p.Scheme)) == 0 {
		return wrongToken(p.Action.ID, capability.ID, p.Scheme)
	}
	return nil
}

// fault is the denial of what the manifest does not ask for: no grant can allow it.
func (p *Permit) fault(asked, rule, problem string) *abi.Error {
	return &abi.Error{
		Code:    abi.PolicyDenied,
		Message: problem + "; only a new version of the plugin " + p.Plugin.Name + " can ask for it",
		Detail:  abi.Detail{Asked: asked, Rule: "plugin.toml: " + rule},
	}
}

// Constrained names the template parameters that the grant constrains, sorted. It is not to be changed.
func (p *Permit) Constrained() []string { return p.constrained }

// params holds the values against the grant's constraints. A request that does not
// name a constrained parameter at all is denied too: it would reach past it.
func (p *Permit) params(values []abi.Pair, template manifests.Template) error {
	for _, name := range p.Constrained() {
		rule := "grant." + p.Grant.Name + ".only." + name
		i := slices.IndexFunc(values, func(v abi.Pair) bool { return v.Name == name })
		if i < 0 || !slices.Contains(template.Params(), name) {
			return &abi.Error{
				Code:    abi.PolicyDenied,
				Message: fmt.Sprintf("%s allows requests for certain values of %s only, and %s names none", rule, name, template),
				Detail:  abi.Detail{Asked: template.String(), Rule: rule},
			}
		}
		if !matches(p.Grant.Only.Params[name], values[i].Value) {
			return p.outside(name, values[i].Value)
		}
	}
	return nil
}

// outside is the denial of a value that no pattern of the constraint matches.
func (p *Permit) outside(name, value string) *abi.Error {
	rule := "grant." + p.Grant.Name + ".only." + name
	detail := abi.Detail{Asked: name + " " + value, Rule: rule}
	// A guest that names "*@evil.example" must not have it suggested as a pattern.
	if pattern, err := manifests.ParsePattern(value); err == nil && !strings.Contains(value, "*") {
		wider := *p.Grant
		wider.Only = widened(p.Grant.Only, name, pattern)
		detail.Allow = wider.Encode()
	}
	return &abi.Error{
		Code:    abi.PolicyDenied,
		Message: fmt.Sprintf("%s does not allow %q; add it there if it should be reached", rule, value),
		Detail:  detail,
	}
}

// widened is only with one more pattern under name.
func widened(only manifests.Only, name string, pattern manifests.Pattern) manifests.Only {
	if name == recipientsName {
		only.Recipients = append(slices.Clone(only.Recipients), pattern)
		return only
	}
	only.Params = maps.Clone(only.Params)
	only.Params[name] = append(slices.Clone(only.Params[name]), pattern)
	return only
}

func matches(allowed []manifests.Pattern, value string) bool {
	return slices.ContainsFunc(allowed, func(p manifests.Pattern) bool { return p.Match(value) })
}

// options checks query options and headers against what any guest may use.
func options(g *abi.GraphRequest) error {
	for _, option := range g.Query {
		if !slices.Contains(queryOptions(), option.Name) {
			return notOffered("the query option "+option.Name, strings.Join(queryOptions(), " "))
		}
	}
	for _, h := range g.Headers {
		// Of equal length, because EqualFold takes a long s for an s.
		if !slices.ContainsFunc(headers(), func(name string) bool { return len(name) == len(h.Name) && strings.EqualFold(name, h.Name) }) {
			return notOffered("the header "+h.Name, strings.Join(headers(), " "))
		}
		if len(h.Value) > maxHeaderValue || strings.ContainsFunc(h.Value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return notOffered("the value of the header "+h.Name, fmt.Sprintf("printable ASCII of at most %d characters", maxHeaderValue))
		}
	}
	return nil
}

func notOffered(asked, offered string) *abi.Error {
	return &abi.Error{
		Code:    abi.PolicyDenied,
		Message: asked + " is not among what a plugin may use: " + offered,
		Detail:  abi.Detail{Asked: asked, Rule: "host: allow-list of " + abi.Name},
	}
}

// maxHeaderValue bounds the value of a header that a guest sets, in bytes.
const maxHeaderValue = 1024

// queryOptions lists what a guest may put behind the question mark. $expand is not
// among them: it reaches resources that the template does not name.
func queryOptions() []string {
	return []string{
		"$count", "$filter", "$orderby", "$search", "$select", "$skip", "$top",
		"changeType", "endDateTime", "includeHiddenFolders", "startDateTime",
	}
}

// headers lists the headers that a guest may set.
func headers() []string { return []string{"ConsistencyLevel", "If-Match", "Prefer"} }
