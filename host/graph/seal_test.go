package graph

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func sealer(t testing.TB) *Sealer {
	t.Helper()
	s, err := NewSealer(newKey())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealed(t testing.TB, s *Sealer) (string, Link) {
	t.Helper()
	link := Link{
		URL: origin + "/v1.0/users/a/messages?$skiptoken=X", Capability: "mail.read", Template: "/users/{user}/messages",
		Params: []abi.Pair{{Name: "user", Value: "soc@contoso.example"}}, Headers: []abi.Pair{{Name: "Prefer", Value: "x"}}, Sealed: noon,
	}
	text, err := s.Seal(link, "mail on contoso")
	if err != nil {
		t.Fatal(err)
	}
	return text, link
}

func TestSealedLinksComeBack(t *testing.T) {
	s := sealer(t)
	text, want := sealed(t, s)
	got, err := s.Open(text, "mail on contoso", noon.Add(maxLinkAge))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if again, _ := sealed(t, s); again == text {
		t.Error("the same link is sealed alike twice")
	}
	for _, clear := range []string{"contoso", "graph", "skiptoken"} {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || strings.Contains(string(raw), clear) {
			t.Errorf("%q can be read in it, %v", clear, err)
		}
	}
}

func TestSealedLinksAreRefused(t *testing.T) {
	s := sealer(t)
	text, _ := sealed(t, s)
	for name, open := range map[string]func() (Link, error){
		"for another plugin":      func() (Link, error) { return s.Open(text, "rules on contoso", noon) },
		"on another connection":   func() (Link, error) { return s.Open(text, "mail on fabrikam", noon) },
		"for nobody":              func() (Link, error) { return s.Open(text, "", noon) },
		"by another host":         func() (Link, error) { return sealer(t).Open(text, "mail on contoso", noon) },
		"when too old":            func() (Link, error) { return s.Open(text, "mail on contoso", noon.Add(maxLinkAge+1)) },
		"when empty":              func() (Link, error) { return s.Open("", "mail on contoso", noon) },
		"when cut":                func() (Link, error) { return s.Open(text[:len(text)-4], "mail on contoso", noon) },
		"when longer":             func() (Link, error) { return s.Open(text+"AAAA", "mail on contoso", noon) },
		"with a line break":       func() (Link, error) { return s.Open(text[:8]+"\n"+text[8:], "mail on contoso", noon) },
		"with padding":            func() (Link, error) { return s.Open(text+"=", "mail on contoso", noon) },
		"when it is a plain link": func() (Link, error) { return s.Open(origin+"/v1.0/users", "mail on contoso", noon) },
	} {
		got, err := open()
		if !errors.Is(err, abi.InvalidInput) || got.URL != "" && name != "when too old" {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestSealedLinksCannotBeChanged(t *testing.T) {
	s := sealer(t)
	text, _ := sealed(t, s)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			if _, err := s.Open(base64.RawURLEncoding.EncodeToString(raw), "mail on contoso", noon); !errors.Is(err, abi.InvalidInput) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			raw[i] ^= 1 << bit
		}
	}
	for i := range text {
		for _, c := range "A-_=+/ \x00" {
			if changed := text[:i] + string(c) + text[i+1:]; changed != text {
				if _, err := s.Open(changed, "mail on contoso", noon); !errors.Is(err, abi.InvalidInput) {
					t.Fatalf("%q at %d: %v", c, i, err)
				}
			}
		}
	}
}

func TestKeysHaveOneLength(t *testing.T) {
	for length, ok := range map[int]bool{0: false, KeySize - 1: false, KeySize: true, KeySize + 1: false} {
		if _, err := NewSealer(make([]byte, length)); (err == nil) != ok {
			t.Errorf("%d bytes: %v", length, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	s := sealer(f)
	text, _ := sealed(f, s)
	f.Add(text)
	f.Add(text[1:])
	f.Add("")
	f.Fuzz(func(t *testing.T, sealed string) {
		if _, err := s.Open(sealed, "mail on contoso", noon); err == nil && sealed != text {
			t.Errorf("%q is opened", sealed)
		} else if err != nil && !errors.Is(err, abi.InvalidInput) {
			t.Errorf("%q: %v", sealed, err)
		}
	})
}

func newKey() []byte {
	key := make([]byte, KeySize)
	rand.Read(key)
	return key
}
