package odata_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

// enums are the types of mail with one enumeration: subject.
type enums struct{ types }

func (enums) EnumMember(path []string, member string) (string, bool) {
	if strings.Join(path, "/") != "subject" {
		return "", false
	}
	return "microsoft.graph.kind", strings.EqualFold(member, "invoice it's") || strings.EqualFold(member, "letter")
}

func TestFilterFormsOfGraph(t *testing.T) {
	for text, want := range map[string]bool{
		"startsWith(subject,'inv') and endsWith(subject,'s')":      true,
		"Contains(subject,'voice') AND NOT isRead":                 true,
		"NOT tags/any(t:t eq 'red')":                               false,
		"tags/Any(t:startsWith(t,'b'))":                            true,
		"tags/$count eq 2 and to/$count gt 1":                      true,
		"subject eq 'Letter'":                                      false,
		"subject eq microsoft.graph.kind'invoice it''s'":           true,
		"subject has microsoft.graph.kind'letter'":                 false,
		"microsoft.graph.kind'letter' ne subject":                  true,
		"subject in ('letter','invoice it''s')":                    true,
		"subject eq null":                                          false,
		"to/any(a:to/any(b:a/address eq b/address))":               true,
		"received ge 2026-03-02T12:00:00.000Z and size eq 17":      true,
		"(((isRead eq false)))":                                    true,
		"from/emailAddress/address in ('x@y.z','ALICE@x.example')": true,
	} {
		t.Run(text, func(t *testing.T) {
			filter, err := odata.ParseFilter(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := filter.Check(enums{}); err != nil {
				t.Fatal(err)
			}
			if got, err := filter.Match(invoice); err != nil || got != want {
				t.Errorf("matches: %v, %v; want %v", got, err, want)
			}
		})
	}
	filter, err := odata.ParseFilter("NOT StartsWith(subject,'x') and tags/$count eq 1")
	if err != nil {
		t.Fatal(err)
	}
	if !filter.Uses("not") || !filter.Uses("startswith") || !filter.Uses("$count") {
		t.Error("operators in other cases are not told")
	}
	if diff := cmp.Diff([][]string{{"subject"}, {"tags"}}, filter.Paths()); diff != "" {
		t.Error(diff)
	}
}

func TestEnumerationsAreChecked(t *testing.T) {
	for _, text := range []string{
		"subject eq 'novel'", "subject eq microsoft.graph.kind'novel'", "subject eq microsoft.graph.other'letter'", "'novel' eq subject",
		"subject in ('letter','novel')", "size has microsoft.graph.kind'letter'", "flag eq microsoft.graph.kind'letter'", "flag has 'x'",
		"'x' has 'y'", "isRead has true", "size/$count eq 1", "flag/$count eq 0", "from/$count eq 1",
	} {
		filter, err := odata.ParseFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var wrong *odata.TypeError
		if err := filter.Check(enums{}); !errors.As(err, &wrong) {
			t.Errorf("%s: error %v, want a type error", text, err)
		}
	}
}

func TestFiltersAreBounded(t *testing.T) {
	var syntax *odata.SyntaxError
	for _, text := range []string{
		"to/any(a:to/any(b:to/any(c:c/address eq 'x')))",
		strings.Repeat("not ", 100) + "isRead",
		"isRead" + strings.Repeat(" and isRead", 400),
		"subject in (" + strings.Repeat("'x',", 400) + "'x')",
		"subject eq microsoft.graph.kind'x",
	} {
		if _, err := odata.ParseFilter(text); !errors.As(err, &syntax) {
			t.Errorf("%.40s: error %v", text, err)
		}
	}
	crowd := mail{"to": make([]any, 1000)}
	for i := range 1000 {
		crowd["to"].([]any)[i] = mail{"address": "x"}
	}
	filter, err := odata.ParseFilter("to/all(a:to/all(b:a/address eq b/address))")
	if err != nil {
		t.Fatal(err)
	}
	var wrong *odata.TypeError
	if _, err := filter.Match(crowd); !errors.As(err, &wrong) {
		t.Errorf("a filter of a million steps: error %v", err)
	}
}
