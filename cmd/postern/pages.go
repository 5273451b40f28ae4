package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

//go:generate go run . pages --out ../../docs/actions ../../plugins

// pagesCommand is for those who make documentation, and hidden from all others.
func (c *cli) pagesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:    "pages FOLDER",
		Short:  "Write a page of documentation for each action of the plugins in a folder",
		Long:   "Write a page in Markdown for each action of the plugins in a folder, FOLDER/NAME/plugin.toml, and an index of them.",
		Args:   one("name the folder of the plugins' sources, such as plugins"),
		Hidden: true,
	}
	out := cmd.Flags().String("out", "docs/actions", "the folder of the pages")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		pages, err := actionPages(args[0])
		if err != nil {
			return err
		}
		return writePages(*out, pages)
	}
	return cmd
}

// writePages writes the pages into a folder, and removes those of actions that are no more.
func writePages(folder string, pages map[string]string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	old, err := filepath.Glob(filepath.Join(folder, "*.md"))
	if err != nil {
		return err
	}
	for _, path := range old {
		page, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, kept := pages[filepath.Base(path)]; !kept && strings.HasPrefix(string(page), generated) {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(pages[name]), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// indexPage is the name of the page that lists the others.
const indexPage = "README.md"

// actionPages makes the pages of all plugins whose sources are in a folder, by file name.
func actionPages(folder string) (map[string]string, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*", "plugin.toml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, usagef("there is no plugin.toml in the folders of %s", folder)
	}
	pages := map[string]string{}
	var index strings.Builder
	fmt.Fprint(&index, generated+indexStart)
	for _, path := range paths {
		plugin, err := manifests.LoadPlugin(path)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&index, "\n## %s\n\n%s\n\n| action | does | effect | tokens |\n|---|---|---|---|\n", markdown(plugin.Title), markdown(plugin.Description))
		for i := range plugin.Actions {
			action := &plugin.Actions[i]
			pages[action.ID+".md"] = actionPage(plugin, action)
			d := host.Describe(plugin, action)
			fmt.Fprintf(&index, "| [%s](%s.md) | %s | %s | %s |\n", action.ID, action.ID, markdown(action.Title), effect(d), tokenKinds(d))
		}
	}
	fmt.Fprint(&index, commonErrors())
	pages[indexPage] = index.String()
	return pages, nil
}

const indexStart = `# The actions

One page for each action of the plugins in this repository, made from their manifests by ` + "`go generate ./cmd/postern`" + `.
` + "`postern describe ACTION`" + ` tells the same of the plugins that are installed.

In the commands, words in capitals are to be replaced: ids come from the actions that list things, in JSON by ` + "`-o json`" + `.
`

// generated marks a page that is not to be edited.
const generated = "<!-- Made from plugin.toml by go generate ./cmd/postern. -->\n"

// actionPage is the page of one action.
func actionPage(plugin *manifests.Plugin, action *manifests.Action) string {
	d := host.Describe(plugin, action)
	var b strings.Builder
	fmt.Fprintf(&b, "%s# %s\n\n**%s.** %s\n\n", generated, d.ID, markdown(d.Title), markdown(d.Description))
	fmt.Fprintf(&b, "| | |\n|---|---|\n| plugin | %s %s |\n| effect | %s |\n| tokens | %s |\n", d.Plugin, d.Version, effect(d), tokenKinds(d))
	if plugin.Rate != (manifests.Rate{}) {
		fmt.Fprintf(&b, "| rate | %s, of all of the plugin's requests on a connection |\n", plugin.Rate)
	}
	fmt.Fprintf(&b, "\n```console\n$ %s\n```\n", example(d))
	if members := listMembers(d); len(members) > 0 {
		fmt.Fprintf(&b, "\nFor several elements of a list, their members stand one after the other: `%s`.\n", strings.Join(members, " "))
	}
	writeParameterTable(&b, d)
	if len(d.Outputs) > 0 {
		fmt.Fprintf(&b, "\n## Result\n\nThe data paths, as the connectors name them. Those below `value` or `action_result.data.*` are members of the rows in `data`;\n"+
			"a member that Microsoft Graph leaves out is null.\n\n")
		for _, output := range d.Outputs {
			fmt.Fprintf(&b, "- `%s`\n", output)
		}
	}
	writePermissions(&b, plugin, action)
	writeErrors(&b, d)
	return b.String()
}

// listMembers are two elements of the action's lists, as the command line has them.
func listMembers(d host.Action) []string {
	var words []string
	for _, file := range []string{"a.txt", "b.txt"} {
		for _, p := range d.Parameters {
			switch {
			case p.In == "":
			case p.Type == manifests.TypeByte:
				words = append(words, p.Name+"=@"+file)
			default:
				words = append(words, p.Name+"="+file)
			}
		}
	}
	return words
}

func writeParameterTable(b *strings.Builder, d host.Action) {
	if len(d.Parameters) == 0 {
		fmt.Fprint(b, "\nIt has no parameters.\n")
		return
	}
	fmt.Fprint(b, "\n## Parameters\n\n| name | type | default | meaning |\n|---|---|---|---|\n")
	for _, p := range d.Parameters {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", memberName(p), p.Type, markdown(need(p)), markdown(p.Description))
	}
}

func writePermissions(b *strings.Builder, plugin *manifests.Plugin, action *manifests.Action) {
	fmt.Fprint(b, "\n## Permissions\n\n")
	if len(action.Capabilities)+len(action.Optional) == 0 {
		fmt.Fprint(b, "It asks nothing of Microsoft Graph.\n")
		return
	}
	fmt.Fprint(b, "| capability | | application | delegated |\n|---|---|---|---|\n")
	ids := slices.Concat(action.Capabilities, action.Optional)
	for i, id := range ids {
		c, _ := plugin.Capability(id) // the manifest was checked
		use := "needed"
		if i >= len(action.Capabilities) {
			use = "optional"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", id, use, permissionsText(c.Permissions.Application), permissionsText(c.Permissions.Delegated))
	}
	fmt.Fprint(b, "\nThe requests that it may make, by these capabilities:\n\n")
	for _, id := range ids {
		c, _ := plugin.Capability(id)
		for _, r := range c.Requests {
			fmt.Fprintf(b, "- `%s`\n", r)
		}
	}
	grant := new(manifests.Config).SuggestGrant(plugin, "contoso", ids, action.ID)
	fmt.Fprintf(b, "\nA grant for it:\n\n```toml\n%s\n```\n", strings.TrimSpace(grant.Encode()))
}

// permissionsText names the permissions of one kind of token.
func permissionsText(list []string) string {
	if len(list) == 0 {
		return "not possible"
	}
	return strings.Join(list, ", ")
}

func writeErrors(b *strings.Builder, d host.Action) {
	fmt.Fprint(b, "\n## Errors\n\n")
	if len(d.Errors) > 0 {
		fmt.Fprint(b, "| code | exit status | when |\n|---|---|---|\n")
		for _, code := range slices.Sorted(maps.Keys(d.Errors)) {
			fmt.Fprintf(b, "| `%s` | %d | %s |\n", code, exitStatus(&abi.Error{Code: abi.Code(code)}), markdown(d.Errors[code]))
		}
		fmt.Fprintln(b)
	}
	fmt.Fprint(b, "Every action can fail in [these ways](README.md#errors-of-every-action) too.\n")
}

// commonErrors tells of what does not depend on the action.
func commonErrors() string {
	var b strings.Builder
	fmt.Fprint(&b, "\n## Errors of every action\n\n| exit status | codes | meaning |\n|---|---|---|\n")
	for _, class := range exitClasses() {
		var codes []string
		for _, code := range class.codes {
			codes = append(codes, "`"+string(code)+"`")
		}
		if len(codes) > 0 {
			fmt.Fprintf(&b, "| %d | %s | %s |\n", class.status, strings.Join(codes, " "), markdown(class.meaning))
		}
	}
	return b.String()
}

// markdown is text that means nothing but itself in a line or a cell of a table; code in backticks stays code.
func markdown(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;", "\n", " ").Replace(text)
}
