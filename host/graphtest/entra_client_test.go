package graphtest_test

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/public"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

const (
	appScope  = "https://graph.microsoft.com/.default"
	mailScope = "https://graph.microsoft.com/Mail.Read"
)

// graphCall makes a Graph call with a token, over the server's own client.
func graphCall(t *testing.T, s *graphtest.Server, token, path string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1.0"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := s.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Errorf("Graph answered %s to GET %s", response.Status, path)
	}
}

func TestAzureIdentityCredentialsOfAnApplication(t *testing.T) {
	s := overNetwork(t)
	own, issuer := newIdentity(t, farOff()), newIdentity(t, farOff())
	app := graphtest.App{ClientID: clientID, Secret: secret, Roles: []string{"User.Read.All"}}
	app.Certificates = certificates(own)
	app.Federated = []graphtest.FederatedCredential{{
		Issuer: "https://cluster.example/", Subject: "system:serviceaccount:postern:host", Key: &issuer.key.PublicKey,
	}}
	if err := s.AddApp(app); err != nil {
		t.Fatal(err)
	}
	federated := issuer.assertion(t, "api://AzureADTokenExchange", time.Now(), func(token *jwt.Token, claims jwt.MapClaims) {
		token.Method, token.Header = jwt.SigningMethodRS256, map[string]any{"typ": "JWT", "alg": "RS256", "kid": "1"}
		claims["iss"], claims["sub"] = "https://cluster.example/", "system:serviceaccount:postern:host"
	})
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(federated), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, make := range map[string]func(azcore.ClientOptions) (azcore.TokenCredential, error){
		"secret": func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
			return azidentity.NewClientSecretCredential(s.Tenant(), clientID, secret,
				&azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
		},
		"certificate": func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
			return azidentity.NewClientCertificateCredential(s.Tenant(), clientID, app.Certificates, own.key,
				&azidentity.ClientCertificateCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
		},
		"certificate with its chain, tenant by domain": func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
			return azidentity.NewClientCertificateCredential("contoso.example", clientID, app.Certificates, own.key,
				&azidentity.ClientCertificateCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true, SendCertificateChain: true})
		},
		"assertion": func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
			return azidentity.NewClientAssertionCredential(s.Tenant(), clientID, func(context.Context) (string, error) {
				return own.assertion(t, s.AuthorityURL()+s.Tenant()+"/oauth2/v2.0/token", time.Now(), own.older), nil
			}, &azidentity.ClientAssertionCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
		},
		"workload identity": func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
			t.Setenv("AZURE_FEDERATED_TOKEN_FILE", file)
			t.Setenv("AZURE_TENANT_ID", s.Tenant())
			t.Setenv("AZURE_CLIENT_ID", clientID)
			return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
		},
		"environment": func(o azcore.ClientOptions) (azcore.TokenCredential, error) {
			t.Setenv("AZURE_TENANT_ID", s.Tenant())
			t.Setenv("AZURE_CLIENT_ID", clientID)
			t.Setenv("AZURE_CLIENT_SECRET", secret)
			return azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			credential, err := make(azureOptions(s))
			if err != nil {
				t.Fatal(err)
			}
			token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{appScope}, EnableCAE: true})
			if err != nil {
				t.Fatal(err)
			}
			graphCall(t, s, token.Token, "/users")
		})
	}
}

func TestManagedIdentityGetsATokenWithoutACredential(t *testing.T) {
	const assigned = "/subscriptions/1/resourceGroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/postern"
	s, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(t.Errorf))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddMailbox(alex); err != nil {
		t.Fatal(err)
	}
	for _, identity := range []graphtest.ManagedIdentity{
		{ClientID: "11111111-0000-4000-8000-000000000001", Roles: []string{"User.Read.All"}},
		{ClientID: "11111111-0000-4000-8000-000000000002", ResourceID: assigned, Roles: []string{"User.Read.All"}},
	} {
		if err := s.AddManagedIdentity(identity); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		appService bool
		id         azidentity.ManagedIDKind
		appID      string
	}{
		"system-assigned, App Service":          {true, nil, "11111111-0000-4000-8000-000000000001"},
		"system-assigned, virtual machine":      {false, nil, "11111111-0000-4000-8000-000000000001"},
		"by client id, App Service":             {true, azidentity.ClientID("11111111-0000-4000-8000-000000000002"), "11111111-0000-4000-8000-000000000002"},
		"by resource id, App Service":           {true, azidentity.ResourceID(assigned), "11111111-0000-4000-8000-000000000002"},
		"by resource id, virtual machine":       {false, azidentity.ResourceID(assigned), "11111111-0000-4000-8000-000000000002"},
		"one that is not assigned, App Service": {true, azidentity.ClientID("11111111-0000-4000-8000-000000000003"), ""},
		"one that is not assigned, by machine":  {false, azidentity.ClientID("11111111-0000-4000-8000-000000000003"), ""},
		"by a resource id that is not assigned": {true, azidentity.ResourceID("/x"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if test.appService {
				t.Setenv("IDENTITY_ENDPOINT", s.IdentityEndpoint())
				t.Setenv("IDENTITY_HEADER", s.IdentityHeader())
			}
			credential, err := azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
				ClientOptions: azureOptions(s), ID: test.id,
			})
			if err != nil {
				t.Fatal(err)
			}
			token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{appScope}})
			if test.appID == "" {
				if err == nil {
					t.Error("an identity that is not assigned has a token")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := claimsOf(t, token.Token)["appid"]; got != test.appID {
				t.Errorf("the token is for %v", got)
			}
			graphCall(t, s, token.Token, "/users")
		})
	}
}

func certificates(i identity) []*x509.Certificate { return []*x509.Certificate{i.certificate} }

// claimsOf reads a token without checking it.
func claimsOf(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// inBubble runs a test under a clock of its own, that the server and its clients share. It starts with Alex, and an application that is
// public and confidential.
func inBubble(t *testing.T, test func(*testing.T, *graphtest.Server)) {
	synctest.Test(t, func(t *testing.T) {
		s, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(t.Errorf))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.AddMailbox(alex); err != nil {
			t.Fatal(err)
		}
		app := confidentialApp()
		app.PublicClient = true
		if err := s.AddApp(app); err != nil {
			t.Fatal(err)
		}
		test(t, s)
	})
}

func publicClient(t *testing.T, s *graphtest.Server, tenant string) public.Client {
	t.Helper()
	client, err := public.New(clientID, public.WithAuthority(s.AuthorityURL()+tenant),
		public.WithHTTPClient(s.Client()), public.WithInstanceDiscovery(false))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// returned follows an address until the browser comes back to the client, and returns the code.
func returned(t *testing.T, p *person, address string) string {
	t.Helper()
	at, err := p.open(address)
	if err != nil {
		t.Fatal(err)
	}
	code := at.Query().Get("code")
	if code == "" {
		t.Fatalf("the browser came back with %v after %q", at.Query(), p.seen)
	}
	return code
}

// withChallenge adds the challenge of RFC 7636, appendix B. MSAL leaves that to its caller.
func withChallenge(address string) string {
	return address + "&" + url.Values{"code_challenge": {challenge}, "code_challenge_method": {"S256"}}.Encode()
}

func TestMSALPublicClientRedeemsACodeAndRefreshesSilently(t *testing.T) {
	for _, tenant := range []string{graphtest.DefaultTenant, "contoso.example", "organizations", "common"} {
		t.Run(tenant, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *graphtest.Server) {
				client := publicClient(t, s, tenant)
				address, err := client.AuthCodeURL(t.Context(), clientID, redirectURI, []string{mailScope, "offline_access", "openid", "profile"})
				if err != nil {
					t.Fatal(err)
				}
				code := returned(t, &person{http: s.Client(), user: alex}, withChallenge(address))
				first, err := client.AcquireTokenByAuthCode(t.Context(), code, redirectURI, []string{mailScope}, public.WithChallenge(verifier))
				if err != nil {
					t.Fatal(err)
				}
				graphCall(t, s, first.AccessToken, "/me/messages")
				if first.Account.PreferredUsername != alex || first.IDToken.TenantID != s.Tenant() {
					t.Errorf("account %+v", first.Account)
				}
				silent := func() (public.AuthResult, error) {
					return client.AcquireTokenSilent(t.Context(), []string{mailScope}, public.WithSilentAccount(first.Account))
				}
				if again, err := silent(); err != nil || again.AccessToken != first.AccessToken {
					t.Errorf("a token that lives was not taken from the cache: %v", err)
				}
				for range 3 {
					time.Sleep(2 * time.Hour)
					renewed, err := silent()
					if err != nil {
						t.Fatal(err)
					}
					graphCall(t, s, renewed.AccessToken, "/me/messages")
				}
				if err := s.RevokeSignIns(alex); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Hour)
				if _, err := silent(); err == nil || !strings.Contains(err.Error(), "AADSTS50173") {
					t.Errorf("after the revocation: %v", err)
				}
			})
		})
	}
}

func TestMSALTrustsTheServerByInstanceDiscovery(t *testing.T) {
	s, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(t.Errorf))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddMailbox(alex); err != nil {
		t.Fatal(err)
	}
	if err := s.AddApp(confidentialApp()); err != nil {
		t.Fatal(err)
	}
	credential, err := confidential.NewCredFromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"login.microsoftonline.com", "login.windows.net", strings.TrimPrefix(s.URL, "https://")} {
		client, err := confidential.New("https://"+host+"/"+s.Tenant(), clientID, credential, confidential.WithHTTPClient(s.Client()))
		if err != nil {
			t.Fatal(err)
		}
		result, err := client.AcquireTokenByCredential(t.Context(), []string{appScope})
		if host == strings.TrimPrefix(s.URL, "https://") {
			// Only a host that login.microsoftonline.com knows is trusted, and that name leads to the same server here.
			if err == nil || !strings.Contains(err.Error(), "invalid_instance") {
				t.Errorf("%s: %v", host, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		graphCall(t, s, result.AccessToken, "/users")
	}
}

func TestMSALConfidentialClientRedeemsACode(t *testing.T) {
	own := newIdentity(t, farOff())
	fromSecret, err := confidential.NewCredFromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	fromCertificate, err := confidential.NewCredFromCert(certificates(own), own.key)
	if err != nil {
		t.Fatal(err)
	}
	for name, credential := range map[string]confidential.Credential{"secret": fromSecret, "certificate": fromCertificate} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *graphtest.Server) {
				app := confidentialApp()
				app.Certificates = certificates(own)
				if err := s.AddApp(app); err != nil {
					t.Fatal(err)
				}
				client, err := confidential.New(s.AuthorityURL()+s.Tenant(), clientID, credential,
					confidential.WithHTTPClient(s.Client()), confidential.WithInstanceDiscovery(false))
				if err != nil {
					t.Fatal(err)
				}
				address, err := client.AuthCodeURL(t.Context(), clientID, redirectURI, []string{"Mail.Read", "openid", "offline_access", "profile"},
					confidential.WithLoginHint(alex))
				if err != nil {
					t.Fatal(err)
				}
				p := &person{http: s.Client()}
				code := returned(t, p, withChallenge(address))
				if len(p.seen) > 0 {
					t.Errorf("pages were shown in spite of the login_hint: %q", p.seen)
				}
				first, err := client.AcquireTokenByAuthCode(t.Context(), code, redirectURI, []string{"Mail.Read"}, confidential.WithChallenge(verifier))
				if err != nil {
					t.Fatal(err)
				}
				graphCall(t, s, first.AccessToken, "/me/messages")
				time.Sleep(2 * time.Hour)
				renewed, err := client.AcquireTokenSilent(t.Context(), []string{"Mail.Read"}, confidential.WithSilentAccount(first.Account))
				if err != nil || renewed.AccessToken == first.AccessToken {
					t.Fatalf("not renewed: %v", err)
				}
				graphCall(t, s, renewed.AccessToken, "/me/messages")
			})
		})
	}
}

func TestMSALSignsInThroughTheBrowser(t *testing.T) {
	s := overNetwork(t)
	app := confidentialApp()
	app.PublicClient, app.Scopes = true, []string{"User.Read"}
	if err := s.AddApp(app); err != nil {
		t.Fatal(err)
	}
	client := publicClient(t, s, "organizations")
	p := &person{http: s.Client(), user: alex}
	open := func(address string) error { _, err := p.open(address); return err }
	result, err := client.AcquireTokenInteractive(t.Context(), []string{mailScope}, public.WithOpenURL(open))
	if err != nil {
		t.Fatal(err)
	}
	graphCall(t, s, result.AccessToken, "/me/messages")
	if diff := cmp.Diff([]string{"Pick an account", "Permissions requested", "Signing in", ""}, p.seen); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	if err := s.SignInAs(alex); err != nil {
		t.Fatal(err)
	}
	p.seen = nil
	result, err = client.AcquireTokenInteractive(t.Context(), []string{appScope}, public.WithOpenURL(open))
	if err != nil {
		t.Fatal(err)
	}
	graphCall(t, s, result.AccessToken, "/me/messages")
	if diff := cmp.Diff([]string{"Signing in", ""}, p.seen); diff != "" {
		t.Errorf("pages without a person (-want +got):\n%s", diff)
	}
	if err := s.SetSignIn(alex, graphtest.SignInBlocked); err != nil {
		t.Fatal(err)
	}
	_, err = client.AcquireTokenInteractive(t.Context(), []string{mailScope}, public.WithOpenURL(open))
	if err == nil || !strings.Contains(err.Error(), "AADSTS53003") {
		t.Errorf("a blocked user: %v", err)
	}
}

func TestDeviceCodeWaitsForThePerson(t *testing.T) {
	byPage := func(t *testing.T, s *graphtest.Server, userCode, page string) {
		p := &person{http: s.Client(), user: alex}
		if _, err := p.open(page + "?user_code=" + url.QueryEscape(userCode)); err != nil {
			t.Error(err)
		}
		if !slices.Equal(p.seen, []string{"Enter code", "You have signed in"}) {
			t.Errorf("pages: %q", p.seen)
		}
	}
	byAPI := func(t *testing.T, s *graphtest.Server, userCode, _ string) {
		if err := s.ApproveDevice(userCode, alex); err != nil {
			t.Error(err)
		}
	}
	for name, approve := range map[string]func(t *testing.T, s *graphtest.Server, userCode, page string){"page": byPage, "Go API": byAPI} {
		t.Run("azidentity, "+name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *graphtest.Server) {
				credential, err := azidentity.NewDeviceCodeCredential(&azidentity.DeviceCodeCredentialOptions{
					ClientOptions: azureOptions(s), DisableInstanceDiscovery: true, ClientID: clientID,
					UserPrompt: func(_ context.Context, message azidentity.DeviceCodeMessage) error {
						go func() {
							time.Sleep(40 * time.Second)
							approve(t, s, message.UserCode, message.VerificationURL)
						}()
						return nil
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				options := policy.TokenRequestOptions{Scopes: []string{mailScope}}
				token, err := credential.GetToken(t.Context(), options)
				if err != nil {
					t.Fatal(err)
				}
				graphCall(t, s, token.Token, "/me/messages")
				time.Sleep(2 * time.Hour)
				renewed, err := credential.GetToken(t.Context(), options)
				if err != nil || renewed.Token == token.Token {
					t.Fatalf("not renewed: %v", err)
				}
				graphCall(t, s, renewed.Token, "/me/messages")
			})
		})
		t.Run("MSAL, "+name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *graphtest.Server) {
				device, err := publicClient(t, s, "organizations").AcquireTokenByDeviceCode(t.Context(), []string{mailScope})
				if err != nil {
					t.Fatal(err)
				}
				go func() {
					time.Sleep(14 * time.Minute)
					approve(t, s, device.Result.UserCode, device.Result.VerificationURL)
				}()
				result, err := device.AuthenticationResult(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				graphCall(t, s, result.AccessToken, "/me/messages")
			})
		})
	}
	t.Run("MSAL, declined", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *graphtest.Server) {
			device, err := publicClient(t, s, s.Tenant()).AcquireTokenByDeviceCode(t.Context(), []string{mailScope})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.DeclineDevice(device.Result.UserCode); err != nil {
				t.Fatal(err)
			}
			if _, err := device.AuthenticationResult(t.Context()); err == nil || !strings.Contains(err.Error(), "authorization_declined") {
				t.Errorf("the device sees %v", err)
			}
		})
	})
}

func TestMSALClientCredentials(t *testing.T) {
	own := newIdentity(t, farOff())
	s := overNetwork(t)
	app := confidentialApp()
	app.Certificates = certificates(own)
	if err := s.AddApp(app); err != nil {
		t.Fatal(err)
	}
	byCertificate, err := confidential.NewCredFromCert(app.Certificates, own.key)
	if err != nil {
		t.Fatal(err)
	}
	byAssertion := confidential.NewCredFromAssertionCallback(func(_ context.Context, o confidential.AssertionRequestOptions) (string, error) {
		return own.assertion(t, o.TokenEndpoint, time.Now(), nil), nil
	})
	for name, credential := range map[string]confidential.Credential{"certificate": byCertificate, "assertion": byAssertion} {
		t.Run(name, func(t *testing.T) {
			client, err := confidential.New(s.AuthorityURL()+s.Tenant(), clientID, credential,
				confidential.WithHTTPClient(s.Client()), confidential.WithInstanceDiscovery(false))
			if err != nil {
				t.Fatal(err)
			}
			result, err := client.AcquireTokenByCredential(t.Context(), []string{appScope})
			if err != nil {
				t.Fatal(err)
			}
			graphCall(t, s, result.AccessToken, "/users")
		})
	}
}
