package odata_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

func TestClausesMatch(t *testing.T) {
	person := mail{"displayName": "Dana-Marie OkaforSmith 365 Élodie", "mail": "dana@x.example", "tags": []any{"smtp:a", "SMTP:b"}, "description": nil}
	for text, want := range map[string]bool{
		`"displayName:dana"`:        true,
		`"displayName:MARIE dana"`:  true,
		`"displayName:smith"`:       true,
		`"displayName:OkaforSmith"`: true,
		`"displayName:365"`:         true,
		`"displayName:élo"`:         true,
		`"displayName:ana"`:         false,
		`"displayName:-"`:           false,
		`"mail:DANA@x"`:             true,
		`"mail:x.example"`:          false,
		`"tags:smtp:b"`:             true,
		`"description:x"`:           false,
		`"mail:x" OR "mail:dana"`:   true,
		`"mail:x" AND "mail:dana"`:  false,
		`"mail:x" AND "mail:y" OR "mail:dana" AND "tags:smtp"`: true,
		`"mail:dana" OR "mail:x" AND "mail:y"`:                 true,
		`"displayName:\"dana\""`:                               true,
		`"colour:red"`:                                         false,
	} {
		search, err := odata.ParseClauses(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := search.Match(person); got != want {
			t.Errorf("%s matches: %v, want %v", text, got, want)
		}
	}
	search, err := odata.ParseClauses(`"displayName:a" OR "MAIL:b" AND "mail:c"`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"displayname", "mail"}, search.Properties()); diff != "" {
		t.Error(diff)
	}
}

func TestClausesAreRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", `"`, `"x"`, `"x:"`, `":x"`, `x:y`, `"a:b`, `"a:b" "c:d"`, `"a:b" and "c:d"`, `"a:b" AND`, `"a:b"OR`, `("a:b")`, `NOT "a:b"`, `"a:b\"`, "\"a:\xff\"",
		`"a:` + strings.Repeat("x", 9000) + `"`,
	} {
		var syntax *odata.SyntaxError
		if _, err := odata.ParseClauses(text); !errors.As(err, &syntax) {
			t.Errorf("%.30q: error %v", text, err)
		}
	}
}

func FuzzParseClauses(f *testing.F) {
	for _, seed := range []string{`"displayName:a" OR "mail:b" AND "mail:c"`, `"displayName:\"x\\"`, `""`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		search, err := odata.ParseClauses(text)
		if err != nil {
			var syntax *odata.SyntaxError
			if !errors.As(err, &syntax) || syntax.Position < 0 || syntax.Position > len(text) {
				t.Errorf("%v in a text of %d bytes", err, len(text))
			}
			return
		}
		search.Match(mail{"displayName": text, "mail": text})
		if len(search.Properties()) == 0 {
			t.Errorf("%q names no property", text)
		}
	})
}

func FuzzParseNames(f *testing.F) {
	f.Add("id, subject,microsoft.graph.fileAttachment/contentBytes")
	f.Fuzz(func(t *testing.T, text string) {
		names, err := odata.ParseNames(text)
		if err == nil && len(names) != strings.Count(text, ",")+1 {
			t.Errorf("%q gives %d names", text, len(names))
		}
	})
}
