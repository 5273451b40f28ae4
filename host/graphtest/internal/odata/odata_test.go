package odata_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

// mail is a record with the types of a message.
type mail map[string]any

func (m mail) Property(name string) (any, bool) {
	for key, value := range m {
		if strings.EqualFold(key, name) {
			return value, true
		}
	}
	return nil, false
}

var invoice = mail{
	"subject":  "Invoice it's",
	"isRead":   false,
	"size":     17,
	"received": time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC),
	"from":     mail{"emailAddress": mail{"address": "alice@x.example"}},
	"to":       []any{mail{"address": "bob@x.example"}, mail{"address": "carol@y.example"}},
	"tags":     []any{"red", "Blue"},
	"flag":     nil,
	"start":    mail{"dateTime": time.Date(2026, time.March, 2, 12, 0, 0, 0, time.UTC)},
}

// types are those of mail.
type types struct{}

func (types) PropertyType(path []string) (odata.Type, error) {
	known := map[string]odata.Type{
		"subject": odata.String, "isread": odata.Bool, "size": odata.Number, "received": odata.Time, "from": odata.Record,
		"from/emailaddress/address": odata.String, "to": odata.Collection, "to/address": odata.String, "tags": odata.Collection,
		"flag": odata.String, "start/datetime": odata.String,
	}
	if typ, ok := known[strings.ToLower(strings.Join(path, "/"))]; ok {
		return typ, nil
	}
	return odata.Unknown, &odata.TypeError{Problem: "no property " + strings.Join(path, "/")}
}

func (types) ElementType(path []string) (odata.Type, error) {
	if path[0] == "tags" {
		return odata.String, nil
	}
	return odata.Record, nil
}

func TestFilterMatches(t *testing.T) {
	for text, want := range map[string]bool{
		"subject eq 'INVOICE it''s'":                      true,
		"subject eq 'invoice'":                            false,
		"Subject ne 'invoice'":                            true,
		"contains(subject,'voice')":                       true,
		"startswith(subject,'invoice') and size gt 16":    true,
		"endswith(tolower(subject),'it''s')":              true,
		"not (isRead eq true)":                            true,
		"not contains(subject,'x') or size lt 0":          true,
		"isRead":                                          false,
		"size ge 17 and size le 17.0 and size lt 18":      true,
		"size in (1,17)":                                  true,
		"subject in ('a','b')":                            false,
		"received ge 2026-03-02T12:00:00Z":                true,
		"received gt 2026-03-02T13:00:00+01:00":           false,
		"received lt 2026-03-03":                          true,
		"start/dateTime ge '2026-03-02T11:59:59'":         true,
		"start/dateTime eq '2026-03-02T12:00:00.0000000'": true,
		"from/emailAddress/address eq 'alice@x.example'":  true,
		"to/any(r:r/address eq 'carol@y.example')":        true,
		"to/all(r:endswith(r/address,'@x.example'))":      false,
		"to/any()":                    true,
		"tags/any(tag:tag eq 'blue')": true,
		"tags/any(a:to/any(b:b/address eq 'bob@x.example' and a eq 'red'))": true,
		"flag eq null":    true,
		"subject eq null": false,
		"subject ne null": true,
		"flag eq 'x'":     false,
		"isRead eq false or size eq 1 and size eq 2":   true,
		"(isRead eq false or size eq 1) and size eq 2": false,
	} {
		t.Run(text, func(t *testing.T) {
			filter, err := odata.ParseFilter(text)
			if err != nil {
				t.Fatal(err)
			}
			if err := filter.Check(types{}); err != nil {
				t.Fatal(err)
			}
			got, err := filter.Match(invoice)
			if err != nil || got != want {
				t.Errorf("matches: %v, %v; want %v", got, err, want)
			}
		})
	}
}

func TestFilterSyntaxErrorsNameThePosition(t *testing.T) {
	for text, position := range map[string]int{
		"":                                0,
		"subject eq":                      10,
		"subject eq 'it":                  11,
		"subject eq 'it's'":               16,
		"subject = 'x'":                   8,
		"(isRead":                         7,
		"isRead)":                         6,
		"isRead and":                      10,
		"substring(subject,'x')":          0,
		"contains(subject)":               0,
		"size eq 12ab":                    8,
		"to/any(r)":                       8,
		"to/":                             3,
		"subject in ()":                   12,
		"subject eq 'x' subject":          15,
		strings.Repeat("(", 50):           16,
		strings.Repeat("not ", 200) + "x": 128,
		strings.Repeat("x", 9000):         odata.MaxLength,
		"subject eq '\xff'":               0,
	} {
		_, err := odata.ParseFilter(text)
		var syntax *odata.SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%.40q: error %v", text, err)
			continue
		}
		if syntax.Position != position {
			t.Errorf("%.40q: position %d (%v), want %d", text, syntax.Position, err, position)
		}
	}
}

func TestFilterTypeErrors(t *testing.T) {
	for _, text := range []string{
		"colour eq 'red'", "subject", "'x'", "size", "isRead eq 'x'", "size eq 'x'", "received ge 'x'", "from eq 'x'", "contains(size,'x')",
		"subject and isRead", "not subject", "subject/any(x:x eq 'y')", "to/any(r:r/colour eq 'x')", "to/any(r:r/address)", "size in (1,'x')", "to eq null",
	} {
		filter, err := odata.ParseFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var wrong *odata.TypeError
		if err := filter.Check(types{}); !errors.As(err, &wrong) {
			t.Errorf("%s: error %v, want a type error", text, err)
		}
	}
}

func TestFilterTellsItsPathsAndOperators(t *testing.T) {
	filter, err := odata.ParseFilter("received ge 2026-01-01 and to/any(r:r/address eq 'x') and contains(subject,'y')")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{{"received"}, {"to", "address"}, {"subject"}}, filter.Paths()); diff != "" {
		t.Error(diff)
	}
	if !filter.Uses("any") || !filter.Uses("contains") || filter.Uses("ne") {
		t.Error("the operators are not those of the filter")
	}
}

func TestOrderSortsByEveryProperty(t *testing.T) {
	order, err := odata.ParseOrder("subject, size desc,from/emailAddress/address asc")
	if err != nil {
		t.Fatal(err)
	}
	want := odata.Order{{Path: []string{"subject"}}, {Path: []string{"size"}, Descending: true}, {Path: []string{"from", "emailAddress", "address"}}}
	if diff := cmp.Diff(want, order); diff != "" {
		t.Error(diff)
	}
	if err := order.Check(types{}); err != nil {
		t.Error(err)
	}
	a, b := mail{"subject": "x", "size": 1}, mail{"subject": "X", "size": 2}
	if order.Compare(a, b) <= 0 || order.Compare(b, a) >= 0 || order.Compare(mail{}, a) >= 0 {
		t.Error("records are not in order")
	}
	for _, text := range []string{"", "subject down", "subject,", "'x'", "subject/"} {
		if _, err := odata.ParseOrder(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	if err := (odata.Order{{Path: []string{"to"}}}).Check(types{}); err == nil {
		t.Error("a collection was taken as an order")
	}
}

func TestNames(t *testing.T) {
	names, err := odata.ParseNames("id, subject,microsoft.graph.fileAttachment/contentBytes")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"id", "subject", "microsoft.graph.fileAttachment/contentBytes"}, names); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "id,", "id subject", "attachments($select=id)", strings.Repeat("x,", 5000)} {
		if _, err := odata.ParseNames(text); err == nil {
			t.Errorf("%.20q was taken", text)
		}
	}
}

// letter is a document with a subject, a body and a date.
type letter struct{ subject, body string }

func (l letter) Text(property string) ([]string, bool) {
	switch property {
	case "":
		return []string{l.subject, l.body}, true
	case "subject":
		return []string{l.subject}, true
	case "body":
		return []string{l.body}, true
	}
	return nil, false
}

func (letter) Moment(property string) (time.Time, bool) {
	return time.Date(2026, time.March, 2, 23, 59, 59, 0, time.UTC), property == "received"
}

func TestSearchMatches(t *testing.T) {
	document := letter{"Invoice 4711, overdue", "Please pay the invoice from alice@x.example now"}
	for text, want := range map[string]bool{
		`"invoice"`:                                      true,
		`invoice`:                                        true,
		`"voice"`:                                        false,
		`"inv"`:                                          true,
		`"subject:pay"`:                                  false,
		`"subject:invoice body:pay"`:                     true,
		`"subject:invoice AND body:nothing"`:             false,
		`"subject:nothing OR body:pay"`:                  true,
		`"NOT subject:nothing"`:                          true,
		`"subject:invoice NOT body:pay"`:                 false,
		`"(nothing OR invoice) AND overdue"`:             true,
		`"body:\"pay the\""`:                             true,
		`"body:\"the pay\""`:                             false,
		`"\"invoice 4711\""`:                             true,
		`"body:alice@x.example"`:                         true,
		`"body:alice@y.example"`:                         false,
		`"received:2026-03-01..2026-03-02"`:              true,
		`"received:2026-03-03..2026-03-04"`:              false,
		`"received>=2026-03-02"`:                         true,
		`"received>2026-03-02"`:                          false,
		`"received<2026-03-02"`:                          false,
		`"received<=2026-03-02 AND received=2026-03-02"`: true,
	} {
		t.Run(text, func(t *testing.T) {
			search, err := odata.ParseSearch(text)
			if err != nil {
				t.Fatal(err)
			}
			if got := search.Match(document); got != want {
				t.Errorf("matches: %v, want %v", got, want)
			}
		})
	}
}

func TestSearchSyntaxErrors(t *testing.T) {
	for _, text := range []string{
		"", `""`, `"`, `"x`, `"x"y"`, `subject:x`, `"subject:"`, `"("`, `"(x"`, `"x)"`, `"x AND"`, `"NOT"`, `"\"x"`, `"..."`, `" "`,
		`"` + strings.Repeat("(", 100) + `x"`, `"` + strings.Repeat("x ", 2000) + `"`, `"` + strings.Repeat("x", 9000) + `"`, "\"\xff\"",
	} {
		var syntax *odata.SyntaxError
		if _, err := odata.ParseSearch(text); !errors.As(err, &syntax) {
			t.Errorf("%.30q: error %v", text, err)
		}
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{"subject eq 'x'", "to/any(r:r/address eq 'x') and not contains(subject,'it''s')", "received ge 2026-01-01T00:00:00Z", "size in (1,-2.5)", "((("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := odata.ParseFilter(text)
		if err != nil || filter.Check(types{}) != nil {
			return
		}
		if _, err := filter.Match(invoice); err != nil {
			var wrong *odata.TypeError
			if !errors.As(err, &wrong) {
				t.Errorf("a checked filter fails with %v", err)
			}
		}
	})
}

func FuzzParseOrder(f *testing.F) {
	f.Add("subject desc,from/emailAddress/address")
	f.Fuzz(func(t *testing.T, text string) {
		order, err := odata.ParseOrder(text)
		if err == nil && order.Check(types{}) == nil && order.Compare(invoice, invoice) != 0 {
			t.Error("a record does not equal itself")
		}
	})
}

func FuzzParseSearch(f *testing.F) {
	for _, seed := range []string{`"subject:x AND (y OR NOT \"z w\")"`, `word`, `"received:2026-01-01..2026-01-02"`} {
		f.Add(seed)
	}
	f.Fuzz(func(_ *testing.T, text string) {
		if search, err := odata.ParseSearch(text); err == nil {
			search.Match(letter{"subject", "body"})
			search.Properties()
		}
	})
}
