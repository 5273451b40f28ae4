package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/host"
)

// run runs one command line and returns the exit status.
func (c *cli) run(ctx context.Context, args []string) int {
	started := false
	root := c.root(func(*cobra.Command, []string) { started = true })
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if err != nil && !started && !errors.As(err, new(*usageError)) {
		// Cobra finds out that a command line is wrong before it starts anything.
		err = seeHelp(command, oneSentence(err))
	}
	if err != nil {
		c.report(err)
	}
	return exitStatus(err)
}

func (c *cli) root(onStart func(*cobra.Command, []string)) *cobra.Command {
	root := &cobra.Command{
		Use:   "postern",
		Short: "Run the actions of plugins against Microsoft 365, as far as you allow",
		Long: `Postern runs the actions of WebAssembly plugins against Microsoft 365. The plugins
see no credential and no network; what they may ask of Microsoft Graph is what their
manifest asks for and a grant in postern.toml allows. Nothing runs without a grant.

See it work, on this machine alone:       postern demo --plugins dist/plugins
Try it against an emulated tenant:        postern emulate --sample --dir try --plugins dist/plugins
Ask whether something is allowed, why:    postern explain mail.send`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRun:  onStart,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		DisableAutoGenTag: true,
		Version:           host.Version,
	}
	root.Flags().Bool("version", false, "show the version of this program") // without cobra's -v, which is --verbose elsewhere
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	root.AddGroup(
		&cobra.Group{ID: groupActions, Title: "Actions:"},
		&cobra.Group{ID: groupOperate, Title: "Operating:"},
		&cobra.Group{ID: groupTry, Title: "Trying it:"},
	)
	for _, group := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{groupActions, []*cobra.Command{c.runCommand(), c.pollCommand(), c.extractCommand(), c.actionsCommand(), c.describeCommand(), c.explainCommand()}},
		{groupOperate, []*cobra.Command{c.authCommand(), c.doctorCommand(), c.pluginCommand(), c.auditCommand(), c.heldCommand(), c.triggerCommand()}},
		{groupTry, []*cobra.Command{c.demoCommand(), c.emulateCommand(), c.proveCommand()}},
		{"", []*cobra.Command{c.versionCommand(), c.pagesCommand()}},
	} {
		for _, command := range group.commands {
			command.GroupID = group.id
			root.AddCommand(command)
		}
	}
	root.AddCommand(helpTopics()...)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, command := range root.Commands() {
		switch command.Name() {
		case "help":
			command.Args = knownTopic
		case "completion":
			family(command)
		}
	}
	return root
}

// Groups of commands in the help.
const (
	groupActions = "actions"
	groupOperate = "operate"
	groupTry     = "try"
)

// usageError is a command line that is wrong.
type usageError struct{ err error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// configError is an operator's file that is missing or wrong.
type configError struct{ err error }

func (e *configError) Error() string { return e.err.Error() }
func (e *configError) Unwrap() error { return e.err }

// closeAfter closes what a command used, and keeps the command's own error first.
func closeAfter(err *error, close func() error) { *err = errors.Join(*err, close()) }
