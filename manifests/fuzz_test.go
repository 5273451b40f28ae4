package manifests

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// checkRefusal states what every refusal of a file is.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	var problems Errors
	if !errors.As(err, &problems) || len(problems) == 0 || len(problems) > MaxProblems {
		t.Fatalf("the file is refused with %#v", err)
	}
	for _, p := range problems {
		if p.File != "f" || p.Problem == "" {
			t.Errorf("a problem without its file or words: %#v", p)
		}
	}
}

func FuzzParsePlugin(f *testing.F) {
	f.Add(readTestdata(f, "plugin.toml"))
	f.Add("[plugin]\nname = \"a\"\n[[action]]\n[[action.parameter]]\ndefault = [1, \"a\", { b = 1 }]\n")
	f.Fuzz(func(t *testing.T, src string) {
		p, err := ParsePlugin("f", []byte(src))
		if err != nil {
			checkRefusal(t, err)
			return
		}
		for _, a := range p.Actions {
			for _, id := range slices.Concat(a.Capabilities, a.Optional) {
				if c, ok := p.Capability(id); !ok || len(c.Requests) == 0 {
					t.Errorf("action %s may use %s, which asks for nothing", a.ID, id)
				}
			}
		}
		for _, c := range p.Capabilities {
			if len(c.Permissions.Application)+len(c.Permissions.Delegated) == 0 {
				t.Errorf("capability %s states no permission", c.ID)
			}
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	src := readTestdata(f, "config.toml")
	connections, _, _ := strings.Cut(src, "[grant.mail]")
	f.Add(src)
	f.Add("connection = { a = { tenant = 1 } }\n[grant.a.only]\nuser = 1\n")
	f.Fuzz(func(t *testing.T, src string) {
		c, err := ParseConfig("f", []byte(src))
		if err != nil {
			checkRefusal(t, err)
			return
		}
		for _, g := range c.Grants {
			g.Connections = []string{"contoso"}
			again, err := ParseConfig("f", []byte(connections+g.Encode()))
			if err != nil {
				t.Fatalf("the grant does not read back: %v\n%s", err, g.Encode())
			}
			if diff := cmp.Diff(g, again.Grants[0]); diff != "" {
				t.Errorf("the grant reads back as another (-want +got):\n%s", diff)
			}
		}
	})
}

func FuzzParseLock(f *testing.F) {
	f.Add(string((&Lock{Modules: []LockedModule{locked("mail", "1.0.0"), locked("mail", "1.0.0+build")}}).Encode()))
	f.Add("[[module]]\nplugin = \"a\"\napproved = 2026-11-21\n")
	f.Fuzz(func(t *testing.T, src string) {
		l, err := ParseLock("f", []byte(src))
		if err != nil {
			checkRefusal(t, err)
			return
		}
		again, err := ParseLock("f", l.Encode())
		if err != nil {
			t.Fatalf("the lock does not read back: %v", err)
		}
		if diff := cmp.Diff(l, again); diff != "" {
			t.Errorf("the lock reads back as another (-want +got):\n%s", diff)
		}
	})
}

func FuzzParseTemplate(f *testing.F) {
	for _, path := range []string{"/users/{user}/messages/{message}/$value", "/users('a')/delta()", "//", "/{", "/%2e%2e"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		template, err := ParseTemplate(path)
		if err != nil {
			return
		}
		var b strings.Builder
		for _, s := range template.Segments() {
			b.WriteByte('/')
			if s.Parameter != "" {
				b.WriteString("{" + s.Parameter + "}")
			}
			b.WriteString(s.Literal)
		}
		if b.String() != path || strings.ContainsAny(path, "%?#\\ ") || strings.Contains(path, "/../") {
			t.Errorf("%q is a template of the segments %q", path, b.String())
		}
		params := template.Params()
		slices.Sort(params)
		if len(slices.Compact(params)) != len(template.Params()) {
			t.Errorf("%q has a parameter twice", path)
		}
	})
}

func FuzzPattern(f *testing.F) {
	f.Add("*@contoso.com", "soc@contoso.com")
	f.Add("*@contoso.com", "a@evil.example,b@contoso.com")
	f.Add("soc@contoso.com", "SOC@contoso.com")
	f.Add("*@kontoso.com", "soc@\u212aontoso.com")
	f.Fuzz(func(t *testing.T, text, value string) {
		p, err := ParsePattern(text)
		if err != nil || !p.Match(value) {
			return
		}
		if domain, ok := strings.CutPrefix(text, "*@"); ok {
			checkPlainAddress(t, value, domain)
		} else if len(text) != len(value) || !strings.EqualFold(text, value) {
			t.Errorf("%q matches %q", text, value)
		}
	})
}
