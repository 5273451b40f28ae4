package graphtest

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
)

// graphAudience is the audience of a token that was not given another.
const graphAudience = "https://graph.microsoft.com"

// isGraphAudience reports whether Graph accepts an audience. The server accepts its own origin beside them.
func isGraphAudience(audience string) bool {
	switch audience {
	case graphAudience,
		"https://graph.microsoft.com/",
		graphAppID,
		"https://graph.microsoft.us",
		"https://dod-graph.microsoft.us",
		"https://microsoftgraph.chinacloudapi.cn":
		return true
	}
	return false
}

// A Token describes an access token for Server.Token to make, without a sign-in. With a User it is a delegated token, otherwise an
// app-only one.
type Token struct {
	// ClientID is the application's id; empty means a made-up one. The application need not be registered.
	ClientID string
	// Roles are the application permissions of an app-only token.
	Roles []string
	// User is the signed-in user of a delegated token: address, user principal name or id.
	User string
	// Scopes are the delegated permissions.
	Scopes []string
	// Audience is the resource that the token is for; empty means https://graph.microsoft.com.
	Audience string
	// Tenant is the directory that the token is for; empty means the server's.
	Tenant string
	// Lifetime is how long the token is good for; zero means 3,599 seconds, and a negative one makes an expired token.
	Lifetime time.Duration
}

// Token makes an access token.
func (s *Server) Token(t Token) (string, error) {
	s.mu.RLock()
	claims, err := s.accessClaims(t)
	s.mu.RUnlock()
	if err != nil {
		return "", err
	}
	return s.signer.sign(claims)
}

// accessClaims are the claims of the token that t describes.
func (s *Server) accessClaims(t Token) (*accessClaims, error) {
	if t.ClientID == "" {
		t.ClientID = newGUID("app", s.tenant)
	}
	if t.Audience == "" {
		t.Audience = graphAudience
	}
	if t.Tenant == "" {
		t.Tenant = s.tenant
	}
	if t.Lifetime == 0 {
		t.Lifetime = tokenLifetime
	}
	now := s.now()
	begins := jwt.NewNumericDate(now.Add(min(0, t.Lifetime)))
	claims := &accessClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    "https://sts.windows.net/" + t.Tenant + "/",
			IssuedAt:  begins,
			NotBefore: begins,
			ExpiresAt: jwt.NewNumericDate(now.Add(t.Lifetime)),
			ID:        uuid.NewString(),
		},
		Audience: t.Audience,
		AppID:    t.ClientID,
		Tenant:   t.Tenant,
		Version:  "1.0",
		ObjectID: newGUID("service principal", s.tenant, t.ClientID),
		IDType:   "app",
		Roles:    t.Roles,
	}
	if app := s.apps[strings.ToLower(t.ClientID)]; app != nil {
		claims.AppName = app.Name
	}
	if t.User != "" {
		user := s.userIndex[strings.ToLower(t.User)]
		if user == nil {
			return nil, errNoUser(t.User)
		}
		claims.ObjectID, claims.UPN, claims.IDType = user.ID, user.UserPrincipalName, "user"
		claims.Scopes, claims.Roles = strings.Join(t.Scopes, " "), nil
	}
	claims.Subject = claims.ObjectID
	return claims, nil
}

func errNoUser(name string) error {
	return fmt.Errorf("no user %q is in the tenant: add the user or its mailbox first", name)
}

// accessClaims are the claims of an access token, as Entra writes them in version 1.0 tokens for Graph.
type accessClaims struct {
	jwt.RegisteredClaims
	// Audience stands before the one of RegisteredClaims, which would be written as a list.
	Audience string   `json:"aud"`
	AppID    string   `json:"appid"`
	AppName  string   `json:"app_displayname,omitempty"`
	Tenant   string   `json:"tid"`
	Version  string   `json:"ver"`
	ObjectID string   `json:"oid"`
	UPN      string   `json:"upn,omitempty"`
	IDType   string   `json:"idtyp"`
	Roles    []string `json:"roles,omitempty"`
	Scopes   string   `json:"scp,omitempty"`

	// granted remembers, by route, which of the token's permissions allow it.
	granted sync.Map
}

// signer signs access tokens and checks them. Its key is made when the first token is.
type signer struct {
	key func() (*rsa.PrivateKey, error)

	mu      sync.Mutex
	checked map[string]*accessClaims // tokens whose signature was good
}

const (
	// signingKeyBits is the size of Entra's own signing keys.
	signingKeyBits = 2048
	// signingKeyID names the key in tokens and in the key set.
	signingKeyID = "graphtest-1"
)

func newSigner() *signer {
	return &signer{
		key:     sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, signingKeyBits) }),
		checked: map[string]*accessClaims{},
	}
}

func (s *signer) sign(claims jwt.Claims) (string, error) {
	key, err := s.key()
	if err != nil {
		return "", fmt.Errorf("make the token signing key: %w", err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = signingKeyID
	signed, err := token.SignedString(key)
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	return signed, nil
}

// verify returns the claims of a token with a good signature. Times and audience are the caller's to check.
func (s *signer) verify(token string) (*accessClaims, error) {
	s.mu.Lock()
	claims, known := s.checked[token]
	s.mu.Unlock()
	if known {
		return claims, nil
	}
	key, err := s.key()
	if err != nil {
		return nil, fmt.Errorf("make the token signing key: %w", err)
	}
	claims = &accessClaims{}
	_, err = jwt.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return key.Public(), nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithoutClaimsValidation())
	if err != nil {
		return nil, err
	}
	if claims.ExpiresAt == nil || claims.Subject == "" {
		return nil, errors.New("the token lacks a claim")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.checked) >= maxTokens {
		clear(s.checked)
	}
	s.checked[token] = claims
	return claims, nil
}
