package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/host"
)

func (c *cli) actionsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "actions",
		Short: "List the actions of the installed plugins",
		Args:  cobra.NoArgs,
	}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		h, _, err := c.open(cmd.Context(), flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		actions, err := h.Actions()
		if err != nil {
			return err
		}
		described := make([]description, 0, len(actions))
		for _, a := range actions {
			described = append(described, describe(a))
		}
		return c.show(*output, described, func(b *strings.Builder) { c.writeActions(b, actions) })
	}
	return cmd
}

func (c *cli) writeActions(b *strings.Builder, actions []host.Action) {
	rows := make([][]string, 0, len(actions))
	for _, a := range actions {
		does := "writes"
		if a.ReadOnly {
			does = "reads"
		}
		granted := strings.Join(a.Connections, ", ")
		switch {
		case granted == "":
			granted = "not granted"
		case !a.Approved:
			granted += " (plugin not approved)"
		}
		rows = append(rows, []string{a.ID, a.Title, does, a.Plugin + "@" + a.Version, granted})
	}
	writeTable(b, c.width, wrap, []string{"action", "title", "effect", "plugin", "granted on"}, rows)
}
