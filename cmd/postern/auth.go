package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/manifests"
)

const nameConnection = `name a connection of postern.toml; "postern auth status" lists them`

func (c *cli) authCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "auth",
		Short: "Sign in to connections, and see whether they can sign in",
		Long: `Sign a user in to a connection with auth = "authorization_code" or "device_code", see whether
every connection can sign in and what to do about those that cannot, and sign out.

The other ways to sign in need no person. "postern help secrets" tells where secrets and
the tokens of users are kept.`,
	}
	cmd.AddCommand(c.authLoginCommand(), c.authStatusCommand(), c.authLogoutCommand())
	family(cmd)
	return cmd
}

// signedIn is what login shows.
type signedIn struct {
	Connection string `json:"connection"`
	User       string `json:"user"`
}

func (c *cli) authLoginCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "login CONNECTION",
		Short: "Sign a user in",
		Long: `Sign a user in, once for this installation. With auth = "authorization_code" it opens the
browser of this machine, or with --no-browser shows the page to open; with "device_code"
it shows a page and a code for a browser anywhere. Then it waits, ten minutes at most.

What Microsoft Entra hands out is kept encrypted in the state folder, and never shown.`,
		Args:              one(nameConnection),
		ValidArgsFunction: c.completeConnection,
	}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	noBrowser := cmd.Flags().Bool("no-browser", false, "show the page to open instead of opening it")
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		h, err := c.openConnected(flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		user, err := h.Login(cmd.Context(), args[0], func(p connection.Prompt) error {
			c.prompt(p, !*noBrowser)
			return nil
		})
		if err != nil {
			return err
		}
		return c.show(*output, signedIn{args[0], user}, func(b *strings.Builder) {
			fmt.Fprintf(b, "signed in to %s as %s\n", printable(args[0]), printable(user))
		})
	}
	return cmd
}

// prompt tells a person what to do.
func (c *cli) prompt(p connection.Prompt, browser bool) {
	if p.Code != "" {
		fmt.Fprintf(c.err, "Open this page in any browser:\n  %s\nand type the code:\n  %s\n", printable(p.URL), printable(p.Code))
		return
	}
	if browser && c.openBrowser(p.URL) {
		fmt.Fprintln(c.err, "Sign in in the browser that opens. If none does, open this page on this machine:")
	} else {
		fmt.Fprintln(c.err, "Open this page in a browser on this machine:")
	}
	fmt.Fprintf(c.err, "  %s\n", printable(p.URL))
}

func (c *cli) authStatusCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status [CONNECTION]",
		Short: "Tell whether connections can sign in, and what to do if not",
		Long: `Try to sign in to one connection, or to all, and tell for each how that went: the cause and
the remedy of what failed, the user, and when token and credential end. A certificate or
secret that ends within 30 days is warned of; the end of a secret is known only from
client_secret_expires, because Entra tells it to no client.

The exit status is that of the first connection that cannot sign in.`,
		Args:              atMostOne,
		ValidArgsFunction: c.completeConnection,
	}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		h, err := c.openConnected(flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		statuses, failure := h.SignIns(cmd.Context(), first(args))
		if statuses == nil {
			return failure
		}
		if err := c.show(*output, statuses, func(b *strings.Builder) { c.writeStatuses(b, statuses) }); err != nil {
			return err
		}
		return failure
	}
	return cmd
}

func (c *cli) writeStatuses(b *strings.Builder, statuses []connection.Status) {
	rows := make([][]string, 0, len(statuses))
	for _, s := range statuses {
		rows = append(rows, []string{s.Connection, string(s.Auth), s.Kind, string(s.State), s.User, minute(s.TokenExpires), day(s.CredentialExpires)})
	}
	writeTable(b, c.width, wrap, []string{"connection", "auth", "kind", "state", "user", "token until", "credential until"}, rows)
	for _, s := range statuses {
		if s.Cause != "" {
			fmt.Fprintf(b, "\n%s: %s\n  %s\n", printable(s.Connection), oneLine(s.Cause), oneLine(s.Remedy))
		}
		if s.Note != "" {
			fmt.Fprintf(b, "\n%s: %s\n", printable(s.Connection), oneLine(s.Note))
		}
	}
}

func minute(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("2006-01-02 15:04Z")
}

func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func (c *cli) authLogoutCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logout CONNECTION",
		Short: "Forget the user of a connection",
		Long: `Remove what is kept of a user's sign-in from this installation. Microsoft Entra is not told: tokens
that were handed out end by themselves, or when an administrator revokes the user's sessions.`,
		Args:              one(nameConnection),
		ValidArgsFunction: c.completeConnection,
	}
	flags := c.hostFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		h, err := c.openConnected(flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		removed, err := h.Logout(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		if removed {
			fmt.Fprintf(c.out, "signed out of %s\n", printable(args[0]))
		} else {
			fmt.Fprintf(c.out, "nobody was signed in to %s\n", printable(args[0]))
		}
		return nil
	}
	return cmd
}

// completeConnection completes the name of a connection as the only argument.
func (c *cli) completeConnection(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return c.connectionNames(cmd), cobra.ShellCompDirectiveNoFileComp
}

func (c *cli) connectionNames(cmd *cobra.Command) []string {
	return c.withHost(cmd, func(_ *host.Host, config *manifests.Config) []string {
		var names []string
		for _, connection := range config.Connections {
			names = append(names, connection.Name)
		}
		return names
	})
}
