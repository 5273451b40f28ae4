package host

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/manifests"
)

// resolved is what the action of an invocation turned out to be.
type resolved struct {
	installed  *catalog.Installed
	action     *manifests.Action
	connection *manifests.Connection
	permit     *policy.Permit
}

// connectionNamed returns the connection of that name, or the only one.
func (h *Host) connectionNamed(name string) (*manifests.Connection, error) {
	if name == "" && len(h.operator.Connections) == 1 {
		return &h.operator.Connections[0], nil
	}
	if c, ok := h.operator.Connection(name); ok {
		return c, nil
	}
	var names []string
	for _, c := range h.operator.Connections {
		names = append(names, c.Name)
	}
	problem := fmt.Sprintf("there is no connection %q", name)
	if name == "" {
		problem = "say which connection to use, on the command line with -c"
	}
	if len(names) == 0 {
		return nil, &abi.Error{Code: abi.InvalidInput, Message: problem + "; the operator's file has none: add [connection.NAME]"}
	}
	return nil, &abi.Error{
		Code: abi.InvalidInput, Message: problem + "; the operator's file has " + strings.Join(names, ", "),
		Detail: abi.Detail{Near: names},
	}
}

// resolve finds the version, the connection and the permit of an action. It opens neither module nor connection. What it
// found before an error is returned with it.
func (h *Host) resolve(id, name string) (resolved, error) {
	var r resolved
	var err error
	if r.connection, err = h.connectionNamed(name); err != nil {
		if _, unknown := h.Describe(id); errors.Is(unknown, abi.UnknownAction) {
			return r, unknown // whatever the connection
		}
		return r, err
	}
	grant, ok := h.operator.Grant(r.connection.Name, id)
	if !ok {
		return r, h.notGranted(id, r.connection.Name)
	}
	if r.installed, err = h.installedFor(grant); err != nil {
		return r, err
	}
	if err := h.fits(r.installed.Plugin); err != nil {
		return r, err
	}
	if r.action, ok = r.installed.Plugin.Action(id); !ok {
		return r, &abi.Error{Code: abi.UnknownAction, Message: fmt.Sprintf("%s has no action %s, although grant.%s names it", r.installed, id, grant.Name)}
	}
	r.permit, err = policy.NewPermit(r.installed.Plugin, r.action, grant, connection.Scheme(r.connection.Auth))
	return r, err
}

// fits reports what of the operator's file cannot be meant for the plugin.
func (h *Host) fits(plugin *manifests.Plugin) error {
	if err := h.operator.Check(plugin); err != nil {
		return &abi.Error{Code: abi.PolicyDenied, Message: "the operator's file does not fit the plugin: " + err.Error()}
	}
	return nil
}

// notGranted tells an action that is installed but not granted from one that does
// not exist.
func (h *Host) notGranted(id, on string) error {
	actions, err := h.Actions()
	if err != nil {
		return err
	}
	var near []string
	for _, a := range actions {
		if a.ID == id {
			if err := h.fits(a.installed.Plugin); err != nil {
				return err // a misspelt action of a grant, most likely
			}
			if c, ok := h.operator.Connection(on); ok {
				// No grant would help with the wrong kind of token.
				all := &manifests.Grant{Capabilities: a.action.Capabilities}
				if _, err := policy.NewPermit(a.installed.Plugin, a.action, all, connection.Scheme(c.Auth)); err != nil {
					return err
				}
			}
			return policy.NotGranted(h.operator, a.installed.Plugin, a.action, on)
		}
		if family, _, _ := strings.Cut(id, "."); strings.HasPrefix(a.ID, family+".") && !slices.Contains(near, a.ID) {
			near = append(near, a.ID)
		}
	}
	return unknownAction(id, near)
}

// mostNear is how many actions of a similar name an error lists.
const mostNear = 3

// unknownAction is the error for an action that does not exist. family are those that begin as its name does.
func unknownAction(id string, family []string) error {
	asked := id[:min(len(id), manifests.MaxID)]
	distance := func(to string) int { return levenshtein.ComputeDistance(asked, to) }
	slices.SortStableFunc(family, func(a, b string) int { return distance(a) - distance(b) })
	near := family[:min(len(family), mostNear)]
	message := fmt.Sprintf("no installed plugin has the action %q; \"postern actions\" lists what there is", id)
	if len(near) > 0 {
		message += ", such as " + strings.Join(near, ", ")
	}
	return &abi.Error{Code: abi.UnknownAction, Message: message, Detail: abi.Detail{Near: near}}
}
