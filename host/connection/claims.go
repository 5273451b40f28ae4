package connection

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests/permissions"
)

const (
	// maxPermissions and maxPermission bound what a token may say that it holds: how many, and the bytes of each.
	maxPermissions = 500
	maxPermission  = 128
)

// Token is what is known of a connection's token without the token. It is for display: Graph alone judges what a token may do.
type Token struct {
	// Scheme is the kind of the token.
	Scheme permissions.Scheme
	// Expires is when Graph stops taking it.
	Expires time.Time
	// Readable says that the token's claims could be read; if not, Permissions is empty and means nothing.
	Readable bool
	// Permissions are the application roles or delegated scopes that it holds, sorted.
	Permissions []string
	// User is who signed in; empty for a token of the application's own.
	User string
}

// Inspect tells what the token holds, fetching one if need be.
func (c *Connection) Inspect(ctx context.Context) (*Token, error) {
	t, err := c.token(ctx)
	if err != nil {
		return nil, err
	}
	return c.show(t), nil
}

// Generate fetches a new token whatever is kept, and tells what it holds. What is kept stays if that fails.
func (c *Connection) Generate(ctx context.Context) (*Token, error) {
	select {
	case result := <-c.flight.DoChan("generate", func() (any, error) { return nil, c.fetch(true) }):
		if result.Err != nil {
			return nil, result.Err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return c.Inspect(ctx)
}

// show reads the claims of a token, a JWT. Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
func (c *Connection) show(t *token) *Token {
	shown := &Token{Scheme: Scheme(c.config.Auth), Expires: t.expires, Permissions: []string{}}
	parts := strings.Split(t.bearer(), ".")
	if len(parts) != 3 {
		return shown
	}
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return shown
	}
	v, err := abi.Parse(new(fastjson.Parser), claims, maxToken)
	if err != nil || v.Type() != fastjson.TypeObject {
		return shown
	}
	shown.Readable = true
	held := strings.Fields(string(v.GetStringBytes("scp")))
	for _, role := range v.GetArray("roles") {
		held = append(held, string(role.GetStringBytes()))
	}
	for _, name := range held {
		if len(shown.Permissions) < maxPermissions && showable(name, maxPermission) {
			shown.Permissions = append(shown.Permissions, name)
		}
	}
	slices.Sort(shown.Permissions)
	shown.Permissions = slices.Compact(shown.Permissions)
	if name := string(v.GetStringBytes("upn")); showable(name, maxPage) && shown.Scheme == permissions.Delegated {
		shown.User = name
	}
	return shown
}
