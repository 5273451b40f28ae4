package main

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

// Completion works with the operator's file that the command line or the environment means, and says nothing when
// that cannot be read: a shell has no place for an error.

// withHost calls f with the host that the command's flags mean, if there is one.
func (c *cli) withHost(cmd *cobra.Command, f func(*host.Host, *manifests.Config) []string) []string {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return nil
	}
	flags := &hostFlags{config: path}
	_, config, err := c.loadConfig(flags)
	if err != nil {
		return nil
	}
	h, err := c.openHost(flags, config, nil)
	if err != nil {
		return nil
	}
	found := f(h, config)
	if err := h.Close(); err != nil {
		return nil
	}
	return found
}

// completeAction completes the id of an action as the only argument.
func (c *cli) completeAction(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.withHost(cmd, func(h *host.Host, _ *manifests.Config) []string {
		actions, err := h.Actions()
		if err != nil {
			return nil
		}
		var ids []string
		for _, a := range actions {
			ids = append(ids, cobra.CompletionWithDesc(a.ID, oneLine(a.Title)))
		}
		return slices.Compact(ids)
	}), cobra.ShellCompDirectiveNoFileComp
}

// completeRun completes an action, and then the names of its parameters that have no value yet.
func (c *cli) completeRun(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return c.completeAction(cmd, args, toComplete)
	}
	if name, value, named := strings.Cut(toComplete, "="); named {
		if strings.HasPrefix(value, "@") {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return c.completeValue(cmd, args[0], name), cobra.ShellCompDirectiveNoFileComp
	}
	given := func(name string) bool {
		return slices.ContainsFunc(args[1:], func(arg string) bool { return strings.HasPrefix(arg, name+"=") })
	}
	return c.withHost(cmd, func(h *host.Host, _ *manifests.Config) []string {
		action, err := h.Describe(args[0])
		if err != nil {
			return nil
		}
		var names []string
		for _, p := range action.Parameters {
			if !given(p.Name) {
				names = append(names, cobra.CompletionWithDesc(p.Name+"=", oneLine(p.Description)))
			}
		}
		return names
	}), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// pickTimeout is how long a shell waits for what a parameter can be.
const pickTimeout = 10 * time.Second

// completeValue completes the value of a parameter with what the action that its manifest names for that lists. It is an
// invocation like any other: it needs a grant, and is on record.
func (c *cli) completeValue(cmd *cobra.Command, action, name string) []string {
	return c.withHost(cmd, func(h *host.Host, _ *manifests.Config) []string {
		described, err := h.Describe(action)
		if err != nil {
			return nil
		}
		i := slices.IndexFunc(described.Parameters, func(p host.Parameter) bool { return p.Name == name && p.Pick != "" })
		if i < 0 {
			return nil
		}
		connection, err := cmd.Flags().GetString("connection")
		if err != nil {
			return nil
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), pickTimeout)
		defer cancel()
		result, err := h.Invoke(ctx, host.Invocation{Action: described.Parameters[i].Pick, Connection: connection})
		if err != nil {
			return nil
		}
		var values []string
		for _, row := range result.Data {
			var picked struct{ ID, DisplayName, Name string }
			if json.Unmarshal(row, &picked) == nil && picked.ID != "" {
				values = append(values, cobra.CompletionWithDesc(name+"="+oneLine(picked.ID), oneLine(cmp.Or(picked.DisplayName, picked.Name))))
			}
		}
		return values
	})
}

// completePlugin completes installed plugins as name@version.
func (c *cli) completePlugin(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return c.withHost(cmd, func(h *host.Host, _ *manifests.Config) []string {
		installed, err := installedPlugins(h)
		if err != nil {
			return nil
		}
		var names []string
		for _, i := range installed {
			if !slices.Contains(args, i.String()) {
				names = append(names, i.String())
			}
		}
		return names
	}), cobra.ShellCompDirectiveNoFileComp
}

// connectionFlag adds --connection to a command and returns where its value will be.
func (c *cli) connectionFlag(cmd *cobra.Command) *string {
	name := cmd.Flags().StringP("connection", "c", "", "the connection of postern.toml to use; may be left out if there is only one")
	must(cmd.RegisterFlagCompletionFunc("connection", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		return c.connectionNames(cmd), cobra.ShellCompDirectiveNoFileComp
	}))
	return name
}
