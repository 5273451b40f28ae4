package catalog

import "github.com/postern-dev/postern/manifests"

// BuiltIn is a plugin that is part of the program: it is in no folder and no lock, has no module, and is approved with the program.
func BuiltIn(p *manifests.Plugin) *Installed {
	return &Installed{Name: p.Name, Version: p.Version, Plugin: p, State: Approved, dir: p.Version.String(), opened: true}
}
