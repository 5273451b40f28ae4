package graphtest

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// A Group is a Microsoft 365 group with its conversations, or a security group without.
type Group struct {
	server        *Server
	id            string
	name          string
	mail          string
	unified       bool
	private       bool
	members       map[string]bool // user ids
	conversations []*conversation
	calendar      calendar
	posts         int // how many posts were ever added; numbers their ids
	record        *record
}

// A GroupOption sets up a group.
type GroupOption func(*Group)

// Private makes a group's conversations visible to its members only.
func Private() GroupOption { return func(g *Group) { g.private = true } }

// SecurityGroup makes a group without a mailbox.
func SecurityGroup() GroupOption { return func(g *Group) { g.unified = false } }

// Members sets the members of a group: addresses, user principal names or ids of users that were added before.
func Members(names ...string) GroupOption {
	return func(g *Group) {
		for _, name := range names {
			g.members[name] = true
		}
	}
}

// AddGroup adds a group. A Microsoft 365 group gets an address in the tenant's first domain.
func (s *Server) AddGroup(name string, options ...GroupOption) (*Group, error) {
	if name == "" {
		return nil, errors.New("a group needs a name")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &Group{server: s, id: newGUID("group", s.tenant, name), name: name, unified: true, members: map[string]bool{}}
	for _, option := range options {
		option(g)
	}
	if s.groups[g.id] != nil {
		return nil, fmt.Errorf("the tenant has a group %q already", name)
	}
	ids := map[string]bool{}
	for member := range g.members {
		user := s.userIndex[strings.ToLower(member)]
		if user == nil {
			return nil, fmt.Errorf("the member %q of group %q is not a user of the tenant: add the user first", member, name)
		}
		ids[user.ID] = true
	}
	g.members = ids
	nickname := notNickname.ReplaceAllString(strings.ToLower(name), "")
	if nickname == "" {
		nickname = g.id[:8]
	}
	if g.unified && len(s.domains) > 0 {
		g.mail = nickname + "@" + s.domains[0]
	}
	g.record = g.toRecord(nickname, s.now())
	s.groups[g.id] = g
	s.groupList = append(s.groupList, g)
	return g, nil
}

// notNickname is what a mail nickname cannot hold.
var notNickname = regexp.MustCompile(`[^a-z0-9]+`)

func (g *Group) toRecord(nickname string, created time.Time) *record {
	types, visibility, proxies := []any{}, "Public", []any{}
	if g.unified {
		types = append(types, "Unified")
	}
	if g.mail != "" {
		proxies = append(proxies, "SMTP:"+g.mail)
	}
	if g.private {
		visibility = "Private"
	}
	return newRecord("group", g.id,
		member{"createdDateTime", created},
		member{"description", nil},
		member{"displayName", g.name},
		member{"groupTypes", types},
		member{"mail", optional(g.mail)},
		member{"mailEnabled", g.unified},
		member{"mailNickname", nickname},
		member{"proxyAddresses", proxies},
		member{"renewedDateTime", created},
		member{"securityEnabled", !g.unified},
		member{"visibility", visibility},
	)
}

// ID is the group's object id.
func (g *Group) ID() string { return g.id }

// Mail is the group's address; empty for a security group.
func (g *Group) Mail() string { return g.mail }

func groupRoutes() []*route {
	return []*route{
		{method: http.MethodGet, template: "/groups", area: directory, typ: "group", options: directoryOptions, handle: listGroups},
		{method: http.MethodGet, template: "/groups/{group}", area: directory, typ: "group", options: optionSelect, handle: getGroup},
	}
}

func listGroups(c *call) (*reply, error) {
	if err := c.needsAdvanced(); err != nil {
		return nil, err
	}
	return c.list(collect(c.server.groupList, func(g *Group) *record { return g.record }))
}

func getGroup(c *call) (*reply, error) {
	group, err := c.group()
	if err != nil {
		return nil, err
	}
	return c.entity(group.record)
}

// group resolves the group of the path.
func (c *call) group() (*Group, error) {
	id := strings.ToLower(c.value("group"))
	if !isGUID(id) {
		return nil, refuse(http.StatusBadRequest, "Request_BadRequest", "Invalid object identifier '%s'.", c.value("group"))
	}
	group := c.server.groups[id]
	if group == nil {
		return nil, errResourceNotFound(c.value("group"))
	}
	return group, nil
}

// groupMailbox resolves the group of the path to one with conversations that the caller may see.
func (c *call) groupMailbox() (*Group, error) {
	group, err := c.group()
	switch {
	case err != nil:
		return nil, err
	case !group.unified:
		return nil, errNoMailbox()
	case c.caller.delegated() && group.private && !group.members[c.caller.ObjectID]:
		return nil, errAccessDenied()
	}
	return group, nil
}
