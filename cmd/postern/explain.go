package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

func (c *cli) explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain ACTION",
		Short: "Tell whether an action is allowed, and why, without running it",
		Long: `Tell whether an action is allowed on a connection, by which grant, what it may ask of
Microsoft Graph, and with which constraints. For one that is denied it shows the lines
of postern.toml that would allow it. Of an action that can be told of changes it shows what
it watches, the permission that Graph wants for that, and the triggers with notify. Nothing
runs and nothing is sent.

A denial is an answer: the exit status is 0.`,
		Args:              one(nameAction),
		ValidArgsFunction: c.completeAction,
	}
	flags, output, connection := c.hostFlags(cmd), c.outputFlag(cmd), c.connectionFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		h, err := c.openConnected(flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		explained, err := h.Explain(args[0], *connection)
		if err != nil {
			return err
		}
		return c.show(*output, explained, func(b *strings.Builder) { c.writeExplanation(b, explained) })
	}
	return cmd
}

func (c *cli) writeExplanation(b *strings.Builder, x *host.Explanation) {
	fmt.Fprintf(b, "%s on %s: %s\n  %s\n", printable(x.Action), printable(x.Connection), x.Decision, oneLine(x.Reason))
	if x.Error != nil {
		if x.Error.Detail.Rule != "" {
			fmt.Fprintf(b, "  rule: %s\n", oneLine(x.Error.Detail.Rule))
		}
		if x.Error.Detail.Allow != "" {
			fmt.Fprintf(b, "\n%s\n\n", howToAllow(x.Error.Detail.Allow))
			writeIndented(b, x.Error.Detail.Allow)
		}
		return
	}
	fmt.Fprintln(b)
	facts := []fact{
		{"plugin", x.Plugin},
		{"grant", x.Grant},
		{"limits", limitsLine(&x.Limits)},
	}
	if len(x.Triggers) > 0 {
		facts = append(facts, fact{"triggers", strings.Join(x.Triggers, ", ")})
	}
	if w := x.Watch; w != nil {
		facts = append(facts, fact{"watches", watchLine(w)})
		if len(w.Notified) > 0 {
			facts = append(facts, fact{"notify", strings.Join(w.Notified, ", ")})
		}
	}
	if len(x.Internal) > 0 {
		facts = append(facts, fact{"internal", quotedList(x.Internal)})
	}
	if x.Mark {
		facts = append(facts, fact{"mark", "messages get the header x-postern-action"})
	}
	if x.Beta {
		facts = append(facts, fact{"beta", "requests of Graph's beta version are allowed"})
	}
	for _, name := range slices.Sorted(maps.Keys(x.Only)) {
		facts = append(facts, fact{"only " + name, quotedList(x.Only[name])})
	}
	if len(x.Only) == 0 {
		facts = append(facts, fact{"only", "no constraint on values or recipients"})
	}
	writeFacts(b, facts)
	if len(x.Requests) == 0 {
		fmt.Fprint(b, "\nIt asks nothing of Microsoft Graph.\n")
		return
	}
	fmt.Fprintln(b)
	rows := make([][]string, 0, len(x.Requests))
	for _, r := range x.Requests {
		rows = append(rows, []string{string(r.Decision), r.Request, r.Capability, r.Reason})
	}
	writeTable(b, c.width, wrap, []string{"decision", "request", "capability", "reason"}, rows)
}

// watchLine says what is watched, and what Graph wants of the connection's token, or of another where it tells none of that kind.
func watchLine(w *host.ExplainedWatch) string {
	if names := w.Permissions[w.Kind]; len(names) > 0 {
		return fmt.Sprintf("%s, with the %s permission %s", w.Resource, w.Kind, strings.Join(names, " or "))
	}
	for _, kind := range slices.Sorted(maps.Keys(w.Permissions)) {
		if names := w.Permissions[kind]; len(names) > 0 {
			return fmt.Sprintf("%s, but not here: Graph tells those with the %s permission %s alone", w.Resource, kind, strings.Join(names, " or "))
		}
	}
	return w.Resource + ", of which Graph tells nobody"
}

func limitsLine(l *host.ExplainedLimits) string {
	line := fmt.Sprintf("memory %s, fuel %d, timeout %s, exchanges %d, rate %s", l.Memory, l.Fuel, l.Timeout, l.Exchanges, l.Rate)
	if l.PluginRate != manifests.Unlimited {
		line += ", the plugin's own " + l.PluginRate
	}
	if l.Sends != manifests.Unlimited {
		line += ", sends " + l.Sends
	}
	if l.ExternalRecipients != nil {
		line += fmt.Sprintf(", external recipients %d", *l.ExternalRecipients)
	}
	return line
}

func quotedList(list []string) string {
	if len(list) == 0 {
		return "nobody"
	}
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = strconv.Quote(s)
	}
	return strings.Join(quoted, ", ")
}
