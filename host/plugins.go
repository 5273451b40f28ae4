package host

import (
	"context"
	"fmt"
	"strings"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/host/sandbox"
	"github.com/postern-dev/postern/manifests"
)

// Installed finds an installed version of a plugin. version may be empty if only one is installed. The error is
// [abi.NotFound], or [abi.InvalidInput] if the version has to be said, and names the versions that are there.
func (h *Host) Installed(name, version string) (*catalog.Installed, error) {
	versions, err := h.catalog.Versions(name)
	if err != nil {
		return nil, err
	}
	if version == "" && len(versions) == 1 {
		return versions[0], nil
	}
	var near []string
	for _, i := range versions {
		if i.String() == name+"@"+version {
			return i, nil
		}
		near = append(near, i.String())
	}
	switch {
	case len(near) == 0:
		return nil, h.notInstalled(name)
	case version == "":
		return nil, &abi.Error{
			Code:    abi.InvalidInput,
			Message: fmt.Sprintf("%d versions of the plugin %s are installed; say which: %s", len(near), name, strings.Join(near, ", ")),
			Detail:  abi.Detail{Near: near},
		}
	}
	return nil, &abi.Error{
		Code:    abi.NotFound,
		Message: fmt.Sprintf("%s@%s is not installed; there is %s", name, version, strings.Join(near, ", ")),
		Detail:  abi.Detail{Near: near},
	}
}

func (h *Host) notInstalled(name string) error {
	names, err := h.catalog.Names()
	if err != nil {
		return err
	}
	there := "that folder holds no plugin: copy one there as NAME/VERSION/plugin.toml and plugin.wasm"
	if len(names) > 0 {
		there = "there is " + strings.Join(names, ", ")
	}
	return &abi.Error{
		Code:    abi.NotFound,
		Message: fmt.Sprintf("no plugin %q is installed in %s; %s", name, h.operator.PluginsDir(), there),
		Detail:  abi.Detail{Near: names},
	}
}

// Approve records the digests of an installed version, manifest and module as they are now, so that grants can use
// it. The module must be admitted by the sandbox; it stays compiled for this host's invocations, and in the code cache
// for those of other processes. version may be empty if only one is installed. It needs no connection and no grant.
func (h *Host) Approve(ctx context.Context, name, version string) (*catalog.Installed, error) {
	leave, ok := h.running.enter()
	if !ok {
		return nil, errClosed()
	}
	defer leave()
	i, err := h.Installed(name, version)
	if err != nil {
		return nil, err
	}
	if i.Problem != nil {
		return nil, &abi.Error{Code: abi.PluginFailed, Message: fmt.Sprintf("%s cannot be approved: %v", i, i.Problem)}
	}
	var module *sandbox.Module
	err = h.catalog.Approve(i, h.config.Now(), func(wasm []byte, digest manifests.Digest) (err error) {
		module, err = h.admit(context.WithoutCancel(ctx), i, sandbox.Source{
			Kind: i.Plugin.ABI, Digest: string(digest), Read: func() ([]byte, error) { return wasm, nil },
		})
		return err
	})
	if err != nil {
		failure := *coded(err)
		failure.Message = i.String() + " is not approved: " + failure.Message
		return nil, &failure
	}
	if old, _ := h.modules.replace(i.String(), loaded{from: i, module: module}); old.module != nil { // only now is it the approved one
		h.retire(context.WithoutCancel(ctx), i, old.module)
	}
	return h.Installed(name, i.Folder())
}

// retire closes a module that was replaced, when the invocations that run there have ended.
func (h *Host) retire(ctx context.Context, i *catalog.Installed, module *sandbox.Module) {
	leave, ok := h.running.enter()
	if !ok {
		return // closing the host closes it
	}
	go func() {
		defer leave()
		if err := module.Close(ctx); err != nil {
			h.log.Warn("the module that was replaced could not be closed", "plugin", i.String(), "error", err.Error())
		}
	}()
}
