package graphtest_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

// throughProxy is a client that knows the proxy and the authority, and nothing else of the server.
func throughProxy(t *testing.T, s *graphtest.Server) *http.Client {
	t.Helper()
	address, err := url.Parse(s.ProxyURL())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.CAPEM())
	transport := &http.Transport{Proxy: http.ProxyURL(address), TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestPagesThroughTheProxyStayOnMicrosoftsHost(t *testing.T) {
	n := onNetwork(t, graphtest.WithProxy("127.0.0.1:0"))
	n.mailbox("dana@contoso.example")
	n.http = throughProxy(t, n.Server)
	var names []string
	for next := "https://graph.microsoft.com/v1.0/users?$top=1&$select=mail"; next != ""; {
		a := n.want(next)
		names = append(names, a.column("mail")...)
		next, _ = a.json["@odata.nextLink"].(string)
		if next != "" && !strings.HasPrefix(next, "https://graph.microsoft.com/v1.0/users?") {
			t.Fatalf("the next page is at %s", next)
		}
	}
	if diff := cmp.Diff([]string{"soc@contoso.example", "dana@contoso.example"}, names); diff != "" {
		t.Errorf("users over two pages (-want +got):\n%s", diff)
	}
	if got := n.Journal()[0]; got.Host != "graph.microsoft.com" || got.Template != "/users" {
		t.Errorf("journal: %+v", got)
	}
}

// The vendor's own client, set up as for the real service: only its transport knows the proxy.
func TestAzureClientsThroughTheProxy(t *testing.T) {
	n := onNetwork(t, graphtest.WithProxy("127.0.0.1:0"))
	if err := n.AddApp(graphtest.App{ClientID: clientID, Secret: secret, Roles: []string{"User.Read.All"}}); err != nil {
		t.Fatal(err)
	}
	n.Fault(graphtest.Fault{Path: "/users", Status: http.StatusTooManyRequests, RetryAfter: 1e6})
	options := azcore.ClientOptions{Transport: throughProxy(t, n.Server)}
	credential, err := azidentity.NewClientSecretCredential("contoso.example", clientID, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: options})
	if err != nil {
		t.Fatal(err)
	}
	pipeline := runtime.NewPipeline("graphtest", "v1", runtime.PipelineOptions{
		PerRetry: []policy.Policy{runtime.NewBearerTokenPolicy(credential, []string{"https://graph.microsoft.com/.default"}, nil)},
	}, &options)
	request, err := runtime.NewRequest(t.Context(), http.MethodGet, "https://graph.microsoft.com/v1.0/users")
	if err != nil {
		t.Fatal(err)
	}
	response, err := pipeline.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("answered %s", response.Status)
	}
	hosts := map[string]bool{}
	for _, received := range n.Journal() {
		hosts[received.Host] = true
	}
	if !hosts["graph.microsoft.com"] || !hosts["login.microsoftonline.com"] {
		t.Errorf("the client called %v", hosts)
	}
}

func TestProxyLeadsNowhereElse(t *testing.T) {
	n := onNetwork(t, graphtest.WithProxy("127.0.0.1:0"))
	proxy := strings.TrimPrefix(n.ProxyURL(), "http://")
	own := strings.TrimPrefix(n.URL, "https://")
	for name, test := range map[string]struct {
		request string
		status  int
		says    string
	}{
		"Graph":                 {"CONNECT graph.microsoft.com:443", 200, ""},
		"Graph in capitals":     {"CONNECT GRAPH.Microsoft.COM:443", 200, ""},
		"uploads":               {"CONNECT outlook.office.com:443", 200, ""},
		"the server itself":     {"CONNECT " + own, 200, ""},
		"another host":          {"CONNECT example.com:443", 403, "Not emulated: example.com:443"},
		"a host below Graph's":  {"CONNECT x.graph.microsoft.com:443", 403, "Not emulated"},
		"a host that ends so":   {"CONNECT evilgraph.microsoft.com:443", 403, "Not emulated"},
		"another port":          {"CONNECT graph.microsoft.com:80", 403, "Not emulated"},
		"no port":               {"CONNECT graph.microsoft.com", 403, "Not emulated"},
		"a port of this host":   {"CONNECT 127.0.0.1:22", 403, "Not emulated"},
		"a national cloud":      {"CONNECT graph.microsoft.us:443", 403, "Not emulated"},
		"plain http":            {"GET http://graph.microsoft.com/v1.0/users", 403, "use https"},
		"a request to itself":   {"GET /", 403, "CONNECT"},
		"a host of odd letters": {"CONNECT \u00fc\u00fc:443", 403, "Not emulated: ??:443"},
	} {
		t.Run(name, func(t *testing.T) {
			connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", proxy)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = connection.Close() }()
			if _, err := io.WriteString(connection, test.request+" HTTP/1.1\r\nHost: h\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: strings.Fields(test.request)[0]})
			if err != nil {
				t.Fatal(err)
			}
			said := response.Status
			if response.StatusCode != http.StatusOK {
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				said += string(body)
			}
			if response.StatusCode != test.status || !strings.Contains(said, test.says) {
				t.Errorf("answered %s", said)
			}
		})
	}
	_, err := throughProxy(t, n.Server).Get("https://example.com/")
	if err == nil || !strings.Contains(err.Error(), "Not emulated: example.com:443") {
		t.Errorf("a client is told %v", err)
	}
}

func TestProxyLeadsToNationalCloudsIfAsked(t *testing.T) {
	n := onNetwork(t, graphtest.WithProxy("127.0.0.1:0"), graphtest.WithNationalClouds())
	n.http = throughProxy(t, n.Server)
	n.want("https://graph.microsoft.us/v1.0/users")
	n.want("https://microsoftgraph.chinacloudapi.cn/v1.0/users")
}

func TestProxyEndsWithTheServer(t *testing.T) {
	server, err := graphtest.NewServer(graphtest.CheckAnswers(t.Errorf), graphtest.WithProxy("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	client := throughProxy(t, server)
	response, err := client.Get("https://graph.microsoft.com/v1.0/users")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if response, err := client.Get("https://graph.microsoft.com/v1.0/users"); err == nil {
		_ = response.Body.Close()
		t.Error("a server that was closed answers")
	}
	if _, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(t.Errorf), graphtest.WithProxy("127.0.0.1:0")); err == nil {
		t.Error("a server without network has a proxy")
	}
	if _, err := graphtest.NewServer(graphtest.CheckAnswers(t.Errorf), graphtest.WithProxy("256.0.0.1:0")); err == nil {
		t.Error("a proxy listens nowhere")
	}
}
