// Package host embeds Postern: it runs the actions of plugins in sandboxes and
// makes their Graph requests for them, as far as the operator's file allows.
//
//	config, err := manifests.LoadConfig("postern.toml")
//	h, err := host.Open(host.Config{Operator: config})
//	defer h.Close()
//	result, err := h.Invoke(ctx, host.Invocation{
//		Action:     "mail.get",
//		Connection: "contoso",
//		Parameters: map[string]any{"email_address": "soc@contoso.com", "id": "AAMk…"},
//	})
//
// # What happens in an invocation
//
//  1. resolve.go: the catalog resolves the action to one approved module.
//  2. parameters.go: the parameters are checked against its manifest.
//  3. policy decides whether the action may run on the connection at all.
//  4. invoke.go: sandbox runs the module in pristine memory.
//  5. exchange.go and request.go: each exchange is decoded, judged by policy, sent by
//     graph with the token of connection, and written to the audit record before its
//     reply reaches the guest.
//  6. observe.go: metrics and traces are told, if the embedder wants any.
//  7. result.go: what the guest responded with becomes the envelope that every
//     surface returns; poll.go: if it is a trigger's, records and state instead.
//
// # Failure
//
// Every failure of an invocation is an [*abi.Error] with a stable code. Nothing runs without a grant,
// and a bound that is hit ends its own invocation only.
package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/graph"
	"github.com/postern-dev/postern/host/held"
	"github.com/postern-dev/postern/host/metrics"
	"github.com/postern-dev/postern/host/sandbox"
	"github.com/postern-dev/postern/host/sandbox/codecache"
	"github.com/postern-dev/postern/host/state"
	"github.com/postern-dev/postern/host/trigger"
	"github.com/postern-dev/postern/manifests"
)

// Version is the version of the host, as User-Agent and "postern version" show it.
const Version = "0.1.0"

// Config is what a host is opened with. Only Operator must be there.
type Config struct {
	// Operator is the operator's file: connections, grants, and where files are kept.
	Operator *manifests.Config
	// Logger takes what guests and the host have to say. Nil is [slog.Default].
	Logger *slog.Logger
	// Transport carries all requests, to Graph and to the token service, instead of
	// TLS connections of the host's own. Nil in production.
	Transport http.RoundTripper
	// Sandbox runs the modules, instead of a runtime of the host's own. Hosts that share
	// one compile a module once; Close leaves it open. Nil makes one.
	Sandbox *sandbox.Runtime
	// Admitting, if it is not nil, is told when a module, as name@version, begins to be loaded into the sandbox. It
	// returns what is called when that has ended, in success or not. From the code cache that takes milliseconds, and
	// without it seconds. It may be called for several modules at once.
	Admitting func(plugin string) (ended func())
	// Metrics, if it is not nil, gets the host's metrics until Close: of invocations, exchanges, requests, limits, tokens
	// and modules. docs/embed.md lists them. Open fails if they are registered already.
	Metrics prometheus.Registerer
	// Tracing, if it is not nil, makes a span of each invocation, of each exchange in it, and of each Graph request in that,
	// with its retries as events. They hold no values of parameters, and Graph is not told of them.
	Tracing trace.TracerProvider
	// Keyring is where connections look for what the operator's file keeps in a keyring. Nil is the operating system's, which is not
	// touched unless the file names it.
	Keyring connection.Keyring
	// Now is the clock of everything that is not bounded by the system's: what stamps invocations and audit lines, ends tokens, leases and
	// links, and counts rates. Nil is [time.Now].
	Now func() time.Time
	// AfterFunc waits by that clock, for rates and between attempts of a request, as [time.AfterFunc] does, which nil is. Where both
	// are given, days can pass in a moment.
	AfterFunc func(d time.Duration, f func()) (stop func() bool)
	// Random draws the part of the waits between attempts of a request that is left to chance, from 0 to most. Nil draws by math/rand.
	Random func(most time.Duration) time.Duration
}

// Host runs actions. It is safe for concurrent use.
type Host struct {
	operator *manifests.Config
	config   Config
	log      *slog.Logger
	catalog  *catalog.Catalog
	running  lifecycle
	metrics  *metrics.Metrics // nil without
	tracer   trace.Tracer     // nil without

	// What a command may not need is opened when first used.
	builtIn      lazy[*catalog.Installed]
	sandbox      lazy[*sandbox.Runtime]
	cache        lazy[*codecache.Cache]
	audit        lazy[*audit.Log]
	blobs        lazy[*blob.Store]
	records      lazy[*blob.Store]
	triggerStore lazy[trigger.Store]
	fleet        atomic.Pointer[fleet] // nil until it is joined
	state        lazy[*state.Store]
	held         lazy[*held.Store]
	sealer       lazy[*graph.Sealer]
	modules      keyed[string, loaded]
	clients      keyed[string, *client]
	limits       keyed[rateKey, *graph.Limit]
}

// client is a connection and what makes its requests.
type client struct {
	connection *connection.Connection
	graph      *graph.Client
	idle       func() // closes connections that are kept open for later
}

// Open makes a host. It touches no file and no network yet, the first invocation
// does. The error says that the config lacks something. Close the host when it is no
// longer needed.
func Open(config Config) (*Host, error) {
	if config.Operator == nil {
		return nil, errors.New("host: Config.Operator must be set; manifests.LoadConfig reads one")
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	h := &Host{
		operator: config.Operator,
		config:   config,
		log:      config.Logger,
		catalog:  catalog.New(config.Operator.PluginsDir(), config.Operator.LockFile()),
	}
	if err := h.observe(); err != nil {
		return nil, fmt.Errorf("host: Config.Metrics: %w; give each host a registry, or a label of its own with prometheus.WrapRegistererWith", err)
	}
	return h, nil
}

// Close ends the invocations that still run, waits for them, and closes what the
// host opened. Later invocations fail. Closing twice does nothing.
func (h *Host) Close() error {
	if !h.running.end() {
		return nil
	}
	h.metrics.Close()
	var errs []error
	if runtime, ok := h.sandbox.opened(); ok && h.config.Sandbox == nil {
		errs = append(errs, runtime.Close(context.Background()))
	}
	if h.config.Sandbox != nil {
		for l := range h.modules.all() {
			if l.module != nil {
				errs = append(errs, l.module.Close(context.Background()))
			}
		}
	}
	if cache, ok := h.cache.opened(); ok {
		errs = append(errs, cache.Close())
	}
	if log, ok := h.audit.opened(); ok {
		errs = append(errs, log.Close())
	}
	if store, ok := h.blobs.opened(); ok {
		errs = append(errs, store.Close())
	}
	if store, ok := h.triggerStore.opened(); ok {
		errs = append(errs, store.Close())
	}
	if store, ok := h.records.opened(); ok {
		errs = append(errs, store.Close())
	}
	if store, ok := h.held.opened(); ok {
		errs = append(errs, store.Close())
	}
	if store, ok := h.state.opened(); ok {
		errs = append(errs, store.Close())
	}
	for c := range h.clients.all() {
		c.connection.Close()
		c.idle()
	}
	return errors.Join(errs...)
}

// Catalog returns the installed plugins.
func (h *Host) Catalog() *catalog.Catalog { return h.catalog }

// Blobs returns the store of what invocations saved, by the names in their results.
// Close closes it, and there is none to be had after that.
func (h *Host) Blobs() (*blob.Store, error) {
	leave, ok := h.running.enter()
	if !ok {
		return nil, errClosed()
	}
	defer leave()
	return h.blobStore()
}

func (h *Host) blobStore() (*blob.Store, error) {
	return h.blobs.get(func() (*blob.Store, error) {
		dir := h.operator.BlobsDir()
		if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
			return nil, err
		}
		return blob.Open(dir)
	})
}

// triggerBlobsDir is the folder, in that of the state, of the blobs that records name.
const triggerBlobsDir = "records"

// TriggerBlobs returns the store of what the runs of triggers saved. It is kept until the records that name it have arrived.
func (h *Host) TriggerBlobs() (*blob.Store, error) {
	return h.records.get(func() (*blob.Store, error) {
		if _, err := h.states(); err != nil { // which makes the folder above
			return nil, err
		}
		return blob.Open(filepath.Join(h.operator.StateDir(), triggerBlobsDir))
	})
}

// linkKey names the key that links are sealed with.
const linkKey = "links.key"

// links returns what seals links. Its key outlives the process, since a plugin may
// keep a link in its state.
func (h *Host) links() (*graph.Sealer, error) {
	return h.sealer.get(func() (*graph.Sealer, error) {
		key, err := h.key(linkKey, graph.KeySize)
		if err != nil {
			return nil, err
		}
		return graph.NewSealer(key)
	})
}

// key returns a key of the installation, and makes it if it is not there.
func (h *Host) key(name string, size int) ([]byte, error) {
	store, err := h.states()
	if err != nil {
		return nil, err
	}
	return store.Key(name, size)
}

// tokensDir is the folder, in the state folder, of the encrypted tokens of signed-in users.
const tokensDir = "tokens"

func (h *Host) auditLog() (*audit.Log, error) {
	log, err := h.audit.get(func() (*audit.Log, error) { return audit.Open(h.operator.AuditFile()) })
	if err != nil {
		return nil, &abi.Error{Code: abi.Internal, Message: "nothing runs without an audit record: " + err.Error()}
	}
	return log, nil
}

func (h *Host) runtime() (*sandbox.Runtime, error) {
	return h.sandbox.get(func() (*sandbox.Runtime, error) {
		if h.config.Sandbox != nil {
			return h.config.Sandbox, nil
		}
		return sandbox.New(sandbox.Config{Cache: h.codeCache(), Log: h.log}), nil
	})
}

// cacheKey names the file of the key that the code cache is guarded with, in the state folder.
const cacheKey = "cache.key"

// codeCache opens the cache of compiled modules. It returns nil if that cannot be used: modules are then compiled
// in each process.
func (h *Host) codeCache() *codecache.Cache {
	cache, err := h.cache.get(func() (*codecache.Cache, error) {
		return codecache.Open(h.operator.CacheDir(), filepath.Join(h.operator.StateDir(), cacheKey))
	})
	if err != nil {
		h.log.Warn("modules are compiled in each process, which takes seconds", "error", err.Error())
		return nil
	}
	return cache
}

// load starts to read, check and compile the module of a version, which is done once. wait returns the module, or when
// ctx ends; the compiling goes on for the next invocation, since it cannot be stopped.
func (h *Host) load(ctx context.Context, i *catalog.Installed) (wait func() (*sandbox.Module, error), err error) {
	if l, ok := h.modules.peek(i.String()); ok {
		return func() (*sandbox.Module, error) { return l.module, l.refusal }, nil
	}
	type outcome struct {
		module *sandbox.Module
		err    error
	}
	done := make(chan outcome, 1)
	leave, ok := h.running.enter()
	if !ok {
		return nil, errClosed()
	}
	go func() {
		defer leave()
		module, err := h.compile(context.WithoutCancel(ctx), i)
		done <- outcome{module, err}
	}()
	return func() (*sandbox.Module, error) {
		select {
		case o := <-done:
			return o.module, o.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, nil
}

func (h *Host) compile(ctx context.Context, i *catalog.Installed) (*sandbox.Module, error) {
	loaded, err := h.modules.get(i.String(), func() (loaded, error) {
		digest, err := h.catalog.Digest(i)
		if err != nil {
			return loaded{}, err
		}
		var readErr error
		module, err := h.admit(ctx, i, sandbox.Source{
			Kind: i.Plugin.ABI, Digest: string(digest), Read: func() (wasm []byte, _ error) {
				wasm, readErr = h.catalog.Module(i)
				return wasm, readErr
			},
		})
		if readErr == nil && errors.Is(err, abi.PluginFailed) {
			return loaded{from: i, refusal: err}, nil // by this digest it will never be another module
		}
		return loaded{from: i, module: module}, err
	})
	return loaded.module, cmp.Or(err, loaded.refusal)
}

// loaded is a module, or why the sandbox refused it.
type loaded struct {
	from    *catalog.Installed
	module  *sandbox.Module
	refusal error
}

// admit has the sandbox admit a module, or load what it made of it before.
func (h *Host) admit(ctx context.Context, i *catalog.Installed, source sandbox.Source) (*sandbox.Module, error) {
	if h.config.Admitting != nil {
		defer h.config.Admitting(i.String())()
	}
	runtime, err := h.runtime()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	module, err := runtime.Compile(ctx, source)
	h.admission(i, module, err, time.Since(began))
	return module, err
}

// client opens a connection, once.
func (h *Host) client(c *manifests.Connection) (*client, error) {
	return h.clients.get(c.Name, func() (*client, error) {
		conn, err := connection.Open(*c, connection.Options{
			Transport: h.config.Transport, Dir: h.operator.Dir, Logger: h.log, Fetched: h.fetched(c.Name), Now: h.config.Now,
			Keyring: h.config.Keyring, Provider: h.operator.Provider, TokenKey: h.operator.Host.TokenKey,
			TokensDir: filepath.Join(h.operator.StateDir(), tokensDir), Key: h.key,
		})
		if err != nil {
			return nil, &abi.Error{Code: abi.InvalidInput, Message: "the operator's file: " + err.Error()}
		}
		transport, idle := h.config.Transport, func() {}
		if transport == nil {
			own := graph.NewTransport(conn.Way())
			transport, idle = own, own.CloseIdleConnections
		}
		settings := graph.Settings{
			Limit:  graph.NewLimit("connection."+c.Name+".rate", graph.Bounds{AtOnce: maxRequests, Count: c.Rate.Count, Per: c.Rate.Per}).By(h.clock()),
			Shared: &sharedRate{host: h, connection: c},
			Retry:  graph.Retry{Attempts: c.RetryCount, MaxWait: c.RetryWaitTime},

			UploadHosts: c.UploadHosts,
			Scheme:      connection.Scheme(c.Auth),
			UserAgent:   "postern/" + Version,
			Observer:    h.observer(c.Name),
			Clock:       h.clock(),
		}
		return &client{conn, graph.NewClient(conn.Origin(), conn, transport, settings), idle}, nil
	})
}

func (h *Host) clock() graph.Clock {
	return graph.Clock{Now: h.config.Now, AfterFunc: h.config.AfterFunc, Random: h.config.Random}
}

// rates returns the limits that the requests of a plugin under a grant share with others: the grant's, of all its
// invocations, and the plugin's own, of all its invocations on the connection. Versions of a plugin with the same rate
// share one.
func (h *Host) rates(g *manifests.Grant, p *manifests.Plugin, connection string) graph.Limits {
	return graph.Limits{
		Grant:  h.rate("grant."+g.Name+".limits.rate", g.Rate, ""),
		Plugin: h.rate("limits.rate in the plugin.toml of "+p.Name, p.Rate, connection),
	}
}

// rate returns the limit that rule sets, for one connection unless that is empty; nil if the rate is no bound.
func (h *Host) rate(rule string, r manifests.Rate, connection string) *graph.Limit {
	if r == (manifests.Rate{}) {
		return nil
	}
	limit, _ := h.limits.get(rateKey{rule, r, connection}, func() (*graph.Limit, error) {
		return graph.NewLimit(rule, graph.Bounds{Count: r.Count, Per: r.Per}).By(h.clock()), nil
	})
	return limit
}

// rateKey tells rates that are counted apart.
type rateKey struct {
	rule       string
	rate       manifests.Rate
	connection string
}
