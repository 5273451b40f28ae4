package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

const (
	guid       = "0f6a7c0e-1b6c-4b0e-9d43-2f6b8f3d9c11"
	groupNames = "id,displayName,description,mail,mailEnabled,mailNickname,groupTypes,createdDateTime"
	userNames  = "id,displayName,givenName,surname,userPrincipalName,mail,jobTitle,mobilePhone,officeLocation,businessPhones"
	foundNames = "id,displayName,mail,userPrincipalName"
	badQuery   = `{"error":{"code":"bad_query","message":"no"}}`
	empty      = `{"status":200,"body":{"value":[]}}`
	advanced   = `,"headers":{"ConsistencyLevel":"eventual"}`
)

// text is a JSON string.
func text(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// asks is the exchange for a list.
func asks(capability, path, query, more, reply string) plugintest.Exchange {
	return plugintest.Exchange{
		Want:  `{"op":"graph","capability":"` + capability + `","method":"GET","path":"` + path + `","query":{` + query + `}` + more + `}`,
		Reply: reply,
	}
}

func asksGroups(query, more, reply string) plugintest.Exchange {
	return asks("group.read", "/groups", `"$select":"`+groupNames+`",`+query, more, reply)
}

// group is a row of group.list of which only the id is known.
func group(id string) string {
	return `{"id":"` + id + `","displayName":null,"description":null,"mail":null,"mailEnabled":null,"mailNickname":null,"groupTypes":null,"createdDateTime":null}`
}

func TestListGroups(t *testing.T) {
	const one = `{"status":200,"body":{"value":[{"id":"g"}]}}`
	for _, test := range []struct {
		name, parameters string
		script           []plugintest.Exchange
	}{
		{"all", `{"filter":"","limit":0}`, []plugintest.Exchange{asksGroups(`"$top":"999"`, ``, one)}},
		{"to a limit", `{"limit":7}`, []plugintest.Exchange{asksGroups(`"$top":"7"`, ``, one)}},
		{"with a limit over a page", `{"limit":5000}`, []plugintest.Exchange{asksGroups(`"$top":"999"`, ``, one)}},
		{"by a basic filter", `{"filter":" mail eq 'a&b''c not ne ' "}`, []plugintest.Exchange{
			asksGroups(`"$top":"999","$filter":"mail eq 'a&b''c not ne '"`, ``, one)}},
		{"by a filter that Graph refuses as a basic one", `{"filter":"x in ('a')"}`, []plugintest.Exchange{
			asksGroups(`"$top":"999","$filter":"x in ('a')"`, ``, badQuery),
			asksGroups(`"$top":"999","$filter":"x in ('a')","$count":"true"`, advanced, one)}},
		{"by an advanced filter", `{"filter":"NOT(mailEnabled eq true)"}`, []plugintest.Exchange{
			asksGroups(`"$top":"999","$filter":"NOT(mailEnabled eq true)","$count":"true"`, advanced, one)}},
		{"by a text", `{"text":" O'Neil "}`, []plugintest.Exchange{
			asksGroups(`"$top":"999","$filter":"startswith(displayName,'O''Neil') or startswith(mail,'O''Neil')"`, ``, one)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "group.list", test.parameters, test.script...).WantRows(t, group("g"))
		})
	}
}

func TestListGroupsOverPages(t *testing.T) {
	next := func(link string) plugintest.Exchange {
		return plugintest.Exchange{Want: `{"op":"graph","link":"` + link + `"}`, Reply: `{"status":200,"body":{"value":[{"id":"` + link + `"}]},"next":"x` + link + `"}`}
	}
	result := plugintest.Run(t, plugin, "group.list", `{"filter":"mail ne 'x'","limit":3}`,
		asksGroups(`"$top":"3","$filter":"mail ne 'x'","$count":"true"`, advanced, `{"status":200,"body":{"value":[]},"next":"a"}`),
		next("a"), next("xa"), next("xxa"))
	result.WantRows(t, group("a"), group("xa"), group("xxa"))
	if !result.Truncated || result.Message != "Groups: 3." {
		t.Errorf("message %q, truncated %t", result.Message, result.Truncated)
	}
}

func TestListGroupsFails(t *testing.T) {
	for _, test := range []struct {
		name, parameters string
		script           []plugintest.Exchange
		code             abi.Code
	}{
		{"for a filter that is wrong", `{"filter":"x"}`, []plugintest.Exchange{
			asksGroups(`"$top":"999","$filter":"x"`, ``, badQuery), asksGroups(`"$top":"999","$filter":"x","$count":"true"`, advanced, badQuery)}, abi.BadQuery},
		{"for an advanced filter that is wrong", `{"filter":"x ne"}`, []plugintest.Exchange{
			asksGroups(`"$top":"999","$filter":"x ne","$count":"true"`, advanced, badQuery)}, abi.BadQuery},
		{"without a filter, at once", `{}`, []plugintest.Exchange{asksGroups(`"$top":"999"`, ``, badQuery)}, abi.BadQuery},
		{"on a later page, at once", `{"filter":"x"}`, []plugintest.Exchange{
			asksGroups(`"$top":"999","$filter":"x"`, ``, `{"status":200,"body":{"value":[{"id":"g"}]},"next":"a"}`),
			{Want: `{"op":"graph","link":"a"}`, Reply: badQuery}}, abi.BadQuery},
		{"without the permission", `{}`, []plugintest.Exchange{asksGroups(`"$top":"999"`, ``, `{"error":{"code":"access_denied","message":"no"}}`)}, abi.AccessDenied},
		{"for a filter and a text", `{"filter":"x","text":"y"}`, nil, abi.InvalidInput},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "group.list", test.parameters, test.script...).WantError(t, test.code)
		})
	}
}

func TestListUsers(t *testing.T) {
	plugintest.Run(t, plugin, "user.list", `{"text":"日本","limit":1}`, asks("user.read", "/users", `"$select":"`+userNames+`","$top":"1",
		"$filter":"startswith(displayName,'日本') or startswith(mail,'日本') or startswith(userPrincipalName,'日本')"`, ``,
		`{"status":200,"body":{"value":[{"@odata.id":"x","id":"u","displayName":"日本 太郎","businessPhones":["1"]}]}}`)).
		WantRows(t, `{"id":"u","displayName":"日本 太郎","givenName":null,"surname":null,"userPrincipalName":null,"mail":null,"jobTitle":null,
			"mobilePhone":null,"officeLocation":null,"businessPhones":["1"]}`)
}

func TestAdvancedFilters(t *testing.T) {
	for filter, want := range map[string]bool{
		"":                                   false,
		"displayName eq 'ne'":                false,
		"displayName eq 'it''s not ne'":      false,
		"mail ne null":                       true,
		"not(mail eq 'x')":                   true,
		"NOT startswith(mail,'x')":           true,
		"endswith(mail,'@x.example')":        true,
		"endsWith(mail,'x')":                 true,
		"assignedLicenses/$count eq 0":       true,
		"department eq 'x' and(a ne 'b')":    true,
		"notes eq 'x'":                       false,
		"startswith(newName,'x')":            false,
		"onPremisesSyncEnabled eq true'ne 1": false,
	} {
		if got := needsAdvanced(filter); got != want {
			t.Errorf("%q: %t", filter, got)
		}
	}
}

const memberNames = "id,displayName,mail,userPrincipalName,userType"

func asksMembers(path, query, more, reply string) plugintest.Exchange {
	return asks("group.member.read", "/groups/{group}/"+path, `"$select":"`+memberNames+`",`+query, `,"params":{"group":"`+guid+`"}`+more, reply)
}

func TestListMembers(t *testing.T) {
	const typed = `{"status":200,"body":{"value":[
		{"@odata.type":"#microsoft.graph.user","id":"u","displayName":"Ann","mail":"ann@contoso.example","userPrincipalName":"ann@contoso.example","userType":"Guest"},
		{"@odata.type":"#microsoft.graph.group","id":"g","displayName":"Team"},
		{"@odata.type":"#microsoft.graph.user","id":"hidden","displayName":null}]}}`
	result := plugintest.Run(t, plugin, "group.member.list", `{"group_id":"`+guid+`","limit":0}`, asksMembers("members", `"$top":"999"`, ``, typed))
	result.WantRows(t,
		`{"@odata.type":"#microsoft.graph.user","id":"u","displayName":"Ann","mail":"ann@contoso.example","userPrincipalName":"ann@contoso.example","userType":"Guest"}`,
		`{"@odata.type":"#microsoft.graph.group","id":"g","displayName":"Team","mail":null,"userPrincipalName":null,"userType":null}`,
		`{"@odata.type":"#microsoft.graph.user","id":"hidden","displayName":null,"mail":null,"userPrincipalName":null,"userType":null}`)
	if !strings.HasPrefix(result.Message, "Members of the group: 3. Of 1 nothing but the id is told") {
		t.Errorf("message is %q", result.Message)
	}
}

func TestListMembersOfOtherKinds(t *testing.T) {
	const row = `{"@odata.type":"#microsoft.graph.user","id":"u","displayName":"Ann","mail":null,"userPrincipalName":null,"userType":null}`
	for _, test := range []struct {
		name, more, path, headers, count, member string
	}{
		{"transitive", `,"transitive":true`, "transitiveMembers", ``, ``, `{"@odata.type":"#microsoft.graph.user","id":"u","displayName":"Ann"}`},
		{"users", `,"users_only":true`, "members/microsoft.graph.user", advanced, `,"$count":"true"`, `{"id":"u","displayName":"Ann"}`},
		{"transitive users", `,"users_only":true,"transitive":true`, "transitiveMembers/microsoft.graph.user", advanced, `,"$count":"true"`, `{"id":"u","displayName":"Ann"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugintest.Run(t, plugin, "group.member.list", `{"group_id":"`+guid+`","limit":2`+test.more+`}`,
				asksMembers(test.path, `"$top":"2"`+test.count, test.headers, `{"status":200,"body":{"value":[`+test.member+`]}}`)).WantRows(t, row)
		})
	}
}

func TestListMembersByAddress(t *testing.T) {
	find := func(reply string) plugintest.Exchange {
		return asks("group.read", "/groups", `"$select":"id,displayName","$top":"2",
			"$filter":"mail eq 'o''neil@contoso.example' or proxyAddresses/any(p:p eq 'smtp:o''neil@contoso.example')"`, ``, reply)
	}
	for _, test := range []struct {
		name, reply string
		script      []plugintest.Exchange
		code        abi.Code
	}{
		{"of one group", `{"status":200,"body":{"value":[{"id":"` + guid + `"}]}}`, []plugintest.Exchange{asksMembers("members", `"$top":"999"`, ``, empty)}, ""},
		{"of no group", empty, nil, abi.NotFound},
		{"of two groups", `{"status":200,"body":{"value":[{"id":"a"},{"id":"b"}]}}`, nil, abi.Ambiguous},
		{"that may not be looked up", `{"error":{"code":"policy_denied","message":"no"}}`, nil, abi.PolicyDenied},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := plugintest.Run(t, plugin, "group.member.list", `{"group_id":"o'neil@contoso.example"}`, append([]plugintest.Exchange{find(test.reply)}, test.script...)...)
			if test.code == "" {
				result.WantRows(t)
				return
			}
			result.WantError(t, test.code)
		})
	}
}

func TestListMembersOfWhatIsNoGroup(t *testing.T) {
	for _, id := range []string{" ", "Incident Response", guid + "0", strings.Replace(guid, "-", "0", 1), strings.Replace(guid, "a", "g", 1)} {
		err := plugintest.Run(t, plugin, "group.member.list", `{"group_id":"`+id+`"}`).WantError(t, abi.InvalidInput)
		if err.Detail.Parameter != "group_id" {
			t.Errorf("the parameter is %q", err.Detail.Parameter)
		}
	}
}

func searches(name, reply string) plugintest.Exchange {
	return asks("user.find", "/users", `"$select":"`+foundNames+`","$top":"50","$count":"true",
		"$search":`+text(`"displayName:`+name+`" OR "mail:`+name+`" OR "userPrincipalName:`+name+`"`), advanced, reply)
}

func people(name, reply string) plugintest.Exchange {
	return asks("user.people", "/users/{user}/people", `"$search":`+text(`"`+name+`"`)+`,"$top":"50"`, `,"params":{"user":"ann@contoso.example"}`, reply)
}

func resolves(name string) string {
	return `{"email_address":"ann@contoso.example","name":` + text(name) + `}`
}

const noPeople = `{"error":{"code":"not_supported","message":"needs a signed-in user"}}`

func found(name, address, principal, id, source string) string {
	null := func(s string) string {
		if s == "" {
			return "null"
		}
		return text(s)
	}
	return `{"displayName":` + null(name) + `,"emailAddress":` + null(address) + `,"userPrincipalName":` + null(principal) + `,"id":` + null(id) + `,"source":"` + source + `"}`
}

func TestResolveNameInOrder(t *testing.T) {
	result := plugintest.Run(t, plugin, "user.resolve", resolves(" dana "),
		searches("dana", `{"status":200,"body":{"value":[
			{"id":"4","displayName":"Zoe Dana"},{"id":"3","displayName":"Dana Okafor","mail":"dana.o@contoso.example"},
			{"id":"2","displayName":"DANA"},{"id":"5","displayName":"Amy Dana"},{"id":"1","displayName":"X","mail":"x@contoso.example","userPrincipalName":"Dana"}]}}`),
		people("dana", `{"status":200,"body":{"value":[
			{"id":"p","displayName":"Dana Partner","userPrincipalName":"dana_partner.example#EXT#@contoso.example","scoredEmailAddresses":[{"address":"dana@partner.example"}]},
			{"id":"q","displayName":"Okafor","scoredEmailAddresses":[{"address":"DANA.O@contoso.example"}]},
			{"id":"2","displayName":"DANA"},{"id":"r","displayName":"No address"}]}}`))
	result.WantRows(t,
		found("X", "x@contoso.example", "Dana", "1", "directory"),
		found("DANA", "", "", "2", "directory"),
		found("Dana Okafor", "dana.o@contoso.example", "", "3", "directory"),
		found("Amy Dana", "", "", "5", "directory"),
		found("Zoe Dana", "", "", "4", "directory"),
		found("Dana Partner", "dana@partner.example", "dana_partner.example#EXT#@contoso.example", "p", "people"),
		found("No address", "", "", "r", "people"))
}

func TestResolveNameAwkwardly(t *testing.T) {
	plugintest.Run(t, plugin, "user.resolve", resolves(`A"B\C'D`), searches(`A\"B\\C'D`, empty), people(`A B C'D`, noPeople)).WantRows(t)
	plugintest.Run(t, plugin, "user.resolve", resolves(`"`), searches(`\"`, empty)).WantRows(t)
	plugintest.Run(t, plugin, "user.resolve", resolves(" ")).WantError(t, abi.InvalidInput)
}

func TestResolveAddress(t *testing.T) {
	plugintest.Run(t, plugin, "user.resolve", resolves("O'Neil@contoso.example"),
		asks("user.find", "/users", `"$select":"`+foundNames+`","$top":"50","$filter":"mail eq 'O''Neil@contoso.example' or userPrincipalName eq `+
			`'O''Neil@contoso.example' or proxyAddresses/any(p:p eq 'smtp:O''Neil@contoso.example')"`, ``, `{"status":200,"body":{"value":[{"id":"1"}]}}`),
		people("O'Neil@contoso.example", noPeople)).WantRows(t, found("", "", "", "1", "directory"))
}

// A tenant that does not serve $search is asked for names that start so.
func TestResolveNameWithoutSearch(t *testing.T) {
	plugintest.Run(t, plugin, "user.resolve", resolves("Da'na"), searches("Da'na", badQuery),
		asks("user.find", "/users", `"$select":"`+foundNames+`","$top":"50",
			"$filter":"startswith(displayName,'Da''na') or startswith(mail,'Da''na') or startswith(userPrincipalName,'Da''na')"`, ``, empty),
		people("Da'na", noPeople)).WantRows(t)
}

func TestResolveNameWithoutPeople(t *testing.T) {
	for code, message := range map[string]string{
		"not_supported": "Users that the name may mean: 1.",
		"policy_denied": "Users that the name may mean: 1.",
		"access_denied": "Users that the name may mean: 1.",
		"throttled":     "Users that the name may mean: 1. The people of the mailbox could not be asked.",
	} {
		result := plugintest.Run(t, plugin, "user.resolve", resolves("x"), searches("x", `{"status":200,"body":{"value":[{"id":"1"}]}}`),
			people("x", `{"error":{"code":"`+code+`","message":"no"}}`))
		result.WantRows(t, found("", "", "", "1", "directory"))
		if diff := cmp.Diff(message, result.Message); diff != "" {
			t.Errorf("%s: %s", code, diff)
		}
	}
}

func TestResolveNameFails(t *testing.T) {
	plugintest.Run(t, plugin, "user.resolve", resolves("x"), searches("x", `{"error":{"code":"access_denied","message":"no"}}`)).WantError(t, abi.AccessDenied)
}

// FuzzNeedsAdvanced looks for a filter that ends the plugin, or whose quoted text decides.
func FuzzNeedsAdvanced(f *testing.F) {
	for _, seed := range []string{"", "'", "''", "a eq 'not'", "not a", "((ne"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		needsAdvanced(filter)
		if quoted := "displayName eq '" + strings.ReplaceAll(filter, "'", "''") + "'"; needsAdvanced(quoted) {
			t.Errorf("%s needs an advanced query", quoted)
		}
	})
}
