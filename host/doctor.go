package host

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/policy"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

// Diagnosis compares what the token of a connection holds with what the grants on it need.
type Diagnosis struct {
	Connection string         `json:"connection"`
	Auth       manifests.Auth `json:"auth"`
	Kind       string         `json:"kind"`
	Healthy    bool           `json:"healthy"`
	// Error is why there is no token to look at.
	Error *abi.Error `json:"error,omitempty"`
	// Held are the permissions of the token.
	Held []string `json:"held"`
	// Missing are those that granted capabilities need beyond them.
	Missing []Need `json:"missing"`
	// Surplus are those of them that no granted capability needs, and no trigger with notify.
	Surplus []string `json:"surplus"`
	// Unusable are granted actions that no token of this kind can do, with the reason.
	Unusable []Unusable `json:"unusable"`
	// Notes are about permissions that triggers with notify lack. Those run without, whenever they are due.
	Notes []string `json:"notes"`
	// Next is what an administrator does next; ConsentURL the page for it. Both are empty if there is nothing to do.
	Next       string `json:"next,omitempty"`
	ConsentURL string `json:"consent_url,omitempty"`
}

// Need is a permission that is missing, and for what.
type Need struct {
	Permission   string   `json:"permission"`
	Capabilities []string `json:"capabilities"`
	Actions      []string `json:"actions"`
}

// Unusable is an action that a grant names in vain.
type Unusable struct {
	Action string `json:"action"`
	Reason string `json:"reason"`
}

// Diagnose compares what a connection's token holds with what the grants need. The claims are read to be shown; what the token may do,
// Graph alone decides. The error is about the question: a token that cannot be had is an answer.
func (h *Host) Diagnose(ctx context.Context, name string) (*Diagnosis, error) {
	c, err := h.connectionNamed(name)
	if err != nil {
		return nil, err
	}
	client, err := h.client(c)
	if err != nil {
		return nil, err
	}
	scheme := connection.Scheme(c.Auth)
	d := &Diagnosis{
		Connection: c.Name, Auth: c.Auth, Kind: scheme.String(),
		Held: []string{}, Missing: []Need{}, Surplus: []string{}, Unusable: []Unusable{}, Notes: []string{},
	}
	token, err := client.connection.Inspect(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d.Error, d.Next = coded(err), "see to the sign-in first"
		return d, nil
	}
	if !token.Readable {
		d.Error = &abi.Error{
			Code:    abi.NotSupported,
			Message: "the token's claims cannot be read, so there is nothing to compare; postern run connection.test tries the capabilities instead",
		}
		return d, nil
	}
	d.Held = append(d.Held, token.Permissions...)
	h.compare(d, scheme, h.watching(d, c, scheme))
	d.Healthy = len(d.Missing) == 0 && len(d.Unusable) == 0
	d.advise(c, client.connection)
	return d, nil
}

// watching lists the permissions that let the triggers with notify be told of changes, and notes whose trigger has none. A trigger that may not
// watch at all has no need of them.
func (h *Host) watching(d *Diagnosis, c *manifests.Connection, scheme permissions.Scheme) (useful []string) {
	for i := range h.operator.Triggers {
		t := &h.operator.Triggers[i]
		if !t.Notify || t.Connection != d.Connection {
			continue
		}
		r, err := h.resolve(t.Action, t.Connection)
		if err != nil || r.action.Watch.IsZero() {
			continue
		}
		watched, _ := permissions.Watch(r.action.Watch.Resource.String())
		allowing := watched.Allowing(scheme)
		useful = append(useful, allowing...)
		held := func(name string) bool { return slices.Contains(d.Held, name) }
		if len(allowing) > 0 && !slices.ContainsFunc(allowing, held) {
			d.Notes = append(d.Notes, fmt.Sprintf("the trigger %s is not told of changes, and runs whenever it is due: for that Graph wants the %s permission %s; %s",
				t.Name, d.Kind, strings.Join(allowing, " or "), toHold(c, d.Kind, allowing[0])))
		}
	}
	return useful
}

// compare fills in what is missing, what is surplus and what cannot work. What is useful to others than granted capabilities is no surplus.
func (h *Host) compare(d *Diagnosis, scheme permissions.Scheme, useful []string) {
	var needed []manifests.Request
	for _, g := range h.granting(d.Connection) {
		for _, id := range g.grant.Actions {
			a, ok := g.installed.Plugin.Action(id)
			if !ok {
				continue
			}
			if _, err := policy.NewPermit(g.installed.Plugin, a, g.grant, scheme); err != nil {
				d.Unusable = append(d.Unusable, Unusable{id, coded(err).Message})
				continue
			}
			for _, capability := range slices.Concat(a.Capabilities, a.Optional) {
				if found, ok := g.installed.Plugin.Capability(capability); ok && slices.Contains(g.grant.Capabilities, capability) {
					needed = append(needed, found.Requests...)
					d.need(lacking(found, scheme, d.Held), capability, id)
				}
			}
		}
	}
	for _, name := range d.Held {
		used := slices.ContainsFunc(needed, func(r manifests.Request) bool { return permissions.Allows(name, scheme, r.Method, r.Path.String()) })
		if !used && !slices.Contains(useful, name) && !slices.Contains(signInScopes(), name) {
			d.Surplus = append(d.Surplus, name)
		}
	}
}

// signInScopes are the scopes that belong to signing in, and give nothing of Microsoft Graph.
func signInScopes() []string { return []string{"email", "offline_access", "openid", "profile"} }

// need notes permissions that an action lacks.
func (d *Diagnosis) need(names []string, capability, action string) {
	for _, name := range names {
		i := slices.IndexFunc(d.Missing, func(n Need) bool { return n.Permission == name })
		if i < 0 {
			i = len(d.Missing)
			d.Missing = append(d.Missing, Need{Permission: name})
		}
		n := &d.Missing[i]
		if !slices.Contains(n.Capabilities, capability) {
			n.Capabilities = append(n.Capabilities, capability)
		}
		if !slices.Contains(n.Actions, action) {
			n.Actions = append(n.Actions, action)
		}
	}
}

// advise says what an administrator does next.
func (d *Diagnosis) advise(c *manifests.Connection, conn *connection.Connection) {
	var names []string
	for _, n := range d.Missing {
		names = append(names, n.Permission)
	}
	list := strings.Join(names, ", ")
	switch {
	case len(names) == 0 && len(d.Surplus) > 0:
		d.Next = "remove " + strings.Join(d.Surplus, ", ") + " from the application, unless something else needs it: nothing that is granted here does"
	case len(names) == 0:
	default:
		d.Next = toHold(c, d.Kind, list)
		if c.Auth != manifests.AuthManagedIdentity {
			d.ConsentURL = conn.ConsentURL()
		}
	}
}

// toHold says what an administrator does for the token of a connection to hold the permissions in a list.
func toHold(c *manifests.Connection, kind, list string) string {
	if c.Auth == manifests.AuthManagedIdentity {
		return fmt.Sprintf("assign the app roles %s of Microsoft Graph to the managed identity; a new token holds them, which may take hours", list)
	}
	next := fmt.Sprintf("add the %s permissions %s of Microsoft Graph to the application (Entra admin center, App registrations, "+
		"API permissions), then consent for the tenant; ", kind, list)
	switch {
	case !c.Auth.Delegated():
		return next + "only a new token holds them: run token.generate, or wait for an hour"
	case len(c.Scopes) > 0:
		return next + "after that sign in again, with the permissions in scopes"
	default:
		return next + "after that sign in again"
	}
}
