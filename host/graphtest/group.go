package graphtest

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Group is a Microsoft 365 group with its conversations, or a security group without.
type Group struct {
	server        *Server
	id            string
	name          string
	description   string
	mail          string
	unified       bool
	private       bool
	members       objectSet
	owners        objectSet
	subscribers   objectSet // members who get the group's mail in their own Inbox
	conversations []*conversation
	calendar      calendar
	threads       int           // how many threads were ever added; numbers their ids and those of their conversations
	posts         int           // how many posts were ever added; numbers their ids
	mails         int           // how many mails were ever begun for it; numbers their Internet message ids
	delay         time.Duration // until a post that arrives is seen
	record        *record
}

// A GroupOption sets up a group.
type GroupOption func(*groupSettings)

type groupSettings struct {
	description                  string
	private, security            bool
	members, owners, subscribers []string
}

// Private makes a group's conversations visible to its members only.
func Private() GroupOption { return func(g *groupSettings) { g.private = true } }

// SecurityGroup makes a group without a mailbox. Security groups may have other security groups as members.
func SecurityGroup() GroupOption { return func(g *groupSettings) { g.security = true } }

// Described sets the description of a group.
func Described(text string) GroupOption { return func(g *groupSettings) { g.description = text } }

// Members sets the members of a group: addresses, user principal names or ids of users, or names of groups, that were added before.
func Members(names ...string) GroupOption {
	return func(g *groupSettings) { g.members = append(g.members, names...) }
}

// Owners sets the owners of a group: users that were added before. An owner is not a member thereby, as in Graph.
func Owners(names ...string) GroupOption {
	return func(g *groupSettings) { g.owners = append(g.owners, names...) }
}

// Subscribers sets the members who get the group's mail in their own Inbox too. They become members.
func Subscribers(names ...string) GroupOption {
	return func(g *groupSettings) { g.subscribers = append(g.subscribers, names...) }
}

// AddGroup adds a group. A Microsoft 365 group gets an address in the tenant's first domain.
func (s *Server) AddGroup(name string, options ...GroupOption) (*Group, error) {
	if name == "" {
		return nil, errors.New("a group needs a name")
	}
	set := groupSettings{}
	for _, option := range options {
		option(&set)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &Group{
		server: s, id: newGUID("group", s.tenant, name), name: name, description: set.description, unified: !set.security, private: set.private,
	}
	if s.groups[g.id] != nil {
		return nil, fmt.Errorf("the tenant has a group %q already", name)
	}
	nickname := notNickname.ReplaceAllString(strings.ToLower(name), "")
	if nickname == "" {
		nickname = g.id[:8]
	}
	if g.unified && len(s.domains) > 0 {
		g.mail = nickname + "@" + s.domains[0]
	}
	if err := g.populate(set); err != nil {
		return nil, err
	}
	var err error
	if g.record, err = s.withBlanks(g.toRecord(nickname, s.now())); err != nil {
		return nil, err
	}
	s.groups[g.id] = g
	s.groupList = append(s.groupList, g)
	return g, nil
}

// populate adds the members, owners and subscribers.
func (g *Group) populate(set groupSettings) error {
	for _, name := range slices.Concat(set.members, set.subscribers) {
		if err := g.admit(name); err != nil {
			return err
		}
	}
	for _, name := range set.owners {
		owner := g.server.userIndex[strings.ToLower(name)]
		if owner == nil {
			return fmt.Errorf("the owner %q of group %q is not a user of the tenant: add the user first", name, g.name)
		}
		g.owners.add(owner)
	}
	for _, name := range set.subscribers {
		g.subscribers.add(g.server.object(name))
	}
	return nil
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
	r := newRecord("group", g.id,
		member{"deletedDateTime", nil},
		member{"createdDateTime", created},
		member{"description", optional(g.description)},
		member{"displayName", g.name},
		member{"groupTypes", types},
		member{"mail", optional(g.mail)},
		member{"mailEnabled", g.unified},
		member{"mailNickname", nickname},
		member{"proxyAddresses", proxies},
		member{"renewedDateTime", created},
		member{"securityEnabled", !g.unified},
		member{"visibility", visibility},
		member{"allowExternalSenders", false},
		member{"isSubscribedByMail", false},
	)
	return r.onDemand("allowExternalSenders", "isSubscribedByMail")
}

func (g *Group) directoryRecord() *record { return g.record }

// ID is the group's object id.
func (g *Group) ID() string { return g.id }

// Mail is the group's address; empty for a security group.
func (g *Group) Mail() string { return g.mail }

func groupRoutes() []*route {
	const group = "/groups/{group}"
	return []*route{
		{method: http.MethodGet, template: "/groups", area: directory, typ: "group", options: directoryOptions, handle: listGroups},
		{method: http.MethodGet, template: "/groups/$count", area: directory, typ: "group", options: countOptions, handle: countGroups},
		{method: http.MethodGet, template: group, area: directory, typ: "group", options: objectOptions, handle: getGroup},
		{method: http.MethodPost, template: group + "/subscribeByMail", area: outlook, typ: "group", writes: true, handle: subscribeByMail},
		{method: http.MethodPost, template: group + "/unsubscribeByMail", area: outlook, typ: "group", writes: true, handle: unsubscribeByMail},
	}
}

func listGroups(c *call) (*reply, error) {
	if err := c.refuseSingleOnly(); err != nil {
		return nil, err
	}
	return expandedPage(c, c.server.groupList, (*Group).directoryRecord, c.expandGroup, c.listDirectory)
}

func countGroups(c *call) (*reply, error) {
	return c.countDirectory(collect(c.server.groupList, (*Group).directoryRecord))
}

func getGroup(c *call) (*reply, error) {
	group, err := c.group()
	if err != nil {
		return nil, err
	}
	r := group.record
	if c.query.selected["isSubscribedByMail"] {
		r = r.withValue("isSubscribedByMail", group.subscribers.has(c.caller.ObjectID))
	}
	related, err := expandedOne(c, group, c.expandGroup)
	if err != nil {
		return nil, err
	}
	return c.entity(r.with(related))
}

// expandGroup writes the relationship of a group that $expand names.
func (c *call) expandGroup(g *Group) ([]byte, error) {
	switch name := c.query.expansion.Path; strings.ToLower(name) {
	case "members":
		return c.expandRelation("members", g.members.list)
	case "owners":
		return c.expandRelation("owners", g.owners.list)
	case "transitivemembers":
		return c.expandRelation("transitiveMembers", g.transitiveMembers())
	case "memberof":
		return c.expandRelation("memberOf", c.server.groupsWith(g.id))
	default:
		return nil, c.cannotExpand(name)
	}
}

// subscribeByMail lets the signed-in member have the group's mail in the own Inbox too.
func subscribeByMail(c *call) (*reply, error) {
	group, err := c.ownMembership()
	if err != nil {
		return nil, err
	}
	group.subscribers.add(c.server.userIndex[c.caller.ObjectID])
	return &reply{status: http.StatusNoContent}, nil
}

func unsubscribeByMail(c *call) (*reply, error) {
	group, err := c.ownMembership()
	if err != nil {
		return nil, err
	}
	group.subscribers.remove(c.caller.ObjectID)
	return &reply{status: http.StatusNoContent}, nil
}

// ownMembership resolves the group of the path to one with conversations of which the signed-in user is a member.
func (c *call) ownMembership() (*Group, error) {
	group, err := c.groupMailbox()
	if err != nil {
		return nil, err
	}
	if !c.caller.delegated() || !group.members.has(c.caller.ObjectID) {
		return nil, errAccessDenied()
	}
	return group, nil
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

// groupMailbox resolves the group of the path to one with conversations that the caller may see: with a signed-in user, one of which the
// user is a member, or a public one. Guests may write to a group of theirs and not read in it.
func (c *call) groupMailbox() (*Group, error) {
	group, err := c.group()
	if err != nil {
		return nil, err
	}
	if !group.unified {
		return nil, errNoMailbox()
	}
	if !c.caller.delegated() {
		return group, nil
	}
	member := group.members.has(c.caller.ObjectID)
	user := c.server.userIndex[c.caller.ObjectID]
	guest := user != nil && user.Guest
	if !member && (group.private || guest) || guest && c.request.Method == http.MethodGet {
		return nil, errAccessDenied()
	}
	return group, nil
}
