package suffix_test

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"

	"github.com/postern-dev/postern/plugins/ingest/extract/suffix"
)

var update = flag.Bool("update", false, "take the files over from golang.org/x/net/publicsuffix")

func TestTheListIsThatOfTheDependency(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/net").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"text", "nodes", "children"} {
		theirs, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "publicsuffix", "data", name))
		if err != nil {
			t.Fatal(err)
		}
		own := filepath.Join("data", name)
		if *update {
			if err := os.WriteFile(own, theirs, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if ours, err := os.ReadFile(own); err != nil || !bytes.Equal(ours, theirs) {
			t.Errorf("%s is not that of golang.org/x/net, %v; run go test -update, and look whether numTLD and the layout in its table.go are as here", own, err)
		}
	}
}

func TestRegisteredAndPublicEnds(t *testing.T) {
	for _, test := range []struct {
		domain, public string
		isListed       bool
		registered     string
	}{
		{"www.example.com", "com", true, "example.com"},
		{"a.b.example.co.uk", "co.uk", true, "example.co.uk"},
		{"co.uk", "co.uk", true, ""},
		{"com", "com", true, ""},
		{"me.github.io", "github.io", false, "me.github.io"},
		{"a.b.kawasaki.jp", "b.kawasaki.jp", true, "a.b.kawasaki.jp"},
		{"city.kawasaki.jp", "kawasaki.jp", true, "city.kawasaki.jp"},
		{"image.png", "png", false, "image.png"},
		{"xn--p1ai", "xn--p1ai", true, ""},
		{"", "", false, ""},
		{".", "", false, ""},
	} {
		public, isListed := suffix.Public(test.domain)
		if got := suffix.Registered(test.domain); public != test.public || isListed != test.isListed || got != test.registered {
			t.Errorf("%q: public %q %v, registered %q", test.domain, public, isListed, got)
		}
	}
}

// FuzzAgainstTheDependency holds the look-up against the one that it was taken from.
func FuzzAgainstTheDependency(f *testing.F) {
	for _, domain := range []string{"www.example.com", "a.kawasaki.jp", "www.ck", "x.ck", "a.compute.amazonaws.com", "..", "a..b", "xn--fiqs8s"} {
		f.Add(domain)
	}
	f.Fuzz(func(t *testing.T, domain string) {
		if _, err := netip.ParseAddr(domain); err == nil {
			return // no domain
		}
		theirs, icann := publicsuffix.PublicSuffix(domain)
		ours, isListed := suffix.Public(domain)
		if ours != theirs || isListed != icann {
			t.Errorf("%q: %q %v, but %q %v", domain, ours, isListed, theirs, icann)
		}
	})
}
