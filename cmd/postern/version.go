package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
)

// build is what this program was made of.
type build struct {
	Version string `json:"version"`
	ABI     string `json:"abi"`
	Go      string `json:"go"`
	// Platform is operating system and architecture.
	Platform string `json:"platform"`
	// Commit is that of the source, with "+changes" if it had been changed; empty if unknown.
	Commit string `json:"commit,omitempty"`
}

func (c *cli) versionCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Show the version of this program", Args: cobra.NoArgs}
	output := c.outputFlag(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		b := build{host.Version, abi.Name, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, commit()}
		return c.show(*output, b, func(text *strings.Builder) {
			writeFacts(text, []fact{
				{"postern", b.Version}, {"abi", b.ABI}, {"go", b.Go}, {"platform", b.Platform}, {"commit", b.Commit},
			})
		})
	}
	return cmd
}

func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision := ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value + revision
		case setting.Key == "vcs.modified" && setting.Value == "true":
			revision += "+changes"
		}
	}
	return strings.TrimPrefix(revision, "+changes")
}
