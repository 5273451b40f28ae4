package connection

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/postern-dev/postern/manifests"
)

// setProxy makes the connection's way lead through its proxy. The operator has named it, so it may be at any address.
func (c *Connection) setProxy(getenv func(string) string) error {
	switch c.config.Proxy {
	case "":
		return nil
	case manifests.ProxyFromEnvironment:
		return c.setEnvironmentProxy(getenv)
	}
	proxy, err := parseProxy(c.config.Proxy)
	if err != nil {
		return err
	}
	c.way.Proxy = http.ProxyURL(proxy)
	c.way.Named = append(c.way.Named, hostPort(proxy))
	if !c.config.ProxyCredentials.IsZero() {
		c.way.ProxyHeader = c.proxyHeader
	}
	return nil
}

// setEnvironmentProxy takes the proxy of HTTPS_PROXY, except for the hosts of NO_PROXY.
func (c *Connection) setEnvironmentProxy(getenv func(string) string) error {
	either := func(name string) string {
		if value := getenv(name); value != "" {
			return value
		}
		return getenv(strings.ToLower(name))
	}
	config := httpproxy.Config{HTTPSProxy: either("HTTPS_PROXY"), NoProxy: either("NO_PROXY")}
	if config.HTTPSProxy == "" {
		return nil
	}
	proxy, err := parseProxy(config.HTTPSProxy)
	if err != nil {
		return fmt.Errorf("HTTPS_PROXY: %w", err)
	}
	config.HTTPSProxy = proxy.String()
	choose := config.ProxyFunc()
	c.way.Proxy = func(req *http.Request) (*url.URL, error) { return choose(req.URL) }
	c.way.Named = append(c.way.Named, hostPort(proxy))
	return nil
}

// parseProxy reads the address of a proxy. Its errors do not quote it: it may hold a password.
func parseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") { // as the environment may have it
		text = "http://" + text
	}
	proxy, err := url.Parse(text)
	if err != nil || proxy.Scheme != "http" && proxy.Scheme != "https" || proxy.Host == "" {
		return nil, errors.New("the value is not an http or https proxy; write for example \"http://proxy.example:8080\"")
	}
	return proxy, nil
}

// hostPort is where an http or https address is dialled.
func hostPort(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Host
	case u.Scheme == "https":
		return u.Host + ":443"
	default:
		return u.Host + ":80"
	}
}

// proxyHeader makes the header that authorises to the proxy, with the secret as it is then.
func (c *Connection) proxyHeader(ctx context.Context, _ *url.URL, _ string) (http.Header, error) {
	const key = "proxy_credentials"
	credentials, err := c.secrets.word(ctx, c.config.ProxyCredentials, key)
	if err == nil && !strings.Contains(credentials.reveal(), ":") {
		err = problemf("write USER:PASSWORD", "there is no colon between user and password")
	}
	if err != nil {
		return nil, c.misplaced(key, err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte(credentials.reveal()))
	return http.Header{"Proxy-Authorization": {"Basic " + basic}}, nil
}
