package host

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/manifests"
)

// ownManifest describes the host's own plugin.
//
//go:embed own.toml
var ownManifest string

// OwnPlugin is the name of the plugin that is the host itself: its actions are about connections, and no module runs them. One of that name
// in the plugins folder is never looked at.
const OwnPlugin = "host"

// own returns the host's own plugin.
func (h *Host) own() *catalog.Installed {
	i, err := h.builtIn.get(func() (*catalog.Installed, error) {
		plugin, err := manifests.ParsePlugin("the host's own plugin", []byte(ownManifest))
		if err != nil {
			return nil, err
		}
		return catalog.BuiltIn(plugin), nil
	})
	if err != nil {
		panic("host: " + err.Error()) // it is part of the program, and the tests read it
	}
	return i
}

// installedFor returns the version of a plugin that a grant means.
func (h *Host) installedFor(grant *manifests.Grant) (*catalog.Installed, error) {
	if grant.Plugin != OwnPlugin {
		return h.catalog.Resolve(grant)
	}
	own := h.own()
	if !grant.Version.Match(own.Version) {
		return nil, &abi.Error{
			Code: abi.PolicyDenied,
			Message: fmt.Sprintf("this program's own plugin is %s, which the grant %s (%s) does not allow; write version = \"^%d\"",
				own, grant.Name, grant.Version, own.Version.Major()),
			Detail: abi.Detail{Asked: own.String(), Rule: "grant." + grant.Name + ".version"},
		}
	}
	return own, nil
}

// isOwn reports whether the action is one of the host's own, which no module runs.
func (inv *invocation) isOwn() bool { return inv.installed != nil && inv.installed.Name == OwnPlugin }

// runOwn runs an action of the host's own.
func (inv *invocation) runOwn(ctx context.Context, result *Result) error {
	if err := inv.prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, inv.permit.Limits.Timeout)
	defer cancel()
	inv.started = true
	if inv.action.Kind == manifests.KindTest {
		return inv.testConnection(ctx, result)
	}
	return inv.generateToken(ctx, result)
}

// generated is the row of token.generate.
type generated struct {
	Message     string    `json:"message"`
	Auth        string    `json:"auth"`
	Kind        string    `json:"kind"`
	Expires     time.Time `json:"expires"`
	Permissions []string  `json:"permissions"`
	User        string    `json:"user,omitempty"`
}

func (inv *invocation) generateToken(ctx context.Context, result *Result) error {
	token, err := inv.client.connection.Generate(ctx)
	if err != nil {
		return err
	}
	row := generated{
		Auth: string(inv.connection.Auth), Kind: token.Scheme.String(), Expires: token.Expires.UTC().Truncate(time.Second),
		Permissions: token.Permissions, User: token.User,
	}
	row.Message = fmt.Sprintf("A new %s token by %s, good until %s, holds %s.", row.Kind, row.Auth, row.Expires.Format(time.RFC3339), permitted(token))
	result.Message = row.Message
	result.Data = append(result.Data, encoded(row))
	return nil
}

// permitted names what a token permits.
func permitted(t *connection.Token) string {
	switch {
	case !t.Readable:
		return "permissions that cannot be read"
	case len(t.Permissions) == 0:
		return "no permission"
	}
	return strings.Join(t.Permissions, ", ")
}

// encoded writes a row of the host's own as JSON.
func encoded(row any) json.RawMessage {
	b, err := json.Marshal(row)
	if err != nil {
		panic("host: a row that cannot be written: " + err.Error())
	}
	return b
}

// granting yields what grants give on a connection: each grant with its plugin. Those whose plugin cannot be used are left out, as running
// an action of theirs tells why.
func (h *Host) granting(connection string) []granted {
	var all []granted
	for i := range h.operator.Grants {
		g := &h.operator.Grants[i]
		if !slices.Contains(g.Connections, connection) {
			continue
		}
		if installed, err := h.installedFor(g); err == nil && h.fits(installed.Plugin) == nil {
			all = append(all, granted{g, installed})
		}
	}
	return all
}

// granted is a grant and the plugin that it is for.
type granted struct {
	grant     *manifests.Grant
	installed *catalog.Installed
}

// actionsWith returns the granted actions that use a capability.
func (g granted) actionsWith(capability string) []*manifests.Action {
	var all []*manifests.Action
	for _, id := range g.grant.Actions {
		a, ok := g.installed.Plugin.Action(id)
		if ok && (slices.Contains(a.Capabilities, capability) || slices.Contains(a.Optional, capability)) {
			all = append(all, a)
		}
	}
	return all
}
