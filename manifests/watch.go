package manifests

import (
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/postern-dev/postern/manifests/permissions"
)

// Watch is what changes when an action that is polled has something new, so that Graph can be asked to tell. The zero value is nothing.
type Watch struct {
	// Resource is a list that Graph tells of, by [permissions.Watch]. A capability that the action needs has to read it, or its entries.
	// TOML: resource = "/users/{user}/messages", required.
	Resource Template
	// Parameters name for each parameter of the resource the one of the action that has its value: a required string or email that is not
	// a list. TOML: parameters = { user = "email_address" }, required.
	Parameters map[string]string
}

// IsZero reports whether nothing is watched.
func (w Watch) IsZero() bool { return w.Resource.text == "" }

func readWatch(t *table, a *Action) {
	watch, ok := t.child("watch")
	if !ok {
		return
	}
	if !a.Kind.Polled() {
		t.flaw("watch", flawf("remove it", "an action of the kind %q is not polled", string(a.Kind)))
	}
	a.Watch.Resource = parsedRequired(watch, "resource", `"/users/{user}/messages"`, parseWatched)
	if !watch.has("parameters") {
		watch.missing("parameters", `{ user = "email_address" }`)
	}
	if parameters, ok := watch.child("parameters"); ok && !a.Watch.IsZero() {
		a.Watch.Parameters = map[string]string{}
		for _, name := range a.Watch.Resource.Params() {
			a.Watch.Parameters[name] = parsedRequired(parameters, name, `"email_address"`, parseParameterName)
		}
		parameters.finish()
	}
	watch.finish()
}

func parseWatched(path string) (Template, *flaw) {
	template, f := parseTemplate(path)
	if f != nil {
		return template, f
	}
	if _, ok := permissions.Watch(path); !ok {
		return Template{}, flawf(`write "/users/{user}/messages" or "/groups/{group}/conversations"`, "Graph is not asked to tell of changes of %q", path)
	}
	return template, nil
}

// checkWatch finds what is wrong with a watch that only the whole action and its capabilities tell.
func checkWatch(p *Plugin, a *Action, t *table) {
	if a.Watch.IsZero() {
		return
	}
	if _, ok := p.WatchCapability(a); !ok {
		t.flaw("watch", flawf("watch what it reads", "no capability that %s needs reads %s", a.ID, a.Watch.Resource))
	}
	for _, name := range slices.Sorted(maps.Keys(a.Watch.Parameters)) {
		of := a.Watch.Parameters[name]
		i := slices.IndexFunc(a.Parameters, func(parameter Parameter) bool { return parameter.Name == of && parameter.In == "" })
		if of == "" || i >= 0 && a.Parameters[i].givesOneText() {
			continue
		}
		t.flaw("watch", flawf("name a required parameter of the type string or email", "{%s} cannot be the parameter %q of %s", name, of, a.ID))
	}
}

func (p *Parameter) givesOneText() bool {
	return p.Required && !p.Repeatable && (p.Type == TypeString || p.Type == TypeEmail)
}

// WatchCapability returns the capability of an action that watches something by which it reads what it watches, or the entries of that.
func (p *Plugin) WatchCapability(a *Action) (*Capability, bool) {
	reads := func(r Request) bool {
		rest, ok := trimPrefix(r.Path.segments, a.Watch.Resource.segments)
		return ok && r.Method == "GET" && !r.Beta && (len(rest) == 0 || len(rest) == 1 && rest[0].Parameter != "")
	}
	for _, id := range a.Capabilities {
		if c, ok := p.Capability(id); ok && slices.ContainsFunc(c.Requests, reads) {
			return c, true
		}
	}
	return nil, false
}

func trimPrefix(path, prefix []Segment) ([]Segment, bool) {
	if len(path) < len(prefix) || !slices.Equal(path[:len(prefix)], prefix) {
		return nil, false
	}
	return path[len(prefix):], true
}

// Notifications is where Graph reaches this host to tell that something has changed. The zero value is nowhere.
type Notifications struct {
	// Listen is the address of this machine to listen on, as HOST:PORT or :PORT. TOML: listen = "127.0.0.1:8081", required.
	Listen string
	// URL is what leads there from the internet: https://…, or http://… on this machine for an emulated Graph. A path of its own is put
	// behind it. TOML: url = "https://hooks.example/postern", required.
	URL string
	// Certificate says where the certificate of the receiver is, in PEM with those that it was issued by, and with its private key unless
	// PrivateKey has it. Without one the receiver speaks plain HTTP, to a proxy before it. TOML: certificate = { file = "hooks.pem" }, or
	// another [Source], default none.
	Certificate Source
	// PrivateKey says where the private key is, in PEM. TOML: private_key = { file = "hooks.key" }, or another [Source], default in Certificate.
	PrivateKey Source
}

// IsZero reports whether there is none.
func (n Notifications) IsZero() bool { return n.URL == "" }

func readNotifications(t *table) Notifications {
	n := Notifications{
		Listen:      parsedRequired(t, "listen", `"127.0.0.1:8081"`, parseListen),
		URL:         parsedRequired(t, "url", `"https://hooks.example/postern"`, parseNotified),
		Certificate: readSource(t, "certificate"),
		PrivateKey:  readSource(t, "private_key"),
	}
	if t.has("private_key") && !t.has("certificate") {
		t.flaw("private_key", flawf("name the certificate in certificate", "there is no certificate that it is for"))
	}
	t.finish()
	return n
}

func parseListen(address string) (string, *flaw) {
	host, port, err := net.SplitHostPort(address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil || len(address) > MaxPath || host != "" && !isHost(host) {
		return "", flawf(`write for example "127.0.0.1:8081"`, "%q is not HOST:PORT", shorten(address))
	}
	if number == 0 {
		return "", flawf("write the port that the address in url leads to", "the port 0 is another one each time")
	}
	return address, nil
}

// parseNotified never quotes the value: an operator may have put a password there.
func parseNotified(text string) (string, *flaw) {
	const example = `write for example "https://hooks.example/postern"`
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > maxNotified || u.Opaque != "" || u.Hostname() == "" || strings.HasSuffix(u.Host, ":"):
		return "", flawf(example, "the value is not an address of at most %d bytes", maxNotified)
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", flawf(example, "the address has more than a host and a path")
	case u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())):
		return "", flawf(example, "Graph calls https:// addresses only; http:// is for one that is emulated on this machine")
	}
	return text, nil
}

// checkNotify finds triggers that are to be told of changes, in a file without [notifications].
func checkNotify(c *Config, tables []*table) {
	for i := range c.Triggers {
		if c.Triggers[i].Notify {
			tables[i].flaw("notify", flawf(
				"write a [notifications] table with listen and url, or remove it", "Graph cannot be told where it reaches this host"))
		}
	}
}
