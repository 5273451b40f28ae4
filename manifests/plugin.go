package manifests

import (
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/postern-dev/postern/manifests/permissions"
)

// The contracts between host and guest that this version speaks. Both carry the same documents.
const (
	// ABI is the contract of package abi: three functions of the host, and the guest's memory is its own.
	ABI = "postern/1"
	// ABIExtism is for modules built with an Extism PDK, which exchange the documents through Extism's memory.
	ABIExtism = "extism/1"
)

// Plugin is what a plugin manifest says. It must not be changed after parsing.
type Plugin struct {
	// Name of the plugin, [a-z][a-z0-9-]{0,62}; it is also the name of the plugin's folder, so the names of Windows devices are refused.
	// TOML: [plugin] name, required.
	Name string
	// Version of the module, by semver.org without a leading "v". TOML: [plugin] version, required.
	Version *semver.Version
	// ABI is the contract that the module was built for, [ABI] or [ABIExtism]. TOML: [plugin] abi, required.
	ABI string
	// Title for people, at most [MaxTitle] characters. TOML: [plugin] title, required.
	Title string
	// Description for people, at most [MaxDescription] characters. TOML: [plugin] description, required.
	Description string
	// Limits that the plugin asks for. TOML: [limits], optional as a whole and key by key.
	Limits Limits
	// Rate bounds the requests that the plugin makes on one connection, beside the rates of the connection and of the
	// grant: a plugin keeps to it where nobody else sets one. TOML: [limits] rate = "100/60s", default unlimited.
	Rate Rate
	// Capabilities in the order of the file, at most [MaxCapabilities]; each is used by an action. TOML: [[capability]].
	Capabilities []Capability
	// Actions in the order of the file, 1 to [MaxActions]. TOML: [[action]].
	Actions []Action
}

// Capability is a named set of Graph requests that the plugin asks for.
type Capability struct {
	// ID is two or more lower-case words joined by dots, "mail.read". TOML: id, required.
	ID string
	// Description of what it allows, for the operator who grants it, at most [MaxDescription] characters. TOML: description, required.
	Description string
	// Requests that it covers, 1 to [MaxRequests]. TOML: requests = ["GET /users/{user}/messages"], required. One of Graph's
	// beta version is written "GET beta:/users/{user}"; its permissions are those of the same request of v1.0.
	Requests []Request
	// Permissions that the requests need: for each scheme that is stated, every request is allowed by one of them and
	// each of them allows a request. TOML: permissions = { application = […], delegated = […] }, at least one of both.
	Permissions Permissions
}

// Request is a method and a path template. It goes to Graph v1.0, or to the beta version if that is written before the
// path, "GET beta:/users/{user}", and the grant says beta = true.
type Request struct {
	Method string // GET, POST, PATCH, PUT or DELETE
	Path   Template
	Beta   bool
}

// betaPrefix stands before the path of a request to Graph's beta version.
const betaPrefix = "beta:"

// String returns the request as the manifest writes it.
func (r Request) String() string { return r.Method + " " + r.Target() }

// Target is the path with the version before it if that is not v1.0: what a guest asks for.
func (r Request) Target() string {
	if r.Beta {
		return betaPrefix + r.Path.String()
	}
	return r.Path.String()
}

// Permissions names Microsoft Graph permissions for each kind of token, sorted, at most [MaxStatedPermissions] each.
type Permissions struct {
	Application []string // for a token of the application itself
	Delegated   []string // for a token of a signed-in user
}

// Capability returns the capability with this id.
func (p *Plugin) Capability(id string) (*Capability, bool) {
	i := slices.IndexFunc(p.Capabilities, func(c Capability) bool { return c.ID == id })
	if i < 0 {
		return nil, false
	}
	return &p.Capabilities[i], true
}

// Action returns the action with this id.
func (p *Plugin) Action(id string) (*Action, bool) {
	i := slices.IndexFunc(p.Actions, func(a Action) bool { return a.ID == id })
	if i < 0 {
		return nil, false
	}
	return &p.Actions[i], true
}

// ActionPermissions returns the sorted union of the permissions of all capabilities, needed and optional, of an
// action. It is empty for an action that the plugin does not have.
func (p *Plugin) ActionPermissions(action string) Permissions {
	var union Permissions
	a, ok := p.Action(action)
	if !ok {
		return union
	}
	for _, id := range slices.Concat(a.Capabilities, a.Optional) {
		if c, ok := p.Capability(id); ok {
			union.Application = append(union.Application, c.Permissions.Application...)
			union.Delegated = append(union.Delegated, c.Permissions.Delegated...)
		}
	}
	union.Application = sortedSet(union.Application)
	union.Delegated = sortedSet(union.Delegated)
	return union
}

func sortedSet(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// ParsePlugin reads a plugin manifest. name is the file's name, used in errors only. The error is an [Errors].
func ParsePlugin(name string, src []byte) (*Plugin, error) {
	values, r := decode(name, src, MaxPluginFile)
	if r.err() != nil {
		return nil, r.err()
	}
	root := &table{report: r, values: values}
	p := &Plugin{Limits: defaultLimits()}
	readPluginTable(root, p)
	if limits, ok := root.child("limits"); ok {
		p.Limits = readLimits(limits, p.Limits)
		p.Rate = parsed(limits, "rate", Rate{}, parseRate)
		limits.finish()
	}
	capabilities := root.elements("capability", "id", MaxCapabilities)
	for _, t := range capabilities {
		p.Capabilities = append(p.Capabilities, readCapability(t))
	}
	actions := root.elements("action", "id", MaxActions)
	for _, t := range actions {
		p.Actions = append(p.Actions, readAction(t))
	}
	if !root.has("action") {
		root.flaw("action", flawf("write one [[action]] table for each action", "the plugin has no action"))
	}
	root.finish()
	checkReferences(p, capabilities, actions)
	if err := r.err(); err != nil {
		return nil, err
	}
	return p, nil
}

func readPluginTable(root *table, p *Plugin) {
	t, ok := root.child("plugin")
	if !ok {
		if !root.has("plugin") {
			root.flaw("plugin", flawf("start the manifest with [plugin]", "the table is missing"))
		}
		return
	}
	p.Name = parsedRequired(t, "name", `"mail"`, parsePluginName)
	p.Version = parsedRequired(t, "version", `"1.0.0"`, parseVersion)
	p.ABI = parsedRequired(t, "abi", `"`+ABI+`"`, parseABI)
	p.Title = t.required("title", MaxTitle, `"Mail"`)
	p.Description = t.required("description", MaxDescription, `"Read, search and send messages."`)
	t.finish()
}

func parseABI(abi string) (string, *flaw) {
	switch abi {
	case ABI, ABIExtism:
		return abi, nil
	default:
		return "", flawf(`write "`+ABI+`", or "`+ABIExtism+`" for a module built with an Extism PDK`, "%q is not an ABI", shorten(abi))
	}
}

func readCapability(t *table) Capability {
	c := Capability{
		ID:          parsedRequired(t, "id", `"mail.read"`, parseID),
		Description: t.required("description", MaxDescription, `"Read messages and their attachments"`),
	}
	requests, complete := requiredList(t, "requests", MaxRequests, `["GET /users/{user}/messages"]`, parseRequest)
	c.Requests = requests
	if !t.has("permissions") {
		t.known = append(t.known, "permissions")
		t.missing("permissions", `{ application = ["Mail.Read"] }`)
	}
	if stated, ok := t.child("permissions"); ok {
		c.Permissions.Application = readPermissions(stated, permissions.Application, c.Requests, complete)
		c.Permissions.Delegated = readPermissions(stated, permissions.Delegated, c.Requests, complete)
		if !stated.has("application") && !stated.has("delegated") {
			stated.self(flawf(`write for example { application = ["Mail.Read"] }`, "no permission is stated"))
		}
		stated.finish()
	}
	t.finish()
	return c
}

// requiredList reads a list that must be there and must not be empty.
func requiredList[T any](t *table, key string, max int, example string, parse func(string) (T, *flaw)) ([]T, bool) {
	if !t.has(key) {
		t.known = append(t.known, key)
		t.missing(key, example)
		return nil, false
	}
	items, ok := list(t, key, max, parse)
	if ok && len(items) == 0 {
		t.flaw(key, flawf("write for example "+key+" = "+example, "the list is empty"))
		return nil, false
	}
	return items, ok
}

func parseRequest(text string) (Request, *flaw) {
	const example = `write for example "GET /users/{user}/messages"`
	method, path, ok := strings.Cut(text, " ")
	if !ok {
		return Request{}, flawf(example, "%q is not a method, a blank and a path", shorten(text))
	}
	switch method {
	case "GET", "POST", "PATCH", "PUT", "DELETE":
	default:
		return Request{}, flawf("write GET, POST, PATCH, PUT or DELETE", "%q is not a method", shorten(method))
	}
	path, beta := strings.CutPrefix(path, betaPrefix)
	template, f := parseTemplate(path)
	return Request{method, template, beta}, f
}

// readPermissions reads the permissions of one scheme and judges them by the permission table. complete says that
// every request could be read, so that a permission without a request is surplus; one problem leads to the other, so
// surplus is looked for only when every request is allowed.
func readPermissions(t *table, scheme permissions.Scheme, requests []Request, complete bool) []string {
	key := scheme.String()
	if !t.has(key) {
		t.known = append(t.known, key)
		return nil
	}
	names, ok := requiredList(t, key, MaxStatedPermissions, `["Mail.Read"]`, func(name string) (string, *flaw) {
		if !permissions.Known(name) {
			return "", flawf(rightPermissions(scheme, requests), "%q is not a Microsoft Graph permission that Postern knows", shorten(name))
		}
		return name, nil
	})
	if !ok {
		return nil
	}
	for _, r := range requests {
		if !slices.ContainsFunc(names, func(name string) bool { return allows(name, scheme, r) }) {
			t.flaw(key, flawf(rightPermissions(scheme, []Request{r}), "%s does not allow %s", strings.Join(names, " or "), r))
			complete = false
		}
	}
	for _, name := range names {
		if complete && !slices.ContainsFunc(requests, func(r Request) bool { return allows(name, scheme, r) }) {
			t.flaw(key, flawf(rightPermissions(scheme, requests), "%s allows none of the requests to a token of the scheme %s", name, scheme))
		}
	}
	slices.Sort(names)
	return names
}

func allows(name string, scheme permissions.Scheme, r Request) bool {
	return permissions.Allows(name, scheme, r.Method, r.Path.String())
}

// rightPermissions says which permissions the requests need.
func rightPermissions(scheme permissions.Scheme, requests []Request) string {
	var needed []string
	for _, r := range requests {
		least := permissions.Least(scheme, r.Method, r.Path.String())
		if len(least) == 0 {
			return fmt.Sprintf("no %s permission allows %s, so leave %s out or move the request to another capability", scheme, r, scheme)
		}
		needed = append(needed, strings.Join(least, " or "))
	}
	if len(needed) == 0 {
		return "state the least permission of each request"
	}
	return "the least for the requests: " + strings.Join(sortedSet(needed), ", ")
}

// checkReferences finds duplicate ids, capabilities that actions name and nobody declares, and capabilities that
// nobody names.
func checkReferences(p *Plugin, capabilities, actions []*table) {
	used := map[string]bool{}
	seen := map[string]bool{}
	for i, a := range p.Actions {
		if a.ID != "" && seen[a.ID] {
			actions[i].flaw("id", flawf("rename one", "two actions have the id %q", a.ID))
		}
		seen[a.ID] = true
		checkNamed(p, actions[i], "capabilities", a.Capabilities, used)
		checkNamed(p, actions[i], "optional", a.Optional, used)
		checkPicks(p, a, actions[i])
		checkWatch(p, &a, actions[i])
	}
	clear(seen)
	for i, c := range p.Capabilities {
		switch {
		case c.ID == "":
		case seen[c.ID]:
			capabilities[i].flaw("id", flawf("rename one", "two capabilities have the id %q", c.ID))
		case !used[c.ID]:
			capabilities[i].flaw("id", flawf("remove it, or name it in an action's capabilities", "no action uses the capability %q", c.ID))
		}
		seen[c.ID] = true
	}
}

// checkNamed looks the capabilities up that an action names under key, and marks them as used.
func checkNamed(p *Plugin, action *table, key string, ids []string, used map[string]bool) {
	for _, id := range ids {
		used[id] = true
		if _, ok := p.Capability(id); !ok {
			action.flaw(key, flawf(nearestCapability(id, p), "no [[capability]] has the id %q", id))
		}
	}
}

// checkPicks finds actions that cannot list the values of a parameter.
func checkPicks(p *Plugin, a Action, table *table) {
	for _, parameter := range a.Parameters {
		if parameter.Pick == "" {
			continue
		}
		picker, ok := p.Action(parameter.Pick)
		switch {
		case !ok:
			table.flaw("parameter", flawf("name an action of this plugin", "the parameter %s is picked by %q, which is no action", parameter.Name, parameter.Pick))
		case !picker.ReadOnly:
			table.flaw("parameter", flawf("name one that only reads", "the parameter %s is picked by %s, which may change something", parameter.Name, picker.ID))
		case slices.ContainsFunc(picker.Parameters, func(p Parameter) bool { return p.MustBeGiven() }):
			table.flaw("parameter", flawf("name one without", "the parameter %s is picked by %s, which has a required parameter", parameter.Name, picker.ID))
		}
	}
}

func nearestCapability(id string, p *Plugin) string {
	var ids []string
	for _, c := range p.Capabilities {
		ids = append(ids, c.ID)
	}
	if len(ids) == 0 {
		return "declare it in a [[capability]] table"
	}
	return suggest(id, ids)
}
