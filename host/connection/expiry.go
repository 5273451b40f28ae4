package connection

import (
	"crypto/x509"
	"fmt"
	"time"
)

// warnAhead is how long before its end a secret or a certificate is warned of.
const warnAhead = 30 * 24 * time.Hour

// warnOfSecret and warnOfCertificate warn the log, once for each process.
func (c *Connection) warnOfSecret() {
	if warning := ending("the client secret", c.config.SecretExpires, c.now()); warning != "" {
		c.warnOnce("secret", warning+"; create a new one before that, store its value and correct client_secret_expires")
	}
}

func (c *Connection) warnOfCertificate(leaf *x509.Certificate) {
	if warning := ending("the certificate", leaf.NotAfter, c.now()); warning != "" {
		c.warnOnce("certificate", warning+"; upload a new one to the application before that")
	}
}

// ending tells that something ends soon, or has ended; "" if it does not or nobody knows.
func ending(what string, end, now time.Time) string {
	left := end.Sub(now)
	switch {
	case end.IsZero() || left > warnAhead:
		return ""
	case left <= 0:
		return fmt.Sprintf("%s expired on %s", what, end.UTC().Format(time.DateOnly))
	}
	return fmt.Sprintf("%s expires on %s, in %d days", what, end.UTC().Format(time.DateOnly), int(left/(24*time.Hour)))
}

// warnOnce warns the log of one thing once.
func (c *Connection) warnOnce(about, message string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.warned == nil {
		c.warned = map[string]bool{}
	}
	if !c.warned[about] {
		c.warned[about] = true
		c.log.Warn(message, args...)
	}
}
