package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
)

// lastLines is how many lines of the record a terminal shows that nobody has asked for.
const lastLines = 50

// auditFlags say which records to show.
type auditFlags struct {
	denied     bool
	invocation string
	action     string
	since      string
	last       int
}

func (c *cli) auditCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Show the record of what was asked, decided and done",
		Long: `Show the audit record: one line for every exchange of a plugin with the host, allowed or
refused, and one for every invocation as a whole. In a pipe each line is one JSON object,
as in the file.

A terminal gets the last 50 lines, unless --lines, --since or --invocation is given; a
pipe or a file gets all.`,
		Args: cobra.NoArgs,
	}
	hostFlags, output, flags := c.hostFlags(cmd), c.outputFlag(cmd), &auditFlags{}
	cmd.Flags().BoolVar(&flags.denied, "denied", false, "only what was denied")
	cmd.Flags().StringVar(&flags.invocation, "invocation", "", "only this invocation; the start of its id is enough")
	cmd.Flags().StringVar(&flags.action, "action", "", "only this action")
	cmd.Flags().StringVar(&flags.since, "since", "", "only since a time (2026-01-31T09:00:00Z), or for a while (90m, 24h)")
	cmd.Flags().IntVarP(&flags.last, "lines", "n", 0, "only the last lines; 0 is all (default 50 on a terminal, without --since or --invocation)")
	must(cmd.RegisterFlagCompletionFunc("action", c.completeAction))
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		keep, err := flags.keep(time.Now())
		if err != nil {
			return err
		}
		h, config, err := c.open(hostFlags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		if glance := c.width > 0 && flags.since == "" && flags.invocation == ""; glance && !cmd.Flags().Changed("lines") {
			flags.last = lastLines
		}
		return c.showAudit(*output, config.AuditFile(), keep, flags.last)
	}
	return cmd
}

// keep is the filter that the flags mean.
func (f *auditFlags) keep(now time.Time) (func(*audit.Record) bool, error) {
	if f.last < 0 {
		return nil, usagef("--lines must be 0 or more")
	}
	since, err := parseSince(f.since, now)
	if err != nil {
		return nil, err
	}
	return func(r *audit.Record) bool {
		return (!f.denied || r.Decision == audit.Denied) &&
			strings.HasPrefix(r.Invocation, f.invocation) &&
			(f.action == "" || r.Action == f.action) &&
			!r.Time.Before(since)
	}, nil
}

func parseSince(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usagef("--since %s is neither a time such as 2026-01-31T09:00:00Z nor a while such as 24h", text)
	}
	return at, nil
}

// eachRecord calls do with the records that keep wants. It warns of lines that are damaged.
func (c *cli) eachRecord(path string, keep func(*audit.Record) bool, do func(audit.Record) error) (err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintln(c.err, "postern: there is no audit record yet; the first invocation starts it")
		return nil
	}
	if err != nil {
		return fmt.Errorf("the audit record cannot be read: %w", err)
	}
	defer closeAfter(&err, file.Close)
	for record, err := range audit.Read(file, keep) {
		if damaged := (*audit.LineError)(nil); errors.As(err, &damaged) {
			fmt.Fprintln(c.err, "postern: "+printable(damaged.Error()))
			continue
		}
		if err == nil {
			err = do(record)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readAudit reads the last records that keep wants; last 0 is all.
func (c *cli) readAudit(path string, keep func(*audit.Record) bool, last int) (records []audit.Record, err error) {
	err = c.eachRecord(path, keep, func(record audit.Record) error {
		records = append(records, record)
		if last > 0 && len(records) == 2*last {
			records = append(records[:0], records[last:]...)
		}
		return nil
	})
	if last > 0 && len(records) > last {
		records = records[len(records)-last:]
	}
	return records, err
}

// showAudit writes JSON as lines, unlike other commands: that is how the record is kept and how tools read it.
func (c *cli) showAudit(f format, path string, keep func(*audit.Record) bool, last int) error {
	if f == formatJSON || f == formatAuto && c.width == 0 {
		return c.writeAuditLines(path, keep, last)
	}
	records, err := c.readAudit(path, keep, last)
	if err != nil {
		return err
	}
	lines := make([]json.RawMessage, 0, len(records))
	for _, r := range records {
		lines = append(lines, r.AppendJSON(nil))
	}
	return c.show(f, lines, func(b *strings.Builder) { c.writeRecords(b, records) })
}

// writeAuditLines holds no more records than the last ones that were asked for: all of them go through one by one.
func (c *cli) writeAuditLines(path string, keep func(*audit.Record) bool, last int) error {
	write := func(r audit.Record) error {
		_, err := c.out.Write(append(r.AppendJSON(nil), '\n'))
		return err
	}
	if last == 0 {
		return c.eachRecord(path, keep, write)
	}
	records, err := c.readAudit(path, keep, last)
	for i := 0; err == nil && i < len(records); i++ {
		err = write(records[i])
	}
	return err
}

func (c *cli) writeRecords(b *strings.Builder, records []audit.Record) {
	if len(records) == 0 {
		fmt.Fprintln(b, "no record")
		return
	}
	rows := make([][]string, 0, len(records))
	for _, r := range records {
		invocation, _, _ := strings.Cut(r.Invocation, "-")
		rows = append(rows, []string{
			r.Time.UTC().Format("2006-01-02T15:04:05Z"), invocation, r.Action, asked(r), outcome(r),
		})
	}
	writeTable(b, c.width, wrap, []string{"time", "invocation", "action", "asked", "outcome"}, rows)
}

// asked says what a record is about.
func asked(r audit.Record) string {
	if r.Method == "" {
		if r.Trigger != "" && r.Op != audit.OpTrigger {
			return string(r.Op) + " of the trigger " + r.Trigger
		}
		if r.Op == audit.OpTrigger {
			return "trigger " + r.Trigger + ": " + r.Message
		}
		return string(r.Op)
	}
	text := target(r.Method, r.Template, r.Params, maxCell)
	if r.Op == audit.OpRelease {
		text = string(r.Op) + " " + text
	}
	if r.Op == audit.OpNotify {
		text += " for the trigger " + r.Trigger
	}
	if len(r.Recipients) > 0 {
		text += " to " + strings.Join(r.Recipients, ", ")
	}
	return text
}

// target writes a request with the values of its parameters. Those of more than most bytes stay the names that the template has for
// them: ids can be as wide as a terminal. A value never stands for another one, whatever is in it.
func target(method, template string, params []abi.Pair, most int) string {
	var values []string
	for _, p := range params {
		if len(p.Value) <= most {
			values = append(values, "{"+p.Name+"}", p.Value)
		}
	}
	return method + " " + strings.NewReplacer(values...).Replace(template)
}

// outcome says what was decided and what came of it.
func outcome(r audit.Record) string {
	decision := string(r.Decision)
	if r.Op == audit.OpInvocation && r.Decision == audit.Allowed {
		decision = "ran"
	}
	parts := []string{decision}
	if r.Status != 0 {
		parts = append(parts, strconv.Itoa(r.Status))
	}
	if r.Code != "" {
		parts = append(parts, string(r.Code))
	}
	if r.Rule != "" {
		parts = append(parts, r.Rule)
	}
	if r.Held != "" {
		parts = append(parts, "held as "+r.Held)
	}
	if r.Operator != "" {
		parts = append(parts, "by "+r.Operator)
	}
	if r.Duration > 0 {
		parts = append(parts, r.Duration.Round(time.Millisecond).String())
	}
	if r.Fuel > 0 {
		parts = append(parts, strconv.FormatUint(r.Fuel, 10)+" fuel")
	}
	text := strings.Join(parts, " ")
	if r.Message != "" && r.Code == "" && r.Op != audit.OpTrigger { // that of a code is a long sentence, and the rule is there; a trigger's is told before
		text += ": " + r.Message
	}
	return text
}
