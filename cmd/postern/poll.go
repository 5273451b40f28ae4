package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/trigger"
)

func (c *cli) pollCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "poll [TRIGGER]...",
		Short: "Run triggers, once or from now on",
		Long: `Run triggers of postern.toml, all of them or those named: once, or with --follow whenever
they are due until it is interrupted. What they find goes to their sinks, each record once;
of a trigger without a sink it goes to standard output, as JSON Lines.

What a sink does not take waits, and is delivered by the next poll or by the one that
follows. Interrupting it loses nothing: what is under way has 20 seconds to end.

An action by hand, without a trigger and its state, is "postern run ACTION".`,
		Example: `  postern poll soc-inbox
  postern poll --follow
  postern poll soc-inbox --to - | jq .record.subject`,
		ValidArgsFunction: c.completeTriggers,
	}
	flags := c.hostFlags(cmd)
	follow := cmd.Flags().Bool("follow", false, "run whenever a trigger is due, until interrupted")
	to := cmd.Flags().String("to", "", "- has the records of all these triggers on standard output as well")
	must(cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions([]string{"-"}, cobra.ShellCompDirectiveNoFileComp)))
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if *to != "" && *to != "-" {
			return usagef("--to takes - for standard output; other places are sinks of postern.toml")
		}
		for _, name := range args {
			if strings.Contains(name, ".") {
				return usagef("%q is an action, not a trigger; \"postern run %s\" runs it by hand, and [trigger.NAME] in postern.toml makes a trigger of it", name, name)
			}
		}
		flags.follows = *follow
		h, err := c.openConnected(flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		triggers, err := h.Triggers(cmd.Context(), host.TriggerOptions{Names: args, Output: c.out, Copy: *to == "-"})
		if err != nil {
			return err
		}
		defer closeAfter(&err, triggers.Close)
		if *follow {
			return triggers.Run(cmd.Context())
		}
		return c.pollOnce(cmd, triggers)
	}
	return cmd
}

// pollOnce runs each trigger once. One that fails does not keep the others from it.
func (c *cli) pollOnce(cmd *cobra.Command, triggers *host.Triggers) error {
	var failed error
	names := triggers.Names()
	for _, name := range names {
		stop := c.announce("polling " + name + " …")
		report, err := triggers.Once(cmd.Context(), name)
		stop()
		writeReport(c.err, report)
		if err == nil {
			continue
		}
		var failure *abi.Error
		if len(names) > 1 && errors.As(err, &failure) {
			fmt.Fprintf(c.err, "postern: %s: %s\n", name, oneLine(failure.Message))
		}
		if failed == nil {
			failed = err
		}
	}
	return failed
}

// writeReport tells in a line what a run did.
func writeReport(w io.Writer, r trigger.Report) {
	line := fmt.Sprintf("%s: %d new, %d repeated, %d late; %d delivered, %d waiting", r.Trigger, r.Records, r.Repeated, r.Late, r.Delivered, r.Waiting)
	if r.Parked > 0 {
		line += fmt.Sprintf(", %d parked", r.Parked)
	}
	if !r.Next.IsZero() {
		line += "; due again " + r.Next.UTC().Format(time.RFC3339)
	}
	fmt.Fprintln(w, line)
}
