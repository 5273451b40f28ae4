package connection

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/postern-dev/postern/manifests"
)

// assertionLife is how long a signed assertion is good for; Entra takes up to ten minutes.
// Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
const assertionLife = 10 * time.Minute

// sign makes an assertion that names the certificate by its thumbprint alone: RS256 with x5t for SHA-1, the older form, and PS256 with
// x5t#S256 for SHA-256. With the certificate at hand azidentity and MSAL make it.
func (i *identity) sign(clientID, endpoint string, now time.Time) (redacted, error) {
	method, header := jwt.SigningMethod(jwt.SigningMethodRS256), "x5t"
	if len(i.thumbprint) > 20 {
		method, header = jwt.SigningMethodPS256, "x5t#S256"
	}
	token := jwt.NewWithClaims(method, jwt.MapClaims{
		"aud": endpoint, "iss": clientID, "sub": clientID, "jti": uuid.NewString(),
		"nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	})
	token.Header[header] = base64.RawURLEncoding.EncodeToString(i.thumbprint)
	signed, err := token.SignedString(i.key)
	if err != nil {
		return redacted{}, problemf("make a new key of 2048 bits or more", "the private key cannot sign")
	}
	return redact(signed), nil
}

// federated reads the token of the other issuer, which that issuer replaces before it expires.
func (c *Connection) federated(ctx context.Context) (redacted, error) {
	source := c.config.FederatedToken
	if source.IsZero() {
		file := c.secrets.getenv(manifests.FederatedTokenEnv)
		if file == "" {
			return redacted{}, c.misplaced("federated_token", problemf("name the token's file in federated_token, or let the workload identity webhook set it",
				"the environment variable %s is not set", manifests.FederatedTokenEnv))
		}
		source = manifests.FileSource(file)
	}
	token, err := c.secrets.word(ctx, source, "federated_token")
	if err != nil {
		return redacted{}, c.misplaced("federated_token", err)
	}
	return token, nil
}
