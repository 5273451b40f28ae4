package dial

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
)

func TestAddressesOfThisMachineAndItsNetworkAreInternal(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1": true, "127.255.255.254": true, "::1": true, "::ffff:127.0.0.1": true, "::7f00:1": true,
		"10.0.0.1": true, "172.16.0.1": true, "172.31.255.255": true, "192.168.1.1": true, "fc00::1": true, "fd12::1": true, "::ffff:10.0.0.1": true,
		"169.254.169.254": true, "fe80::1": true, "fe80::1%eth0": true, "fec0::1": true,
		"0.0.0.0": true, "0.1.2.3": true, "::": true,
		"224.0.0.1": true, "239.1.1.1": true, "ff02::1": true,
		"100.64.0.1": true, "100.100.100.200": true, "192.0.0.192": true, "255.255.255.255": true, "240.0.0.1": true,
		"64:ff9b::7f00:1": true, "64:ff9b::a00:1": true, "64:ff9b:1::1": true, "2002:7f00:1::": true, "2002:c0a8:101::1": true,
		"20.190.160.1": false, "40.126.1.1": false, "13.107.6.152": false, "2603:1026::1": false, "::ffff:20.190.160.1": false,
		"172.15.0.1": false, "172.32.0.1": false, "100.63.0.1": false, "100.128.0.1": false, "64:ff9b::14be:a001": false, "2002:14be:a001::1": false,
	} {
		if got := isInternal(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: got %v", address, got)
		}
	}
}

func TestOnlyWhatTheOperatorNamedMayBeInternal(t *testing.T) {
	w := Way{Named: []string{
		"127.0.0.1:8443", "localhost", "[::1]:8443", "*.corp.example", "files.corp.example:444", "*.com", "graph.microsoft.com", "*.office.com", "login.microsoftonline.com:443",
	}}
	for address, want := range map[string]bool{
		"127.0.0.1:8443": true, "127.0.0.1:443": false, "127.0.0.1:8444": false, "localhost:443": true, "LOCALHOST:443": true, "localhost:80": false,
		"[::1]:8443": true, "[::1]:443": false, "a.corp.example:443": true, "a.b.corp.example:443": true, "corp.example:443": false, "a.corp.example:8080": false,
		"files.corp.example:444": true, "xcorp.example:443": false, "": false, "nonsense": false,
		// Microsoft's are never at home, whoever names them.
		"graph.microsoft.com:443": false, "outlook.office.com:443": false, "login.microsoftonline.com:443": false, "x.office365.com:443": false,
	} {
		if got := w.names(address); got != want {
			t.Errorf("%s: got %v", address, got)
		}
	}
}

// resolving dials a server under another name, which resolves to it.
func resolving(t *testing.T, way Way, name string) error {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was connected to") }))
	defer server.Close()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	transport := way.Transport()
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+name+":"+port, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = transport.RoundTrip(req)
	return err
}

func TestANameThatLeadsHomeIsNotConnectedTo(t *testing.T) {
	for _, name := range []string{"localhost", "127.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]"} {
		var refused *abi.Error
		if err := resolving(t, Way{}, name); !errors.As(err, &refused) || refused.Code != abi.Upstream || !strings.Contains(refused.Message, "check the DNS") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheEnvironmentsProxyIsNotTaken(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	if (Way{}).Transport().Proxy != nil {
		t.Error("there is a proxy that nobody configured")
	}
}

func TestAProxyThatRefusesIsNamed(t *testing.T) {
	for status, want := range map[int]abi.Code{407: abi.Auth, 403: abi.Upstream, 405: abi.Upstream, 502: abi.Upstream, 302: abi.Upstream} {
		asked := ""
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked = r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization") + r.Header.Get("Authorization")
			w.Header().Set("Location", "http://evil.example/")
			w.WriteHeader(status)
		}))
		at, err := url.Parse(proxy.URL)
		if err != nil {
			t.Fatal(err)
		}
		transport := Way{
			Roots: x509.NewCertPool(), Named: []string{at.Host}, Proxy: http.ProxyURL(at),
			ProxyHeader: func(context.Context, *url.URL, string) (http.Header, error) {
				return http.Header{"Proxy-Authorization": {"Basic eA=="}}, nil
			},
		}.Transport()
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://graph.microsoft.com/v1.0/users", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer token")
		var refused *abi.Error
		if _, err = transport.RoundTrip(req); !errors.As(err, &refused) || refused.Code != want || !strings.Contains(refused.Message, at.Host) {
			t.Errorf("%d: got %v", status, err)
		}
		if asked != "CONNECT graph.microsoft.com:443 Basic eA==" {
			t.Errorf("%d: the proxy was asked %q", status, asked)
		}
		proxy.Close()
	}
}

func FuzzAddresses(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add([]byte{0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 127, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		a, ok := netip.AddrFromSlice(b)
		if !ok {
			return
		}
		if (a.Unmap().IsLoopback() || a.Unmap().IsPrivate()) && !isInternal(a) {
			t.Errorf("%v passes", a)
		}
		if a.Is4() && isInternal(a) != isInternal(netip.AddrFrom16(a.As16())) {
			t.Errorf("%v is judged by its spelling", a)
		}
	})
}
