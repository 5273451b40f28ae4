package host

import (
	"slices"
	"strings"

	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/manifests"
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
	Permissions  Permissions    `json:"permissions"`
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
}

// Permissions are the Microsoft Graph permissions that all capabilities of an
// action need, for each kind of token.
type Permissions struct {
	Application []string `json:"application"`
	Delegated   []string `json:"delegated"`
}

// Actions lists the actions of all installed plugins, sorted by id and then by
// version, the highest first. Plugins whose manifest cannot be read are left out;
// [Host.Catalog] tells why.
func (h *Host) Actions() ([]Action, error) {
	names, err := h.catalog.Names()
	if err != nil {
		return nil, err
	}
	actions := []Action{}
	for _, name := range names {
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
		i, err := h.catalog.Resolve(grant)
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
	needs := i.Plugin.ActionPermissions(a.ID)
	d := Action{
		ID: a.ID, Title: a.Title, Description: a.Description, Kind: a.Kind, ReadOnly: a.ReadOnly,
		Plugin: i.Plugin.Name, Version: i.Plugin.Version.String(),
		Parameters: []Parameter{}, Outputs: list(a.Outputs),
		Capabilities: list(slices.Concat(a.Capabilities, a.Optional)),
		Permissions:  Permissions{list(needs.Application), list(needs.Delegated)},
		Approved:     i.State == catalog.Approved,
		Connections:  []string{},
		installed:    i, action: a,
	}
	for _, p := range a.Parameters {
		fallback := p.Default
		if texts, ok := fallback.([]string); ok {
			fallback = slices.Clone(texts)
		}
		d.Parameters = append(d.Parameters, Parameter{p.Name, p.Type, p.In, slices.Clone(p.Aliases), p.Required, fallback, p.Description})
	}
	for _, g := range h.operator.Grants {
		if g.Plugin == i.Name && g.Version.Match(i.Version) && slices.Contains(g.Actions, a.ID) {
			d.Connections = append(d.Connections, g.Connections...)
		}
	}
	return d
}

// list is a copy of s as JSON shows it best: an empty list, never null.
func list(s []string) []string { return append([]string{}, s...) }
