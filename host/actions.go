package host

import (
	"maps"
	"slices"
	"strings"

	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

// Action describes an action of an installed plugin, in the words of its manifest. As
// JSON it has a stable shape, without what depends on the operator.
type Action struct {
	ID           string         `json:"id"`
	Title        string         `json:"title"`
	Description  string         `json:"description"`
	Kind         manifests.Kind `json:"kind"`
	ReadOnly     bool           `json:"read_only"`
	Plugin       string         `json:"plugin"`
	Version      string         `json:"version"`
	Parameters   []Parameter    `json:"parameters"`
	Outputs      []string       `json:"outputs"`
	Capabilities []string       `json:"capabilities"`
	// Optional are those of the capabilities that are used when granted, and may be missing.
	Optional    []string    `json:"optional,omitempty"`
	Permissions Permissions `json:"permissions"`
	// Tokens are the kinds of token with which the action runs: those for which every capability that it needs has a
	// permission.
	Tokens []string `json:"tokens"`
	// Errors tell by its code when the action fails in a way of its own.
	Errors map[string]string `json:"errors,omitempty"`
	// Approved says that the operator has approved this version.
	Approved bool `json:"-"`
	// Connections are those on which a grant names the action.
	Connections []string `json:"-"`

	installed *catalog.Installed
	action    *manifests.Action
}

// Parameter describes one input of an action.
type Parameter struct {
	Name string                  `json:"name"`
	Type manifests.ParameterType `json:"type"`
	// In names the list parameter that this is a member of.
	In string `json:"in,omitempty"`
	// Aliases are older names that are taken in its place.
	Aliases     []string `json:"aliases,omitempty"`
	Required    bool     `json:"required"`
	Default     any      `json:"default"`
	Description string   `json:"description"`
	// Pick is the action whose rows are what the value can be; empty if none is known.
	Pick string `json:"pick,omitempty"`
	// Example is a value for documentation; empty if the manifest has none.
	Example string `json:"example,omitempty"`
}

// Permissions are the Microsoft Graph permissions that all capabilities of an
// action need, for each kind of token.
type Permissions struct {
	Application []string `json:"application"`
	Delegated   []string `json:"delegated"`
}

// Actions lists the actions of the host itself and of all installed plugins, sorted by id and then by
// version, the highest first. Plugins whose manifest cannot be read are left out;
// [Host.Catalog] tells why.
func (h *Host) Actions() ([]Action, error) {
	names, err := h.catalog.Names()
	if err != nil {
		return nil, err
	}
	actions := []Action{}
	own := h.own()
	for a := range own.Plugin.Actions {
		actions = append(actions, h.describe(own, &own.Plugin.Actions[a]))
	}
	for _, name := range names {
		if name == OwnPlugin {
			continue
		}
		versions, err := h.catalog.Versions(name)
		if err != nil {
			return nil, err
		}
		for _, i := range versions {
			if i.Problem != nil {
				continue
			}
			for a := range i.Plugin.Actions {
				actions = append(actions, h.describe(i, &i.Plugin.Actions[a]))
			}
		}
	}
	slices.SortStableFunc(actions, func(a, b Action) int { return strings.Compare(a.ID, b.ID) })
	return actions, nil
}

// Describe describes an action: of the version that a grant means, or else of the
// highest one installed. The error is [abi.UnknownAction].
func (h *Host) Describe(id string) (Action, error) {
	if i := h.granted(id); i != nil {
		if a, ok := i.Plugin.Action(id); ok {
			return h.describe(i, a), nil
		}
	}
	actions, err := h.Actions()
	if err != nil {
		return Action{}, err
	}
	for _, a := range actions {
		if a.ID == id {
			return a, nil
		}
	}
	return Action{}, h.notGranted(id, "")
}

// granted returns the highest version that a grant means by an action's id; nil if there is none. It reads the
// manifests of the plugins only that the grants name: to read all that are installed takes half a millisecond for each.
func (h *Host) granted(id string) *catalog.Installed {
	var found *catalog.Installed
	for g := range h.operator.Grants {
		grant := &h.operator.Grants[g]
		if !slices.Contains(grant.Actions, id) {
			continue
		}
		i, err := h.installedFor(grant)
		if err != nil {
			continue // what keeps it from running, running it tells
		}
		if found == nil || i.Name == found.Name && i.Version.GreaterThan(found.Version) {
			found = i
		}
	}
	return found
}

func (h *Host) describe(i *catalog.Installed, a *manifests.Action) Action {
	d := Describe(i.Plugin, a)
	d.Approved = i.State == catalog.Approved
	d.installed = i
	for _, g := range h.operator.Grants {
		if g.Plugin == i.Name && g.Version.Match(i.Version) && slices.Contains(g.Actions, a.ID) {
			d.Connections = append(d.Connections, g.Connections...)
		}
	}
	return d
}

// Describe describes an action of a plugin that need not be installed: of no connection, and not approved.
func Describe(plugin *manifests.Plugin, a *manifests.Action) Action {
	needs := plugin.ActionPermissions(a.ID)
	d := Action{
		ID: a.ID, Title: a.Title, Description: a.Description, Kind: a.Kind, ReadOnly: a.ReadOnly,
		Plugin: plugin.Name, Version: plugin.Version.String(),
		Parameters: []Parameter{}, Outputs: list(a.Outputs),
		Capabilities: list(slices.Concat(a.Capabilities, a.Optional)),
		Optional:     slices.Clone(a.Optional),
		Permissions:  Permissions{list(needs.Application), list(needs.Delegated)},
		Tokens:       tokens(plugin, a),
		Errors:       maps.Clone(a.Errors),
		Connections:  []string{},
		action:       a,
	}
	for _, p := range a.Parameters {
		fallback := p.Default
		if texts, ok := fallback.([]string); ok {
			fallback = slices.Clone(texts)
		}
		d.Parameters = append(d.Parameters, Parameter{p.Name, p.Type, p.In, slices.Clone(p.Aliases), p.Required, fallback, p.Description, p.Pick, p.Example})
	}
	return d
}

// tokens are the kinds of token that policy lets run an action.
func tokens(plugin *manifests.Plugin, a *manifests.Action) []string {
	application, delegated := true, true
	for _, id := range a.Capabilities {
		if c, ok := plugin.Capability(id); ok {
			application = application && len(c.Permissions.Application) > 0
			delegated = delegated && len(c.Permissions.Delegated) > 0
		}
	}
	kinds := []string{}
	if application {
		kinds = append(kinds, permissions.Application.String())
	}
	if delegated {
		kinds = append(kinds, permissions.Delegated.String())
	}
	return kinds
}

// list is a copy of s as JSON shows it best: an empty list, never null.
func list(s []string) []string { return append([]string{}, s...) }
