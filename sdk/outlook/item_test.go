package outlook

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// itemPlugin reads an item and asks for its immutable id.
func itemPlugin(prefer ...string) sdk.Plugin {
	return sdk.Plugin{"item.read": func(call *sdk.Call) error {
		item := NewItem(call, sdk.Params{"user": "ann@contoso.example", "message": call.String("id")}, prefer...)
		if _, err := item.Do(sdk.Request{Capability: "mail.read", Path: "/users/{user}/messages/{message}"}); err != nil {
			return err
		}
		if err := item.MakeImmutable("mail.ids", "message"); err != nil {
			return err
		}
		call.Row(sdk.NewObject().Text("id", item.ID("message")).Bool("default", item.IsDefault()).Value)
		return nil
	}}
}

// reads is the exchange for the item, with the header Prefer as it is given.
func reads(prefer, reply string) plugintest.Exchange {
	headers := ""
	if prefer != "" {
		headers = `,"headers":{"Prefer":` + text(prefer) + `}`
	}
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"mail.read","method":"GET","path":"/users/{user}/messages/{message}",
			"params":{"user":"ann@contoso.example","message":"AAMk/+="}` + headers + `}`,
		Reply: reply,
	}
}

func translates(reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want: `{"op":"graph","capability":"mail.ids","method":"POST","path":"/users/{user}/translateExchangeIds","params":{"user":"ann@contoso.example"},
			"body":{"inputIds":["AAMk/+="],"sourceIdType":"restId","targetIdType":"restImmutableEntryId"}}`,
		Reply: reply,
	}
}

const (
	ok           = `{"status":200,"body":{}}`
	policyDenied = `{"error":{"code":"policy_denied","message":"not granted"}}`
	upstream     = `{"error":{"code":"upstream","message":"502"}}`
)

func TestItemIsFoundByIDsOfBothKinds(t *testing.T) {
	translated := folders(`{"sourceId":"AAMk/+=","targetId":"AAkALg="}`)
	for _, test := range []struct {
		name   string
		script []plugintest.Exchange
		row    string
	}{
		{"immutable", []plugintest.Exchange{reads(ImmutableID, ok)}, `{"id":"AAMk/+=","default":false}`},
		{"default, not found as immutable", []plugintest.Exchange{reads(ImmutableID, notFound), reads("", ok), translates(translated)}, `{"id":"AAkALg=","default":false}`},
		{"default, invalid as immutable", []plugintest.Exchange{reads(ImmutableID, invalidID), reads("", ok), translates(translated)}, `{"id":"AAkALg=","default":false}`},
		{"default, and translating is not granted", []plugintest.Exchange{reads(ImmutableID, invalidID), reads("", ok), translates(policyDenied)}, `{"id":"AAMk/+=","default":true}`},
		{"default, and Graph does not translate it", []plugintest.Exchange{
			reads(ImmutableID, invalidID), reads("", ok), translates(folders(`{"sourceId":"AAMk/+=","errorDetails":{}}`)),
		}, `{"id":"AAMk/+=","default":true}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, itemPlugin(), "item.read", `{"id":"AAMk/+="}`, test.script...).WantRows(t, test.row)
		})
	}
}

func TestItemTellsTheBetterOfTwoErrors(t *testing.T) {
	for _, test := range []struct {
		name          string
		first, second string
		want          abi.Code
	}{
		{"no id of either kind", notFound, invalidID, abi.NotFound},
		{"a default id of what is gone", invalidID, notFound, abi.NotFound},
		{"damaged", invalidID, invalidID, abi.InvalidID},
		{"gone", notFound, notFound, abi.NotFound},
		{"the second attempt fails otherwise", notFound, upstream, abi.Upstream},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, itemPlugin(), "item.read", `{"id":"AAMk/+="}`, reads(ImmutableID, test.first), reads("", test.second)).
				WantError(t, test.want)
		})
	}
}

func TestItemKeepsItsPreferences(t *testing.T) {
	const utc = `outlook.timezone="UTC"`
	plugintest.Run(t, itemPlugin(utc), "item.read", `{"id":"AAMk/+="}`,
		reads(ImmutableID+", "+utc, notFound), reads(utc, ok), translates(policyDenied)).WantRows(t, `{"id":"AAMk/+=","default":true}`)
}

func TestItemFailsWithTheTranslation(t *testing.T) {
	plugintest.Run(t, itemPlugin(), "item.read", `{"id":"AAMk/+="}`,
		reads(ImmutableID, notFound), reads("", ok), translates(upstream)).WantError(t, abi.Upstream)
}

func TestConfirmSettlesUnknownOutcomesOnly(t *testing.T) {
	unknown := sdk.NewError(abi.OutcomeUnknown, "504")
	for _, test := range []struct {
		name  string
		write error
		done  bool
		look  error
		want  error
		looks int
	}{
		{"carried out", nil, false, nil, nil, 0},
		{"refused", abi.AccessDenied, true, nil, abi.AccessDenied, 0},
		{"unknown, and it was", unknown, true, nil, nil, 1},
		{"unknown, and it was not", unknown, false, nil, unknown, 1},
		{"unknown, and nobody can tell", unknown, true, abi.Upstream, unknown, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			looks := 0
			err := Confirm(test.write, func() (bool, error) {
				looks++
				return test.done, test.look
			})
			if err != test.want || looks != test.looks {
				t.Errorf("%v after %d looks", err, looks)
			}
		})
	}
}

func TestPreferJoinsPreferences(t *testing.T) {
	if diff := cmp.Diff(sdk.Headers{"Prefer": `IdType="ImmutableId", a=1, b=2`}, Prefer("a=1", "b=2")); diff != "" {
		t.Error(diff)
	}
}
