package graphtest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

const (
	clientID = "0b9d9a5e-1111-4222-8333-444455556666"
	secret   = "correct horse"
)

// overNetwork is a server on TLS with one application that may read users.
func overNetwork(t *testing.T) *graphtest.Server {
	t.Helper()
	server, err := graphtest.NewServer(graphtest.CheckAnswers(t.Errorf))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := server.AddApp(graphtest.App{ClientID: clientID, Secret: secret, Roles: []string{"User.Read.All", "Mail.Read"}}); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"alex@contoso.example", "dana@contoso.example"} {
		if _, err := server.AddMailbox(address); err != nil {
			t.Fatal(err)
		}
	}
	return server
}

func azureOptions(s *graphtest.Server) azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: s.AuthorityURL()},
		Transport: s.Client(),
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

func TestAzureIdentityAndPipelineReadGraph(t *testing.T) {
	s := overNetwork(t)
	credential, err := azidentity.NewClientSecretCredential(s.Tenant(), clientID, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: azureOptions(s), DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	options := azureOptions(s)
	pipeline := runtime.NewPipeline("graphtest", "v1", runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(credential, []string{s.URL + "/.default"}, nil)},
	}, &options)
	var names []string
	for next := s.URL + "/v1.0/users?$top=1&$select=mail"; next != ""; {
		request, err := runtime.NewRequest(t.Context(), http.MethodGet, next)
		if err != nil {
			t.Fatal(err)
		}
		response, err := pipeline.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		if !runtime.HasStatusCode(response, http.StatusOK) {
			t.Fatal(runtime.NewResponseError(response))
		}
		var page struct {
			Next  string `json:"@odata.nextLink"`
			Value []struct{ Mail string }
		}
		if err := runtime.UnmarshalAsJSON(response, &page); err != nil {
			t.Fatal(err)
		}
		for _, user := range page.Value {
			names = append(names, user.Mail)
		}
		next = page.Next
	}
	if diff := cmp.Diff([]string{"alex@contoso.example", "dana@contoso.example"}, names); diff != "" {
		t.Errorf("users over two pages (-want +got):\n%s", diff)
	}
}

func TestAzurePipelineSeesGraphsErrorCode(t *testing.T) {
	s := overNetwork(t)
	credential, err := azidentity.NewClientSecretCredential("contoso.example", clientID, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: azureOptions(s), DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	options := azureOptions(s)
	pipeline := runtime.NewPipeline("graphtest", "v1", runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(credential, []string{"https://graph.microsoft.com/.default"}, nil)},
	}, &options)
	request, err := runtime.NewRequest(t.Context(), http.MethodGet, s.URL+"/v1.0/groups")
	if err != nil {
		t.Fatal(err)
	}
	response, err := pipeline.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	var failure *azcore.ResponseError
	if err := runtime.NewResponseError(response); !errors.As(err, &failure) || failure.ErrorCode != "Authorization_RequestDenied" {
		t.Errorf("the pipeline saw %v", err)
	}
}

func TestMSALConfidentialClientGetsAToken(t *testing.T) {
	s := overNetwork(t)
	credential, err := confidential.NewCredFromSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	client, err := confidential.New(s.AuthorityURL()+s.Tenant(), clientID, credential,
		confidential.WithHTTPClient(s.Client()), confidential.WithInstanceDiscovery(false))
	if err != nil {
		t.Fatal(err)
	}
	result, err := client.AcquireTokenByCredential(context.Background(), []string{"https://graph.microsoft.com/.default"})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		jwt.RegisteredClaims
		AppID, TID, IDTyp string
		Roles             []string
	}
	if _, _, err := jwt.NewParser().ParseUnverified(result.AccessToken, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.AppID != clientID || claims.TID != s.Tenant() || claims.IDTyp != "app" || claims.Audience[0] != "https://graph.microsoft.com" ||
		!cmp.Equal(claims.Roles, []string{"User.Read.All", "Mail.Read"}) {
		t.Errorf("claims: %+v", claims)
	}
	if left := time.Until(result.ExpiresOn); left < 59*time.Minute || left > time.Hour {
		t.Errorf("the token is good for %v", left)
	}
}

func TestAzureIdentityReportsAWrongSecret(t *testing.T) {
	s := overNetwork(t)
	credential, err := azidentity.NewClientSecretCredential(s.Tenant(), clientID, "wrong", &azidentity.ClientSecretCredentialOptions{
		ClientOptions: azureOptions(s), DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "AADSTS7000215") {
		t.Errorf("the error is %v", err)
	}
}

func TestTokenEndpointRefusesAsEntraDoes(t *testing.T) {
	n := newTenant(t)
	for _, app := range []graphtest.App{
		{ClientID: clientID, Secret: secret},
		{ClientID: "expired", Secret: secret, SecretExpires: noon},
		{ClientID: "no secret"},
	} {
		if err := n.AddApp(app); err != nil {
			t.Fatal(err)
		}
	}
	form := func(pairs ...string) url.Values {
		values := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret}, "scope": {"https://graph.microsoft.com/.default"}}
		for i := 0; i+1 < len(pairs); i += 2 {
			values.Set(pairs[i], pairs[i+1])
		}
		return values
	}
	for name, test := range map[string]struct {
		tenant string
		form   url.Values
		status int
		kind   string
		code   int
	}{
		"right secret":            {n.Tenant(), form(), 200, "", 0},
		"domain as tenant":        {"contoso.example", form(), 200, "", 0},
		"wrong secret":            {n.Tenant(), form("client_secret", "x"), 401, "invalid_client", 7000215},
		"app without secret":      {n.Tenant(), form("client_id", "no secret"), 401, "invalid_client", 7000215},
		"no secret sent":          {n.Tenant(), form("client_secret", ""), 401, "invalid_client", 7000218},
		"expired secret":          {n.Tenant(), form("client_id", "expired"), 401, "invalid_client", 7000222},
		"unknown app":             {n.Tenant(), form("client_id", "x"), 400, "unauthorized_client", 700016},
		"unknown tenant":          {"99999999-9999-4999-8999-999999999999", form(), 400, "invalid_request", 90002},
		"unknown domain":          {"fabrikam.example", form(), 400, "invalid_request", 90002},
		"tenant that is no name":  {"contoso", form(), 400, "invalid_request", 900023},
		"scope that is no app's":  {n.Tenant(), form("scope", "https://graph.microsoft.com/Mail.Read"), 400, "invalid_scope", 70011},
		"two resources":           {n.Tenant(), form("scope", "https://graph.microsoft.com/.default https://x.example/.default"), 400, "invalid_scope", 70011},
		"unknown resource":        {n.Tenant(), form("scope", "https://x.example/.default"), 400, "invalid_resource", 500011},
		"no scope":                {n.Tenant(), form("scope", ""), 400, "invalid_request", 900144},
		"grant that is not there": {n.Tenant(), form("grant_type", "password"), 400, "unsupported_grant_type", 70003},
	} {
		t.Run(name, func(t *testing.T) {
			response, err := n.http.PostForm(n.AuthorityURL()+test.tenant+"/oauth2/v2.0/token", test.form)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Error       string
				Description string `json:"error_description"`
				Codes       []int  `json:"error_codes"`
				Trace       string `json:"trace_id"`
				Token       string `json:"access_token"`
				Expires     int    `json:"expires_in"`
			}
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			if response.StatusCode != test.status || got.Error != test.kind {
				t.Fatalf("answered %d %s", response.StatusCode, body)
			}
			if test.status == http.StatusOK {
				if got.Token == "" || got.Expires != 3599 {
					t.Errorf("answered %s", body)
				}
				return
			}
			if !cmp.Equal(got.Codes, []int{test.code}) || !strings.HasPrefix(got.Description, "AADSTS") || got.Trace == "" {
				t.Errorf("answered %s", body)
			}
		})
	}
}

func TestPublishedKeysVerifyTheTokens(t *testing.T) {
	n := newTenant(t, "User.Read.All")
	var discovery struct {
		Keys     string `json:"jwks_uri"`
		Endpoint string `json:"token_endpoint"`
	}
	fetch := func(address string, into any) {
		t.Helper()
		response, err := n.http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	fetch(n.AuthorityURL()+n.Tenant()+"/v2.0/.well-known/openid-configuration", &discovery)
	if discovery.Endpoint != n.AuthorityURL()+n.Tenant()+"/oauth2/v2.0/token" {
		t.Errorf("token_endpoint = %s", discovery.Endpoint)
	}
	var keys struct{ Keys []struct{ Kid, N, E string } }
	fetch(discovery.Keys, &keys)
	key := rsaKey(t, keys.Keys[0].N, keys.Keys[0].E)
	token, err := jwt.Parse(n.token, func(*jwt.Token) (any, error) { return key, nil }, jwt.WithTimeFunc(func() time.Time { return noon }))
	if err != nil || token.Header["kid"] != keys.Keys[0].Kid {
		t.Errorf("the token does not verify: %v", err)
	}
}
