package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// What to do where a command lacks its argument.
const (
	nameAction = `name an action, such as mail.search; "postern actions" lists them`
	namePlugin = `name a plugin, such as mail; "postern plugin list" lists them`
)

// some asks for one argument at least, and says remedy where there is none.
func some(remedy string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usagef("%s", remedy)
		}
		return nil
	}
}

// one asks for one argument and no more.
func one(remedy string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usagef("%q is too much: %s takes one name", args[1], cmd.CommandPath())
		}
		return some(remedy)(cmd, args)
	}
}

// atMostOne takes one argument or none.
func atMostOne(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usagef("%q is too much: %s takes one name at most", args[1], cmd.CommandPath())
	}
	return nil
}

// first is the only argument, or "".
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// family makes a command one that only has others below it: alone it shows its help, and what is no command of it is
// an error.
func family(cmd *cobra.Command) {
	cmd.Args = knownCommand
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.SuggestionsMinimumDistance = 2
	// The flags behind a command that is misspelt are not to blame.
	cmd.SetFlagErrorFunc(func(at *cobra.Command, err error) error {
		if at == cmd {
			if unknown := knownCommand(cmd, cmd.Flags().Args()); unknown != nil {
				return unknown
			}
		}
		return err
	})
}

// knownCommand refuses arguments, each of which would be a command of a family if it were known.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	problem := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		problem += "; did you mean " + strings.Join(like, " or ")
	}
	return seeHelp(cmd, problem)
}

// knownTopic refuses to help with what is neither a command nor a topic.
func knownTopic(cmd *cobra.Command, args []string) error {
	about, rest, err := cmd.Root().Find(args)
	switch {
	case err != nil:
		return seeHelp(about, oneSentence(err))
	case about.HasSubCommands():
		return knownCommand(about, rest)
	}
	return nil
}

// seeHelp is a command line that is wrong in a way that the help of a command explains.
func seeHelp(cmd *cobra.Command, problem string) error {
	return usagef("%s; \"%s --help\" shows what there is", problem, cmd.CommandPath())
}

// oneSentence takes out the line breaks with which cobra sets off what it suggests.
func oneSentence(err error) string {
	problem, like, _ := strings.Cut(err.Error(), "\n\nDid you mean this?\n")
	if like = strings.TrimSpace(like); like != "" {
		problem += "; did you mean " + strings.ReplaceAll(like, "\n\t", " or ")
	}
	return strings.TrimSpace(problem)
}
