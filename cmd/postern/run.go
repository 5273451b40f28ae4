package main

import (
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
)

// runGCPercent is how far the heap may grow before the garbage collector runs, in percent of what lives. An invocation
// of the command line is over soon: collecting this rarely saves a fifth of the time that loading a module takes.
const runGCPercent = 2000

// runFlags are those of the command run.
type runFlags struct {
	host       *hostFlags
	output     *format
	connection *string
	params     string
	columns    []string
	save       string
}

func (c *cli) runCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run ACTION [name=value]...",
		Short: "Run an action",
		Long: `Run an action with parameters that are given as name=value, as a JSON object in a file,
or as both. "postern help parameters" tells how values are written.

The result goes to standard output: a table on a terminal, the whole envelope as JSON in a
pipe. A failure is explained on standard error and has an exit status by its class; see
"postern help exit-codes".`,
		Example: `  postern run mail.search email_address=soc@contoso.example subject=invoice limit=10
  postern run mail.send --params message.json body=@body.txt`,
		Args:              some(nameAction),
		ValidArgsFunction: c.completeRun,
	}
	flags := &runFlags{host: c.hostFlags(cmd), output: c.outputFlag(cmd), connection: c.connectionFlag(cmd)}
	cmd.Flags().StringVar(&flags.params, "params", "", "a file with the parameters as a JSON object; - is standard input")
	cmd.Flags().StringSliceVar(&flags.columns, "columns", nil, "the columns of the table, uncut, instead of a choice that fits")
	cmd.Flags().StringVar(&flags.save, "save", "", "copy the files that the action saved into this folder")
	must(cmd.MarkFlagDirname("save"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return c.runAction(cmd, flags, args[0], args[1:]) }
	return cmd
}

func (c *cli) runAction(cmd *cobra.Command, flags *runFlags, action string, args []string) (err error) {
	defer debug.SetGCPercent(debug.SetGCPercent(runGCPercent))
	document, err := c.readParams(flags.params)
	if err != nil {
		return err
	}
	h, err := c.openConnected(flags.host)
	if err != nil {
		return err
	}
	defer closeAfter(&err, h.Close)
	// An action that does not exist has no parameters; Invoke says so, and records it.
	described, err := h.Describe(action)
	if err != nil && !isCoded(err) {
		return err
	}
	given, err := values(described.Parameters, document, args)
	if err != nil {
		return err
	}
	if err := storeFiles(cmd.Context(), h, described.Parameters, given); err != nil {
		return err
	}
	stop := c.announce("running " + printable(action) + " …")
	result, failure := h.Invoke(cmd.Context(), host.Invocation{Action: action, Connection: *flags.connection, Parameters: given})
	stop()
	if errors.Is(failure, abi.InvalidInput) {
		c.suggestParameters(action, described.Parameters, given)
	}
	if failure == nil && flags.save != "" {
		if err := c.saveBlobs(h, result, flags.save); err != nil {
			return err
		}
	}
	return errors.Join(c.showResult(result, flags), failure)
}

func (c *cli) readParams(name string) ([]byte, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		document, err := readAll(c.in)
		if err != nil {
			return nil, usagef("the parameters on standard input cannot be read: %w", err)
		}
		return document, nil
	}
	document, err := readFile(name)
	if err != nil {
		return nil, usagef("the file of --params cannot be read: %w; --params takes a file, or - for standard input", err)
	}
	return document, nil
}

func isCoded(err error) bool { return errors.As(err, new(*abi.Error)) }

// suggestParameters names, for each parameter that the action does not have, those that are like it.
func (c *cli) suggestParameters(action string, parameters []host.Parameter, given map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if slices.ContainsFunc(parameters, func(p host.Parameter) bool { return p.Name == name || p.In == name }) {
			continue
		}
		if like := near(parameters, name); len(like) > 0 {
			fmt.Fprintf(c.err, "postern: %s has no parameter %s; did you mean %s?\n", printable(action), printable(name), printable(strings.Join(like, " or ")))
		}
	}
}
