package graphtest

import (
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// appState is an App as it is kept: keys and certificates in DER.
type appState struct {
	App
	Certificates [][]byte         `json:",omitzero"`
	Federated    []federatedState `json:",omitzero"`
}

// federatedState is a FederatedCredential as it is kept.
type federatedState struct {
	Issuer, Subject, Audience string
	Key                       []byte
}

func saveApps(s *Server, put func(appState)) {
	for _, id := range slices.Sorted(maps.Keys(s.apps)) {
		app := s.apps[id]
		kept := appState{App: *app}
		for _, certificate := range app.Certificates {
			kept.Certificates = append(kept.Certificates, certificate.Raw)
		}
		for _, f := range app.Federated {
			kept.Federated = append(kept.Federated, federatedState{f.Issuer, f.Subject, f.Audience, x509.MarshalPKCS1PublicKey(f.Key)})
		}
		put(kept)
	}
}

func loadApp(r *restorer, kept appState) error {
	app := kept.App
	for _, text := range kept.Certificates {
		certificate, err := x509.ParseCertificate(text)
		if err != nil {
			return err
		}
		app.Certificates = append(app.Certificates, certificate)
	}
	for _, f := range kept.Federated {
		key, err := x509.ParsePKCS1PublicKey(f.Key)
		if err != nil {
			return err
		}
		app.Federated = append(app.Federated, FederatedCredential{Issuer: f.Issuer, Subject: f.Subject, Audience: f.Audience, Key: key})
	}
	app, err := app.checked()
	if err != nil {
		return err
	}
	if app.ClientID == "" {
		return errors.New("it has no ClientID")
	}
	r.apps[strings.ToLower(app.ClientID)] = &app
	return nil
}

func saveIdentities(s *Server, put func(ManagedIdentity)) {
	for _, identity := range s.entra.identities {
		put(*identity)
	}
}

func loadIdentity(r *restorer, kept ManagedIdentity) error {
	r.entra.identities = append(r.entra.identities, &kept)
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
			kept.Mail = "-" // what putUser takes for none
		}
		put(kept)
	}
}

func loadUser(r *restorer, kept userState) error {
	user := r.users[kept.ID]
	if user == nil {
		user = &User{}
	}
	*user = kept.User
	user.created = kept.Created
	return r.putUser(user)
}

// signInState is how a user signs in, as far as it is not the usual way.
type signInState struct {
	User    string // id
	Rule    SignIn
	Revoked int  // how often the user's sign-ins were
	Browser bool // the user answers the pages
}

func saveSignIns(s *Server, put func(signInState)) {
	for _, user := range s.userList {
		kept := signInState{user.ID, s.entra.signIns[user.ID], s.entra.sessions[user.ID], s.entra.browser == user}
		if kept != (signInState{User: user.ID}) {
			put(kept)
		}
	}
}

func loadSignIn(r *restorer, kept signInState) error {
	user, err := r.userNamed(kept.User)
	if err != nil {
		return err
	}
	if kept.Rule > SignInDisabled {
		return fmt.Errorf("there is no sign-in rule %d", kept.Rule)
	}
	r.entra.signIns[user.ID], r.entra.sessions[user.ID] = kept.Rule, kept.Revoked
	if kept.Browser {
		r.entra.browser = user
	}
	return nil
}

// consentState is what a user consented to for an application.
type consentState struct {
	ClientID string
	User     string // id
	Scopes   []string
}

func saveConsents(s *Server, put func(consentState)) {
	var list []consentState
	for key, scopes := range s.entra.consents {
		list = append(list, consentState{key.clientID, key.userID, scopes})
	}
	slices.SortFunc(list, func(a, b consentState) int { return strings.Compare(a.ClientID+" "+a.User, b.ClientID+" "+b.User) })
	for _, kept := range list {
		put(kept)
	}
}

func loadConsent(r *restorer, kept consentState) error {
	app, user, err := r.appAndUser(kept.ClientID, kept.User)
	if err != nil {
		return err
	}
	r.consent(app, user, kept.Scopes)
	return nil
}

// groupState is a Group as it is kept, without those who belong to it and without its conversations.
type groupState struct {
	ID          string
	Name        string
	Description string `json:",omitzero"`
	Mail        string
	Nickname    string
	Unified     bool
	Private     bool
	Created     time.Time
	// Threads, Posts, Mails and Events are how many were ever made.
	Threads, Posts, Mails, Events int
	Delay                         time.Duration `json:",omitzero"`
}

func saveGroups(s *Server, put func(groupState)) {
	for _, g := range s.groupList {
		nickname, _ := g.record.Property("mailNickname")
		created, _ := g.record.Property("createdDateTime")
		kept := groupState{
			ID: g.id, Name: g.name, Description: g.description, Mail: g.mail, Unified: g.unified, Private: g.private,
			Threads: g.threads, Posts: g.posts, Mails: g.mails, Events: g.calendar.added, Delay: g.delay,
		}
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
		server: r.Server, id: kept.ID, name: kept.Name, description: kept.Description, mail: kept.Mail, unified: kept.Unified, private: kept.Private,
		threads: kept.Threads, posts: kept.Posts, mails: kept.Mails, delay: kept.Delay,
	}
	g.calendar.added = kept.Events
	var err error
	if g.record, err = r.withBlanks(g.toRecord(kept.Nickname, kept.Created)); err != nil {
		return err
	}
	r.groups[g.id] = g
	r.groupList = append(r.groupList, g)
	return nil
}

// membershipState is who belongs to a group, by ids.
type membershipState struct {
	Group       string
	Members     []string `json:",omitzero"`
	Owners      []string `json:",omitzero"`
	Subscribers []string `json:",omitzero"`
}

func saveMemberships(s *Server, put func(membershipState)) {
	for _, g := range s.groupList {
		put(membershipState{g.id, idsOf(g.members.list), idsOf(g.owners.list), idsOf(g.subscribers.list)})
	}
}

func loadMembership(r *restorer, kept membershipState) error {
	g, err := r.group(kept.Group)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		set *objectSet
		ids []string
	}{{&g.members, kept.Members}, {&g.owners, kept.Owners}, {&g.subscribers, kept.Subscribers}} {
		objects, err := r.objects(one.ids)
		if err != nil {
			return err
		}
		for _, o := range objects {
			one.set.add(o)
		}
	}
	return nil
}

func idsOf(objects []directoryObject) []string {
	var ids []string
	for _, o := range objects {
		ids = append(ids, o.directoryRecord().id)
	}
	return ids
}

// objects finds users and groups by their ids.
func (r *restorer) objects(ids []string) ([]directoryObject, error) {
	objects := []directoryObject{}
	for _, id := range ids {
		switch user, group := r.userIndex[strings.ToLower(id)], r.groups[id]; {
		case user != nil:
			objects = append(objects, user)
		case group != nil:
			objects = append(objects, group)
		default:
			return nil, fmt.Errorf("no user and no group has the id %q", id)
		}
	}
	return objects, nil
}

// policyState is which mailboxes an application may open.
type policyState struct {
	ClientID string
	Allowed  []string // ids
}

func savePolicies(s *Server, put func(policyState)) {
	for _, id := range slices.Sorted(maps.Keys(s.policies)) {
		put(policyState{id, idsOf(s.policies[id])})
	}
}

func loadPolicy(r *restorer, kept policyState) error {
	allowed, err := r.objects(kept.Allowed)
	if err != nil {
		return err
	}
	r.policies[strings.ToLower(kept.ClientID)] = allowed
	return nil
}

// countersState is what the server itself counts.
type countersState struct {
	DeltaAge   int    // how often the delta tokens were expired
	Subscribed int    // how many subscriptions were ever made
	Minted     uint64 // how many codes and tokens were
}

func saveCounters(s *Server, put func(countersState)) {
	put(countersState{s.deltaAge, s.subscribed, s.entra.minted})
}

func loadCounters(r *restorer, kept countersState) error {
	r.deltaAge, r.subscribed, r.entra.minted = kept.DeltaAge, kept.Subscribed, kept.Minted
	return nil
}
