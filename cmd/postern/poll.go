package main

import (
	"context"
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
		paused := map[string]bool{}
		if len(args) == 0 {
			if paused, err = pausedTriggers(cmd.Context(), h); err != nil {
				return err
			}
		}
		return c.pollOnce(cmd.Context(), triggers, paused)
	}
	return cmd
}

// pausedTriggers are the names of those that are paused.
func pausedTriggers(ctx context.Context, h *host.Host) (map[string]bool, error) {
	all, err := h.TriggerStatus(ctx)
	paused := map[string]bool{}
	for _, s := range all {
		paused[s.Config.Name] = s.Known.Paused
	}
	return paused, err
}

// pollOnce runs each trigger once. One that fails does not keep the others from it, and of one that is paused only what waits is delivered.
func (c *cli) pollOnce(ctx context.Context, triggers *host.Triggers, paused map[string]bool) error {
	var failed error
	names := triggers.Names()
	for _, name := range names {
		do := c.runNow
		if paused[name] {
			fmt.Fprintf(c.err, "%s is paused, and does not run; \"postern trigger resume %s\", or name it to run it once\n", name, name)
			do = func(ctx context.Context, t *host.Triggers, name string) (trigger.Report, error) {
				return t.Deliver(ctx, name)
			}
		}
		report, err := do(ctx, triggers, name)
		writeReport(c.err, report, err)
		if err == nil {
			continue
		}
		if elsewhere := (*trigger.HeldError)(nil); errors.As(err, &elsewhere) {
			err = &abi.Error{Code: abi.Conflict, Message: fmt.Sprintf(`%s runs it; "postern trigger run %s" asks it to do so now`, elsewhere.Lease.Holder, name)}
		}
		var failure *abi.Error
		if len(names) > 1 && errors.As(err, &failure) {
			err = about("trigger "+name, failure)
		}
		if failed == nil {
			failed = err // which is told in full at the end
		} else {
			fmt.Fprintf(c.err, "postern: %s\n", oneLine(err.Error()))
		}
	}
	return failed
}

// runNow runs a trigger, and says so if its action has to be waited for.
func (c *cli) runNow(ctx context.Context, triggers *host.Triggers, name string) (trigger.Report, error) {
	allowed, err := triggers.Allowed(ctx, name)
	if err != nil {
		return trigger.Report{Trigger: name}, err
	}
	if wait := time.Until(allowed); wait > patience {
		fmt.Fprintf(c.err, "%s ran just before; its action allows the next run at %s, in %s …\n", name, allowed.UTC().Format(time.RFC3339), wait.Round(time.Second))
	}
	defer c.announce("polling " + name + " …")()
	return triggers.Once(ctx, name)
}

// writeReport tells in a line what a run did. Of one that failed before it did anything, the error tells.
func writeReport(w io.Writer, r trigger.Report, err error) {
	if err != nil && r.Records+r.Repeated+r.Delivered+r.Waiting+r.Parked == 0 {
		return
	}
	line := fmt.Sprintf("%s: %d new, %d repeated, %d late; %d delivered, %d waiting", r.Trigger, r.Records, r.Repeated, r.Late, r.Delivered, r.Waiting)
	if r.Parked > 0 {
		line += fmt.Sprintf(", %d parked", r.Parked)
	}
	if !r.Next.IsZero() {
		line += "; due again " + r.Next.UTC().Format(time.RFC3339)
	}
	fmt.Fprintln(w, line)
}
