package host_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/host/audit"
	"github.com/postern-dev/postern/host/connection"
	"github.com/postern-dev/postern/host/graphtest"
	"github.com/postern-dev/postern/host/sandbox"
	"github.com/postern-dev/postern/host/sandbox/codecache"
	"github.com/postern-dev/postern/manifests"
)

// house is a host with its plugins, its files and a tenant to work on.
type house struct {
	*host.Host
	dir    string
	graph  *graphtest.Server
	tenant *graphtest.SampleTenant
	log    *safeBuffer
	// at is the host's time, if it is not the machine's, from the next open on.
	at time.Time
	// inProcess and now are how it was furnished, which stays so.
	inProcess bool
	now       func() time.Time
}

// furnishing says what of a house is out of the ordinary.
type furnishing struct {
	// grants replaces the grants of all actions.
	grants string
	// connection is added to the connection's table.
	connection string
	// plugins are folders of plugin sources, relative to this one; nil for all of the project's.
	plugins []string
	// unapproved leaves the plugins as they are installed.
	unapproved bool
	secret     string
	// configure changes what the host is opened with; nil does not.
	configure func(*host.Config)
	// roles are the permissions of an application of its own, in place of the sample tenant's.
	roles []string
	graph []graphtest.Option
	// inProcess serves Graph without a socket. Over one, a long answer may be read before it is in Graph's journal.
	inProcess bool
	// user signs this user in to the connection, in a browser.
	user string
	// scopes are what the user has consented to; nil is enough for all actions on groups.
	scopes []string
	// now is the host's clock; nil is the system's.
	now func() time.Time
}

const allGrants = `
[grant.groups]
version = "^1"
connections = ["contoso"]
capabilities = [
  "group.find", "group.own", "group.read", "group.post.read", "group.attachment.read", "group.conversation.create", "group.thread.create",
  "group.thread.reply", "group.thread.delete", "group.post.reply", "group.post.forward",
]
actions = [
  "group.pick", "group.conversation.create", "group.conversation.create_thread", "group.conversation.get", "group.conversation.list",
  "group.conversation.list_threads", "group.thread.create", "group.thread.delete", "group.thread.get", "group.thread.list",
  "group.thread.reply", "group.post.forward", "group.post.forward_legacy", "group.post.get", "group.post.list",
  "group.post.list_attachments", "group.post.reply",
]

[grant.http]
version = "^1"
connections = ["contoso"]
capabilities = [
  "http.mail.read", "http.mail.send", "http.rule.read", "http.calendar.read", "http.conversation.read", "http.directory.read",
]
actions = ["graph.request"]

` + mailGrants + `
[grant.calendar]
version = "^1"
connections = ["contoso"]
capabilities = ["calendar.read", "calendar.delete", "calendar.respond"]
actions = ["event.list", "event.delete"]

[grant.rules]
version = "^1"
connections = ["contoso"]
capabilities = ["rule.read", "folder.read", "mailbox.settings.read"]
actions = ["rule.list", "rule.get", "mailbox.oof.get"]

[grant.folders]
version = "^1"
connections = ["contoso"]
capabilities = ["folder.read", "folder.create"]
actions = ["folder.resolve", "folder.list", "folder.create"]

[grant.directory]
version = "^1"
connections = ["contoso"]
capabilities = ["user.read", "user.find", "user.people", "group.read", "group.member.read"]
actions = ["user.list", "group.list", "group.member.list", "user.resolve"]

[grant.senders]
version = "^1"
connections = ["contoso"]
capabilities = ["sender.block", "sender.unblock"]
actions = ["sender.block", "sender.unblock"]
`

// allPlugins are the folders of the project's plugins, relative to this one.
func allPlugins() []string {
	return []string{
		"../plugins/groups", "../plugins/mail", "../plugins/folders", "../plugins/calendar", "../plugins/rules",
		"../plugins/directory", "../plugins/senders", "../plugins/http",
	}
}

// furnish builds a house that is torn down with the test.
func furnish(tb testing.TB, f furnishing) *house {
	tb.Helper()
	h := &house{dir: tb.TempDir(), log: new(safeBuffer), inProcess: f.inProcess, now: f.now}
	var err error
	if f.inProcess {
		f.graph = append(f.graph, graphtest.WithoutNetwork())
	}
	if h.graph, err = graphtest.NewServer(f.graph...); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { h.graph.Close() })
	if h.tenant, err = h.graph.AddSampleTenant(); err != nil {
		tb.Fatal(err)
	}
	if f.roles != nil {
		h.tenant.App = graphtest.App{
			ClientID: "7d1c53b2-0b61-4a43-9f0b-8f6f2f6f7a10", Name: "Postern test", Secret: "test-secret", Roles: f.roles,
		}
		if err := h.graph.AddApp(h.tenant.App); err != nil {
			tb.Fatal(err)
		}
	}
	if f.secret == "" {
		f.secret = h.tenant.App.Secret
	}
	if f.grants == "" {
		f.grants = allGrants
	}
	if f.plugins == nil {
		f.plugins = allPlugins()
	}
	for _, source := range f.plugins {
		install(tb, source, filepath.Join(h.dir, "plugins"))
	}
	h.write(tb, "ca.pem", string(h.graph.CAPEM()))
	h.write(tb, "secret", f.secret+"\n")
	h.write(tb, "postern.toml", fmt.Sprintf(`
[connection.contoso]
tenant = %q
client_id = %q
client_secret = { file = "secret" }
graph = %q
authority = %q
upload_hosts = [%q]
ca_file = "ca.pem"
retry_wait_time = "0s"
%s
%s`, h.graph.Tenant(), h.tenant.App.ClientID, h.graph.URL, h.graph.URL, h.graph.UploadHost(), f.connection, f.grants))
	if f.user != "" {
		h.forUsers(tb, f.scopes)
	}
	h.open(tb, f)
	if !f.unapproved {
		h.approve(tb)
	}
	if f.user != "" {
		h.signIn(tb, f.user)
	}
	return h
}

// open opens the host anew, as a new process would.
func (h *house) open(tb testing.TB, f furnishing) {
	tb.Helper()
	options := host.Config{
		Operator: h.operator(tb),
		Sandbox:  runtime(tb),
		Logger:   slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:      h.now,
	}
	if f.now != nil {
		options.Now = f.now
	}
	if !h.at.IsZero() {
		options.Now = func() time.Time { return h.at }
	}
	if h.inProcess || f.inProcess {
		options.Transport = h.graph.RoundTripper()
	}
	if f.configure != nil {
		f.configure(&options)
	}
	opened, err := host.Open(options)
	if err != nil {
		tb.Fatal(err)
	}
	h.Host = opened
	tb.Cleanup(func() { opened.Close() })
}

// operator reads the operator's file.
func (h *house) operator(tb testing.TB) *manifests.Config {
	tb.Helper()
	config, err := manifests.LoadConfig(filepath.Join(h.dir, "postern.toml"))
	if err != nil {
		tb.Fatal(err)
	}
	return config
}

// narrow changes the operator's file, and opens the host anew.
func (h *house) narrow(tb testing.TB, old, new string) {
	tb.Helper()
	config := h.read(tb, "postern.toml")
	if !strings.Contains(config, old) {
		tb.Fatalf("the file has no %q", old)
	}
	h.write(tb, "postern.toml", strings.Replace(config, old, new, 1))
	h.open(tb, furnishing{})
}

// forUsers makes the connection one to which users sign in, who have consented to scopes.
func (h *house) forUsers(tb testing.TB, scopes []string) {
	tb.Helper()
	if scopes == nil {
		scopes = []string{"Group-Conversation.Read.All", "Group-Conversation.ReadWrite.All", "Group.ReadBasic.All"}
	}
	app := h.tenant.App
	app.PublicClient, app.Scopes = true, append([]string{"User.Read"}, scopes...)
	if err := h.graph.AddApp(app); err != nil {
		tb.Fatal(err)
	}
	h.write(tb, "postern.toml", strings.Replace(h.read(tb, "postern.toml"), `client_secret = { file = "secret" }`, `auth = "authorization_code"`, 1))
}

// signIn signs a user in to the connection, as somebody with a browser would.
func (h *house) signIn(tb testing.TB, name string) {
	tb.Helper()
	if err := h.graph.SignInAs(name); err != nil {
		tb.Fatal(err)
	}
	user, err := h.Login(tb.Context(), "contoso", func(p connection.Prompt) error {
		page, err := h.graph.Client().Get(p.URL)
		if err != nil {
			return err
		}
		page.Body.Close()
		back, err := page.Location()
		if err != nil {
			return err
		}
		page, err = http.Get(back.String())
		if err == nil {
			page.Body.Close()
		}
		return err
	})
	if err != nil || user != name {
		tb.Fatalf("signed in as %q, %v", user, err)
	}
}

func (h *house) read(tb testing.TB, name string) string {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}

func (h *house) write(tb testing.TB, name, content string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

// approve approves all that is installed.
func (h *house) approve(tb testing.TB) {
	tb.Helper()
	names, err := h.Catalog().Names()
	if err != nil {
		tb.Fatal(err)
	}
	for _, name := range names {
		versions, err := h.Catalog().Versions(name)
		if err != nil {
			tb.Fatal(err)
		}
		for _, v := range versions {
			if err := h.Catalog().Approve(v, time.Now(), func([]byte, manifests.Digest) error { return nil }); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// run invokes an action on the only connection.
func (h *house) run(tb testing.TB, action string, parameters map[string]any) (*host.Result, error) {
	tb.Helper()
	return h.Invoke(context.Background(), host.Invocation{Action: action, Parameters: parameters})
}

// must is run for what has to succeed.
func (h *house) must(tb testing.TB, action string, parameters map[string]any) *host.Result {
	tb.Helper()
	result, err := h.run(tb, action, parameters)
	if err != nil {
		tb.Fatalf("%s: %v", action, err)
	}
	return result
}

// record reads the audit record.
func (h *house) record(tb testing.TB) []audit.Record {
	tb.Helper()
	f, err := os.Open(filepath.Join(h.dir, "audit.jsonl"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	var records []audit.Record
	for r, err := range audit.Read(f, func(*audit.Record) bool { return true }) {
		if err != nil {
			tb.Fatal(err)
		}
		records = append(records, r)
	}
	return records
}

// runtime is shared by all tests, so that a module is compiled once: under the race
// detector that takes long.
func runtime(tb testing.TB) *sandbox.Runtime {
	tb.Helper()
	shared, err := sharedRuntime()
	if err != nil {
		tb.Fatal(err)
	}
	return shared
}

// scratch is a folder for as long as the tests run.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "postern-host-test-"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		return m.Run()
	}())
}

var sharedRuntime = sync.OnceValues(func() (*sandbox.Runtime, error) {
	// Under the race detector the compiler takes ten times as long. make test has the modules compiled without it before.
	dir := os.Getenv("POSTERN_TEST_CACHE")
	if dir == "" {
		dir = filepath.Join(scratch, "cache")
	}
	cache, err := codecache.Open(dir, dir+".key")
	if err != nil {
		return nil, err
	}
	return sandbox.New(sandbox.Config{Cache: cache}), nil
})

// modules are the plugins that this process has built, by source folder.
var modules sync.Map

// install builds the plugin at source, once for all tests, and puts it where the
// host looks for it.
func install(tb testing.TB, source, plugins string) {
	tb.Helper()
	manifest, err := manifests.LoadPlugin(filepath.Join(source, "plugin.toml"))
	if err != nil {
		tb.Fatal(err)
	}
	build, _ := modules.LoadOrStore(source, sync.OnceValues(func() ([]byte, error) {
		wasm, err := buildModule(source)
		if err != nil {
			return nil, err
		}
		// The engine keeps the code of a module as long as one is open, so this one stays.
		_, err = runtime(tb).Compile(context.Background(), sandbox.Bytes(manifest.ABI, wasm))
		return wasm, err
	}))
	wasm, err := build.(func() ([]byte, error))()
	if err != nil {
		tb.Fatal(err)
	}
	folder := filepath.Join(plugins, manifest.Name, manifest.Version.String())
	if err := os.MkdirAll(folder, 0o700); err != nil {
		tb.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(source, "plugin.toml"))
	if err != nil {
		tb.Fatal(err)
	}
	for name, content := range map[string][]byte{"plugin.toml": text, "plugin.wasm": wasm} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

// buildModule builds a plugin by the command that its author would use, with more flags.
func buildModule(source string, flags ...string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "postern-plugin-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "plugin.wasm")
	args := slices.Concat([]string{"build", "-buildmode=c-shared", "-trimpath", "-ldflags", "-s -w", "-o", out}, flags, []string{"."})
	command := exec.Command("go", args...)
	command.Dir = source
	command.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", source, err, strings.TrimSpace(string(output)))
	}
	return os.ReadFile(out)
}

func hostInvocation(action, connection string) host.Invocation {
	return host.Invocation{Action: action, Connection: connection}
}

// safeBuffer is a log that is read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
