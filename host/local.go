package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host/blob"
	"github.com/postern-dev/postern/host/catalog"
	"github.com/postern-dev/postern/host/sandbox"
	"github.com/postern-dev/postern/host/sandbox/codecache"
	"github.com/postern-dev/postern/manifests"
)

// LocalConfig is what a [Local] is opened with.
type LocalConfig struct {
	// Plugins is the folder of the plugins, and Plugin the name of the one to run, in its highest version.
	Plugins, Plugin string
	// Lock, if it is not empty, is the lock file without whose approval the plugin does not run.
	Lock string
	// CacheDir and CacheKey are the folder of compiled modules and the file of the key that it is guarded with. Empty compiles in each process.
	CacheDir, CacheKey string
	// Sandbox runs the module, as that of a [Config].
	Sandbox *sandbox.Runtime
	// Logger takes what the guest and the host have to say. Nil is [slog.Default].
	Logger *slog.Logger
	// Admitting is that of [Config].
	Admitting func(plugin string) (ended func())
}

// Local runs actions of one plugin on files of this machine alone. There is no connection, no network and no state: a guest can read the
// files that it is given, make blobs and return rows. All else is refused, and so are actions that use a capability. With nothing
// to protect but the caller's own files, nothing has to be granted, and there is no audit record. It is safe for concurrent use.
type Local struct {
	installed *catalog.Installed
	runtime   *sandbox.Runtime // its own, or nil
	cache     *codecache.Cache
	module    *sandbox.Module
	log       *slog.Logger
}

// OpenLocal loads the plugin. The error is [abi.NotFound] if it is not there, [abi.PolicyDenied] if a lock does not approve it, or tells
// what the sandbox does not admit. Close the Local when it is no longer needed.
func OpenLocal(ctx context.Context, config LocalConfig) (*Local, error) {
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	installed := catalog.New(config.Plugins, config.Lock)
	versions, err := installed.Versions(config.Plugin)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, &abi.Error{Code: abi.NotFound, Message: fmt.Sprintf("the plugin %s is not in %s", config.Plugin, config.Plugins)}
	}
	l := &Local{installed: versions[0], log: config.Logger}
	if l.installed.Problem != nil {
		return nil, &abi.Error{Code: abi.PluginFailed, Message: fmt.Sprintf("the plugin %s cannot be used: %v", l.installed, l.installed.Problem)}
	}
	read := installed.Unapproved
	if config.Lock != "" {
		read = installed.Module
	}
	wasm, err := read(l.installed)
	if err != nil {
		return nil, err
	}
	runtime := config.Sandbox
	if config.CacheDir != "" && runtime == nil {
		if l.cache, err = codecache.Open(config.CacheDir, config.CacheKey); err != nil {
			l.cache = nil
			l.log.Warn("modules are compiled in each process, which takes seconds", "error", err.Error())
		}
	}
	if runtime == nil {
		l.runtime = sandbox.New(sandbox.Config{Cache: l.cache, Log: l.log})
		runtime = l.runtime
	}
	if config.Admitting != nil {
		defer config.Admitting(l.installed.String())()
	}
	l.module, err = runtime.Compile(ctx, sandbox.Bytes(l.installed.Plugin.ABI, wasm))
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Plugin is the manifest of the plugin.
func (l *Local) Plugin() *manifests.Plugin { return l.installed.Plugin }

// Close frees the module and the cache.
func (l *Local) Close() error {
	var err error
	if l.module != nil {
		err = l.module.Close(context.Background())
	}
	if l.runtime != nil {
		err = errors.Join(err, l.runtime.Close(context.Background()))
	}
	if l.cache != nil {
		err = errors.Join(err, l.cache.Close())
	}
	return err
}

// LocalInvocation is one call of an action on files.
type LocalInvocation struct {
	// Action is the action's id, and Parameters are those of an [Invocation]. One of the type blob names a file of Files.
	Action     string
	Parameters map[string]any
	// Files are what the guest may read, by name.
	Files map[string]io.ReadSeeker
	// Store is where blobs that the guest makes are kept; nil refuses them.
	Store *blob.Store
}

// Usage is what an invocation used of the sandbox, also one that failed.
type Usage struct {
	// Fuel is how much computing was charged, and Memory how large the guest's memory was at its end, in bytes.
	Fuel, Memory uint64
}

// Invoke runs an action. The result is never nil; its Error, which is also returned, tells why the action failed. The action ends when ctx
// does, or after the plugin's own timeout.
func (l *Local) Invoke(ctx context.Context, call LocalInvocation) (*Result, Usage, error) {
	result := &Result{
		Status: Success, Action: call.Action, Plugin: l.installed.String(), Invocation: uuid.NewString(),
		Parameter: json.RawMessage("{}"), Data: []json.RawMessage{},
		Summary: Summary{TotalObjects: 1, TotalObjectsSuccessful: 1},
	}
	usage, err := l.run(ctx, call, result)
	if err != nil {
		result.Data = []json.RawMessage{}
		err = result.fail(coded(err))
	}
	return result, usage, err
}

func (l *Local) run(ctx context.Context, call LocalInvocation, result *Result) (Usage, error) {
	action, ok := l.installed.Plugin.Action(call.Action)
	switch {
	case !ok:
		return Usage{}, &abi.Error{Code: abi.UnknownAction, Message: fmt.Sprintf("%s has no action %s", l.installed, call.Action)}
	case len(action.Capabilities)+len(action.Optional) > 0 || action.Kind != manifests.KindAction:
		return Usage{}, &abi.Error{Code: abi.PolicyDenied, Message: fmt.Sprintf("%s needs a connection; run it with \"postern run\"", call.Action)}
	}
	checked, err := parameters(new(fastjson.Parser), action, call.Parameters)
	if err != nil {
		return Usage{}, err
	}
	result.Parameter = abi.AppendValue(nil, checked)
	limits := l.installed.Plugin.Limits
	ctx, cancel := context.WithTimeout(ctx, limits.Timeout)
	defer cancel()
	guest := &localGuest{files: call.Files, most: limits.Exchanges, log: l.log.With("invocation", result.Invocation, "plugin", result.Plugin)}
	if call.Store != nil {
		guest.blobs = call.Store.NewSet(maxBlobBytes)
	}
	document := abi.Invocation{ID: result.Invocation, Action: call.Action, Parameters: checked, Now: time.Now(), Memory: int64(limits.Memory)}
	answer, used, err := l.module.Invoke(ctx, sandbox.Limits{Memory: uint64(limits.Memory), Fuel: limits.Fuel}, document.AppendJSON(nil), guest)
	guest.abandon()
	usage := Usage{used.Fuel, used.Memory}
	if err != nil {
		return usage, err
	}
	return usage, guest.finish(answer, result)
}

// localGuest answers a guest that has files alone.
type localGuest struct {
	exchanges
	files map[string]io.ReadSeeker
	most  int
	log   *slog.Logger
}

// Exchange answers one exchange. What it returns as an error ends the invocation.
func (g *localGuest) Exchange(ctx context.Context, request []byte) ([]byte, error) {
	if g.count++; g.count > g.most {
		return nil, &abi.Error{Code: abi.ExchangeLimit, Message: fmt.Sprintf("the plugin asked for more than the %d exchanges that it may have", g.most)}
	}
	reply := &abi.Reply{}
	x, err := abi.ParseExchange(&g.request, request)
	switch {
	case err != nil:
		err = &abi.Error{Code: abi.InvalidInput, Message: err.Error()}
	case x.Op == abi.OpRows:
		if err := g.addRows(x.Rows); err != nil {
			return nil, err
		}
	case x.Op == abi.OpLog:
		if g.lines++; g.lines <= maxLogLines {
			g.log.Log(ctx, level(x.Log.Level), "guest", "line", x.Log.Message)
		}
	case x.Op == abi.OpBlob:
		err = g.file(ctx, x.Blob, reply)
	default:
		err = &abi.Error{Code: abi.PolicyDenied, Message: "there is no connection here; an action that runs on files alone makes no requests"}
	}
	if err != nil {
		reply = &abi.Reply{Error: coded(err)}
	}
	g.reply = reply.AppendJSON(g.reply[:0])
	return g.reply, nil
}

// file reads a file, or makes a blob.
func (g *localGuest) file(ctx context.Context, b *abi.BlobRequest, reply *abi.Reply) error {
	f, given := g.files[b.Name]
	switch {
	case b.Name != "" && given:
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		return readRange(f, size, b, reply)
	case g.blobs == nil && b.Name == "":
		return &abi.Error{Code: abi.PolicyDenied, Message: "nothing is kept here"}
	case g.blobs == nil:
		return &abi.Error{Code: abi.NotFound, Message: "there is no such file"}
	}
	return g.blob(ctx, b, reply)
}

// Output takes a line that the guest wrote to its standard output or error.
func (g *localGuest) Output(ctx context.Context, line []byte) {
	if g.lines++; g.lines <= maxLogLines {
		g.log.Debug("guest", "line", string(line))
	}
}

// finish reads what the guest responded with.
func (g *localGuest) finish(answer []byte, result *Result) error {
	res, err := abi.ParseResult(new(fastjson.Parser), answer)
	if err != nil {
		return &abi.Error{Code: abi.PluginFailed, Message: "the plugin's " + err.Error()}
	}
	if res.Error != nil {
		return res.Error
	}
	if err := g.addRows(res.Data); err != nil {
		return err
	}
	if g.rows != nil {
		result.Data = g.rows
	}
	result.Message, result.Truncated = res.Message, res.Truncated
	if g.blobs != nil {
		for _, b := range g.blobs.List() {
			result.Blobs = append(result.Blobs, Blob(b))
		}
	}
	return nil
}
