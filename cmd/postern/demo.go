package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/host/graphtest/samples"
	"github.com/postern-dev/postern/manifests"
)

func (c *cli) demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show what Postern does, on this machine alone",
		Long: `Show what Postern does, on this machine alone: an imitation of Microsoft Graph with real
messages, the plugins of a folder, a policy, actions that it allows and some that it does
not, and what the audit record says. Everything is in memory and in a temporary folder.`,
		Args: cobra.NoArgs,
	}
	plugins := cmd.Flags().String("plugins", "plugins", "the folder of the plugins, such as dist/plugins after \"make plugins\"")
	must(cmd.MarkFlagDirname("plugins"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return c.demo(cmd.Context(), *plugins) }
	return cmd
}

// demo is one run of the demonstration.
type demo struct {
	*cli
	server *graphtest.Server
	tenant *graphtest.SampleTenant
	reply  graphtest.Thread // with a post to reply to
	config *manifests.Config
	host   *host.Host
	found  map[string]string // what a step found and a later one needs
	total  struct{ actions, rows, refused int }
}

func (c *cli) demo(ctx context.Context, plugins string) (err error) {
	started := time.Now()
	installed, err := readPlugins(plugins)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "postern-demo-")
	if err != nil {
		return err
	}
	defer closeAfter(&err, func() error { return os.RemoveAll(dir) })
	d := &demo{cli: c, found: map[string]string{}}
	c.say("Postern runs plugins against Microsoft 365 and lets them do only what you grant.")
	c.say("Nothing of this leaves the machine: Microsoft Graph is imitated on loopback.\n")
	if err := d.openTenant(emulatedFiles{dir}); err != nil {
		return err
	}
	defer closeAfter(&err, d.server.Close)
	if err := d.openHost(ctx, emulatedFiles{dir}, plugins, installed); err != nil {
		return err
	}
	defer closeAfter(&err, d.host.Close)
	c.say("What the policy allows the connection \"soc\": nine actions, each in its plugin's sandbox.\n")
	for _, s := range d.allowed() {
		if err := d.runAllowed(ctx, s); err != nil {
			return err
		}
	}
	c.say("\nWhat it does not allow, and what the audit record says of it.")
	for _, s := range d.refused() {
		if err := d.runRefused(ctx, s); err != nil {
			return err
		}
	}
	d.summary(time.Since(started), plugins)
	return nil
}

func (c *cli) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// openTenant starts the imitation of Microsoft Graph and fills it.
func (d *demo) openTenant(files emulatedFiles) (err error) {
	started := time.Now()
	if d.server, err = startEmulator(files, &emulateFlags{listen: anyPort}); err != nil {
		return err
	}
	ready, err := d.furnish(d.server, files, &emulateFlags{}, false)
	if err != nil {
		return err
	}
	if d.tenant, err = d.server.AddSampleTenant(); err != nil {
		return err
	}
	d.reply, err = d.tenant.Group.AddThread("Who is on call tonight?",
		graphtest.Post{From: "alex@contoso.example", FromName: "Alex Moreau", HTML: "<p>Please answer here.</p>"})
	if err != nil {
		return err
	}
	messages, err := fs.Glob(samples.Mail, "*.eml")
	if err != nil {
		return err
	}
	d.say("tenant   contoso.example at %s: mailboxes with %d real messages,\n         calendars, inbox rules and a group (%s)",
		ready.Graph, len(messages), took(started))
	return nil
}

// openHost writes the policy, approves the plugins and opens a host with both.
func (d *demo) openHost(ctx context.Context, files emulatedFiles, dir string, installed []*manifests.Plugin) error {
	started := time.Now()
	plugins, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	policy := hostTable(plugins) + emulatedConnection("soc", d.server) + emulatedConnection("analyst", d.server) + demoGrants
	if d.config, err = manifests.ParseConfig(files.path(configFile), []byte(policy)); err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(d.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if d.host, err = host.Open(host.Config{Operator: d.config, Logger: logger}); err != nil {
		return err
	}
	var names []string
	var group errgroup.Group
	for _, p := range installed {
		names = append(names, p.Name+" "+p.Version.String())
		group.Go(func() error {
			_, err := d.host.Approve(ctx, p.Name, p.Version.String())
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return errors.Join(err, d.host.Close())
	}
	d.say("plugins  %s: checked, compiled, approved (%s)", strings.Join(names, ", "), took(started))
	d.say("policy   \"soc\" may read, and send mail as soc@contoso.example to *@contoso.example;")
	d.say("         \"analyst\" may only read mail\n")
	return nil
}

// runAllowed runs a step that must succeed.
func (d *demo) runAllowed(ctx context.Context, s demoStep) error {
	started := time.Now()
	before := d.graphRequests()
	result, err := d.invoke(ctx, s)
	if err != nil {
		return fmt.Errorf("the step %q failed: %w", s.intent, err)
	}
	rows := parseRows(result.Data)
	d.total.actions++
	d.total.rows += len(rows)
	d.say("%-24s %s", s.action, s.intent)
	d.say("%-24s → %s; %s, %s, %s", "", s.tell(rows), count(len(rows), "row"), count(d.graphRequests()-before, "request"), took(started))
	return nil
}

// runRefused runs a step that policy must refuse, and shows how it did.
func (d *demo) runRefused(ctx context.Context, s demoStep) error {
	result, err := d.invoke(ctx, s)
	if !errors.Is(err, abi.PolicyDenied) {
		return fmt.Errorf("the step %q should have been refused by policy, but: %w", s.intent, err)
	}
	d.total.refused++
	d.say("\n%-24s %s", s.action, s.intent)
	d.say("%-24s ✗ %s", "", oneLine(result.Error.Message))
	d.say("%-24s   rule: %s", "", oneLine(result.Error.Detail.Rule))
	lines, err := d.readAudit(d.config.AuditFile(), func(r *audit.Record) bool {
		return r.Invocation == result.Invocation && r.Decision == audit.Denied
	}, 0)
	for _, line := range lines {
		d.say("%-24s   audit: %s", "", line.AppendJSON(nil))
	}
	return err
}

func (d *demo) invoke(ctx context.Context, s demoStep) (*host.Result, error) {
	return d.host.Invoke(ctx, host.Invocation{Action: s.action, Connection: s.connection, Parameters: s.with()})
}

// graphRequests counts what reached Graph; requests for tokens are not Graph's.
func (d *demo) graphRequests() int {
	n := 0
	for _, received := range d.server.Journal() {
		if strings.HasPrefix(received.Path, "/v1.0/") {
			n++
		}
	}
	return n
}

func (d *demo) summary(total time.Duration, plugins string) {
	d.say("\n%s ran in WebAssembly and returned %s through %s to Graph.",
		count(d.total.actions, "action"), count(d.total.rows, "row"), count(d.graphRequests(), "request"))
	d.say("%s refused before anything reached Graph; each is in the audit record with its rule.", count(d.total.refused, "attempt")+" were")
	d.say("The plugins saw no password, no token and no network. It took %s.", total.Round(10*time.Millisecond))
	d.say("\nNext: %s emulate --sample --dir try --plugins %s, and docs/cli.md.", printable(d.program), printable(plugins))
}

func took(since time.Time) string { return time.Since(since).Round(time.Millisecond).String() }
