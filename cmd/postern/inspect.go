package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/manifests"
)

// inspection is what an operator should know about a version before approving it.
type inspection struct {
	listedPlugin
	Title        string                `json:"title"`
	Description  string                `json:"description"`
	ABI          string                `json:"abi"`
	Limits       inspectedLimits       `json:"limits"`
	Capabilities []inspectedCapability `json:"capabilities"`
	Manifest     inspectedFile         `json:"manifest"`
	Module       inspectedFile         `json:"module"`
	// Against is the approved version that Changes compares with; empty if none is.
	Against string `json:"against,omitempty"`
	// Changes is what the version may do that the approved one may not, and the other way round.
	Changes []string `json:"changes"`
}

type inspectedLimits struct {
	Memory    string `json:"memory"`
	Fuel      uint64 `json:"fuel"`
	Timeout   string `json:"timeout"`
	Exchanges int    `json:"exchanges"`
	Rate      string `json:"rate"`
}

type inspectedCapability struct {
	ID          string           `json:"id"`
	Description string           `json:"description"`
	Requests    []string         `json:"requests"`
	Permissions host.Permissions `json:"permissions"`
	// Actions use it.
	Actions []string `json:"actions"`
}

type inspectedFile struct {
	// Digest is that of the file as it is now, and Approved that of the lock.
	Digest   manifests.Digest `json:"digest"`
	Approved manifests.Digest `json:"approved,omitempty"`
}

func (c *cli) pluginInspectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect NAME[@VERSION]",
		Short: "Show what a plugin asks for, and what approving it would change",
		Long: `Show what a plugin asks for: its capabilities with the Graph requests and permissions
behind each, its limits, its digests, and how it differs from the version that is approved.

The version may be left out if only one is installed.`,
		Args:              one(namePlugin),
		ValidArgsFunction: c.completePlugin,
	}
	flags, output := c.hostFlags(cmd), c.outputFlag(cmd)
	cmd.RunE = c.onHost(flags, func(_ context.Context, h *host.Host, args []string) error {
		name, version, _ := strings.Cut(args[0], "@")
		installed, err := h.Installed(name, version)
		if err != nil {
			return err
		}
		inspected, err := inspect(h, installed)
		if err != nil {
			return err
		}
		return c.show(*output, inspected, func(b *strings.Builder) { c.writeInspection(b, inspected) })
	})
	return cmd
}

func inspect(h *host.Host, i *catalog.Installed) (*inspection, error) {
	files, problem := h.Catalog().Files(i)
	x := &inspection{listedPlugin: listPlugin(i, files, problem), Capabilities: []inspectedCapability{}, Changes: []string{}}
	x.Manifest.Digest, x.Manifest.Approved = files.Manifest.Digest, files.Manifest.Approved
	x.Module.Digest, x.Module.Approved = files.Module.Digest, files.Module.Approved
	if i.Problem != nil {
		return x, nil
	}
	p := i.Plugin
	x.Title, x.Description, x.ABI = p.Title, p.Description, p.ABI
	x.Limits = limitsOf(p)
	for _, capability := range p.Capabilities {
		x.Capabilities = append(x.Capabilities, inspectedCapability{
			ID: capability.ID, Description: capability.Description,
			Requests: requestTexts(capability.Requests),
			Permissions: host.Permissions{
				Application: slices.Concat([]string{}, capability.Permissions.Application),
				Delegated:   slices.Concat([]string{}, capability.Permissions.Delegated),
			},
			Actions: usersOf(p, capability.ID),
		})
	}
	approved, err := highestApproved(h, i)
	if err != nil || approved == nil {
		return x, err
	}
	x.Against = approved.String()
	x.Changes = changes(approved.Plugin, p)
	return x, nil
}

func requestTexts(requests []manifests.Request) []string {
	texts := make([]string, len(requests))
	for i, r := range requests {
		texts[i] = r.String()
	}
	return texts
}

// usersOf lists the actions that use a capability.
func usersOf(p *manifests.Plugin, capability string) []string {
	users := []string{}
	for _, a := range p.Actions {
		if slices.Contains(a.Capabilities, capability) || slices.Contains(a.Optional, capability) {
			users = append(users, a.ID)
		}
	}
	return users
}

// highestApproved returns the highest approved version of the same plugin, but for i itself.
func highestApproved(h *host.Host, i *catalog.Installed) (*catalog.Installed, error) {
	versions, err := h.Catalog().Versions(i.Name)
	if err != nil {
		return nil, err
	}
	for _, other := range versions {
		if other != i && other.State == catalog.Approved {
			return other, nil
		}
	}
	return nil, nil
}

// changes tells what one version may do and another may not.
func changes(before, after *manifests.Plugin) []string {
	found := []string{}
	compare := func(what string, before, after []string) {
		for _, item := range after {
			if !slices.Contains(before, item) {
				found = append(found, "new "+what+": "+item)
			}
		}
		for _, item := range before {
			if !slices.Contains(after, item) {
				found = append(found, "no longer, "+what+": "+item)
			}
		}
	}
	compare("action", actionIDs(before), actionIDs(after))
	compare("request", capabilityRequests(before), capabilityRequests(after))
	compare("limits", []string{limitsOf(before).String()}, []string{limitsOf(after).String()})
	return found
}

func actionIDs(p *manifests.Plugin) []string {
	ids := make([]string, len(p.Actions))
	for i, a := range p.Actions {
		ids[i] = a.ID
	}
	return ids
}

// capabilityRequests lists what each capability covers; two lists differ exactly if more or less may be asked.
func capabilityRequests(p *manifests.Plugin) []string {
	var all []string
	for _, c := range p.Capabilities {
		for _, r := range c.Requests {
			all = append(all, r.String()+" ("+c.ID+")")
		}
	}
	return all
}

func limitsOf(p *manifests.Plugin) inspectedLimits {
	return inspectedLimits{p.Limits.Memory.String(), p.Limits.Fuel, p.Limits.Timeout.String(), p.Limits.Exchanges, p.Rate.String()}
}

func (l inspectedLimits) String() string {
	text := fmt.Sprintf("memory %s, fuel %d, timeout %s, exchanges %d", l.Memory, l.Fuel, l.Timeout, l.Exchanges)
	if l.Rate == (manifests.Rate{}).String() {
		return text
	}
	return text + ", rate " + l.Rate
}

func (c *cli) writeInspection(b *strings.Builder, x *inspection) {
	fmt.Fprintf(b, "%s@%s: %s\n", printable(x.Name), printable(x.Version), x.State)
	if x.Problem != "" {
		fmt.Fprintf(b, "  %s\n", strings.Join(printableLines(x.Problem), "\n  "))
	}
	if x.ABI == "" {
		return
	}
	fmt.Fprintf(b, "%s. %s\n\n", oneLine(x.Title), oneLine(x.Description))
	writeFacts(b, []fact{
		{"abi", x.ABI},
		{"limits", x.Limits.String()},
		{"manifest", digestText(x.Manifest)},
		{"module", digestText(x.Module)},
	})
	for _, capability := range x.Capabilities {
		fmt.Fprintf(b, "\n%s: %s\n", printable(capability.ID), oneLine(capability.Description))
		fmt.Fprintf(b, "  for %s\n", printable(orNone(capability.Actions)))
		for _, request := range capability.Requests {
			fmt.Fprintf(b, "  %s\n", printable(request))
		}
		fmt.Fprintf(b, "  application permissions: %s\n", printable(orNone(capability.Permissions.Application)))
		fmt.Fprintf(b, "  delegated permissions:   %s\n", printable(orNone(capability.Permissions.Delegated)))
	}
	fmt.Fprintln(b)
	writeConsequence(b, x)
}

// writeConsequence tells what approving the version would change.
func writeConsequence(b *strings.Builder, x *inspection) {
	switch {
	case x.Against != "" && len(x.Changes) == 0:
		fmt.Fprintf(b, "It asks for the same as %s, which is approved.\n", printable(x.Against))
	case x.Against != "":
		fmt.Fprintf(b, "Against %s, which is approved:\n", printable(x.Against))
		for _, change := range x.Changes {
			fmt.Fprintf(b, "  %s\n", printable(change))
		}
	}
	switch {
	case x.Problem != "":
		fmt.Fprintln(b, "It cannot be approved as it is.")
	case x.State == catalog.Approved:
		fmt.Fprintln(b, "It is approved as it is; approving it again changes nothing.")
	default:
		fmt.Fprintf(b, "After \"postern plugin approve %s@%s\" grants for it can use %s, as far as they allow.\n",
			printable(x.Name), printable(x.Version), printable(strings.Join(x.Actions, ", ")))
	}
}

func digestText(f inspectedFile) string {
	switch f.Approved {
	case "":
		return string(f.Digest)
	case f.Digest:
		return string(f.Digest) + ", as approved"
	}
	return string(f.Digest) + ", but approved was " + string(f.Approved)
}
