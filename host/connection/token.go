package connection

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/postern-dev/postern/abi"
)

const (
	// renewAhead is how long before its end a token is renewed; half its life if that is shorter.
	renewAhead = 5 * time.Minute
	// renewAgain is how long to wait after an early renewal failed.
	renewAgain = 30 * time.Second
	// refusedAgain is how soon after Graph refused one token another refusal means that tokens are not the problem.
	refusedAgain = 10 * time.Second
	// fetchTimeout bounds one fetch with its retries. It does not depend on the request that started the fetch,
	// because others wait for it too.
	fetchTimeout = 60 * time.Second
	// tryTimeout bounds one try.
	tryTimeout = 20 * time.Second
	// maxRetries, retryDelay and maxRetryDelay say how a busy or broken token service is tried again. A Retry-After
	// beyond maxRetryDelay is reported instead of waited for.
	maxRetries    = 2
	retryDelay    = 500 * time.Millisecond
	maxRetryDelay = 5 * time.Second
	// maxToken bounds a token in bytes; Graph refuses headers beyond about 16 KiB anyway.
	maxToken = 32 << 10
	// product names us to the token service.
	product = "postern"
)

// token is an access token and the times between which it is used.
type token struct {
	carried redacted // the header's whole value, made once: a token is long, and requests are many
	renew   time.Time
	expires time.Time
}

// scheme begins the header that carries a token. See RFC 6750 section 2.1.
const scheme = "Bearer "

func newToken(bearer string, renew, expires time.Time) *token {
	return &token{redact(scheme + bearer), renew, expires}
}

func (t *token) authorize(req *http.Request) { req.Header.Set("Authorization", t.header()) }

func (t *token) header() string { return t.carried.reveal() }

func (t *token) bearer() string { return strings.TrimPrefix(t.header(), scheme) }

// token gives a token that is good now.
func (c *Connection) token(ctx context.Context) (*token, error) {
	t, due := c.cached()
	if !due {
		return t, nil
	}
	select {
	case result := <-c.flight.DoChan("", func() (any, error) { return nil, c.refresh() }):
		return c.afterFetch(t, result.Err)
	case <-ctx.Done():
		return nil, fmt.Errorf("connection %s: waiting for a token: %w", c.name, ctx.Err())
	}
}

// cached returns the token that is kept, if it still lives, and whether another one should be fetched.
func (c *Connection) cached() (t *token, due bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.current == nil || !now.Before(c.current.expires) {
		return nil, true
	}
	return c.current, !now.Before(c.current.renew) && !now.Before(c.again)
}

// refresh fetches a token unless another flight has landed since this one was asked for.
func (c *Connection) refresh() error {
	if _, due := c.cached(); !due {
		return nil
	}
	return c.fetch(false)
}

// afterFetch gives the fetched token, or falls back on the old one if that is still good.
func (c *Connection) afterFetch(old *token, err error) (*token, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.current != nil {
		return c.current, nil
	}
	now := c.now()
	if old == nil || c.current != old || !now.Before(old.expires) {
		if err == nil {
			err = c.refusedTwice() // Graph refused the new token before this request saw it.
		}
		return nil, err
	}
	c.again = now.Add(renewAgain)
	c.log.Warn("cannot renew the token; the old one is used while it lasts", "error", err, "expires", old.expires)
	return old, nil
}

// drop forgets the token that a refused request carries, if it is still the one that is kept.
func (c *Connection) drop(req *http.Request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == nil || c.current.header() != req.Header.Get("Authorization") {
		return nil
	}
	now := c.now()
	if !c.refused.IsZero() && now.Before(c.refused.Add(refusedAgain)) {
		return c.refusedTwice()
	}
	c.dropped, c.current, c.refused = c.current, nil, now
	return nil
}

func (c *Connection) refusedTwice() error {
	return c.failed(reason{abi.Auth, "", "Graph refuses one token after another",
		"check that graph and authority belong to the same cloud, and the application's sign-ins in the Entra admin centre"})
}

// fetch gets a token from the token service and keeps it.
func (c *Connection) fetch(force bool) error {
	ctx, cancel := context.WithTimeout(c.ends, fetchTimeout)
	defer cancel()
	get := c.application
	if c.config.Auth.Delegated() {
		get = func(ctx context.Context) (*token, error) { return c.delegated(ctx, force) }
	}
	began := time.Now()
	t, err := get(ctx)
	if c.fetched != nil {
		c.fetched(time.Since(began), err)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = t
	return nil
}

// stopwatch remembers when a request began: a token's life counts from then.
func (c *Connection) stopwatch() stopwatch { return stopwatch{c.now(), time.Now()} }

// stopwatch holds one moment by the connection's clock and by the system's, by which the libraries reckon.
type stopwatch struct{ own, system time.Time }

func (w stopwatch) token(bearer string, expires time.Time) *token {
	life := time.Until(expires) - time.Since(w.system)
	end := w.own.Add(life)
	return newToken(bearer, end.Add(-min(renewAhead, life/2)), end)
}

// wellFormed reports whether s is a token by RFC 6750 section 2.1, so that it can be nothing but a header's value.
func wellFormed(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxToken
}
