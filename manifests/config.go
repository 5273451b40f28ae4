package manifests

import (
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
	// Modified is when the file was written last: a trigger that had stopped before is tried again. Zero if it was not read from a file.
	Modified time.Time
	// Host is where the host keeps its files. TOML: [host], optional as a whole and key by key.
	Host Host
	// Fleet is what this host shares with others. TOML: [fleet], default none.
	Fleet Fleet
	// Connections by name, at most [MaxConnections]. TOML: [connection.NAME].
	Connections []Connection
	// Providers by name, at most [MaxProviders]. TOML: [provider.NAME].
	Providers []Provider
	// Grants by name, at most [MaxGrants]. None is no error: nothing runs. TOML: [grant.NAME].
	Grants []Grant
	// Triggers by name, at most [MaxTriggers]. TOML: [trigger.NAME].
	Triggers []Trigger
	// Sinks by name, at most [MaxSinks]. TOML: [sink.NAME].
	Sinks []Sink
	// Notifications is where Graph reaches this host. TOML: [notifications], default nowhere.
	Notifications Notifications

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
	// Keep is how long blobs that records of triggers name are kept at least, from [MinKeep] to [MaxKeep]: they are kept until every sink has
	// the record, and until this time has passed since they were last saved. TOML: keep = "168h", default [DefaultKeep].
	Keep time.Duration
	// Cache is the folder of compiled modules. It may be removed at any time. TOML: cache, default "cache".
	Cache string
	// TokenKey says where the key is that the tokens of signed-in users are encrypted with: 32 bytes in base64. TOML: token_key =
	// { keyring = "…" }, { env = "…" } or { file = "…" }, default a file in the state folder, made when first needed.
	TokenKey Source
}

// Connection is one tenant and one application identity.
type Connection struct {
	// Name by which invocations and grants refer to it: [a-z][a-z0-9_-]{0,62}.
	Name string
	// Tenant is the directory id or a verified domain of it. TOML: tenant, required but for managed_identity.
	Tenant string
	// ClientID is the application (client) id. TOML: client_id, required but for managed_identity, where its absence means the
	// identity that the system has assigned.
	ClientID string
	// Auth is the way to sign in, which says what of the following keys it needs and takes. TOML: auth, default "secret".
	Auth Auth
	// ClientSecret says where the secret is. TOML: client_secret = { file = "…" }, or another [Source].
	ClientSecret Source
	// SecretExpires is the end of the secret, which Entra tells no client; zero if unknown. TOML: client_secret_expires = 2027-01-31.
	SecretExpires time.Time
	// Certificate says where the certificate is: PEM, or PFX (PKCS #12), with its private key unless PrivateKey has it. TOML: certificate.
	Certificate Source
	// CertificatePassword says where the password of a PFX is. TOML: certificate_password.
	CertificatePassword Source
	// PrivateKey says where the private key is, in PEM, when it is not beside the certificate. TOML: private_key.
	PrivateKey Source
	// Thumbprint is the SHA-1 (40 digits) or SHA-256 (64) of the certificate in lower-case hexadecimal. With a certificate it is
	// checked; with PrivateKey alone it stands for it. TOML: certificate_thumbprint; colons, blanks and letter case do not matter.
	Thumbprint string
	// FederatedToken says where the token is that stands for a credential. TOML: federated_token, default the file that the
	// environment variable [FederatedTokenEnv] names.
	FederatedToken Source
	// Scopes are the delegated permissions that a sign-in asks for, such as Mail.Read, at most [MaxScopes]. Empty asks for all that the
	// application is registered with. TOML: scopes.
	Scopes []string
	// TestMailbox is the mailbox by which connection.test tries what needs one. TOML: test_mailbox, default none.
	TestMailbox string
	// Cloud is the Microsoft cloud that the tenant is in, which Graph and Authority follow. TOML: cloud, default "global".
	Cloud Cloud
	// Graph is the https origin of Microsoft Graph. TOML: graph, default that of the cloud.
	Graph string
	// Authority is the https origin of the token service. TOML: authority, default that of the cloud.
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
	// connection to it. TOML: proxy_credentials = { file = "…" }, or another [Source], default none.
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

// Bounds and the default of how long blobs of records are kept. The least is longer than any invocation, so that
// none is removed before its record is committed.
const (
	MinKeep     = time.Hour
	MaxKeep     = 366 * 24 * time.Hour
	DefaultKeep = 7 * 24 * time.Hour
)

// Bounds and defaults of tries, as the MS Graph for Office 365 connector has them.
const (
	DefaultRetryCount    = 3
	MaxRetryCount        = 10
	DefaultRetryWaitTime = 60 * time.Second
	MaxRetryWaitTime     = 10 * time.Minute
)

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
	hostTable, hasHost := root.child("host")
	c.Host = readHost(hostTable, hasHost)
	fleet, hasFleet := root.child("fleet")
	if hasFleet {
		c.Fleet = readFleet(fleet)
	}
	names, connections := root.named("connection", MaxConnections)
	for i, t := range connections {
		c.Connections = append(c.Connections, readConnection(names[i], t))
	}
	names, providers := root.named("provider", MaxProviders)
	for i, t := range providers {
		c.Providers = append(c.Providers, readProvider(names[i], t))
	}
	names, sinks := root.named("sink", MaxSinks)
	for i, t := range sinks {
		c.Sinks = append(c.Sinks, readSink(names[i], t))
	}
	notifications, hasNotifications := root.child("notifications")
	if hasNotifications {
		c.Notifications = readNotifications(notifications)
	}
	checkSources(c, connections, sinks, hostTable, fleet, notifications)
	names, grants := root.named("grant", MaxGrants)
	for i, t := range grants {
		c.Grants = append(c.Grants, readGrant(names[i], t))
	}
	names, triggers := root.named("trigger", MaxTriggers)
	for i, t := range triggers {
		c.Triggers = append(c.Triggers, readTrigger(names[i], t))
	}
	root.finish()
	checkGrants(c, grants)
	checkTriggers(c, triggers)
	if !root.has("notifications") {
		checkNotify(c, triggers)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return c, nil
}

func readHost(t *table, ok bool) Host {
	h := Host{Plugins: "plugins", Lock: "postern.lock", Audit: "audit.jsonl", Blobs: "blobs", State: "state", Keep: DefaultKeep, Cache: "cache"}
	if !ok {
		return h
	}
	h.Plugins = parsed(t, "plugins", h.Plugins, parsePath)
	h.Lock = parsed(t, "lock", h.Lock, parsePath)
	h.Audit = parsed(t, "audit", h.Audit, parsePath)
	h.Blobs = parsed(t, "blobs", h.Blobs, parsePath)
	h.State = parsed(t, "state", h.State, parsePath)
	h.Keep = parsed(t, "keep", h.Keep, durationWithin(MinKeep, MaxKeep))
	h.Cache = parsed(t, "cache", h.Cache, parsePath)
	h.TokenKey = readSource(t, "token_key")
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
	cloud := parsed(t, "cloud", CloudGlobal, parseCloud)
	graph, authority := cloud.Origins()
	c := Connection{
		Name:      name,
		Cloud:     cloud,
		Graph:     parsed(t, "graph", graph, parseOrigin),
		Authority: parsed(t, "authority", authority, parseOrigin),
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
	readIdentity(t, &c)
	c.ProxyCredentials = readSource(t, "proxy_credentials")
	if t.has("proxy_credentials") && (!t.has("proxy") || c.Proxy == ProxyFromEnvironment) {
		t.flaw("proxy_credentials", flawf("name the proxy in proxy", "there is no proxy that they are for"))
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
