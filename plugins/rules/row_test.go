package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"
)

func TestRisks(t *testing.T) {
	const to = `[{"emailAddress":{"name":"X","address":"x@evil.example"}}]`
	const own = `[{"emailAddress":{"address":"X@Contoso.Example"}}]`
	for _, test := range []struct {
		name, rule, home string
		want             []string
	}{
		{"none", `{"displayName":"News","actions":{"moveToFolder":"AAMk"}}`, "contoso.example", nil},
		{"no actions", `{"displayName":"News"}`, "contoso.example", nil},
		{"forward inside", `{"displayName":"News","actions":{"forwardTo":` + own + `}}`, "contoso.example", nil},
		{"forward outside", `{"displayName":"News","actions":{"forwardTo":` + to + `}}`, "contoso.example", []string{forwardsOutside}},
		{"forward to a subdomain", `{"displayName":"N1","actions":{"forwardTo":` + own + `}}`, "mail.contoso.example", []string{forwardsOutside}},
		{"forward as attachment", `{"displayName":"News","actions":{"forwardAsAttachmentTo":` + to + `}}`, "contoso.example", []string{forwardsOutside}},
		{"redirect outside", `{"displayName":"News","actions":{"redirectTo":` + to + `}}`, "contoso.example", []string{redirectsOutside}},
		{"without a home every address is outside", `{"displayName":"News","actions":{"redirectTo":` + own + `}}`, "", []string{redirectsOutside}},
		{"address without domain", `{"displayName":"News","actions":{"redirectTo":[{"emailAddress":{"address":"/o=x"}}]}}`, "contoso.example", []string{redirectsOutside}},
		{"deletes", `{"displayName":"News","actions":{"delete":true}}`, "", []string{deletes}},
		{"does not delete", `{"displayName":"News","actions":{"delete":false,"permanentDelete":false}}`, "", nil},
		{"deletes for good", `{"displayName":"News","actions":{"permanentDelete":true}}`, "", []string{deletes}},
		{"name of one mark", `{"displayName":"."}`, "", []string{hiddenName}},
		{"name of two marks", `{"displayName":" ;$ "}`, "", []string{hiddenName}},
		{"no name", `{"displayName":""}`, "", []string{hiddenName}},
		{"name of a letter", `{"displayName":"a."}`, "", nil},
		{"name of three marks", `{"displayName":"..."}`, "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, risks(fastjson.MustParse(test.rule), test.home, places{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}
