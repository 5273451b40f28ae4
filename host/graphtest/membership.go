package graphtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// objectSet is a set of objects of the directory that keeps the order in which they were added.
type objectSet struct {
	list []directoryObject
	ids  map[string]bool
}

func (s *objectSet) add(o directoryObject) {
	id := o.directoryRecord().id
	if s.ids[id] {
		return
	}
	if s.ids == nil {
		s.ids = map[string]bool{}
	}
	s.ids[id] = true
	s.list = append(s.list, o)
}

func (s *objectSet) remove(id string) {
	delete(s.ids, id)
	s.list = slices.DeleteFunc(s.list, func(o directoryObject) bool { return o.directoryRecord().id == id })
}

func (s *objectSet) has(id string) bool { return s.ids[id] }

// users lists those of the objects that are users.
func (s *objectSet) users() []*User {
	var users []*User
	for _, o := range s.list {
		if user, ok := o.(*User); ok {
			users = append(users, user)
		}
	}
	return users
}

// transitiveMembers lists the members of a group and those of the groups among them, level by level and each once.
func (g *Group) transitiveMembers() []directoryObject {
	var all objectSet
	for _, o := range g.members.list {
		all.add(o)
	}
	for i := 0; i < len(all.list); i++ { // the list grows while it is walked
		if nested, ok := all.list[i].(*Group); ok {
			for _, o := range nested.members.list {
				all.add(o)
			}
		}
	}
	return all.list
}

// groupsWith lists the groups of which the object is a member.
func (s *Server) groupsWith(id string) []directoryObject {
	var groups []directoryObject
	for _, g := range s.groupList {
		if g.members.has(id) {
			groups = append(groups, g)
		}
	}
	return groups
}

// transitiveGroupsWith lists the groups of which the object is a member, by itself or through another group.
func (s *Server) transitiveGroupsWith(id string) []directoryObject {
	var all objectSet
	for _, o := range s.groupsWith(id) {
		all.add(o)
	}
	for i := 0; i < len(all.list); i++ { // the list grows while it is walked
		for _, o := range s.groupsWith(all.list[i].directoryRecord().id) {
			all.add(o)
		}
	}
	return all.list
}

// object finds a user by id, address or user principal name, or a group by id, address or display name.
func (s *Server) object(name string) directoryObject {
	if user := s.userIndex[strings.ToLower(name)]; user != nil {
		return user
	}
	for _, g := range s.groupList {
		if strings.EqualFold(g.id, name) || g.mail != "" && strings.EqualFold(g.mail, name) || g.name == name {
			return g
		}
	}
	return nil
}

// admit adds a member, as far as Graph lets it be one; see https://learn.microsoft.com/graph/api/group-post-members.
func (g *Group) admit(name string) error {
	o := g.server.object(name)
	nested, isGroup := o.(*Group)
	switch {
	case o == nil:
		return fmt.Errorf("the member %q of group %q is neither a user nor a group of the tenant: add it first", name, g.name)
	case isGroup && (g.unified || nested.unified):
		return fmt.Errorf("group %q cannot be a member of %q: only security groups nest, and only in security groups", nested.name, g.name)
	}
	g.members.add(o)
	return nil
}

// AddMember adds a user, or to a security group another security group: by address, user principal name, display name or id.
func (g *Group) AddMember(name string) error {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	return g.admit(name)
}

// RemoveMember takes a member out of the group.
func (g *Group) RemoveMember(name string) error {
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	o := g.server.object(name)
	if o == nil || !g.members.has(o.directoryRecord().id) {
		return fmt.Errorf("group %q has no member %q", g.name, name)
	}
	g.members.remove(o.directoryRecord().id)
	g.subscribers.remove(o.directoryRecord().id)
	return nil
}

// relation is a relationship from an object of the directory to others.
type relation struct {
	from string // the template of the object
	name string // as Graph writes it
	of   func(*call) ([]directoryObject, error)
}

func relations() []relation {
	ofGroup := func(list func(*Group) []directoryObject) func(*call) ([]directoryObject, error) {
		return func(c *call) ([]directoryObject, error) {
			group, err := c.group()
			if err != nil {
				return nil, err
			}
			return list(group), nil
		}
	}
	ofUser := func(list func(*Server, string) []directoryObject) func(*call) ([]directoryObject, error) {
		return func(c *call) ([]directoryObject, error) {
			user, err := c.user()
			if err != nil {
				return nil, err
			}
			if user.ID != c.caller.ObjectID && c.onlyOwnProfile() {
				return nil, c.denied(c.route.template)
			}
			return list(c.server, user.ID), nil
		}
	}
	return []relation{
		{"/groups/{group}", "members", ofGroup(func(g *Group) []directoryObject { return g.members.list })},
		{"/groups/{group}", "transitiveMembers", ofGroup((*Group).transitiveMembers)},
		{"/groups/{group}", "owners", ofGroup(func(g *Group) []directoryObject { return g.owners.list })},
		{"/groups/{group}", "memberOf", ofGroup(func(g *Group) []directoryObject { return g.server.groupsWith(g.id) })},
		{"/users/{user}", "memberOf", ofUser((*Server).groupsWith)},
		{"/users/{user}", "transitiveMemberOf", ofUser((*Server).transitiveGroupsWith)},
	}
}

// membershipRoutes are those of every relationship: the list, the list of one type only, and the numbers of both.
func membershipRoutes() []*route {
	var list []*route
	for _, relation := range relations() {
		template := relation.from + "/" + relation.name
		for _, typ := range []string{"directoryObject", "user", "group"} {
			if typ != "directoryObject" {
				template = relation.from + "/" + relation.name + "/microsoft.graph." + typ
			}
			list = append(list,
				&route{method: http.MethodGet, template: template, area: directory, typ: typ, options: relationOptions, handle: relation.list},
				&route{method: http.MethodGet, template: template + "/$count", area: directory, typ: typ, options: countOptions, handle: relation.count},
			)
		}
	}
	return list
}

func (r relation) list(c *call) (*reply, error) {
	items, err := r.records(c)
	if err != nil {
		return nil, err
	}
	return c.listDirectory(items)
}

func (r relation) count(c *call) (*reply, error) {
	items, err := r.records(c)
	if err != nil {
		return nil, err
	}
	return c.countDirectory(items)
}

// records are the related objects as the caller sees them; a cast leaves those of other types out.
func (r relation) records(c *call) (collection, error) {
	objects, err := r.of(c)
	if err != nil {
		return collection{}, err
	}
	if c.route.typ == "directoryObject" {
		return collect(objects, c.relatedRecord), nil
	}
	seen := c.relatedDetail(c.route.typ)
	var cast []*record
	for _, o := range objects {
		if record := o.directoryRecord(); record.typ == c.route.typ {
			cast = append(cast, record)
		}
	}
	return collect(cast, func(r *record) *record { return r.seenWith(seen) }), nil
}
