package manifests

import (
	"fmt"
	"slices"
	"strings"
)

// Source says where a secret is kept. It never holds the secret, so it may be printed. The zero value is nowhere.
type Source struct{ file, env, keyring, provider, item string }

// File returns the name of the file that holds the secret, as it was written.
func (s Source) File() (string, bool) { return s.file, s.file != "" }

// Env returns the name of the environment variable that holds the secret.
func (s Source) Env() (string, bool) { return s.env, s.env != "" }

// Keyring returns the name of the entry in the keyring of the operating system that holds the secret.
func (s Source) Keyring() (string, bool) { return s.keyring, s.keyring != "" }

// Provider returns the name of the [Provider] that has the secret, and what the provider calls it; the latter may be empty.
func (s Source) Provider() (name, item string, ok bool) { return s.provider, s.item, s.provider != "" }

// IsZero reports whether the operator named no place.
func (s Source) IsZero() bool { return s == Source{} }

// Equal reports whether both name the same place.
func (s Source) Equal(other Source) bool { return s == other }

// FileSource is the source that is a file of this name.
func FileSource(name string) Source { return Source{file: name} }

// String names the place, for messages.
func (s Source) String() string {
	switch {
	case s.file != "":
		return fmt.Sprintf("file %q", s.file)
	case s.env != "":
		return "environment variable " + s.env
	case s.keyring != "":
		return fmt.Sprintf("keyring entry %q", s.keyring)
	case s.item != "":
		return fmt.Sprintf("item %q of the provider %s", s.item, s.provider)
	case s.provider != "":
		return "provider " + s.provider
	default:
		return "nowhere"
	}
}

// sourceExample shows the places that need nothing else.
const sourceExample = `write { file = "client-secret" } or { env = "POSTERN_CLIENT_SECRET" }`

// readSource reads where a secret is, if the key is there. It never quotes a value: an operator may have put the secret itself there.
func readSource(t *table, key string) Source {
	v, ok := t.take(key)
	if !ok {
		return Source{}
	}
	if _, inline := v.(string); inline {
		t.flaw(key, flawf("move it to a file or an environment variable and "+sourceExample+"; treat the old one as leaked", "a secret is never written in this file"))
		return Source{}
	}
	source, ok := t.child(key)
	if !ok {
		return Source{}
	}
	s := Source{
		file:     parsed(source, "file", "", parsePath),
		env:      parsed(source, "env", "", parseEnv),
		keyring:  parsed(source, "keyring", "", parseEntry),
		provider: parsed(source, "provider", "", parseLocalName),
		item:     parsed(source, "item", "", parseEntry),
	}
	places := 0
	for _, place := range []string{"file", "env", "keyring", "provider"} {
		if source.has(place) {
			places++
		}
	}
	if places != 1 {
		source.self(flawf(sourceExample, "the place of the secret is not exactly one of file, env, keyring and provider"))
	}
	if source.has("item") && !source.has("provider") {
		source.flaw("item", flawf("remove it", "only a provider has items"))
	}
	source.finish()
	return s
}

// maxEntry bounds the name of a keyring entry or of a provider's item, in characters.
const maxEntry = 256

func parseEntry(name string) (string, *flaw) { return name, checkText(name, maxEntry) }

// parseEnv accepts the portable names of POSIX: letters, digits and '_', not a digit first.
func parseEnv(name string) (string, *flaw) {
	ok := name != "" && len(name) <= maxName && (name[0] < '0' || name[0] > '9')
	if !ok || strings.ContainsFunc(name, func(c rune) bool { return !isWord(c) }) {
		return "", flawf("write the variable's name, for example POSTERN_CLIENT_SECRET", "the value is not the name of an environment variable")
	}
	return name, nil
}

// sources lists the keys of a connection that say where something is.
func (c *Connection) sources() map[string]Source {
	return map[string]Source{
		"client_secret": c.ClientSecret, "certificate": c.Certificate, "certificate_password": c.CertificatePassword,
		"private_key": c.PrivateKey, "federated_token": c.FederatedToken, "proxy_credentials": c.ProxyCredentials,
	}
}

// checkSources finds providers that no table describes.
func checkSources(c *Config, connections, sinks []*table, host, fleet, notifications *table) {
	var known []string
	for _, p := range c.Providers {
		known = append(known, p.Name)
	}
	check := func(t *table, key string, s Source) {
		if name, _, ok := s.Provider(); ok && !slices.Contains(known, name) {
			t.flaw(key, flawf(nearest(name, known, "provider"), "there is no provider %q", name))
		}
	}
	for i := range c.Connections {
		for key, source := range c.Connections[i].sources() {
			check(connections[i], key, source)
		}
	}
	for i := range c.Sinks {
		check(sinks[i], "secret", c.Sinks[i].Secret)
		check(sinks[i], "credentials", c.Sinks[i].Credentials)
	}
	if host != nil {
		check(host, "token_key", c.Host.TokenKey)
	}
	if fleet != nil {
		check(fleet, "credentials", c.Fleet.Credentials)
	}
	if notifications != nil {
		check(notifications, "certificate", c.Notifications.Certificate)
		check(notifications, "private_key", c.Notifications.PrivateKey)
	}
}
