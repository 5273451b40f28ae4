package manifests

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Config is what the operator's file says. It must not be changed after parsing.
type Config struct {
	// Dir is the folder of the file, against which relative paths in it are resolved.
	Dir string
	// Host is where the host keeps its files. TOML: [host], optional as a whole and key by key.
	Host Host
	// Connections by name, at most [MaxConnections]. TOML: [connection.NAME].
	Connections []Connection
	// Grants by name, at most [MaxGrants]. None is no error: nothing runs. TOML: [grant.NAME].
	Grants []Grant

	file  string
	lines lines
}

// Host names the host's own files, as the operator wrote them, each at most [MaxPath] bytes. The methods of [Config]
// resolve them.
type Host struct {
	// Plugins is the folder of the installed plugins: NAME/VERSION/plugin.toml and plugin.wasm. TOML: plugins, default "plugins".
	Plugins string
	// Lock is the file of approved digests. TOML: lock, default "postern.lock".
	Lock string
	// Audit is the file of the audit record. TOML: audit, default "audit.jsonl".
	Audit string
	// Blobs is the folder of the blobs. TOML: blobs, default "blobs".
	Blobs string
	// State is the folder of what outlives the process, such as the key of sealed links. TOML: state, default "state".
	State string
	// Cache is the folder of compiled modules. It may be removed at any time. TOML: cache, default "cache".
	Cache string
}

// Connection is one tenant and one application identity.
type Connection struct {
	// Name by which invocations and grants refer to it: [a-z][a-z0-9_-]{0,62}.
	Name string
	// Tenant is the directory id or a verified domain of it. TOML: tenant, required.
	Tenant string
	// ClientID is the application (client) id. TOML: client_id, required.
	ClientID string
	// Auth is how the application proves who it is. TOML: auth, default "secret", the only way of this version.
	Auth Auth
	// ClientSecret says where the secret is. TOML: client_secret = { file = "…" } or { env = "…" }, required.
	ClientSecret Source
	// Graph is the https origin of Microsoft Graph. TOML: graph, default [DefaultGraph].
	Graph string
	// Authority is the https origin of the token service. TOML: authority, default [DefaultAuthority].
	Authority string
	// CAFile holds one more root certificate (PEM) to trust for these two origins, upload sessions and an https proxy only. TOML: ca_file, default none.
	CAFile string
	// UploadHosts are where the upload sessions of large attachments may be, beside the Graph origin: a host, host:port, or
	// *.domain for every host below it; at most [MaxUploadHosts]. The bytes of attachments go there, and no token.
	// TOML: upload_hosts = ["outlook.office.com"], default [DefaultUploadHosts].
	UploadHosts []string
	// Proxy is the HTTP proxy (CONNECT) by which the connection reaches Graph, its token service and its upload sessions:
	// an http or https origin, or [ProxyFromEnvironment]. TOML: proxy = "http://proxy.example:8080", default none:
	// HTTPS_PROXY and its kind are not looked at.
	Proxy string
	// ProxyCredentials says where the user and the password for the proxy are, as USER:PASSWORD. They are read for each
	// connection to it. TOML: proxy_credentials = { file = "…" } or { env = "…" }, default none.
	ProxyCredentials Source
	// Rate bounds the requests of the whole connection. TOML: rate = "100/60s", default unlimited.
	Rate Rate
	// RetryCount is how often a request is sent at most when it fails for a reason that may pass, 1 to
	// [MaxRetryCount]. TOML: retry_count, default [DefaultRetryCount].
	RetryCount int
	// RetryWaitTime is the longest wait between two attempts, up to [MaxRetryWaitTime]. TOML: retry_wait_time = "60s",
	// default [DefaultRetryWaitTime].
	RetryWaitTime time.Duration
}

// ProxyFromEnvironment is the Proxy that is the one of HTTPS_PROXY and NO_PROXY, in upper or lower case.
const ProxyFromEnvironment = "environment"

// MaxUploadHosts is how many hosts of upload sessions a connection may name.
const MaxUploadHosts = 20

// DefaultUploadHosts are the domains of Outlook in all clouds.
// Source: https://learn.microsoft.com/microsoft-365/enterprise/urls-and-ip-address-ranges
func DefaultUploadHosts() []string {
	return []string{"*.office.com", "*.office365.com", "*.office365.us", "*.partner.outlook.cn"}
}

// Bounds and defaults of tries, as the MS Graph for Office 365 connector has them.
const (
	DefaultRetryCount    = 3
	MaxRetryCount        = 10
	DefaultRetryWaitTime = 60 * time.Second
	MaxRetryWaitTime     = 10 * time.Minute
)

// The origins of the global Microsoft cloud.
// Source: https://learn.microsoft.com/graph/deployments
const (
	DefaultGraph     = "https://graph.microsoft.com"
	DefaultAuthority = "https://login.microsoftonline.com"
)

// Auth is a way for a connection to sign in.
type Auth string

// AuthSecret is a client secret, the OAuth 2.0 client credentials flow.
const AuthSecret Auth = "secret"

// Source says where a secret is kept. It never holds the secret, so it may be printed.
type Source struct{ file, env string }

// File returns the name of the file that holds the secret, as it was written.
func (s Source) File() (string, bool) { return s.file, s.file != "" }

// Env returns the name of the environment variable that holds the secret.
func (s Source) Env() (string, bool) { return s.env, s.env != "" }

// Equal reports whether both name the same place.
func (s Source) Equal(other Source) bool { return s == other }

// String names the place, for messages.
func (s Source) String() string {
	switch {
	case s.file != "":
		return fmt.Sprintf("file %q", s.file)
	case s.env != "":
		return "environment variable " + s.env
	default:
		return "nowhere"
	}
}

// Resolve returns path as it is if it is absolute, and otherwise below the folder of the file.
func (c *Config) Resolve(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(c.Dir, path)
}

// PluginsDir returns the full path of the folder of the installed plugins.
func (c *Config) PluginsDir() string { return c.Resolve(c.Host.Plugins) }

// LockFile returns the full path of the lock file.
func (c *Config) LockFile() string { return c.Resolve(c.Host.Lock) }

// AuditFile returns the full path of the audit record.
func (c *Config) AuditFile() string { return c.Resolve(c.Host.Audit) }

// BlobsDir returns the full path of the folder of the blobs.
func (c *Config) BlobsDir() string { return c.Resolve(c.Host.Blobs) }

// StateDir returns the full path of the folder of what outlives the process.
func (c *Config) StateDir() string { return c.Resolve(c.Host.State) }

// CacheDir returns the full path of the folder of compiled modules.
func (c *Config) CacheDir() string { return c.Resolve(c.Host.Cache) }

// Connection returns the connection of this name.
func (c *Config) Connection(name string) (*Connection, bool) {
	i := slices.IndexFunc(c.Connections, func(connection Connection) bool { return connection.Name == name })
	if i < 0 {
		return nil, false
	}
	return &c.Connections[i], true
}

// Grant returns the grant that allows the action on the connection; there is at most one. Whether it fits the plugin that
// has the action, and its version, is left to the caller, who can then say so.
func (c *Config) Grant(connection, action string) (*Grant, bool) {
	i := slices.IndexFunc(c.Grants, func(g Grant) bool {
		return slices.Contains(g.Connections, connection) && slices.Contains(g.Actions, action)
	})
	if i < 0 {
		return nil, false
	}
	return &c.Grants[i], true
}

// ParseConfig reads an operator's file. name is the file's name, used in errors and for [Config.Dir]; paths in the
// file stay as they are written. The error is an [Errors].
func ParseConfig(name string, src []byte) (*Config, error) {
	values, r := decode(name, src, MaxConfigFile)
	if r.err() != nil {
		return nil, r.err()
	}
	root := &table{report: r, values: values}
	c := &Config{Dir: filepath.Dir(name), file: name, lines: r.lines}
	c.Host = readHost(root)
	names, tables := root.named("connection", MaxConnections)
	for i, t := range tables {
		c.Connections = append(c.Connections, readConnection(names[i], t))
	}
	names, tables = root.named("grant", MaxGrants)
	for i, t := range tables {
		c.Grants = append(c.Grants, readGrant(names[i], t))
	}
	root.finish()
	checkGrants(c, tables)
	if err := r.err(); err != nil {
		return nil, err
	}
	return c, nil
}

func readHost(root *table) Host {
	h := Host{Plugins: "plugins", Lock: "postern.lock", Audit: "audit.jsonl", Blobs: "blobs", State: "state", Cache: "cache"}
	t, ok := root.child("host")
	if !ok {
		return h
	}
	h.Plugins = parsed(t, "plugins", h.Plugins, parsePath)
	h.Lock = parsed(t, "lock", h.Lock, parsePath)
	h.Audit = parsed(t, "audit", h.Audit, parsePath)
	h.Blobs = parsed(t, "blobs", h.Blobs, parsePath)
	h.State = parsed(t, "state", h.State, parsePath)
	h.Cache = parsed(t, "cache", h.Cache, parsePath)
	t.finish()
	return h
}

func parsePath(path string) (string, *flaw) {
	if len(path) > MaxPath {
		return "", flawf("shorten it", "the path is longer than %d bytes", MaxPath)
	}
	return path, checkText(path, MaxPath)
}

func readConnection(name string, t *table) Connection {
	if _, f := parseLocalName(name); f != nil {
		t.self(f)
	}
	c := Connection{
		Name:      name,
		Tenant:    parsedRequired(t, "tenant", `"contoso.onmicrosoft.com"`, parseTenant),
		ClientID:  parsedRequired(t, "client_id", `"00000000-0000-0000-0000-000000000000"`, parseClientID),
		Auth:      parsed(t, "auth", AuthSecret, parseAuth),
		Graph:     parsed(t, "graph", DefaultGraph, parseOrigin),
		Authority: parsed(t, "authority", DefaultAuthority, parseOrigin),
		CAFile:    parsed(t, "ca_file", "", parsePath),
		Proxy:     parsed(t, "proxy", "", parseProxy),
		Rate:      parsed(t, "rate", Rate{}, parseRate),

		RetryCount:    int(t.integer("retry_count", 1, MaxRetryCount, DefaultRetryCount)),
		RetryWaitTime: parsed(t, "retry_wait_time", DefaultRetryWaitTime, durationWithin(0, MaxRetryWaitTime)),
	}
	c.UploadHosts, _ = list(t, "upload_hosts", MaxUploadHosts, parseUploadHost)
	if !t.has("upload_hosts") {
		c.UploadHosts = DefaultUploadHosts()
	}
	c.ClientSecret = readSource(t, "client_secret")
	if t.has("proxy_credentials") {
		c.ProxyCredentials = readSource(t, "proxy_credentials")
		if !t.has("proxy") || c.Proxy == ProxyFromEnvironment {
			t.flaw("proxy_credentials", flawf("name the proxy in proxy", "there is no proxy that they are for"))
		}
	}
	t.finish()
	return c
}

// parseProxy accepts http://host:port, https://host:port and the word for the environment. It never quotes the value: an
// operator may have put a password there.
func parseProxy(proxy string) (string, *flaw) {
	const example = `write for example "http://proxy.example:8080", or "environment"`
	if proxy == ProxyFromEnvironment {
		return proxy, nil
	}
	if strings.Contains(proxy, "@") {
		return "", flawf("move them to proxy_credentials = { file = \"…\" }; treat the old password as leaked",
			"a user and a password are never written in this file")
	}
	origin, ok := strings.CutPrefix(proxy, "http://")
	if !ok {
		origin, ok = strings.CutPrefix(proxy, "https://")
	}
	if !ok {
		return "", flawf(example, "the value is not an http or https proxy")
	}
	if _, f := parseOrigin("https://" + origin); f != nil {
		return "", flawf(example, "the value is not a proxy's scheme, lower-case host and port alone")
	}
	return proxy, nil
}

// parseTenant accepts a directory id or domain. The words that stand for many tenants are refused: an application
// signs in to one.
func parseTenant(tenant string) (string, *flaw) {
	const example = "write the directory id, or a verified domain of the tenant"
	switch strings.ToLower(tenant) {
	case "common", "organizations", "consumers":
		return "", flawf(example, "%q is not one tenant", tenant)
	}
	if !isGUID(tenant) && !isDomain(tenant) {
		return "", flawf(example, "%q is neither a directory id nor a domain", shorten(tenant))
	}
	return tenant, nil
}

func parseClientID(id string) (string, *flaw) {
	if !isGUID(id) {
		return "", flawf("write the application (client) id that the portal shows", "%q is not an application id", shorten(id))
	}
	return id, nil
}

func parseAuth(auth string) (Auth, *flaw) {
	const offered = `write "secret", the only way to sign in that this version offers`
	switch auth {
	case string(AuthSecret):
		return AuthSecret, nil
	case "certificate", "automatic", "device_code", "authorization_code", "managed_identity", "workload_identity":
		return AuthSecret, flawf(offered, "%q is not offered in this version", auth)
	default:
		return AuthSecret, flawf(offered, "%q is not a way to sign in", shorten(auth))
	}
}

// parseOrigin accepts https://host or https://host:port, in lower case, and nothing behind it.
func parseOrigin(origin string) (string, *flaw) {
	const example = `write for example "` + DefaultGraph + `", without a path or a final '/'`
	u, err := url.Parse(origin)
	if err != nil || len(origin) > MaxPath {
		return "", flawf(example, "the value is not an origin")
	}
	if u.Scheme != "https" {
		return "", flawf(example, "the origin is not https")
	}
	host := u.Hostname()
	if origin != "https://"+u.Host || origin != strings.ToLower(origin) || strings.HasSuffix(u.Host, ":") || !isHost(host) {
		return "", flawf(example, "the value is more than an https origin, or its host is not a lower-case name")
	}
	if port := u.Port(); port != "" {
		if n, ok := parseWhole(port); !ok || n == 0 || n > 65535 {
			return "", flawf(example, "%q is not a port", shorten(port))
		}
	}
	return origin, nil
}

// parseUploadHost accepts host, host:port and *.domain, in lower case.
func parseUploadHost(host string) (string, *flaw) {
	if domain, wild := strings.CutPrefix(host, "*."); wild {
		if !isDomain(domain) || domain != strings.ToLower(domain) {
			return "", flawf(`write for example "*.office.com"`, "%q is not a domain", shorten(host))
		}
		return host, nil
	}
	if _, f := parseOrigin("https://" + host); f != nil {
		return "", flawf(`write for example "outlook.office.com"`, "%q is not a host in lower case", shorten(host))
	}
	return host, nil
}

// isHost accepts a domain, a single label such as localhost, or an IP address.
func isHost(host string) bool {
	return net.ParseIP(host) != nil || isDomain(host) || host != "" && isDomain(host+".x")
}

// readSource reads where a secret is. It never quotes a value: an operator may have put the secret itself there.
func readSource(t *table, key string) Source {
	const example = `write { file = "client-secret" } or { env = "POSTERN_CLIENT_SECRET" }`
	v, ok := t.take(key)
	if !ok {
		t.flaw(key, flawf(example, "the key is missing"))
		return Source{}
	}
	if _, inline := v.(string); inline {
		t.flaw(key, flawf("move the secret to a file or an environment variable and "+example+"; treat the old one as leaked", "a secret is never written in this file"))
		return Source{}
	}
	source, ok := t.child(key)
	if !ok {
		return Source{}
	}
	s := Source{
		file: parsed(source, "file", "", parsePath),
		env:  parsed(source, "env", "", parseEnv),
	}
	if source.has("file") == source.has("env") {
		source.self(flawf(example, "the place of the secret is not exactly one of file and env"))
	}
	source.finish()
	return s
}

// parseEnv accepts the portable names of POSIX: letters, digits and '_', not a digit first.
func parseEnv(name string) (string, *flaw) {
	ok := name != "" && len(name) <= maxName && (name[0] < '0' || name[0] > '9')
	if !ok || strings.ContainsFunc(name, func(c rune) bool { return !isWord(c) }) {
		return "", flawf("write the variable's name, for example POSTERN_CLIENT_SECRET", "the value is not the name of an environment variable")
	}
	return name, nil
}
