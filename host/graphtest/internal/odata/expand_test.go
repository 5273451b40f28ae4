package odata_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest/internal/odata"
)

func TestExpansionsAreRead(t *testing.T) {
	list, err := odata.ParseExpand("attachments, microsoft.graph.itemattachment/item,threads($select=id,topic; $top=2;$orderby=topic desc;$expand=posts($top=1))," +
		"singleValueExtendedProperties($filter=id eq 'String {x} Name a;b),(c''d')")
	if err != nil {
		t.Fatal(err)
	}
	type plain struct {
		Path   string
		Select []string
		Top    int
		Order  odata.Order
		Filter bool
		Inner  string
	}
	got := make([]plain, len(list))
	for i, e := range list {
		got[i] = plain{e.Path, e.Select, e.Top, e.Order, e.Filter != nil, ""}
		if e.Expand != nil {
			got[i].Inner = e.Expand[0].Path
		}
	}
	want := []plain{
		{Path: "attachments"},
		{Path: "microsoft.graph.itemattachment/item"},
		{Path: "threads", Select: []string{"id", "topic"}, Top: 2, Order: odata.Order{{Path: []string{"topic"}, Descending: true}}, Inner: "posts"},
		{Path: "singleValueExtendedProperties", Filter: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !list[0].Plain() || list[2].Plain() || list[3].Plain() {
		t.Error("options are told wrongly")
	}
	if ok, err := list[3].Filter.Match(mail{"id": "String {x} Name a;b),(c'd"}); !ok || err != nil {
		t.Errorf("the nested filter matches: %v, %v", ok, err)
	}
}

func TestExpansionsAreRefused(t *testing.T) {
	for text, position := range map[string]int{
		"":                         0,
		"a,":                       2,
		"a b":                      0,
		"a($select=id":             12,
		"a)":                       1,
		"a($select=id))":           13,
		"a($top=0)":                7,
		"a($top=x)":                7,
		"a($skip=1)":               8,
		"a($select=id;$select=id)": 13,
		"a($select)":               2,
		"a()":                      2,
		"a($filter=id eq 'x)":      19,
		"a($select=id)b":           14,
		strings.Repeat("a($expand=", 11) + "a" + strings.Repeat(")", 11): 110,
		strings.Repeat("a", 9000): odata.MaxLength,
		"a\xff":                   0,
	} {
		_, err := odata.ParseExpand(text)
		var syntax *odata.SyntaxError
		if !errors.As(err, &syntax) || syntax.Position != position {
			t.Errorf("%.40q: error %v, want one at position %d", text, err, position)
		}
	}
}

func FuzzParseExpand(f *testing.F) {
	for _, seed := range []string{"attachments", "a($select=id;$top=2),b", "p($filter=id eq 'x;(''y)';$expand=q($orderby=r desc))", "((("} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := odata.ParseExpand(text)
		if err != nil {
			var syntax *odata.SyntaxError
			if !errors.As(err, &syntax) || syntax.Position < 0 || syntax.Position > len(text) {
				t.Errorf("%v in a text of %d bytes", err, len(text))
			}
			return
		}
		for _, e := range list {
			if e.Path == "" || e.Top < 0 {
				t.Errorf("%q gives %+v", text, e)
			}
		}
	})
}
