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
	follows bool // shows what the host does, without the plugins
}

func (c *cli) hostFlags(cmd *cobra.Command) *hostFlags {
	f := &hostFlags{}
	cmd.Flags().StringVar(&f.config, "config", "", "the operator's file (default $"+configEnv+", ./"+configFile+" or "+configFile+" in your configuration folder)")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "show what the host and the plugins log")
	must(cmd.MarkFlagFilename("config", "toml"))
	return f
}

// open opens the host that the flags mean. The caller closes it.
func (c *cli) open(f *hostFlags) (*host.Host, *manifests.Config, error) {
	_, config, err := c.loadConfig(f)
	if err != nil {
		return nil, nil, err
	}
	h, err := c.openHost(f, config, c.showAdmission)
	return h, config, err
}

// onHost is a command that does something with the host of its flags, which is closed behind it.
func (c *cli) onHost(f *hostFlags, do func(ctx context.Context, h *host.Host, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		h, _, err := c.open(f)
		if err != nil {
			return err
		}
		defer closeAfter(&err, h.Close)
		return do(cmd.Context(), h, args)
	}
}

// openConnected is open for a command that is about a connection. One that cannot be used as it is written is a fault
// of the operator's file, not of the tenant.
func (c *cli) openConnected(f *hostFlags) (*host.Host, error) {
	path, config, err := c.loadConfig(f)
	if err != nil {
		return nil, err
	}
	if err := checkConnections(path, config); err != nil {
		return nil, &configError{err}
	}
	return c.openHost(f, config, c.announceAdmission)
}

func (c *cli) loadConfig(f *hostFlags) (path string, config *manifests.Config, err error) {
	if path, err = c.findConfig(f.config); err == nil {
		config, err = manifests.LoadConfig(path)
	}
	if err != nil {
		return "", nil, &configError{err}
	}
	return path, config, nil
}

func (c *cli) openHost(f *hostFlags, config *manifests.Config, admitting admissionReport) (*host.Host, error) {
	level := slog.LevelWarn
	switch {
	case f.verbose:
		level = slog.LevelDebug
	case f.follows:
		level = slog.LevelInfo
	}
	return host.Open(host.Config{
		Operator:  config,
		Logger:    slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level})),
		Admitting: admitting,
	})
}

// checkConnections reports connections that an operator's file lacks, or whose files are not there.
func checkConnections(file string, config *manifests.Config) error {
	if len(config.Connections) == 0 {
		return &manifests.Error{
			File: file, Key: "connection", Problem: "there is no connection to a tenant",
			Remedy: "\"postern help configuration\" shows how to write one",
		}
	}
	var problems manifests.Errors
	for _, connection := range config.Connections {
		if connection.CAFile == "" {
			continue
		}
		if err := checkReadable(config.Resolve(connection.CAFile)); err != nil {
			problems = append(problems, &manifests.Error{
				File: file, Key: "connection." + connection.Name + ".ca_file", Problem: err.Error(),
				Remedy: "name a readable file of certificates in PEM",
			})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// checkReadable reports why a file cannot be read.
func checkReadable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
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
