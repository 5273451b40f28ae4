package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/manifests"
)

func (c *cli) pluginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugin",
		Short: "List, inspect and approve the installed plugins",
	}
	family(cmd)
	cmd.AddCommand(c.pluginListCommand(), c.pluginInspectCommand(), c.pluginApproveCommand())
	return cmd
}

func (c *cli) pluginListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the installed plugins", Args: cobra.NoArgs}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		h, config, err := c.open(flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		installed, err := installedPlugins(h)
		if err != nil {
			return err
		}
		list := make([]listedPlugin, 0, len(installed))
		for _, i := range installed {
			files, problem := h.Catalog().Files(i)
			list = append(list, listPlugin(i, files, problem))
		}
		return c.show(*output, list, func(b *strings.Builder) { c.writePlugins(b, config, list) })
	}
	return cmd
}

func (c *cli) pluginApproveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approve NAME[@VERSION]...",
		Short: "Let grants use a plugin as it is now",
		Long: `Approve plugins as they are now: the digests of manifest and module go into the lock
file, and a module with any other digest will not run. The module is checked and compiled
first. Approving allows nothing by itself: that takes a grant.

The version may be left out if only one is installed.`,
		Args:              some(namePlugin),
		ValidArgsFunction: c.completePlugin,
	}
	flags := c.hostFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		h, config, err := c.open(flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		for _, arg := range args {
			name, version, _ := strings.Cut(arg, "@")
			approved, err := h.Approve(cmd.Context(), name, version)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.out, "approved %s in %s\n", approved, config.LockFile())
		}
		return nil
	}
	return cmd
}

// installedPlugins lists every installed version of every plugin.
func installedPlugins(h *host.Host) ([]*catalog.Installed, error) {
	names, err := h.Catalog().Names()
	if err != nil {
		return nil, err
	}
	var all []*catalog.Installed
	for _, name := range names {
		versions, err := h.Catalog().Versions(name)
		if err != nil {
			return nil, err
		}
		all = append(all, versions...)
	}
	return all, nil
}

// listedPlugin is an installed version in the list.
type listedPlugin struct {
	Name    string        `json:"name"`
	Version string        `json:"version"`
	State   catalog.State `json:"state"`
	// Size is that of the module in bytes, 0 if it cannot be read.
	Size    int64    `json:"size"`
	Actions []string `json:"actions"`
	Problem string   `json:"problem,omitempty"`
}

func listPlugin(i *catalog.Installed, files catalog.Files, problem error) listedPlugin {
	listed := listedPlugin{Name: i.Name, Version: i.Folder(), State: files.State, Size: files.Module.Size, Actions: []string{}}
	switch {
	case i.Problem != nil:
		listed.Problem = i.Problem.Error()
	default:
		listed.Actions = actionIDs(i.Plugin)
		if problem != nil {
			listed.Problem = problem.Error()
		}
	}
	return listed
}

func (c *cli) writePlugins(b *strings.Builder, config *manifests.Config, list []listedPlugin) {
	if len(list) == 0 {
		fmt.Fprintln(b, printable(noPlugin(config)))
		return
	}
	rows := make([][]string, 0, len(list))
	for _, p := range list {
		rows = append(rows, []string{p.Name, p.Version, string(p.State), strconv.FormatInt(p.Size, 10), strings.Join(p.Actions, ", "), p.Problem})
	}
	writeTable(b, c.width, wrap, []string{"plugin", "version", "state", "bytes", "actions", "problem"}, rows)
}

// noPlugin says that none is installed, and what to do.
func noPlugin(config *manifests.Config) string {
	return "no plugin is installed in " + config.PluginsDir() + "; copy one there as NAME/VERSION/plugin.toml and plugin.wasm"
}
