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
		Short: "Find what keeps connections, triggers and sinks from doing their work",
		Long: `Sign in to one connection, or to each, and compare the Microsoft Graph permissions that its
token holds with those that the grants on it need: which are missing and for what, which
nothing needs, and which granted actions no token of that kind can do; and what an
administrator does next. The token itself is not shown.

Then look at the triggers on it and at their sinks: whether the action is granted and its
parameters are right, whether anybody runs it, what waits and what is parked; whether
files can be written, secrets are there, receivers and streams answer. Nothing is polled
and nothing delivered. With notify, look also whether Graph tells them of changes, and at
[notifications]: its certificate, whether its address can be listened on, its url. Notes do
not make it fail.

The exit status is 0 if nothing is missing, that of access_denied if something is, that
of not_supported if a granted action cannot run, by the kind of token or a capability that
its grant lacks, and that of auth if a connection cannot sign in; then that of the first
problem of a trigger or sink, or of [notifications].`,
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
		var found []*host.Diagnosis
		for _, name := range doctored(config, args) {
			d, err := h.Diagnose(cmd.Context(), name)
			if err != nil {
				return err
			}
			found = append(found, d)
		}
		triggers, sinks, err := h.DiagnoseTriggers(cmd.Context(), strings.Join(args, ""))
		if err != nil {
			return err
		}
		receiver, err := h.DiagnoseReceiver(cmd.Context(), strings.Join(args, ""))
		if err != nil {
			return err
		}
		if err := c.show(*output, together(found, triggers, sinks, receiver), func(b *strings.Builder) {
			c.writeDiagnoses(b, found)
			writeTriggerDiagnoses(b, triggers, sinks)
			writeReceiverDiagnosis(b, receiver)
		}); err != nil {
			return err
		}
		return ailing(found, triggers, sinks, receiver)
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

// together is one list of all that was looked at. The receiver may be nil.
func together(found []*host.Diagnosis, triggers []*host.TriggerDiagnosis, sinks []*host.SinkDiagnosis, receiver *host.ReceiverDiagnosis) []any {
	list := []any{}
	for _, d := range found {
		list = append(list, d)
	}
	for _, d := range triggers {
		list = append(list, d)
	}
	for _, d := range sinks {
		list = append(list, d)
	}
	if receiver != nil {
		list = append(list, receiver)
	}
	return list
}

// ailing is the error of the first thing that is not healthy; nil if all are.
func ailing(found []*host.Diagnosis, triggers []*host.TriggerDiagnosis, sinks []*host.SinkDiagnosis, receiver *host.ReceiverDiagnosis) error {
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
	for _, d := range triggers {
		if !d.Healthy {
			return about("trigger "+d.Trigger, d.Problems[0])
		}
	}
	for _, d := range sinks {
		if !d.Healthy {
			return about("sink "+d.Sink, d.Problems[0])
		}
	}
	if receiver != nil && !receiver.Healthy {
		return about("notifications", receiver.Problems[0])
	}
	return nil
}

// about says what a problem is of.
func about(what string, problem *abi.Error) error {
	told := *problem
	if !strings.HasPrefix(told.Message, what) {
		told.Message = what + ": " + told.Message
	}
	return &told
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
		for _, note := range d.Notes {
			facts = append(facts, fact{"note", oneLine(note)})
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

func writeTriggerDiagnoses(b *strings.Builder, triggers []*host.TriggerDiagnosis, sinks []*host.SinkDiagnosis) {
	for _, d := range triggers {
		facts := []fact{{"action", d.Action + " on " + d.On}}
		writeChecked(b, "trigger "+d.Trigger, d.Healthy, facts, d.Problems, d.Notes)
	}
	for _, d := range sinks {
		facts := []fact{{"kind", string(d.Kind)}, {"triggers", orNone(d.Triggers)}}
		writeChecked(b, "sink "+d.Sink, d.Healthy, facts, d.Problems, d.Notes)
	}
}

func writeReceiverDiagnosis(b *strings.Builder, d *host.ReceiverDiagnosis) {
	if d != nil {
		facts := []fact{{"url", d.URL}, {"listen", d.Listen}, {"triggers", orNone(d.Triggers)}}
		writeChecked(b, "notifications", d.Healthy, facts, d.Problems, d.Notes)
	}
}

// writeChecked writes what was found of a trigger, a sink or the receiver.
func writeChecked(b *strings.Builder, what string, healthy bool, facts []fact, problems []*abi.Error, notes []string) {
	verdict := "healthy"
	if !healthy {
		verdict = "not healthy"
	}
	fmt.Fprintf(b, "\n%s: %s\n", printable(what), verdict)
	for _, problem := range problems {
		facts = append(facts, fact{"problem", oneLine(problem.Message)})
	}
	for _, note := range notes {
		facts = append(facts, fact{"note", oneLine(note)})
	}
	writeFacts(b, facts)
}
