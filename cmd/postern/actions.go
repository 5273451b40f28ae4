package main

import (
	"fmt"
	"slices"
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
		h, config, err := c.open(flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		actions, err := h.Actions()
		if err != nil {
			return err
		}
		names, err := h.Catalog().Names()
		if err != nil {
			return err
		}
		none := noPlugin(config)
		if len(names) > 0 {
			none = "no installed plugin can be used; \"postern plugin list\" tells why"
		}
		return c.show(*output, actions, func(b *strings.Builder) {
			c.writeActions(b, actions)
			if !slices.ContainsFunc(actions, func(a host.Action) bool { return a.Plugin != host.OwnPlugin }) {
				fmt.Fprintf(b, "\n%s\n", printable(none))
			}
		})
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
		rows = append(rows, []string{a.ID, a.Title, does, a.Plugin + "@" + a.Version, grantedOn(a)})
	}
	writeTable(b, c.width, wrap, []string{"action", "title", "effect", "plugin", "granted on"}, rows)
}

// grantedOn names the connections on which grants allow an action, and what keeps them from being of use.
func grantedOn(a host.Action) string {
	switch granted := strings.Join(a.Connections, ", "); {
	case granted == "":
		return "not granted"
	case !a.Approved:
		return granted + " (plugin not approved)"
	default:
		return granted
	}
}
