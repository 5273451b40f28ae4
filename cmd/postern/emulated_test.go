package main

import (
	"slices"
	"testing"

	"github.com/postern-dev/postern/manifests"
)

// The emulated application must be able to run every action of this repository's plugins, or trying them would fail
// for want of a permission.
func TestEmulatedApplicationHasWhatThePluginsNeed(t *testing.T) {
	plugins, err := readPlugins(builtPlugins(t))
	if err != nil {
		t.Fatal(err)
	}
	needed := map[string]bool{"User.ReadBasic.All": true} // by connection.test, which is the host's own
	for _, p := range plugins {
		for _, c := range p.Capabilities {
			for _, permission := range c.Permissions.Application {
				needed[permission] = true
				if !slices.Contains(emulatedRoles(), permission) {
					t.Errorf("%s of %s needs %s", c.ID, p.Name, permission)
				}
			}
		}
	}
	for _, role := range emulatedRoles() {
		if !needed[role] {
			t.Errorf("no plugin needs %s", role)
		}
	}
}

// What "emulate --dir" writes must be a file that fits the plugins, and grant what an application may do.
func TestGrantAllFitsThePlugins(t *testing.T) {
	plugins, err := readPlugins(builtPlugins(t))
	if err != nil {
		t.Fatal(err)
	}
	file := `[connection.emulated]
tenant = "contoso.example"
client_id = "00000000-0000-0000-0000-000000000000"
client_secret = { file = "client-secret" }
`
	actions := 0
	for _, p := range plugins {
		file += grantAll(p, emulatedName).Encode()
	}
	config, err := manifests.ParseConfig(configFile, []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range plugins {
		if err := config.Check(p); err != nil {
			t.Error(err)
		}
	}
	for _, g := range config.Grants {
		actions += len(g.Actions)
		if slices.Contains(g.Capabilities, "calendar.group.read") {
			t.Error("a capability is granted that needs a signed-in user")
		}
	}
	if actions < 9 {
		t.Errorf("%d actions are granted, want 9 or more", actions)
	}
}
