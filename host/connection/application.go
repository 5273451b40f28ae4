package connection

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/manifests"
)

// application gets a token of the application's own. Each makes its own credential: azidentity then has nothing in its cache that would
// have to be forced out, and no secret stays in memory.
func (c *Connection) application(ctx context.Context) (*token, error) {
	switch c.config.Auth {
	case manifests.AuthCertificate:
		return c.byCertificate(ctx)
	case manifests.AuthAutomatic:
		return c.automatic(ctx)
	case manifests.AuthManagedIdentity:
		return c.managed(ctx)
	case manifests.AuthWorkloadIdentity:
		token, err := c.federated(ctx)
		if err != nil {
			return nil, err
		}
		return c.byAssertion(ctx, token)
	default:
		return c.bySecret(ctx)
	}
}

func (c *Connection) bySecret(ctx context.Context) (*token, error) {
	secret, err := c.clientSecret(ctx)
	if err != nil {
		return nil, err
	}
	service := c.service()
	credential, err := azidentity.NewClientSecretCredential(c.config.Tenant, c.config.ClientID, secret.reveal(),
		&azidentity.ClientSecretCredentialOptions{ClientOptions: c.clientOptions(service), DisableInstanceDiscovery: true})
	return c.get(ctx, service, credential, err)
}

func (c *Connection) clientSecret(ctx context.Context) (redacted, error) {
	secret, err := c.secrets.word(ctx, c.config.ClientSecret, "client_secret")
	if err != nil {
		return secret, c.misplaced("client_secret", err)
	}
	c.warnOfSecret()
	return secret, nil
}

func (c *Connection) byCertificate(ctx context.Context) (*token, error) {
	own, err := c.identity(ctx)
	if err != nil {
		return nil, err
	}
	if own.leaf == nil {
		assertion, err := own.sign(c.config.ClientID, c.endpoint("token"), c.now())
		if err != nil {
			return nil, c.misplaced("private_key", err)
		}
		return c.byAssertion(ctx, assertion)
	}
	c.warnOfCertificate(own.leaf)
	service := c.service()
	credential, err := azidentity.NewClientCertificateCredential(c.config.Tenant, c.config.ClientID, []*x509.Certificate{own.leaf}, own.key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: c.clientOptions(service), DisableInstanceDiscovery: true})
	return c.get(ctx, service, credential, err)
}

func (c *Connection) byAssertion(ctx context.Context, assertion redacted) (*token, error) {
	service := c.service()
	credential, err := azidentity.NewClientAssertionCredential(c.config.Tenant, c.config.ClientID,
		func(context.Context) (string, error) { return assertion.reveal(), nil },
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: c.clientOptions(service), DisableInstanceDiscovery: true})
	return c.get(ctx, service, credential, err)
}

// automatic prefers the secret, as the connector that it is named after does; and goes on with the certificate where that would leave its
// user with an error.
func (c *Connection) automatic(ctx context.Context) (*token, error) {
	certificate := !c.config.Certificate.IsZero() || !c.config.PrivateKey.IsZero()
	if c.config.ClientSecret.IsZero() {
		return c.byCertificate(ctx)
	}
	t, err := c.bySecret(ctx)
	var refused *failure
	if err == nil || !certificate || !errors.As(err, &refused) || !refused.badSecret() {
		return t, err
	}
	c.warnOnce("automatic", "the client secret does not work any more, so the certificate is used; replace the secret, or write auth = \"certificate\"",
		"code", refused.coded.Detail.GraphCode)
	return c.byCertificate(ctx)
}

// managed gets the token of the identity that Azure gives this machine.
func (c *Connection) managed(ctx context.Context) (*token, error) {
	service := c.service()
	options := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: c.clientOptions(service)}
	options.Retry.StatusCodes = []int{
		http.StatusNotFound, http.StatusGone, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	if c.config.ClientID != "" {
		options.ID = azidentity.ClientID(c.config.ClientID)
	}
	credential, err := azidentity.NewManagedIdentityCredential(options)
	if err != nil {
		return c.get(ctx, service, credential, err)
	}
	return c.get(ctx, service, uncached{credential}, nil)
}

// uncached is the credential of a managed identity, whose library keeps tokens for the whole process and would give out again one that
// Graph refused. With claims it asks anew; it sends none.
type uncached struct{ azcore.TokenCredential }

// GetToken implements azcore.TokenCredential.
func (u uncached) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	options.Claims = "{}"
	return u.TokenCredential.GetToken(ctx, options)
}

func (c *Connection) clientOptions(service *tokenService) azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: c.authority.String() + "/"},
		Transport: service,
		Telemetry: policy.TelemetryOptions{ApplicationID: product},
		Retry: policy.RetryOptions{
			MaxRetries:    maxRetries,
			TryTimeout:    tryTimeout,
			RetryDelay:    retryDelay,
			MaxRetryDelay: maxRetryDelay,
		},
	}
}

// get asks a credential that was made, or not, for a token.
func (c *Connection) get(ctx context.Context, service *tokenService, credential azcore.TokenCredential, err error) (*token, error) {
	if err != nil {
		return nil, c.failed(reason{abi.Auth, "", "the credential library refuses the settings",
			"check tenant and client_id, and the environment variables whose names begin with AZURE_ or IDENTITY_"})
	}
	clock := c.stopwatch()
	got, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{c.graph.String() + "/.default"}})
	if err != nil || !wellFormed(got.Token) {
		return nil, service.explain()
	}
	return clock.token(got.Token, got.ExpiresOn), nil
}
