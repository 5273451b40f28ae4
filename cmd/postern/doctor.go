package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

func (c *cli) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor [CONNECTION]",
		Short: "Compare what a connection's token permits with what the grants need",
		Long: `Sign in to one connection, or to each, and compare the Microsoft Graph permissions that its
token holds with those that the grants on it need: which are missing and for what, which
nothing needs, and which granted actions no token of that kind can do; and what an
administrator does next. The token itself is not shown.

The exit status is 0 if nothing is missing, that of access_denied if something is, that
of not_supported if a granted action cannot run, by the kind of token or a capability that
its grant lacks, and that of auth if a connection cannot sign in.`,
		Args:              atMostOne,
		ValidArgsFunction: c.completeConnection,
	}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		path, config, err := c.loadConfig(flags)
		if err != nil {
			return err
		}
		if err := checkConnections(path, config); err != nil {
			return &configError{err}
		}
		h, err := c.openHost(flags, config, c.announceAdmission)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		found := []*host.Diagnosis{}
		for _, name := range doctored(config, args) {
			d, err := h.Diagnose(cmd.Context(), name)
			if err != nil {
				return err
			}
			found = append(found, d)
		}
		if err := c.show(*output, found, func(b *strings.Builder) { c.writeDiagnoses(b, found) }); err != nil {
			return err
		}
		return ailing(found)
	}
	return cmd
}

// doctored names the connections to look at.
func doctored(config *manifests.Config, args []string) []string {
	if len(args) > 0 {
		return args
	}
	var names []string
	for _, connection := range config.Connections {
		names = append(names, connection.Name)
	}
	return names
}

// ailing is the error of the first connection that is not healthy; nil if all are.
func ailing(found []*host.Diagnosis) error {
	for _, d := range found {
		switch {
		case d.Error != nil:
			return d.Error
		case len(d.Missing) > 0:
			return &abi.Error{Code: abi.AccessDenied, Message: fmt.Sprintf("the token of %s lacks %s; %s", d.Connection, needs(d), d.Next)}
		case !d.Healthy:
			return &abi.Error{Code: abi.NotSupported, Message: d.Unusable[0].Reason}
		}
	}
	return nil
}

func needs(d *host.Diagnosis) string {
	var names []string
	for _, n := range d.Missing {
		names = append(names, n.Permission)
	}
	return orNone(names)
}

func (c *cli) writeDiagnoses(b *strings.Builder, found []*host.Diagnosis) {
	for i, d := range found {
		if i > 0 {
			fmt.Fprintln(b)
		}
		verdict := "healthy"
		if !d.Healthy {
			verdict = "not healthy"
		}
		fmt.Fprintf(b, "%s: %s\n", printable(d.Connection), verdict)
		facts := []fact{{"auth", string(d.Auth)}, {"kind of token", d.Kind}}
		if d.Error == nil {
			facts = append(facts, fact{"holds", orNone(d.Held)}, fact{"missing", needs(d)}, fact{"surplus", orNone(d.Surplus)})
		} else {
			facts = append(facts, fact{"problem", d.Error.Message})
		}
		if d.Next != "" {
			facts = append(facts, fact{"next", d.Next})
		}
		if d.ConsentURL != "" {
			facts = append(facts, fact{"consent page", d.ConsentURL})
		}
		writeFacts(b, facts)
		var rows [][]string
		for _, n := range d.Missing {
			rows = append(rows, []string{n.Permission, strings.Join(n.Capabilities, ", "), strings.Join(n.Actions, ", ")})
		}
		if len(rows) > 0 {
			fmt.Fprintln(b)
			writeTable(b, c.width, wrap, []string{"missing permission", "for capabilities", "of actions"}, rows)
		}
		for _, u := range d.Unusable {
			fmt.Fprintf(b, "\n%s cannot work here: %s\n", printable(u.Action), oneLine(u.Reason))
		}
	}
}
