package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/held"
	"github.com/postern-dev/postern/manifests"
)

const nameHeld = `name a held request by its id; "postern held list" lists them`

func (c *cli) heldCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "held",
		Short: "Release or drop what waits to be sent",
		Long: `Show, release and drop the requests that were not sent, because the list hold of their
grant keeps them for an operator. They wait for seven days.`,
	}
	family(cmd)
	cmd.AddCommand(c.heldListCommand(), c.heldShowCommand(), c.heldReleaseCommand(), c.heldDropCommand())
	return cmd
}

func (c *cli) heldListCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List what is held, oldest first", Args: cobra.NoArgs}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	cmd.RunE = c.onHost(flags, func(_ context.Context, h *host.Host, _ []string) error {
		requests, err := h.Held()
		if err != nil {
			return err
		}
		list := make([]listedRequest, 0, len(requests))
		for _, r := range requests {
			list = append(list, listRequest(r))
		}
		return c.show(*output, list, func(b *strings.Builder) { c.writeHeld(b, requests) })
	})
	return cmd
}

// listedRequest is a held request in the list: without its body.
type listedRequest struct {
	ID         string     `json:"id"`
	State      held.State `json:"state"`
	Held       time.Time  `json:"held"`
	Expires    time.Time  `json:"expires"`
	Action     string     `json:"action"`
	Connection string     `json:"connection"`
	Request    string     `json:"request"`
	Recipients []string   `json:"recipients"`
	Invocation string     `json:"invocation"`
}

func listRequest(r held.Request) listedRequest {
	return listedRequest{
		ID: r.ID, State: r.State, Held: r.Held, Expires: r.Expires, Action: r.Action, Connection: r.Connection,
		Request: target(r.Method, r.Path, r.Params, math.MaxInt), Recipients: append([]string{}, r.Recipients...), Invocation: r.Invocation,
	}
}

func (c *cli) writeHeld(b *strings.Builder, requests []held.Request) {
	if len(requests) == 0 {
		fmt.Fprintln(b, "nothing is held")
		return
	}
	rows := make([][]string, 0, len(requests))
	for _, r := range requests {
		rows = append(rows, []string{
			r.ID, string(r.State), r.Held.Format(time.RFC3339), r.Action, target(r.Method, r.Path, r.Params, maxCell), recipientsText(r.Recipients),
		})
	}
	writeTable(b, c.width, wrap, []string{"id", "state", "since", "action", "request", "recipients"}, rows)
}

// recipientsText lists recipients; none are those that Graph alone knows.
func recipientsText(recipients []string) string {
	if len(recipients) == 0 {
		return "those that Microsoft Graph knows"
	}
	return strings.Join(recipients, ", ")
}

func (c *cli) heldShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show all of a held request, as it would be sent",
		Args: one(nameHeld), ValidArgsFunction: c.completeHeld,
	}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	cmd.RunE = c.onHost(flags, func(_ context.Context, h *host.Host, args []string) error {
		r, err := h.HeldRequest(args[0])
		if err != nil {
			return err
		}
		return c.show(*output, r, func(b *strings.Builder) { writeHeldRequest(b, r) })
	})
	return cmd
}

func writeHeldRequest(b *strings.Builder, r held.Request) {
	facts := []fact{
		{"id", r.ID}, {"state", string(r.State)}, {"since", r.Held.Format(time.RFC3339)}, {"expires", r.Expires.Format(time.RFC3339)},
		{"action", r.Action}, {"plugin", r.Plugin}, {"connection", r.Connection}, {"rule", r.Rule}, {"invocation", r.Invocation},
		{"request", listRequest(r).Request}, {"recipients", recipientsText(r.Recipients)},
	}
	for _, p := range r.Headers {
		facts = append(facts, fact{"header " + p.Name, p.Value})
	}
	for _, name := range r.Blobs {
		facts = append(facts, fact{"blob", name})
	}
	writeFacts(b, facts)
	if len(r.Body) == 0 {
		return
	}
	fmt.Fprintln(b)
	text, err := encodeJSON(r.Body)
	if err != nil {
		text = r.Body
	}
	writeIndented(b, string(text))
}

func (c *cli) heldReleaseCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "release ID...",
		Short: "Send held requests",
		Long: `Send held requests, each once, whoever else releases it at the same time. They are judged
anew by postern.toml as it is now, and the audit record tells who released them.

After a failure that leaves open whether Graph carried a request out it stays in the list
as unknown, and is not sent again. After any other failure it waits as before.`,
		Args: some(nameHeld), ValidArgsFunction: c.completeHeld,
	}
	flags, operator := c.hostFlags(cmd), operatorFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		return c.eachHeld(cmd, flags, args, func(h *host.Host, id string) (string, error) {
			_, err := h.Release(cmd.Context(), id, *operator)
			return "released", err
		})
	}
	return cmd
}

func (c *cli) heldDropCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "drop ID...", Short: "Remove held requests, which are not sent then",
		Args: some(nameHeld), ValidArgsFunction: c.completeHeld,
	}
	flags, operator := c.hostFlags(cmd), operatorFlag(cmd)
	force := cmd.Flags().Bool("force", false, "also one in the state releasing, whose process has ended")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		return c.eachHeld(cmd, flags, args, func(h *host.Host, id string) (string, error) {
			_, err := h.DropHeld(id, *operator, *force)
			return "dropped", err
		})
	}
	return cmd
}

// eachHeld does one thing with each of the held requests, and tells what was done. One that fails does not keep the others from it.
func (c *cli) eachHeld(cmd *cobra.Command, flags *hostFlags, ids []string, do func(h *host.Host, id string) (done string, err error)) (err error) {
	h, err := c.openConnected(flags)
	if err != nil {
		return err
	}
	defer closeAfter(&err, h.Close)
	var failed error
	for _, id := range ids {
		done, err := do(h, id)
		if err == nil {
			fmt.Fprintf(c.out, "%s %s\n", done, printable(id))
			continue
		}
		if len(ids) > 1 {
			var failure *abi.Error
			if errors.As(err, &failure) {
				fmt.Fprintf(c.err, "postern: %s: %s\n", printable(id), oneLine(failure.Message))
			}
		}
		if failed == nil {
			failed = err
		}
	}
	return failed
}

// operatorFlag adds --as to a command: who decides, for the audit record.
func operatorFlag(cmd *cobra.Command) *string {
	name := ""
	if current, err := user.Current(); err == nil {
		name = current.Username
	}
	return cmd.Flags().String("as", name, "who decides, for the audit record")
}

// completeHeld completes the ids of held requests.
func (c *cli) completeHeld(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	return c.withHost(cmd, func(h *host.Host, _ *manifests.Config) []string {
		requests, err := h.Held()
		if err != nil {
			return nil
		}
		var ids []string
		for _, r := range requests {
			ids = append(ids, cobra.CompletionWithDesc(r.ID, oneLine(r.Action+" to "+recipientsText(r.Recipients))))
		}
		return ids
	}), cobra.ShellCompDirectiveNoFileComp
}
