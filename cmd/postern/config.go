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

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

// configFile is the operator's file where no other is named.
const configFile = "postern.toml"

// configEnv is the environment variable that names the operator's file.
const configEnv = "POSTERN_CONFIG"

// hostFlags say which host a command works with.
type hostFlags struct {
	config  string
	verbose bool
}

func (c *cli) hostFlags(cmd *cobra.Command) *hostFlags {
	f := &hostFlags{}
	cmd.Flags().StringVar(&f.config, "config", "", "the operator's file (default $"+configEnv+", ./"+configFile+" or "+configFile+" in your configuration folder)")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "show what the host and the plugins log")
	must(cmd.MarkFlagFilename("config", "toml"))
	return f
}

// open opens the host that the flags mean. The caller closes it.
func (c *cli) open(ctx context.Context, f *hostFlags) (*host.Host, *manifests.Config, error) {
	path, err := c.findConfig(f.config)
	if err != nil {
		return nil, nil, &configError{err}
	}
	config, err := manifests.LoadConfig(path)
	if err != nil {
		return nil, nil, &configError{err}
	}
	level := slog.LevelWarn
	if f.verbose {
		level = slog.LevelDebug
	}
	h, err := host.Open(ctx, host.Config{
		Operator: config,
		Logger:   slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level})),
	})
	return h, config, err
}

// findConfig returns the first of: the file that the command line names, the one that the environment names, the one
// in the working folder, the one in the user's configuration folder.
func (c *cli) findConfig(named string) (string, error) {
	if named == "" {
		named = c.getenv(configEnv)
	}
	places := []string{configFile}
	if folder := c.configFolder(); folder != "" {
		places = append(places, filepath.Join(folder, "postern", configFile))
	}
	if named != "" {
		places = []string{named}
	}
	for _, path := range places {
		_, err := os.Stat(path)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("the operator's file cannot be used: %w", err)
		}
	}
	return "", fmt.Errorf("there is no operator's file: looked for %s; \"postern help configuration\" shows how to write one, "+
		"and \"postern emulate --sample --dir try\" makes one to try", strings.Join(places, " and "))
}

// configFolder follows the XDG Base Directory Specification; empty if there is no home.
func (c *cli) configFolder() string {
	if folder := c.getenv("XDG_CONFIG_HOME"); filepath.IsAbs(folder) {
		return folder
	}
	if home := c.getenv("HOME"); home != "" {
		return filepath.Join(home, ".config")
	}
	return ""
}
