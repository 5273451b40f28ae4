package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/manifests"
)

// The emulated tenant has one application. Its client id is no secret.
const emulatedClient = "1d9f7b0e-52c4-4f0a-8f57-6a3c8a1f2b60"

// emulatedRoles are the permissions that the emulated application has: what the actions of this repository's plugins
// and the host's own connection.test need, and no more.
func emulatedRoles() []string {
	return []string{
		"Calendars.Read", "Calendars.ReadBasic", "Calendars.ReadWrite", "Group-Conversation.Read.All", "Group-Conversation.ReadWrite.All",
		"Group.ReadBasic.All", "GroupMember.Read.All", "GroupMember.ReadBasic.All", "Mail.Read", "Mail.ReadBasic.All", "Mail.ReadWrite", "Mail.Send",
		"MailboxSettings.Read", "MailboxSettings.ReadWrite", "User.Read.All", "User.ReadBasic.All",
	}
}

// emulatedScopes are the delegated permissions that users of the emulated tenant have consented to, for signing in by hand.
func emulatedScopes() []string {
	return []string{"Calendars.Read", "Group.ReadWrite.All", "Mail.Read", "Mail.Send", "MailboxSettings.Read", "User.Read"}
}

// Names of the emulator's files, in the folder of --dir.
const (
	caFile     = "ca.pem"
	caKeyFile  = "ca.key"
	secretFile = "client-secret"
)

// emulatedFiles is the folder with the credentials of the emulated tenant. A secret file is there for its owner only.
type emulatedFiles struct{ dir string }

func (f emulatedFiles) path(name string) string { return filepath.Join(f.dir, name) }

// authority reads the certificate authority of an earlier start; nil if there is none.
func (f emulatedFiles) authority() (certificate, key []byte, err error) {
	certificate, err = os.ReadFile(f.path(caFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil, nil
	}
	if err == nil {
		key, err = os.ReadFile(f.path(caKeyFile))
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the emulator's certificate authority cannot be read: %w; remove %s to get a new one", err, f.path(caFile))
	}
	return certificate, key, nil
}

// keepAuthority writes the authority of a server.
func (f emulatedFiles) keepAuthority(server *graphtest.Server) error {
	key, err := server.CAKeyPEM()
	if err != nil {
		return err
	}
	if err := os.WriteFile(f.path(caKeyFile), key, 0o600); err != nil {
		return err
	}
	return os.WriteFile(f.path(caFile), server.CAPEM(), 0o644)
}

// secret reads the client secret of an earlier start, or makes one.
func (f emulatedFiles) secret() (string, error) {
	b, err := os.ReadFile(f.path(secretFile))
	if err == nil && len(b) > 0 {
		return strings.TrimSpace(string(b)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	secret := rand.Text()
	return secret, os.WriteFile(f.path(secretFile), []byte(secret+"\n"), 0o600)
}

// emulatedConnection is the connection to an emulated tenant, as lines of an operator's file. Files are beside it.
func emulatedConnection(name string, server *graphtest.Server) string {
	return fmt.Sprintf(`[connection.%s]
tenant = %q
client_id = %q
client_secret = { file = %q }
graph = %q
authority = %q
ca_file = %q
upload_hosts = [%q]
`, name, server.Tenant(), emulatedClient, secretFile, server.URL, server.URL, caFile, server.UploadHost())
}

// hostTable says where the plugins are, as lines of an operator's file.
func hostTable(plugins string) string { return fmt.Sprintf("[host]\nplugins = %q\n", plugins) }

// hostGrant grants the host's own actions to an application, as lines of an operator's file.
func hostGrant(connection string) string {
	return fmt.Sprintf(`[grant.host]
version = "^1"
connections = [%q]
capabilities = ["connection.users"]
actions = ["connection.test", "token.generate"]
`, connection)
}

// readPlugins reads the manifests of a folder of plugins, the highest version of each.
func readPlugins(dir string) ([]*manifests.Plugin, error) {
	installed := catalog.New(dir, "")
	names, err := installed.Names()
	if err != nil {
		return nil, err
	}
	var plugins []*manifests.Plugin
	for _, name := range names {
		versions, err := installed.Versions(name)
		if err != nil {
			return nil, err
		}
		for _, i := range versions[:min(len(versions), 1)] {
			if i.Problem != nil {
				return nil, fmt.Errorf("the plugin %s cannot be used: %w", i, i.Problem)
			}
			plugins = append(plugins, i.Plugin)
		}
	}
	if len(plugins) == 0 {
		return nil, usagef("there is no plugin in %s; name the folder of the plugins with --plugins, such as dist/plugins after \"make plugins\"", dir)
	}
	return plugins, nil
}

// grantAll grants all of a plugin that an application's own token can use, in an operator's file that grants nothing yet.
func grantAll(p *manifests.Plugin, connection string) manifests.Grant {
	var capabilities, actions []string
	for _, c := range p.Capabilities {
		if len(c.Permissions.Application) > 0 {
			capabilities = append(capabilities, c.ID)
		}
	}
	for _, a := range p.Actions {
		if !slices.ContainsFunc(a.Capabilities, func(id string) bool { return !slices.Contains(capabilities, id) }) {
			actions = append(actions, a.ID)
		}
	}
	g := new(manifests.Config).SuggestGrant(p, connection, capabilities, "")
	g.Actions = actions
	return g
}
