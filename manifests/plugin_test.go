package manifests

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Masterminds/semver/v3"
	"github.com/google/go-cmp/cmp"
)

func TestPluginHoldsEveryKeyOfItsManifest(t *testing.T) {
	got, err := ParsePlugin("plugin.toml", []byte(readTestdata(t, "plugin.toml")))
	if err != nil {
		t.Fatal(err)
	}
	template := func(path string) Template {
		parsed, err := ParseTemplate(path)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	number := func(n float64) *float64 { return &n }
	want := &Plugin{
		Name:        "mail",
		Version:     semver.MustParse("1.2.0"),
		ABI:         "postern/1",
		Title:       "Mail",
		Description: "Read, search, send and file messages.",
		Limits:      Limits{Memory: 64 << 20, Fuel: 3_000_000_000, Timeout: 90 * time.Second, Exchanges: 400},
		Rate:        Rate{Count: 60, Per: time.Minute},
		Capabilities: []Capability{{
			ID:          "mail.read",
			Description: "Read messages and their attachments",
			Requests: []Request{
				{"GET", template("/users/{user}/messages"), false},
				{"GET", template("/users/{user}/messages/{message}"), false},
				{"GET", template("/users/{user}/messages/{message}/$value"), false},
			},
			Permissions: Permissions{Application: []string{"Mail.Read"}, Delegated: []string{"Mail.Read"}},
		}, {
			ID:          "mail.send",
			Description: "Send messages",
			Requests:    []Request{{"POST", template("/users/{user}/sendMail"), false}},
			Permissions: Permissions{Application: []string{"Mail.Send"}, Delegated: []string{"Mail.Send"}},
		}},
		Actions: []Action{{
			ID:           "mail.get",
			Title:        "Get email",
			Description:  "Get one message, its headers, attachments or MIME source.",
			Kind:         KindAction,
			ReadOnly:     true,
			Capabilities: []string{"mail.read"},
			Outputs:      []string{"data.*.id", "data.*.subject"},
			Errors:       map[string]string{"not_found": "The message is gone.", "too_large": "The message is over the limit."},
			Parameters: []Parameter{
				{Name: "email_address", Type: TypeEmail, MaxLength: DefaultTextLength, Description: "The mailbox, as address or user id."},
				{Name: "limit", Aliases: []string{"max_results"}, Type: TypeNumeric, Integer: true, Minimum: number(1), Maximum: number(1000), Default: 100.0, Description: "Most messages to return."},
			},
		}, {
			ID:           "mail.send",
			Title:        "Send email",
			Description:  "Send one message.",
			Kind:         KindAction,
			Capabilities: []string{"mail.send"},
			Optional:     []string{"mail.read"},
			Parameters: []Parameter{
				{Name: "to", Type: TypeString, Repeatable: true, MaxLength: 2000, Format: FormatLine, Pick: "mail.get", Example: "dana@contoso.example", Description: "Recipients."},
				{Name: "importance", Type: TypeString, Required: true, OneOf: []string{"low", "normal", "high"}, Default: "normal", MaxLength: DefaultTextLength, Description: "Importance of the message."},
				{Name: "categories", Type: TypeStrings, Default: []string{"triage"}, MaxLength: DefaultTextLength, Description: "Outlook categories."},
				{Name: "save", Type: TypeBoolean, Default: true, Description: "Keep a copy in Sent Items."},
				{Name: "ContentBytes", In: "attachments", Type: TypeByte, Required: true, MaxLength: DefaultContentLength, Description: "Content of one attachment."},
				{Name: "Blob", In: "attachments", Type: TypeBlob, MaxLength: DefaultTextLength, Description: "Content of one attachment that is too large to be given as a text."},
			},
		}, {
			ID:           "mail.poll",
			Title:        "Poll a folder",
			Description:  "Hand over the mails of a folder as they come.",
			Kind:         KindPoll,
			Interval:     30 * time.Second,
			ReadOnly:     true,
			Capabilities: []string{"mail.read"},
			Watch:        Watch{template("/users/{user}/messages"), map[string]string{"user": "email_address"}},
			Parameters: []Parameter{
				{Name: "email_address", Type: TypeEmail, Required: true, MaxLength: DefaultTextLength, Description: "The mailbox that is polled."},
			},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ParsePlugin (-want +got):\n%s", diff)
	}
}

func TestPluginWithoutLimitsAsksForTheDefaults(t *testing.T) {
	src := readTestdata(t, "plugin.toml")
	before, after, _ := strings.Cut(src, "[limits]")
	_, after, _ = strings.Cut(after, "\n\n")
	p, err := ParsePlugin("plugin.toml", []byte(before+after))
	if err != nil {
		t.Fatal(err)
	}
	want := Limits{Memory: 32 << 20, Fuel: 2_000_000_000, Timeout: time.Minute, Exchanges: 500}
	if p.Limits != want {
		t.Errorf("Limits = %+v, want %+v", p.Limits, want)
	}
}

func TestPluginMayBeBuiltForExtism(t *testing.T) {
	src := strings.Replace(readTestdata(t, "plugin.toml"), `abi = "postern/1"`, `abi = "extism/1"`, 1)
	p, err := ParsePlugin("plugin.toml", []byte(src))
	if err != nil || p.ABI != ABIExtism {
		t.Errorf("ParsePlugin = %+v, %v", p, err)
	}
}

func TestPluginIsRefused(t *testing.T) {
	tests := []struct{ name, old, new string }{
		{"unknown key", `title = "Mail"`, "title = \"Mail\"\ntitel = \"Mail\""},
		{"key in another case", `title = "Mail"`, "title = \"Mail\"\nTitle = \"Mail\""},
		{"alias that is a parameter", `aliases = ["max_results"]`, `aliases = ["email_address"]`},
		{"alias twice", `aliases = ["max_results"]`, `aliases = ["max", "MAX"]`},
		{"alias that is no name", `aliases = ["max_results"]`, `aliases = ["max results"]`},
		{"unknown table", "[limits]", "[vendor]\n[limits]"},
		{"duplicate key", `title = "Mail"`, "title = \"Mail\"\ntitle = \"Mail\""},
		{"missing title", "title = \"Mail\"\n", ""},
		{"number for a title", `title = "Mail"`, `title = 1`},
		{"control character", `title = "Mail"`, `title = "Ma\u001bil"`},
		{"reordering character", `title = "Mail"`, `title = "Ma\u202eil"`},
		{"upper-case name", `name = "mail"`, `name = "Mail"`},
		{"name that leaves the folder", `name = "mail"`, `name = "../x"`},
		{"name of a device", `name = "mail"`, `name = "com1"`},
		{"version with a letter", `version = "1.2.0"`, `version = "v1.2.0"`},
		{"version of two numbers", `version = "1.2.0"`, `version = "1.2"`},
		{"later version of Extism's ABI", `abi = "postern/1"`, `abi = "extism/2"`},
		{"unknown ABI", `abi = "postern/1"`, `abi = "postern/2"`},
		{"too much memory", `memory = "64MiB"`, `memory = "257MiB"`},
		{"memory with a fraction", `memory = "64MiB"`, `memory = "1.5MiB"`},
		{"too little fuel", `fuel = 3_000_000_000`, `fuel = 999_999`},
		{"negative timeout", `timeout = "90s"`, `timeout = "-1s"`},
		{"id of one word", `id = "mail.send"
description`, `id = "send"
description`},
		{"request without a method", `"POST /users/{user}/sendMail"`, `"/users/{user}/sendMail"`},
		{"request with a version", `"POST /users/{user}/sendMail"`, `"POST /beta/users/{user}/sendMail"`},
		{"parameter by another name", `"POST /users/{user}/sendMail"`, `"POST /users/{mailbox}/sendMail"`},
		{"permission that allows none of the requests", `application = ["Mail.Send"]`, `application = ["Mail.Send", "Mail.Read"]`},
		{"request that no stated permission allows", `"GET /users/{user}/messages", #`, `"DELETE /users/{user}/messages/{message}", #`},
		{"request without an application permission", `"POST /users/{user}/sendMail"`, `"POST /groups/{group}/threads/{thread}/reply"`},
		{"unknown permission", `application = ["Mail.Send"]`, `application = ["Mail.Sent"]`},
		{"permission twice", `application = ["Mail.Send"]`, `application = ["Mail.Send", "Mail.Send"]`},
		{"no permission at all", `permissions = { application = ["Mail.Send"], delegated = ["Mail.Send"] }`, `permissions = {}`},
		{"capability that no action uses", `optional = ["mail.read"]`, "optional = [\"mail.read\"]\n[[capability]]\nid = \"mail.file\"\ndescription = \"File\"\nrequests = [\"POST /users/{user}/messages/{message}/move\"]\npermissions = { application = [\"Mail.ReadWrite\"] }"},
		{"action with a capability that is not there", `optional = ["mail.read"]`, `optional = ["mail.raed"]`},
		{"capability needed and optional", `optional = ["mail.read"]`, `optional = ["mail.send"]`},
		{"two actions of one id", `id = "mail.send"
title`, `id = "mail.get"
title`},
		{"unknown kind", `kind = "action"`, `kind = "cron"`},
		{"interval of what is not polled", `kind = "action"`, `interval = "60s"`},
		{"interval below the bound", `interval = "30s"`, `interval = "999ms"`},
		{"interval above the bound", `interval = "30s"`, `interval = "24h1ms"`},
		{"interval as number", `interval = "30s"`, `interval = 30`},
		{"parameters that differ in case only", `name = "to"`, `name = "Importance"`},
		{"required with an empty default", `example = "dana@contoso.example"`, "default = \"\"\nrequired = true"},
		{"default of another type", `default = true`, `default = "true"`},
		{"default out of bounds", `default = 100`, `default = 1001`},
		{"default with a fraction", `default = 100`, `default = 1.5`},
		{"default that is not a number", `default = 100`, `default = nan`},
		{"default that is no choice", `default = "normal"`, `default = "urgent"`},
		{"minimum above the maximum", `minimum = 1`, `minimum = 2000`},
		{"bound of a text", `max_length = 2000`, "max_length = 2000\nminimum = 1"},
		{"format that is not known", `format = "line"`, `format = "regexp"`},
		{"name of a parameter", `name = "save"`, `name = "9lives"`},
		{"parameter without a type", "type = \"boolean\"\n", ""},
		{"member of a parameter of its own", `in = "attachments"`, `in = "to"`},
		{"parameters as a value", `description = "Content of one attachment that is too large to be given as a text."`, "description = \"Content.\"\n[[action]]\nid = \"mail.count\"\ntitle = \"Count\"\ndescription = \"Count.\"\nparameter = 1"},
		{"choice of none", `one_of = ["low", "normal", "high"]`, `one_of = []`},
		{"format that the default is not of", `default = "normal"`, "default = \"normal\"\nformat = \"guid\""},
		{"default that is a list", `default = "normal"`, `default = ["normal"]`},
		{"default that is a text in place of a list", `default = ["triage"]`, `default = "triage"`},
		{"default with a number in a list", `default = ["triage"]`, `default = [1]`},
		{"default that is a date", `default = ["triage"]`, `default = 2026-11-21`},
		{"default of too many values", `default = ["triage"]`, "default = [\n" + strings.Repeat("\"a\",\n", MaxChoices+1) + "]"},
		{"default with a line break", `default = "normal"`, `default = "normal\n"`},
		{"bound that is a text", `minimum = 1`, `minimum = "1"`},
		{"bound beyond what JSON holds", `maximum = 1000`, `maximum = 1e300`},
		{"timeout that is none", `timeout = "90s"`, `timeout = "soon"`},
		{"timeout that is a novel", `timeout = "90s"`, `timeout = "` + strings.Repeat("1s", 50) + `"`},
		{"version of many digits", `version = "1.2.0"`, `version = "1.2.` + strings.Repeat("9", 64) + `"`},
		{"no requests", "requests = [\"POST /users/{user}/sendMail\"]\n", ""},
		{"empty requests", `requests = ["POST /users/{user}/sendMail"]`, `requests = []`},
		{"unknown method", `"POST /users/{user}/sendMail"`, `"HEAD /users/{user}/sendMail"`},
		{"no permissions", "permissions = { application = [\"Mail.Send\"], delegated = [\"Mail.Send\"] }\n", ""},
		{"empty permissions", `application = ["Mail.Send"]`, `application = []`},
		{"permissions as a list", `{ application = ["Mail.Send"], delegated = ["Mail.Send"] }`, `["Mail.Send"]`},
		{"permission of the other scheme", `application = ["Mail.Read"]`, `application = ["Mail.ReadBasic"]`},
		{"two capabilities of one id", "id = \"mail.send\"\ndescription = \"Send messages\"", "id = \"mail.read\"\ndescription = \"Send messages\""},
		{"no plugin table", "[plugin]", "[limits.plugin]"},
		{"plugin as a value", "[plugin]", "plugin = 1\n[limits.plugin]"},
		{"rate without a time", `rate = "60/1m"`, `rate = "60"`},
		{"failure by no code", `not_found = "The message is gone."`, `NotFound = "The message is gone."`},
		{"failure without a sentence", `not_found = "The message is gone."`, `not_found = true`},
		{"too many failures", `not_found = "The message is gone."`, manyFailures()},
		{"watched by an action that is called", "kind = \"poll\"\ninterval = \"30s\"\n", ""},
		{"watched, of which Graph does not tell", `resource = "/users/{user}/messages"`, `resource = "/users/{user}/mailFolders"`},
		{"watched, which is no path", `resource = "/users/{user}/messages"`, `resource = "messages"`},
		{"watched without a resource", "resource = \"/users/{user}/messages\"\n", ""},
		{"watched without parameters", "parameters = { user = \"email_address\" }\n", ""},
		{"watched, which nobody may read", `resource = "/users/{user}/messages"`, `resource = "/users/{user}/mailFolders/{folder}/messages"`},
		{"watched by a parameter that is not there", `{ user = "email_address" }`, `{ user = "mailbox" }`},
		{"watched by another parameter", `{ user = "email_address" }`, `{ group = "email_address" }`},
		{"watched by a parameter that may be missing", "required = true\ndescription = \"The mailbox that is polled.\"", "description = \"The mailbox that is polled.\""},
		{"watched in another way", `resource = "/users/{user}/messages"`, "resource = \"/users/{user}/messages\"\nfolder = \"Inbox\""},
		{"picked by no action", `pick = "mail.get"`, `pick = "mail.list"`},
		{"picked by an action that may change something", `pick = "mail.get"`, `pick = "mail.send"`},
		{"picked by an action that asks back", "type = \"email\"\n", "type = \"email\"\nrequired = true\n"},
		{"choice of numbers", `integer = true`, "integer = true\npick = \"mail.get\""},
		{"actions that are one table", "[[action]]\nid = \"mail.get\"", "[action]\nid = \"mail.get\""},
	}
	checkRefusals(t, "refused-plugins.txt", len(tests), func(i int) (string, error) {
		src := edit(t, readTestdata(t, "plugin.toml"), tests[i].old, tests[i].new)
		_, err := ParsePlugin("plugin.toml", []byte(src))
		return tests[i].name, err
	})
}

func TestEveryProblemOfAFileIsReported(t *testing.T) {
	_, err := ParsePlugin("plugin.toml", []byte("[plugin]\nname = \"con\"\nversion = \"1\"\nabi = \"wasi\"\n"))
	wantProblem(t, err, `plugin.toml: action: the plugin has no action; write one [[action]] table for each action
plugin.toml:1: plugin.title: the key is missing; write for example title = "Mail"
plugin.toml:1: plugin.description: the key is missing; write for example description = "Read, search and send messages."
plugin.toml:2: plugin.name: "con" is the name of a device on Windows; choose another name
plugin.toml:3: plugin.version: "1" is not a semantic version; write three numbers, for example "1.0.0"
plugin.toml:4: plugin.abi: "wasi" is not an ABI; write "postern/1", or "extism/1" for a module built with an Extism PDK`)
	var first *Error
	if !errors.As(err, &first) || first.Key != "action" {
		t.Errorf("errors.As found %v, want the first problem", first)
	}
}

func TestAtMostSoManyProblemsAreReported(t *testing.T) {
	_, err := ParsePlugin("plugin.toml", []byte(strings.Repeat("[[action]]\n", MaxActions)))
	var problems Errors
	if !errors.As(err, &problems) || len(problems) != MaxProblems {
		t.Errorf("%d problems are reported, want %d", len(problems), MaxProblems)
	}
}

func TestBoundsOfAPluginHoldAtTheirLimit(t *testing.T) {
	const headline = "[plugin]\nname = \"p\"\nversion = \"1.0.0\"\nabi = \"postern/1\"\ntitle = \"P\"\ndescription = \"%s\"\n"
	header := fmt.Sprintf(headline, "P")
	action := func(i int) string {
		return fmt.Sprintf("[[action]]\nid = \"p.a%d\"\ntitle = \"A\"\ndescription = \"A\"\n", i)
	}
	repeat := func(n int, f func(int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return b.String()
	}
	parameter := func(i int) string {
		return fmt.Sprintf("[[action.parameter]]\nname = \"p%d\"\ntype = \"string\"\ndescription = \"P\"\n", i)
	}
	capability := func(i int) string {
		return fmt.Sprintf("[[capability]]\nid = \"p.c%d\"\ndescription = \"C\"\nrequests = [\"GET /users\"]\npermissions = { delegated = [\"User.Read.All\"] }\n", i)
	}
	use := func(n int) string {
		return repeat((n+MaxCapabilitiesOfAction-1)/MaxCapabilitiesOfAction, func(i int) string {
			var ids []string
			for j := i * MaxCapabilitiesOfAction; j < min(n, (i+1)*MaxCapabilitiesOfAction); j++ {
				ids = append(ids, fmt.Sprintf("%q", fmt.Sprintf("p.c%d", j)))
			}
			return action(i) + "capabilities = [" + strings.Join(ids, ", ") + "]\n"
		})
	}
	file := func(size int) string {
		src := header + action(0)
		for len(src) < size {
			src += "#" + strings.Repeat("x", min(1000, size-len(src)-1)-1) + "\n"
		}
		return src[:size]
	}
	tests := []struct {
		name  string
		limit int
		build func(int) string
	}{
		{"actions", MaxActions, func(n int) string { return header + repeat(n, action) }},
		{"parameters", MaxParameters, func(n int) string { return header + action(0) + repeat(n, parameter) }},
		{"capabilities", MaxCapabilities, func(n int) string { return header + use(n) + repeat(n, capability) }},
		{"description", MaxDescription, func(n int) string { return fmt.Sprintf(headline, strings.Repeat("é", n)) + action(0) }},
		{"line", MaxLine, func(n int) string { return header + "# " + strings.Repeat("x", n-2) + "\n" + action(0) }},
		{"file", MaxPluginFile, file},
		{"outputs", MaxOutputs, func(n int) string {
			return header + action(0) + "outputs = [\n" + repeat(n, func(i int) string { return fmt.Sprintf("\"o%d\",\n", i) }) + "]\n"
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ParsePlugin("plugin.toml", []byte(test.build(test.limit))); err != nil {
				t.Errorf("at the limit of %d: %v", test.limit, err)
			}
			if _, err := ParsePlugin("plugin.toml", []byte(test.build(test.limit+1))); err == nil {
				t.Errorf("%d is accepted, the limit is %d", test.limit+1, test.limit)
			}
		})
	}
}

func TestPolledActionsHaveAnInterval(t *testing.T) {
	for kind, want := range map[Kind]time.Duration{KindAction: 0, KindTest: 0, KindTrigger: DefaultInterval, KindPoll: DefaultInterval} {
		src, _, _ := strings.Cut(readTestdata(t, "plugin.toml"), "[action.watch]")
		src = strings.Replace(src, "kind = \"poll\"\ninterval = \"30s\"", `kind = "`+string(kind)+`"`, 1)
		p, err := ParsePlugin("plugin.toml", []byte(src))
		if err != nil {
			t.Fatal(err)
		}
		if a, _ := p.Action("mail.poll"); a.Interval != want || a.Kind.Polled() != (want > 0) {
			t.Errorf("%s: the interval is %v, polled %v", kind, a.Interval, a.Kind.Polled())
		}
	}
}

func TestActionPermissionsAreThoseOfItsCapabilities(t *testing.T) {
	p, err := ParsePlugin("plugin.toml", []byte(readTestdata(t, "plugin.toml")))
	if err != nil {
		t.Fatal(err)
	}
	both := []string{"Mail.Read", "Mail.Send"}
	if diff := cmp.Diff(Permissions{both, both}, p.ActionPermissions("mail.send")); diff != "" {
		t.Errorf("mail.send (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Permissions{}, p.ActionPermissions("mail.forward")); diff != "" {
		t.Errorf("an action that is not there (-want +got):\n%s", diff)
	}
	if _, ok := p.Capability("mail.file"); ok {
		t.Error("Capability found one that is not there")
	}
}

func TestLimitsAreOnlyLowered(t *testing.T) {
	own := Limits{Memory: 32 << 20, Fuel: 100, Timeout: time.Minute, Exchanges: 10}
	got := own.Lower(Limits{Memory: 64 << 20, Fuel: 50, Exchanges: 11})
	want := Limits{Memory: 32 << 20, Fuel: 50, Timeout: time.Minute, Exchanges: 10}
	if got != want {
		t.Errorf("Lower = %+v, want %+v", got, want)
	}
}

func TestFormats(t *testing.T) {
	tests := []struct {
		format Format
		text   string
		want   bool
	}{
		{FormatAny, "a\nb", true},
		{FormatLine, "a b", true},
		{FormatLine, "a\nb", false},
		{FormatLine, "a\rb", false},
		{FormatGUID, "11111111-2222-3333-4444-55555555aAbB", true},
		{FormatGUID, "11111111-2222-3333-4444-5555555555555", false},
		{FormatGUID, "11111111x2222-3333-4444-555555555555", false},
		{FormatGUID, "g1111111-2222-3333-4444-555555555555", false},
		{FormatDateTime, "2026-11-21T20:00:00Z", true},
		{FormatDateTime, "2026-11-21", false},
	}
	for _, test := range tests {
		if got := test.format.Accepts(test.text); got != test.want {
			t.Errorf("%q accepts %q = %t, want %t", test.format, test.text, got, test.want)
		}
	}
}

// manyFailures are one more than an action may describe.
func manyFailures() string {
	var b strings.Builder
	for i := range MaxErrors + 1 {
		fmt.Fprintf(&b, "code%d = \"It failed.\"\n", i)
	}
	return b.String()
}
