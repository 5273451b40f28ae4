package graphtest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A SignIn is what happens when a user signs in, or when a token is made from an earlier sign-in.
type SignIn uint8

const (
	// SignInAllowed is what every user starts with.
	SignInAllowed SignIn = iota
	// SignInNeedsMFA demands a second factor: AADSTS50076. A person who signs in on the page gives it; what follows from that sign-in is
	// allowed. All else is refused.
	SignInNeedsMFA
	// SignInNeedsMFASetup demands that the user first registers a second factor: AADSTS50079. The page does the same as for
	// SignInNeedsMFA.
	SignInNeedsMFASetup
	// SignInBlocked refuses by a policy of conditional access: AADSTS53003.
	SignInBlocked
	// SignInDisabled refuses because the account is disabled: AADSTS50057.
	SignInDisabled
)

// entraState is what the token service remembers. Server.mu guards it.
type entraState struct {
	minted      uint64 // how many codes and tokens were made
	codes       kept[*authorizationCode]
	refreshable kept[*refreshToken]
	devices     kept[*deviceCode] // by device code
	userCodes   kept[*deviceCode] // by user code
	assertions  kept[struct{}]    // by client id and jti
	consents    map[consentKey][]string
	signIns     map[string]SignIn // by user id
	sessions    map[string]int    // by user id: how often they were revoked
	browser     *User             // who signs in where nobody was named
	identities  []*ManagedIdentity
}

type consentKey struct{ clientID, userID string }

func newEntraState() entraState {
	return entraState{
		codes:       newKept[*authorizationCode](maxGrants),
		refreshable: newKept[*refreshToken](maxGrants),
		devices:     newKept[*deviceCode](maxGrants),
		userCodes:   newKept[*deviceCode](maxGrants),
		assertions:  newKept[struct{}](maxGrants),
		consents:    map[consentKey][]string{},
		signIns:     map[string]SignIn{},
		sessions:    map[string]int{},
	}
}

// mint makes the bytes of a code or token. They follow from what was minted before, so that the same set-up gives the same ones: nothing
// that is guarded here needs to be kept from anyone.
func (s *Server) mint(kind string) []byte {
	s.entra.minted++
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(s.tenant+" "+kind+" "), s.entra.minted))
	return sum[:]
}

func (s *Server) mintText(kind string) string {
	return "1." + base64.RawURLEncoding.EncodeToString(append(s.mint(kind), s.mint(kind)...))
}

// SignInAs lets a user answer the pages of the token service in place of a person: the authorize endpoint sends the browser back at once,
// without showing a page. The empty name ends that. A login_hint in a request does the same for that request.
func (s *Server) SignInAs(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if user == "" {
		s.entra.browser = nil
		return nil
	}
	found, err := s.userNamed(user)
	if err == nil {
		s.entra.browser = found
	}
	return err
}

// SetSignIn says what happens when a user signs in from now on. Access tokens that were made before stay good.
func (s *Server) SetSignIn(user string, rule SignIn) error {
	if rule > SignInDisabled {
		return fmt.Errorf("there is no sign-in rule %d", rule)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.userNamed(user)
	if err == nil {
		s.entra.signIns[found.ID] = rule
	}
	return err
}

// Consent records that a user consented to delegated permissions of an application, such as Mail.Read.
func (s *Server) Consent(clientID, user string, scopes ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	app, found, err := s.appAndUser(clientID, user)
	if err == nil {
		s.consent(app, found, scopes)
	}
	return err
}

// WithdrawConsent forgets what a user consented to. An administrator's consent (App.Scopes) stays.
func (s *Server) WithdrawConsent(clientID, user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	app, found, err := s.appAndUser(clientID, user)
	if err == nil {
		delete(s.entra.consents, consentKey{strings.ToLower(app.ClientID), found.ID})
	}
	return err
}

// RevokeSignIns makes every refresh token and code of a user useless, as a change of the password does: AADSTS50173. Access tokens stay
// good until they expire.
func (s *Server) RevokeSignIns(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.userNamed(user)
	if err == nil {
		s.entra.sessions[found.ID]++
	}
	return err
}

// RevokeRefreshToken makes one refresh token useless: AADSTS50173. Those that were made from it stay good.
func (s *Server) RevokeRefreshToken(token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.entra.refreshable.get(token)
	if !ok {
		return errors.New("the server did not make this refresh token")
	}
	found.revoked = true
	return nil
}

func (s *Server) userNamed(name string) (*User, error) {
	user := s.userIndex[strings.ToLower(name)]
	if user == nil {
		return nil, errNoUser(name)
	}
	return user, nil
}

func (s *Server) appAndUser(clientID, user string) (*App, *User, error) {
	app := s.apps[strings.ToLower(clientID)]
	if app == nil {
		return nil, nil, fmt.Errorf("no application %q is registered", clientID)
	}
	found, err := s.userNamed(user)
	return app, found, err
}

func (s *Server) consent(app *App, user *User, scopes []string) {
	key := consentKey{strings.ToLower(app.ClientID), user.ID}
	s.entra.consents[key] = union(s.entra.consents[key], scopes)
}

// consented lists the delegated permissions that an application has for a user.
func (s *Server) consented(app *App, user *User) []string {
	return union(app.Scopes, s.entra.consents[consentKey{strings.ToLower(app.ClientID), user.ID}])
}

// union adds what is new to a copy of a list.
func union(list, more []string) []string {
	list = slices.Clone(list)
	for _, one := range more {
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

// A signedIn is a sign-in of a user to an application, from which tokens are made.
type signedIn struct {
	app     string // client id, in lower case
	user    *User
	mfa     bool // a person gave the second factor
	session int  // of entraState.sessions, at the sign-in
	scopes  scopeRequest
	nonce   string
}

// check decides whether tokens may be made from a sign-in.
func (s *Server) check(app *App, in signedIn) error {
	if in.session != s.entra.sessions[in.user.ID] {
		return errRevoked()
	}
	if err := s.checkRule(in); err != nil {
		return err
	}
	if len(in.scopes.lacking(app, s.consented(app, in.user))) > 0 {
		return aadsts("invalid_grant", 65001, "The user or administrator has not consented to use the application with ID '%s' named '%s'. "+
			"Send an interactive authorization request for this user and resource.", app.ClientID, app.displayName()).with("consent_required")
	}
	return nil
}

// checkRule applies SetSignIn.
func (s *Server) checkRule(in signedIn) error {
	switch rule := s.entra.signIns[in.user.ID]; {
	case rule == SignInDisabled:
		return aadsts("invalid_grant", 50057, "The user account is disabled.")
	case rule == SignInBlocked:
		return aadsts("interaction_required", 53003, "Access has been blocked by Conditional Access policies. "+
			"The access policy does not allow token issuance.").with("message_only")
	case rule == SignInNeedsMFA && !in.mfa:
		return aadsts("interaction_required", 50076, "Due to a configuration change made by your administrator, or because you moved to a new location, "+
			"you must use multi-factor authentication to access '%s'.", graphAppID).with("basic_action")
	case rule == SignInNeedsMFASetup && !in.mfa:
		return aadsts("interaction_required", 50079, "Due to a configuration change made by your administrator, or because you moved to a new location, "+
			"you must enroll in multi-factor authentication to access '%s'.", graphAppID).with("basic_action")
	}
	return nil
}

func errRevoked() *entraError {
	return aadsts("invalid_grant", 50173, "The provided grant has expired due to it being revoked, a fresh auth token is needed. "+
		"The user might have changed or reset their password.").with("bad_token")
}

// An authorizationCode is what the authorize endpoint sends a client back with.
type authorizationCode struct {
	signedIn
	redirect  string
	challenge string
	method    string // of the challenge
	expires   time.Time
	used      bool
}

// A refreshToken gives new tokens without the user.
type refreshToken struct {
	signedIn
	issued  time.Time
	revoked bool
}
