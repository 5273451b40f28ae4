package graph

import (
	"net/url"
	"strings"
	"testing"
)

func TestLinksAreFollowedOnTheOwnOriginOnly(t *testing.T) {
	for link, want := range map[string]bool{
		origin + "/v1.0/users?$skiptoken=X":                                                                   true,
		origin + "/v1.0/users/soc%40contoso.example/messages?$skip=10&$top=10":                                true,
		origin + "/v1.0/users('soc%40contoso.example')/mailFolders('inbox')/messages/delta?$deltatoken=a%2Fb": true,
		origin + "/v1.0/users?next=https://evil.example":                                                      true,
		origin + "/v1.0/users?$filter=startswith(mail,'../')":                                                 true,

		"":                                                      false,
		"/v1.0/users":                                           false,
		"v1.0/users":                                            false,
		"?$skiptoken=X":                                         false,
		origin:                                                  false,
		origin + "/":                                            false,
		origin + "/v1.0":                                        false,
		origin + "/v1.0?x":                                      false,
		origin + "/beta/users":                                  false,
		origin + "/v1.0.evil/users":                             false,
		origin + "/V1.0/users":                                  false,
		origin + "//v1.0/users":                                 false,
		origin + "/v1.0//users":                                 false,
		origin + "/v1.0/users//messages":                        false,
		origin + "/v1.0/../beta/users":                          false,
		origin + "/v1.0/./users":                                false,
		origin + "/v1.0/%2e%2e/beta":                            false,
		origin + "/v1.0/%2E%2E/beta":                            false,
		origin + "/v1.0/.%2e/beta":                              false,
		origin + "/v1.0/%252e%252e/beta":                        false,
		origin + "/v1.0/users/..%2f..%2fbeta":                   false,
		origin + "/v1.0/users/..%5c..%5cbeta":                   false,
		origin + `/v1.0/..\beta`:                                false,
		origin + `/v1.0/users\x`:                                false,
		origin + `\v1.0/users`:                                  false,
		origin + "/v1.0/..;/beta":                               false,
		origin + "/v1.0/%c0%ae%c0%ae/beta":                      false,
		origin + "/v1.0/．．/beta":                                false,
		origin + "/v1.0/users/..":                               false,
		origin + "/v1.0/users#x":                                false,
		origin + "/v1.0/users#":                                 false,
		origin + "/v1.0/users?x#@evil.example":                  false,
		origin + "/v1.0/users\r\nX: y":                          false,
		origin + "/v1.0/users\n":                                false,
		origin + "/v1.0/users\x00":                              false,
		origin + "/v1.0/users%00":                               false,
		origin + "/v1.0/users%0d%0aX:%20y":                      false,
		origin + "/v1.0/users\t":                                false,
		origin + "/v1.0/users?a\r\nX: y":                        false,
		origin + "/v1.0/%zz":                                    false,
		" " + origin + "/v1.0/users":                            false,
		origin + ":443/v1.0/users":                              false,
		origin + ":8443/v1.0/users":                             false,
		origin + ":/v1.0/users":                                 false,
		origin + "./v1.0/users":                                 false,
		origin + ".evil.example/v1.0/users":                     false,
		origin + "@evil.example/v1.0/users":                     false,
		origin + ":x@evil.example/v1.0/users":                   false,
		origin + "%2eevil.example/v1.0/users":                   false,
		"https://evil.example/v1.0/users":                       false,
		"https://evil.example/" + origin + "/v1.0/users":        false,
		"https://user@graph.microsoft.com/v1.0/users":           false,
		"https://user:password@graph.microsoft.com/v1.0/users":  false,
		"https://@graph.microsoft.com/v1.0/users":               false,
		"https://evil.example\\@graph.microsoft.com/v1.0/users": false,
		"https://GRAPH.microsoft.com/v1.0/users":                false,
		"https://graph.microsoft。com/v1.0/users":                false,
		"https://gгaph.microsoft.com/v1.0/users":                false,
		"https://xn--gaph-cfe.microsoft.com/v1.0/users":         false,
		"HTTPS://graph.microsoft.com/v1.0/users":                false,
		"http://graph.microsoft.com/v1.0/users":                 false,
		"ftp://graph.microsoft.com/v1.0/users":                  false,
		"https:graph.microsoft.com/v1.0/users":                  false,
		"https:/graph.microsoft.com/v1.0/users":                 false,
		"https:///graph.microsoft.com/v1.0/users":               false,
		`https:\\graph.microsoft.com/v1.0/users`:                false,
		"//graph.microsoft.com/v1.0/users":                      false,
		"https://[::1]/v1.0/users":                              false,
		"javascript:alert(1)":                                   false,
		origin + "/v1.0/users?x=" + strings.Repeat("a", maxURL): false,
	} {
		if got := pinned(graphOrigin(t), apiVersion, link); got != want {
			t.Errorf("%.100q: followed is %v", link, got)
		}
	}
}

func TestLinksKeepThePortOfTheOrigin(t *testing.T) {
	own := parseURL(t, "https://localhost:8443")
	for link, want := range map[string]bool{
		"https://localhost:8443/v1.0/users":  true,
		"https://localhost/v1.0/users":       false,
		"https://localhost:443/v1.0/users":   false,
		"https://localhost:08443/v1.0/users": false,
		"https://localhost:84430/v1.0/users": false,
	} {
		if got := pinned(own, apiVersion, link); got != want {
			t.Errorf("%s: followed is %v", link, got)
		}
	}
}

// Whatever a link that is followed looks like, a request for it goes to the API of
// the origin, by the parser that sends it.
func FuzzLink(f *testing.F) {
	for _, link := range []string{
		origin + "/v1.0/users?$skiptoken=X", origin + "/v1.0/%2e%2e/beta", origin + "@evil.example/v1.0/", origin + "/v1.0/users?a#b",
		"https://evil.example/v1.0/", origin + "/v1.0//x", origin + "/v1.0/a%2fb",
	} {
		f.Add(link)
	}
	f.Fuzz(func(t *testing.T, link string) {
		if !pinned(graphOrigin(t), apiVersion, link) {
			return
		}
		u, err := url.Parse(link)
		if err != nil {
			t.Fatal(err)
		}
		if u.Scheme != "https" || u.Host != "graph.microsoft.com" || u.User != nil || u.Opaque != "" || u.Fragment != "" {
			t.Errorf("%q leads to %+v", link, u)
		}
		if resolved := graphOrigin(t).ResolveReference(u); !strings.HasPrefix(resolved.EscapedPath(), "/v1.0/") {
			t.Errorf("%q leads to %s", link, resolved)
		}
		if strings.ContainsAny(u.RequestURI(), "\r\n\x00") {
			t.Errorf("%q splits the request", link)
		}
	})
}
