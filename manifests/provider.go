package manifests

import (
	"slices"
	"strings"
	"time"
)

// Provider is a program of the operator's that hands out secrets, such as one that asks a vault. It is trusted with them; that it is the
// one that the operator looked at, its digest says.
type Provider struct {
	// Name by which sources refer to it: [a-z][a-z0-9_-]{0,62}.
	Name string
	// Command is the program and its arguments, at most [MaxCommand] words. TOML: command = ["postern-vault", "--role", "postern"], required.
	Command []string
	// SHA256 is the digest of the program's file in lower-case hexadecimal. A file of another digest is not run. TOML: sha256, required.
	SHA256 string
	// Env names the variables of the host's environment that the program gets, beside PATH and HOME; at most [MaxProviderEnv]. TOML: env.
	Env []string
	// Timeout bounds one request to it, its start included, up to [MaxProviderTimeout]. TOML: timeout, default [DefaultProviderTimeout].
	Timeout time.Duration
}

// Bounds of providers.
const (
	MaxProviders           = 20
	MaxCommand             = 20
	MaxProviderEnv         = 20
	MaxProviderTimeout     = time.Minute
	DefaultProviderTimeout = 10 * time.Second
)

// Provider returns the provider of this name.
func (c *Config) Provider(name string) (*Provider, bool) {
	i := slices.IndexFunc(c.Providers, func(p Provider) bool { return p.Name == name })
	if i < 0 {
		return nil, false
	}
	return &c.Providers[i], true
}

func readProvider(name string, t *table) Provider {
	if _, f := parseLocalName(name); f != nil {
		t.self(f)
	}
	p := Provider{
		Name:    name,
		SHA256:  parsedRequired(t, "sha256", `"…", as sha256sum prints it`, parseSHA256),
		Timeout: parsed(t, "timeout", DefaultProviderTimeout, durationWithin(time.Second, MaxProviderTimeout)),
	}
	p.Command, _ = requiredList(t, "command", MaxCommand, `["postern-vault"]`, parsePath)
	p.Env, _ = list(t, "env", MaxProviderEnv, parseEnv)
	t.finish()
	return p
}

func parseSHA256(text string) (string, *flaw) {
	digest := strings.ToLower(text)
	if !isHex(digest, 64) {
		return "", flawf("write what sha256sum prints for the program's file", "the value is not 64 hexadecimal digits")
	}
	return digest, nil
}

func isHex(text string, digits int) bool {
	return len(text) == digits && !strings.ContainsFunc(text, func(c rune) bool { return !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') })
}
