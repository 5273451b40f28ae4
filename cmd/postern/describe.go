package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
	"github.com/postern-dev/postern/manifests/permissions"
)

func (c *cli) describeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "describe ACTION",
		Short:             "Show the parameters, outputs, permissions and errors of an action",
		Args:              one(nameAction),
		ValidArgsFunction: c.completeAction,
	}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		h, config, err := c.open(flags)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		action, err := h.Describe(args[0])
		if err != nil {
			return err
		}
		return c.show(*output, action, func(b *strings.Builder) { c.writeDescription(b, action, len(config.Connections) > 1) })
	}
	return cmd
}

// writeDescription describes an action. Where the operator's file has several connections, a command line names one.
func (c *cli) writeDescription(b *strings.Builder, a host.Action, several bool) {
	fmt.Fprintf(b, "%s: %s\n%s\n\n", printable(a.ID), printable(a.Title), printable(a.Description))
	writeFacts(b, []fact{
		{"plugin", a.Plugin + "@" + a.Version},
		{"effect", effect(a)},
		{"tokens", tokenKinds(a)},
		{"granted on", grantedOn(a)},
		{"capabilities", capabilitiesText(a)},
		{"application permissions", orNone(a.Permissions.Application)},
		{"delegated permissions", orNone(a.Permissions.Delegated)},
	})
	if len(a.Parameters) > 0 {
		fmt.Fprintln(b)
		rows := make([][]string, 0, len(a.Parameters))
		for _, p := range a.Parameters {
			rows = append(rows, []string{memberName(p), string(p.Type), need(p), p.Description})
		}
		writeTable(b, c.width, wrap, []string{"parameter", "type", "default", "description"}, rows)
	}
	if len(a.Errors) > 0 {
		fmt.Fprintln(b)
		rows := make([][]string, 0, len(a.Errors))
		for _, code := range slices.Sorted(maps.Keys(a.Errors)) {
			rows = append(rows, []string{code, a.Errors[code]})
		}
		writeTable(b, c.width, wrap, []string{"error", "when"}, rows)
	}
	if len(a.Outputs) > 0 {
		fmt.Fprintf(b, "\nOutputs: %s\n", oneLine(strings.Join(a.Outputs, ", ")))
	}
	line := example(a)
	if several && len(a.Connections) > 0 {
		line += " --connection " + a.Connections[0]
	}
	fmt.Fprintf(b, "\nExample: %s\n", printable(line))
}

// capabilitiesText names the capabilities of an action, those last that may be missing.
func capabilitiesText(a host.Action) string {
	var names []string
	for _, id := range a.Capabilities {
		if slices.Contains(a.Optional, id) {
			id += " (optional)"
		}
		names = append(names, id)
	}
	return orNone(names)
}

func effect(a host.Action) string {
	if a.ReadOnly {
		return "reads only"
	}
	return "may change or send something"
}

// tokenKinds tells in whose name the action runs.
func tokenKinds(a host.Action) string {
	application := slices.Contains(a.Tokens, permissions.Application.String())
	switch delegated := slices.Contains(a.Tokens, permissions.Delegated.String()); {
	case application && delegated:
		return "an application's own, or a signed-in user's"
	case delegated:
		return "a signed-in user's only"
	case application:
		return "an application's own only"
	default:
		return "none: no kind of token can use all of its capabilities"
	}
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// memberName shows a member of a list parameter as attachments[].Name.
func memberName(p host.Parameter) string {
	if p.In == "" {
		return p.Name
	}
	return p.In + "[]." + p.Name
}

// mustBeGiven reports whether there is no default for a value that must be there.
func mustBeGiven(p host.Parameter) bool { return p.Required && p.Default == nil }

// need tells what happens without a value.
func need(p host.Parameter) string {
	switch {
	case mustBeGiven(p) && p.In != "":
		return "required in " + p.In
	case mustBeGiven(p):
		return "required"
	case p.Default == nil || p.Default == "":
		return ""
	}
	b, err := json.Marshal(p.Default)
	if err != nil {
		return fmt.Sprint(p.Default)
	}
	return strings.Trim(string(b), `"`)
}

// example is a command line with the parameters that must be there. What stands in capitals is to be replaced.
func example(a host.Action) string {
	words := []string{"postern run", a.ID}
	for _, p := range a.Parameters {
		if p.In == "" && (mustBeGiven(p) || p.Example != "") {
			words = append(words, p.Name+"="+quoted(exampleValue(p)))
		}
	}
	return strings.Join(words, " ")
}

func exampleValue(p host.Parameter) string {
	switch {
	case p.Example != "":
		return p.Example
	case p.Type == manifests.TypeBoolean:
		return "true"
	case p.Type == manifests.TypeNumeric:
		return "10"
	case p.Type == manifests.TypeByte:
		return "@FILE"
	case p.Type == manifests.TypeEmail, strings.Contains(p.Name, "email"), p.Name == "to":
		return "dana@contoso.example"
	}
	return strings.ToUpper(p.Name)
}

// quoted is a word for a POSIX shell.
func quoted(word string) string {
	plain := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_@%+=:,./-", r)
	}
	if word != "" && !strings.ContainsFunc(word, func(r rune) bool { return !plain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
