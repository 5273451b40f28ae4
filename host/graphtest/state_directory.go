package graphtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

func saveApps(s *Server, put func(App)) {
	for _, id := range slices.Sorted(maps.Keys(s.apps)) {
		put(*s.apps[id])
	}
}

func loadApp(r *restorer, app App) error {
	if app.ClientID == "" {
		return errors.New("it has no ClientID")
	}
	r.apps[strings.ToLower(app.ClientID)] = &app
	return nil
}

// userState is a User as it is kept.
type userState struct {
	User
	Created time.Time
}

func saveUsers(s *Server, put func(userState)) {
	for _, user := range s.userList {
		kept := userState{*user, user.created}
		if kept.Mail == "" {
			kept.Mail = "-" // what addUser takes for none
		}
		put(kept)
	}
}

func loadUser(r *restorer, kept userState) error {
	kept.User.created = kept.Created
	_, err := r.addUser(kept.User)
	return err
}

// groupState is a Group as it is kept, without its conversations.
type groupState struct {
	ID       string
	Name     string
	Mail     string
	Nickname string
	Unified  bool
	Private  bool
	Members  []string
	Created  time.Time
	// Posts is how many posts were ever added.
	Posts int
}

func saveGroups(s *Server, put func(groupState)) {
	for _, g := range s.groupList {
		nickname, _ := g.record.Property("mailNickname")
		created, _ := g.record.Property("createdDateTime")
		kept := groupState{ID: g.id, Name: g.name, Mail: g.mail, Unified: g.unified, Private: g.private, Posts: g.posts}
		kept.Members = slices.Sorted(maps.Keys(g.members))
		kept.Nickname, _ = nickname.(string)
		kept.Created, _ = created.(time.Time)
		put(kept)
	}
}

func loadGroup(r *restorer, kept groupState) error {
	if !isGUID(kept.ID) || r.groups[kept.ID] != nil {
		return fmt.Errorf("the id %q is not a new GUID", kept.ID)
	}
	g := r.held[kept.ID]
	if g == nil {
		g = &Group{}
	}
	*g = Group{
		server: r.Server, id: kept.ID, name: kept.Name, mail: kept.Mail, unified: kept.Unified, private: kept.Private,
		members: map[string]bool{}, posts: kept.Posts,
	}
	for _, member := range kept.Members {
		g.members[member] = true
	}
	g.record = g.toRecord(kept.Nickname, kept.Created)
	r.groups[g.id] = g
	r.groupList = append(r.groupList, g)
	return nil
}
