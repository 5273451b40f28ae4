package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/cmd/postern/internal/prove"
)

// proveFlags are those of prove.
type proveFlags struct {
	seed     uint64
	mails    int
	scenario string
	plugins  string
	verbose  bool
}

func (c *cli) proveCommand() *cobra.Command {
	flags := &proveFlags{}
	cmd := &cobra.Command{
		Use:   "prove",
		Short: "Let a day of trouble pass in a moment, and count what a trigger lost",
		Long: `Let a day pass in a moment, with everything that goes wrong in it, and count what a
trigger lost and what it handed over twice. The plugin in its sandbox, the host and its
store are the real ones; the mails, the time, the trouble and Microsoft Graph are made
up. Mails come late, in bursts, are moved, changed and deleted; Graph throttles, fails
and forgets; the host dies at random steps.

Beside it the same day is gone through by the plain cursor that others use. It fails if
a mail was lost or came twice. Nothing leaves this machine.`,
		Example: "  postern prove --seed 7\n  postern prove --scenario groups --mails 500 -o json",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().Uint64Var(&flags.seed, "seed", 1, "decides the day: what comes, when, and what goes wrong")
	cmd.Flags().IntVar(&flags.mails, "mails", 5000, fmt.Sprintf("how many come, up to %d", prove.MaxMails))
	cmd.Flags().StringVar(&flags.scenario, "scenario", prove.Scenarios()[0], "what they come to: "+strings.Join(prove.Scenarios(), " (a mailbox) or ")+" (a group)")
	cmd.Flags().StringVar(&flags.plugins, "plugins", "", "the folder of the plugins; else dist/plugins or plugins beside this program, or plugins")
	cmd.Flags().BoolVarP(&flags.verbose, "verbose", "v", false, "tell of each run that fails, on standard error")
	must(cmd.MarkFlagDirname("plugins"))
	must(cmd.RegisterFlagCompletionFunc("scenario", cobra.FixedCompletions(prove.Scenarios(), cobra.ShellCompDirectiveNoFileComp)))
	output := c.outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.prove(cmd.Context(), flags, *output) }
	return cmd
}

func (c *cli) prove(ctx context.Context, flags *proveFlags, output format) (err error) {
	if flags.plugins == "" {
		flags.plugins = cmp.Or(besideProgram(), "plugins")
	}
	if _, err := readPlugins(flags.plugins); err != nil {
		return err
	}
	plugins, err := filepath.Abs(flags.plugins)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "postern-prove-")
	if err != nil {
		return err
	}
	defer closeAfter(&err, func() error { return os.RemoveAll(dir) })
	options := prove.Options{
		Seed: flags.seed, Mails: flags.mails, Scenario: flags.scenario, Plugins: plugins, Dir: dir, Cache: filepath.Join(dir, "cache"),
	}
	if flags.verbose {
		options.Log = slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	stop := c.showDay(&options)
	result, err := prove.Run(ctx, options)
	stop()
	if err != nil {
		return err
	}
	if err := c.show(output, result, func(b *strings.Builder) { writeProof(b, flags.scenario, &result) }); err != nil {
		return err
	}
	if result.Lost+result.Repeated > 0 {
		return &abi.Error{
			Code:    abi.Internal,
			Message: fmt.Sprintf("%d of %d were lost and %d came again; --verbose tells which, and the same seed makes the same day", result.Lost, result.Mails, result.Repeated),
		}
	}
	return nil
}

// showDay shows on a terminal how the day passes.
func (c *cli) showDay(o *prove.Options) (stop func()) {
	if !c.errTerminal {
		return func() {}
	}
	var passed atomic.Int64
	o.Passed = func(of time.Duration) { passed.Store(int64(of)) }
	return c.keepShowing(func() string {
		return fmt.Sprintf("a day of %s, seed %d: %5.1f of %.0f hours", o.Scenario, o.Seed, time.Duration(passed.Load()).Hours(), prove.Length.Hours())
	})
}

// writeProof tells a reader what was counted.
func writeProof(b *strings.Builder, scenario string, r *prove.Result) {
	fmt.Fprintf(b, "A day of %s, seed %d: %d mails, of which %d became visible late.\n", scenario, r.Seed, r.Mails, r.Late)
	fmt.Fprintf(b, "The host died %s, %s succeeded and %d failed; %s could be seen by none of them.\n\n",
		count(r.Crashes, "time"), count(r.Runs, "run"), r.Failures, count(r.Unseen, "mail"))
	fmt.Fprintf(b, "%-22s %8s %9s\n", "", "lost", "repeated")
	fmt.Fprintf(b, "%-22s %8d %9d\n", "this trigger", r.Lost, r.Repeated)
	fmt.Fprintf(b, "%-22s %8d %9d\n\n", "the plain cursor", r.Naive.Lost, r.Naive.Repeated)
	fmt.Fprintf(b, "Of those that were late, the last came %s after it was received. %d requests, %s.\n",
		time.Duration(r.GreatestLateness)*time.Second, r.Requests, (time.Duration(r.Seconds*1000) * time.Millisecond).Round(100*time.Millisecond))
}
