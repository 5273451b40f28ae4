package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/manifests"
)

// emulatedName is the connection of the operator's file that "emulate --dir" writes.
const emulatedName = "emulated"

// anyPort lets the system choose a free port of this machine alone.
const anyPort = "127.0.0.1:0"

type emulateFlags struct {
	listen    string
	mailboxes []string
	sample    bool
	generate  string
	state     string
	web       string
	dir       string
	plugins   string
	weather   string
	proxy     string
	national  bool
}

func (c *cli) emulateCommand() *cobra.Command {
	flags := &emulateFlags{}
	cmd := &cobra.Command{
		Use:   "emulate",
		Short: "Serve an imitation of Microsoft Graph on this machine",
		Long: `Serve an imitation of Microsoft Graph and of the Entra token service from memory, with a
certificate authority of its own, until it is interrupted. When it is ready it prints one
line of JSON: graph, authority, ca (a PEM file to trust), tenant, client_id, client_secret,
web with --web, and with --proxy the address for HTTPS_PROXY as proxy.

With --proxy a program that calls graph.microsoft.com and login.microsoftonline.com reaches
the emulator without another setting: give it the proxy in HTTPS_PROXY and ca as the
authority to trust. The proxy refuses all other hosts.

With --weather requests fail as a scenario file says; see docs/emulate.md.

With --dir it keeps the authority and the secret in that folder for the next start, and
writes a postern.toml beside them that grants what an application can run of the plugins.
What a client wrote is in memory only, unless --state names a file for the whole tenant:
once it is there, the tenant comes from it, and --sample, --generate and --mailbox do nothing.

With --web a page for a browser shows mailboxes, requests and faults on this machine.`,
		Example: `  postern emulate --sample --dir try --plugins dist/plugins
  postern emulate --listen 127.0.0.1:8443 --mailbox soc@contoso.example=mail/soc
  postern emulate --generate users=50,messages=20000,seed=7 --state tenant.state --web
  postern emulate --sample --proxy --weather bad-day.toml`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&flags.listen, "listen", anyPort, "address to listen on; with --dir, the one of its postern.toml if there is one")
	cmd.Flags().StringArrayVar(&flags.mailboxes, "mailbox", nil, "a mailbox as ADDRESS=FOLDER, of .eml files or a Maildir, sub-folders being mail folders, or ADDRESS=FILE.mbox; may be repeated")
	cmd.Flags().BoolVar(&flags.sample, "sample", false, "add the sample tenant contoso.example: mailboxes, a group, events, rules and real messages")
	cmd.Flags().StringVar(&flags.generate, "generate", "", "make up a tenant, as users=50,messages=20000,seed=7; also groups, shared and rooms")
	cmd.Flags().StringVar(&flags.state, "state", "", "file that keeps the whole tenant for the next start")
	cmd.Flags().StringVar(&flags.web, "web", "", "serve a page for a browser on this machine; --web=ADDRESS chooses where")
	cmd.Flags().Lookup("web").NoOptDefVal = anyPort
	cmd.Flags().StringVar(&flags.dir, "dir", "", "folder for what the next start needs, and for postern.toml")
	cmd.Flags().StringVar(&flags.plugins, "plugins", "plugins", "with --dir, the folder of the plugins that postern.toml names")
	cmd.Flags().StringVar(&flags.weather, "weather", "", "scenario file (TOML) of what goes wrong")
	cmd.Flags().StringVar(&flags.proxy, "proxy", "", "serve a proxy that leads Microsoft's hosts to the emulator; --proxy=ADDRESS sets its address")
	cmd.Flags().Lookup("proxy").NoOptDefVal = anyPort
	cmd.Flags().BoolVar(&flags.national, "national-clouds", false, "stand for the hosts of the national clouds too")
	must(cmd.MarkFlagFilename("weather", "toml"))
	must(cmd.MarkFlagDirname("dir"))
	must(cmd.MarkFlagFilename("state"))
	must(cmd.MarkFlagDirname("plugins"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return c.emulate(cmd.Context(), flags, cmd.Flags().Changed("listen"))
	}
	return cmd
}

// emulate serves until the context ends, which is how it is meant to end.
func (c *cli) emulate(ctx context.Context, flags *emulateFlags, listenGiven bool) (err error) {
	files := emulatedFiles{flags.dir}
	if flags.dir == "" {
		if files.dir, err = os.MkdirTemp("", "postern-emulate-"); err != nil {
			return err
		}
		defer closeAfter(&err, func() error { return os.RemoveAll(files.dir) })
	} else if err := os.MkdirAll(files.dir, 0o700); err != nil {
		return fmt.Errorf("the folder of --dir cannot be made: %w", err)
	}
	configured, err := configuredOrigin(files)
	if err != nil {
		return err
	}
	if configured != nil && !listenGiven {
		flags.listen = configured.Host
	}
	server, restored, err := startTenant(files, flags)
	if err != nil {
		return err
	}
	defer closeAfter(&err, server.Close)
	if configured != nil && configured.String() != server.URL {
		return usagef("%s is for %s, but the emulator would listen on %s; leave out --listen, or remove that file to get a new one",
			files.path(configFile), configured, server.URL)
	}
	if restored {
		fmt.Fprintf(c.err, "the tenant comes from %s\n", printable(flags.state))
	}
	ready, err := c.furnish(server, files, flags, restored)
	if err != nil {
		return err
	}
	if flags.web != "" {
		url, end, err := serveWeb(ctx, server, flags.web)
		if err != nil {
			return err
		}
		ready.Web = url
		defer closeAfter(&err, end)
	}
	if flags.dir != "" && configured == nil {
		if err := writeEmulatedConfig(files, server, flags.plugins); err != nil {
			return err
		}
	}
	state := &stateFile{path: flags.state, server: server}
	if flags.state != "" && !restored {
		if err := state.save(); err != nil {
			return err
		}
	}
	if err := json.NewEncoder(c.out).Encode(ready); err != nil {
		return err
	}
	if flags.state != "" {
		return c.keep(ctx, state)
	}
	<-ctx.Done()
	return nil
}

// startTenant starts a server, with the tenant of the file of --state if it is there.
func startTenant(files emulatedFiles, flags *emulateFlags) (server *graphtest.Server, restored bool, err error) {
	if flags.state == "" {
		server, err = startEmulator(files, flags)
		return server, false, err
	}
	state, err := openState(flags.state)
	if err != nil {
		return nil, false, err
	}
	if state == nil {
		server, err = startEmulator(files, flags)
		return server, false, err
	}
	defer closeAfter(&err, state.Close)
	server, err = startEmulator(files, flags, graphtest.WithState(state))
	if errors.Is(err, graphtest.ErrState) {
		err = fmt.Errorf("%s cannot be used and stays as it is: %w", printable(flags.state), err)
	}
	return server, true, err
}

// startEmulator starts a server with the certificate authority of the folder.
func startEmulator(files emulatedFiles, flags *emulateFlags, options ...graphtest.Option) (*graphtest.Server, error) {
	options = append(options, graphtest.WithAddr(flags.listen))
	// Only endpoints of this machine are called, where nothing is on the way that TLS could keep out.
	options = append(options, graphtest.WithNotifications(graphtest.Notifications{PlainHTTP: true}))
	if flags.proxy != "" {
		options = append(options, graphtest.WithProxy(flags.proxy))
	}
	if flags.national {
		options = append(options, graphtest.WithNationalClouds())
	}
	if flags.weather != "" {
		weather, err := graphtest.LoadWeather(flags.weather)
		if err != nil {
			return nil, usagef("the file of --weather cannot be used: %w", err)
		}
		options = append(options, graphtest.WithWeather(weather))
	}
	certificate, key, err := files.authority()
	if err != nil {
		return nil, err
	}
	if certificate != nil {
		options = append(options, graphtest.WithCA(certificate, key))
	}
	server, err := graphtest.NewServer(options...)
	flag, address := "--listen", flags.listen
	if errors.Is(err, graphtest.ErrProxy) {
		flag, address = "--proxy", flags.proxy
	}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, usagef("another program listens on %s already; end it, or choose another address with %s", address, flag)
	case errors.As(err, new(*net.OpError)):
		return nil, usagef("the address of %s cannot be used: %w", flag, err)
	case err != nil:
		return nil, err
	}
	if certificate == nil {
		if err := files.keepAuthority(server); err != nil {
			return nil, errors.Join(fmt.Errorf("keep the certificate authority: %w", err), server.Close())
		}
	}
	return server, nil
}

// readiness is the line that says that the emulator is ready, and how to use it.
type readiness struct {
	Graph        string `json:"graph"`
	Authority    string `json:"authority"`
	CA           string `json:"ca"`
	Tenant       string `json:"tenant"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Web          string `json:"web,omitempty"`
	Proxy        string `json:"proxy,omitempty"`
}

// furnish adds the application, and the mailboxes unless the tenant was restored with its own.
func (c *cli) furnish(server *graphtest.Server, files emulatedFiles, flags *emulateFlags, restored bool) (*readiness, error) {
	ca, err := filepath.Abs(files.path(caFile))
	if err != nil {
		return nil, err
	}
	secret, err := files.secret()
	if err != nil {
		return nil, fmt.Errorf("keep the client secret: %w", err)
	}
	app := graphtest.App{
		ClientID: emulatedClient, Name: "Postern", Secret: secret, Roles: emulatedRoles(),
		PublicClient: true, RedirectURIs: []string{"http://localhost"}, Scopes: emulatedScopes(),
	}
	if err := server.AddApp(app); err != nil {
		return nil, err
	}
	ready := &readiness{
		Graph: server.URL, Authority: server.URL, CA: ca, Tenant: server.Tenant(), ClientID: emulatedClient, ClientSecret: secret,
		Proxy: server.ProxyURL(),
	}
	if restored {
		return ready, nil
	}
	if flags.sample {
		if _, err := server.AddSampleTenant(); err != nil {
			return nil, err
		}
	}
	if flags.generate != "" {
		if err := c.generate(server, flags.generate); err != nil {
			return nil, err
		}
	}
	for _, mailbox := range flags.mailboxes {
		address, source, ok := strings.Cut(mailbox, "=")
		if !ok || source == "" {
			return nil, usagef("--mailbox %s is neither ADDRESS=FOLDER nor ADDRESS=FILE.mbox", mailbox)
		}
		if err := c.addMailbox(server, address, source); err != nil {
			return nil, fmt.Errorf("the mailbox %s: %w", address, err)
		}
	}
	return ready, nil
}

// configuredOrigin is the origin of the emulated connection in the folder's operator's file; nil without a file.
func configuredOrigin(files emulatedFiles) (*url.URL, error) {
	config, err := manifests.LoadConfig(files.path(configFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, &configError{err}
	}
	connection, ok := config.Connection(emulatedName)
	if !ok {
		return nil, usagef("%s has no connection %s, so it is not the emulator's; choose another --dir", files.path(configFile), emulatedName)
	}
	return url.Parse(connection.Graph)
}

// writeEmulatedConfig writes the operator's file: the connection, the plugins, and a grant for each of them.
func writeEmulatedConfig(files emulatedFiles, server *graphtest.Server, dir string) error {
	plugins, err := readPlugins(dir)
	if err != nil {
		return err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return err
	}
	tables := []string{
		"# Written by \"postern emulate\" once; it is yours to change.\n",
		hostTable(dir),
		emulatedConnection(emulatedName, server),
	}
	for _, p := range plugins {
		tables = append(tables, grantAll(p, emulatedName).Encode())
	}
	tables = append(tables, hostGrant(emulatedName))
	return os.WriteFile(files.path(configFile), []byte(strings.Join(tables, "\n")), 0o644)
}
