package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/manifests"
)

const nameTrigger = `name a trigger; "postern trigger list" lists them`

// shownParked is how many dead letters "trigger status" shows. There may be any number.
const shownParked = 50

func (c *cli) triggerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trigger",
		Short: "Look after triggers: how they do, pause, resume, run, replay",
		Long: `Show how the triggers of postern.toml do, and look after them, whether or not a
"postern poll --follow" runs them at the same time: it notices within seconds.`,
	}
	family(cmd)
	cmd.AddCommand(c.triggerListCommand(), c.triggerStatusCommand(), c.triggerPauseCommand(), c.triggerResumeCommand(),
		c.triggerRunCommand(), c.triggerReplayCommand(), c.triggerDropCommand(), c.triggerMoveCommand())
	return cmd
}

// listedTrigger is a trigger as list and status show it.
type listedTrigger struct {
	Trigger    string       `json:"trigger"`
	State      string       `json:"state"`
	Action     string       `json:"action"`
	Connection string       `json:"connection"`
	Every      string       `json:"every"`
	Next       *time.Time   `json:"next,omitempty"`
	LastRun    *time.Time   `json:"last_run,omitempty"`
	LastGood   *time.Time   `json:"last_success,omitempty"`
	Host       string       `json:"host,omitempty"`
	PausedBy   string       `json:"paused_by,omitempty"`
	Failures   int          `json:"failures"`
	Error      *abi.Error   `json:"error,omitempty"`
	Runs       uint64       `json:"runs"`
	Records    uint64       `json:"records"`
	Repeated   uint64       `json:"repeated"`
	Late       uint64       `json:"late"`
	Lateness   float64      `json:"greatest_lateness_seconds"`
	Sinks      []listedSink `json:"sinks"`
	// Notified is nil of a trigger that does not want to be told of changes.
	Notified *listedNotified `json:"notifications,omitempty"`
}

// listedNotified is what is known of the change notifications of a trigger.
type listedNotified struct {
	Until *time.Time `json:"until,omitempty"`
	Error *abi.Error `json:"error,omitempty"`
}

// String tells it in a line.
func (n *listedNotified) String() string {
	text := "none, since nobody follows the trigger"
	if n.Until != nil {
		text = "until " + momentText(n.Until) + ", and renewed by then"
	}
	if n.Error != nil {
		text = "none: "
		if n.Until != nil {
			text = "until " + momentText(n.Until) + " and not renewed: "
		}
		text += string(n.Error.Code) + ": " + n.Error.Message
	}
	return text
}

// listedSink is what a sink of a trigger has still to get.
type listedSink struct {
	Sink      string     `json:"sink"`
	Waiting   int        `json:"waiting"`
	Parked    int        `json:"parked"`
	Delivered uint64     `json:"delivered"`
	Attempts  int        `json:"attempts"`
	Reason    string     `json:"reason,omitempty"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	Removed   bool       `json:"removed,omitempty"`
}

// listedLetter is a record in the dead-letter list.
type listedLetter struct {
	ID     uint64     `json:"id"`
	Sink   string     `json:"sink"`
	Key    string     `json:"key"`
	Time   *time.Time `json:"time,omitempty"`
	Since  time.Time  `json:"since"`
	Reason string     `json:"reason"`
}

func listTrigger(s host.TriggerStatus) listedTrigger {
	k := s.Known
	l := listedTrigger{
		Trigger: s.Config.Name, State: "ready", Action: s.Config.Action, Connection: s.Config.Connection, Every: s.Every.String(),
		LastRun: moment(k.LastRun), LastGood: moment(k.LastSuccess), PausedBy: k.PausedBy, Failures: k.Failures, Error: k.Failure,
		Runs: k.Counters.Runs, Records: k.Counters.Records, Repeated: k.Counters.Repeated,
		Late: k.Counters.Late, Lateness: k.Counters.GreatestLateness.Seconds(), Sinks: []listedSink{},
	}
	if k.Lease != nil {
		l.Host = k.Lease.Holder
	}
	if !k.Stopped() {
		l.Next = moment(k.Next)
	}
	switch {
	case s.Removed:
		l.State, l.Every = "removed", ""
	case k.Paused:
		l.State = "paused"
	case s.Problem != nil:
		l.State, l.Error = "refused", s.Problem
	case k.Stopped():
		l.State = "stopped"
	case k.Failure != nil:
		l.State = "failing"
	}
	if s.Config.Notify {
		l.Notified = &listedNotified{Error: k.Watch.Failure}
		if k.Watch.Until.After(time.Now()) { // else its process was killed
			l.Notified.Until = moment(k.Watch.Until)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(k.Backlogs)) {
		b := k.Backlogs[name]
		removed := slices.Contains(s.RemovedSinks, name)
		l.Sinks = append(l.Sinks, listedSink{name, b.Pending, b.Parked, b.Delivered, b.Attempts, b.Reason, moment(b.NotBefore), removed})
	}
	return l
}

// moment leaves out a time that is not known.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Second)
	return &t
}

func momentText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Format(time.RFC3339)
}

func (c *cli) triggerListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the triggers of postern.toml, and how they do", Args: cobra.NoArgs}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	cmd.RunE = c.onHost(flags, func(ctx context.Context, h *host.Host, _ []string) error {
		all, err := h.TriggerStatus(ctx)
		if err != nil {
			return err
		}
		list := make([]listedTrigger, 0, len(all))
		for _, s := range all {
			list = append(list, listTrigger(s))
		}
		return c.show(*output, list, func(b *strings.Builder) { c.writeTriggers(b, list) })
	})
	return cmd
}

func (c *cli) writeTriggers(b *strings.Builder, list []listedTrigger) {
	if len(list) == 0 {
		fmt.Fprintln(b, "postern.toml has no trigger")
		return
	}
	rows := make([][]string, 0, len(list))
	for _, l := range list {
		waiting, parked := 0, 0
		for _, s := range l.Sinks {
			waiting, parked = waiting+s.Waiting, parked+s.Parked
		}
		rows = append(rows, []string{
			l.Trigger, l.State, l.Action, l.Connection, l.Every, momentText(l.LastRun), momentText(l.Next),
			strconv.FormatUint(l.Records, 10), strconv.Itoa(waiting), strconv.Itoa(parked),
		})
	}
	writeTable(b, c.width, cut, []string{"trigger", "state", "action", "connection", "every", "last run", "next run", "records", "waiting", "parked"}, rows)
}

// triggerReport is what "trigger status" shows.
type triggerReport struct {
	listedTrigger
	Parked []listedLetter `json:"parked"`
}

func (c *cli) triggerStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status TRIGGER",
		Short: "Show all that is known of a trigger, and its dead letters",
		Long: `Show all that is known of a trigger: when it runs, why it does not, what its sinks have
still to get, and the records that are parked because a sink refused them for good or
cannot tell whether it has them.`,
		Args: one(nameTrigger), ValidArgsFunction: c.completeTrigger,
	}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	cmd.RunE = c.onHost(flags, func(ctx context.Context, h *host.Host, args []string) error {
		all, err := h.TriggerStatus(ctx, args...)
		if err != nil {
			return err
		}
		store, err := h.TriggerStore(ctx)
		if err != nil {
			return err
		}
		parked, err := store.Parked(ctx, args[0], 0, shownParked)
		if err != nil {
			return err
		}
		report := triggerReport{listTrigger(all[0]), []listedLetter{}}
		for _, p := range parked {
			report.Parked = append(report.Parked, listedLetter{p.ID, p.Sink, p.Key, moment(p.Time), p.Since.UTC().Truncate(time.Second), p.Reason})
		}
		return c.show(*output, report, func(b *strings.Builder) { c.writeTrigger(b, report) })
	})
	return cmd
}

func (c *cli) writeTrigger(b *strings.Builder, r triggerReport) {
	facts := []fact{{"trigger", r.Trigger}, {"state", r.State}, {"action", r.Action}, {"connection", r.Connection}, {"every", r.Every}}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, fact{name, value})
		}
	}
	add("paused by", r.PausedBy)
	add("run by", r.Host)
	add("last run", momentText(r.LastRun))
	add("last success", momentText(r.LastGood))
	add("next run", momentText(r.Next))
	if r.Notified != nil {
		add("notifications", r.Notified.String())
	}
	if r.Error != nil {
		add("failures", strconv.Itoa(r.Failures))
		add("error", string(r.Error.Code)+": "+r.Error.Message)
	}
	add("runs", strconv.FormatUint(r.Runs, 10))
	add("records", fmt.Sprintf("%d, and %d that came again", r.Records, r.Repeated))
	add("late", fmt.Sprintf("%d, by %s at most", r.Late, time.Duration(r.Lateness*float64(time.Second)).Round(time.Second)))
	writeFacts(b, facts)
	if len(r.Sinks) > 0 {
		fmt.Fprintln(b)
		var rows [][]string
		for _, s := range r.Sinks {
			rows = append(rows, []string{
				s.Sink, strconv.FormatUint(s.Delivered, 10), strconv.Itoa(s.Waiting), strconv.Itoa(s.Parked), momentText(s.NotBefore), s.why(r.Trigger),
			})
		}
		writeTable(b, c.width, wrap, []string{"sink", "delivered", "waiting", "parked", "not before", "reason"}, rows)
	}
	if len(r.Parked) > 0 {
		fmt.Fprintln(b)
		var rows [][]string
		for _, p := range r.Parked {
			rows = append(rows, []string{strconv.FormatUint(p.ID, 10), p.Sink, p.Key, p.Since.Format(time.RFC3339), p.Reason})
		}
		writeTable(b, c.width, wrap, []string{"dead letter", "sink", "key", "since", "reason"}, rows)
	}
}

// why says why the sink has not got what waits for it.
func (s *listedSink) why(trigger string) string {
	if !s.Removed {
		return s.Reason
	}
	return fmt.Sprintf(`not in postern.toml any more, nothing is delivered: put it back, or "postern trigger drop %s --sink %s"`, trigger, s.Sink)
}

func (c *cli) triggerPauseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "pause TRIGGER...", Short: "Keep triggers from running until they are resumed",
		Long: `Keep triggers from running until they are resumed. What waits for their sinks is
delivered nevertheless.`,
		Args: some(nameTrigger), ValidArgsFunction: c.completeTriggers,
	}
	flags, operator := c.hostFlags(cmd), operatorFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.eachTrigger(flags, args, func(h *host.Host, name string) (string, error) {
			return "paused " + name, h.PauseTrigger(cmd.Context(), name, *operator)
		})
	}
	return cmd
}

func (c *cli) triggerResumeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "resume TRIGGER...", Short: "Let triggers run again that were paused or have stopped",
		Args: some(nameTrigger), ValidArgsFunction: c.completeTriggers,
	}
	flags, operator := c.hostFlags(cmd), operatorFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.eachTrigger(flags, args, func(h *host.Host, name string) (string, error) {
			return "resumed " + name, h.ResumeTrigger(cmd.Context(), name, *operator)
		})
	}
	return cmd
}

// eachTrigger does one thing with each trigger, and tells what was done.
func (c *cli) eachTrigger(flags *hostFlags, names []string, do func(h *host.Host, name string) (done string, err error)) (err error) {
	h, _, err := c.open(flags)
	if err != nil {
		return err
	}
	defer closeAfter(&err, h.Close)
	for _, name := range names {
		done, err := do(h, name)
		if err != nil {
			return err
		}
		fmt.Fprintln(c.out, done)
	}
	return nil
}

func (c *cli) triggerRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run TRIGGER...",
		Short: "Run triggers now, as soon as their action allows it",
		Long: `Run triggers now, or as soon as their action allows it: by the process that follows them
if there is one, else here and once, as "postern poll" does.`,
		Args: some(nameTrigger), ValidArgsFunction: c.completeTriggers,
	}
	flags, operator := c.hostFlags(cmd), operatorFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		h, err := c.openConnected(flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		triggers, err := h.Triggers(cmd.Context(), host.TriggerOptions{Names: args, Output: c.out})
		if err != nil {
			return err
		}
		defer closeAfter(&err, triggers.Close)
		for _, name := range triggers.Names() {
			report, err := c.runNow(cmd.Context(), triggers, name)
			var elsewhere *trigger.HeldError
			if errors.As(err, &elsewhere) {
				if err := h.WakeTrigger(cmd.Context(), name, *operator); err != nil {
					return err
				}
				fmt.Fprintf(c.err, "%s: %s runs it\n", name, printable(elsewhere.Lease.Holder))
				continue
			}
			writeReport(c.err, report, err)
			if err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func (c *cli) triggerReplayCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay TRIGGER [ID]...",
		Short: "Deliver dead letters again",
		Long: `Put dead letters back into the outbox, all of a trigger's or those named: they go out
again behind what waits already. Look at the sink first where it could not tell whether
it has them.`,
		Args: some(nameTrigger), ValidArgsFunction: c.completeLetters,
	}
	flags, operator := c.hostFlags(cmd), operatorFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.letters(flags, args, "put back", func(h *host.Host, name string, ids []uint64) (int, error) {
			return h.ReplayTrigger(cmd.Context(), name, *operator, ids...)
		})
	}
	return cmd
}

func (c *cli) triggerDropCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "drop TRIGGER [ID]...", Short: "Forget dead letters, or all that waits for a sink, which are never delivered then",
		Long: `Forget dead letters, which are never delivered then. With --sink forget all that waits for
a sink which the trigger does not have any more, and its dead letters; the trigger itself
may be gone from postern.toml too.`,
		Example: `  postern trigger drop soc-inbox 7 8
  postern trigger drop soc-inbox --sink archive`,
		ValidArgsFunction: c.completeLetters,
	}
	sink := cmd.Flags().String("sink", "", "forget all that waits for this sink, which postern.toml does not name for the trigger any more")
	must(cmd.RegisterFlagCompletionFunc("sink", c.completeRemovedSinks))
	cmd.Args = func(_ *cobra.Command, args []string) error {
		switch {
		case *sink == "" && len(args) < 2:
			return usagef(`name a trigger and the ids of dead letters; "postern trigger status TRIGGER" lists them`)
		case *sink != "" && len(args) != 1:
			return usagef("--sink takes one trigger, and no ids of dead letters")
		}
		return nil
	}
	flags, operator := c.hostFlags(cmd), operatorFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *sink != "" {
			return c.eachTrigger(flags, args, func(h *host.Host, name string) (string, error) {
				count, err := h.ForgetSink(cmd.Context(), name, *sink, *operator)
				return fmt.Sprintf("dropped %d deliveries of %s to %s", count, name, *sink), err
			})
		}
		return c.letters(flags, args, "dropped", func(h *host.Host, name string, ids []uint64) (int, error) {
			return h.DropTrigger(cmd.Context(), name, *operator, ids...)
		})
	}
	return cmd
}

func (c *cli) triggerMoveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "move TRIGGER... --to fleet|file", Short: "Take triggers along when hosts begin to share them, or end it",
		Long: `Take triggers along from this host's own file to the stream that [fleet] of postern.toml
names, or back: their places in mailboxes, and what they have handed over, so that nothing
comes again. Nobody may run them meanwhile, and nothing may wait for a sink or be parked.
Their counters begin anew.`,
		Example: "  postern trigger move soc-inbox --to fleet",
		Args:    some(nameTrigger), ValidArgsFunction: c.completeTriggers,
	}
	flags, operator := c.hostFlags(cmd), operatorFlag(cmd)
	to := cmd.Flags().String("to", "", "fleet, the stream that hosts share, or file, that of this host")
	must(cmd.MarkFlagRequired("to"))
	homes := []string{string(host.HomeFleet), string(host.HomeFile)}
	must(cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(homes, cobra.ShellCompDirectiveNoFileComp)))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return c.eachTrigger(flags, args, func(h *host.Host, name string) (string, error) {
			return "moved " + name + " to the " + *to, h.MoveTrigger(cmd.Context(), name, host.Home(*to), *operator)
		})
	}
	return cmd
}

// letters does one thing with dead letters of a trigger, and tells with how many it was done.
func (c *cli) letters(flags *hostFlags, args []string, done string, do func(h *host.Host, name string, ids []uint64) (int, error)) error {
	var ids []uint64
	for _, arg := range args[1:] {
		id, err := strconv.ParseUint(arg, 10, 64)
		if err != nil {
			return usagef("%q is not the id of a dead letter, which is a number", arg)
		}
		ids = append(ids, id)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	found := 0
	err := c.eachTrigger(flags, args[:1], func(h *host.Host, name string) (told string, err error) {
		found, err = do(h, name, ids)
		return fmt.Sprintf("%s %d of the dead letters of %s", done, found, name), err
	})
	if err == nil && found < len(ids) {
		return &abi.Error{
			Code: abi.NotFound,
			Message: fmt.Sprintf(`%d of %s not found: what was put back or dropped is no dead letter of %s any more; "postern trigger status %s" lists them`,
				len(ids)-found, count(len(ids), "id"), args[0], args[0]),
		}
	}
	return err
}

// completeTriggers completes the names of triggers that are not named yet, and completeTrigger one.
func (c *cli) completeTriggers(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return c.withHost(cmd, func(_ *host.Host, config *manifests.Config) []string {
		var names []string
		for _, t := range config.Triggers {
			if !slices.Contains(args, t.Name) {
				names = append(names, cobra.CompletionWithDesc(t.Name, oneLine(t.Action+" on "+t.Connection)))
			}
		}
		return names
	}), cobra.ShellCompDirectiveNoFileComp
}

func (c *cli) completeTrigger(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.completeTriggers(cmd, args, toComplete)
}

// completeRemovedSinks completes the sinks that something waits for and that a trigger does not have any more.
func (c *cli) completeRemovedSinks(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return c.withHost(cmd, func(h *host.Host, _ *manifests.Config) []string {
		all, err := h.TriggerStatus(cmd.Context(), args...)
		if err != nil {
			return nil
		}
		var names []string
		for _, s := range all {
			names = append(names, s.RemovedSinks...)
		}
		return names
	}), cobra.ShellCompDirectiveNoFileComp
}

// completeLetters completes a trigger, and then the ids of its dead letters.
func (c *cli) completeLetters(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return c.completeTriggers(cmd, args, toComplete)
	}
	return c.withHost(cmd, func(h *host.Host, _ *manifests.Config) []string {
		store, err := h.TriggerStore(cmd.Context())
		if err != nil {
			return nil
		}
		parked, err := store.Parked(cmd.Context(), args[0], 0, shownParked)
		if err != nil {
			return nil
		}
		var ids []string
		for _, p := range parked {
			if id := strconv.FormatUint(p.ID, 10); !slices.Contains(args, id) {
				ids = append(ids, cobra.CompletionWithDesc(id, oneLine(p.Key+" for "+p.Sink)))
			}
		}
		return ids
	}), cobra.ShellCompDirectiveNoFileComp
}
