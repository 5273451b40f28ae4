package abi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

// A document is one of those that the contract defines.
type document interface{ AppendJSON(dst []byte) []byte }

// kind reads documents of one kind.
type kind struct {
	name  string
	parse func(p *fastjson.Parser, b []byte) (document, error)
}

// kinds lists the documents in the order in which an invocation meets them.
func kinds() []kind {
	return []kind{
		{"invocation", func(p *fastjson.Parser, b []byte) (document, error) { return plain(abi.ParseInvocation(p, b)) }},
		{"exchange", func(p *fastjson.Parser, b []byte) (document, error) { return plain(abi.ParseExchange(p, b)) }},
		{"reply", func(p *fastjson.Parser, b []byte) (document, error) { return plain(abi.ParseReply(p, b)) }},
		{"result", func(p *fastjson.Parser, b []byte) (document, error) { return plain(abi.ParseResult(p, b)) }},
		{"record", func(p *fastjson.Parser, b []byte) (document, error) { return plain(abi.ParseRecord(p, b)) }},
	}
}

func plain[T document](d T, err error) (document, error) { return d, err }

func kindOf(t *testing.T, name string) kind {
	t.Helper()
	for _, k := range kinds() {
		if k.name == name {
			return k
		}
	}
	t.Fatalf("there is no document %q", name)
	return kind{}
}

// sameValues compares JSON trees by what they write.
func sameValues() cmp.Option {
	return cmp.Transformer("JSON", func(v *fastjson.Value) string {
		if v == nil {
			return ""
		}
		return string(abi.AppendValue(nil, v))
	})
}

func value(s string) *fastjson.Value { return fastjson.MustParse(s) }

func fullError() *abi.Error {
	return &abi.Error{Code: abi.PolicyDenied, Message: "not allowed; \"ask\"\n", Detail: abi.Detail{
		Status: 403, GraphCode: "ErrorAccessDenied", InnerCode: "inner", RequestID: "r", ClientRequestID: "c",
		Time: time.Date(2026, 11, 21, 20, 0, 0, 5_000_000, time.UTC), RetryAfter: 1500 * time.Millisecond,
		Parameter: "user", Asked: "GET /users/{user}", Rule: "grant.mail", Allow: "[grant.mail]\nversion = \"^1\"\n", Held: "h", Near: []string{"mail.get", "mail.send"},
	}}
}

func fullRequest() abi.GraphRequest {
	return abi.GraphRequest{
		Capability: "mail.read", Method: "POST", Path: "/users/{user}/messages/{message}",
		Params:  []abi.Pair{{Name: "user", Value: "a/../b?#\x00"}, {Name: "message", Value: ""}},
		Query:   []abi.Pair{{Name: "$select", Value: "id,subject"}},
		Headers: []abi.Pair{{Name: "Prefer", Value: "IdType=\"ImmutableId\""}},
		Body:    value(`{"b":[1.50,null],"a":"é"}`), PageLimit: 0, Save: true,
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	paged := abi.GraphRequest{Capability: "c", Method: "GET", Path: "/users", PageLimit: abi.MaxPageLimit}
	linked := abi.GraphRequest{Link: "sealed", PageLimit: 5}
	full := fullRequest()
	now := time.Date(2026, 11, 21, 20, 0, 0, 123456789, time.UTC)
	for name, d := range map[string]document{
		"invocation/full":   &abi.Invocation{ID: "i", Action: "mail.get", Parameters: value(`{"x":1}`), Now: now, Memory: 1 << 25, Trigger: "t", State: value(`{"cursor":"z"}`)},
		"invocation/failed": &abi.Invocation{ID: "i", Action: "a", Parameters: value(`{}`), Now: now, Trigger: "t", Failures: 3, Failure: abi.FuelExhausted},
		"invocation/first":  &abi.Invocation{ID: "i", Action: "a", Parameters: value(`{}`), Now: now, Trigger: "t"},
		"invocation/least":  &abi.Invocation{ID: "i", Action: "a", Parameters: value(`{}`), Now: now},
		"invocation/null":   &abi.Invocation{ID: "i", Action: "a", Parameters: value(`{}`), Now: now, Trigger: "t", State: value("null")},
		"result/full":       &abi.Result{Data: []*fastjson.Value{value(`{"a":1}`), value(`{}`)}, Message: "m", Truncated: true, State: value(`[1]`)},
		"result/more":       &abi.Result{Data: []*fastjson.Value{}, State: value(`0`), More: true},
		"result/least":      &abi.Result{Data: []*fastjson.Value{}},
		"result/error":      &abi.Result{Error: fullError()},
		"exchange/graph":    &abi.Exchange{Op: abi.OpGraph, Graph: &full},
		"exchange/paged":    &abi.Exchange{Op: abi.OpGraph, Graph: &paged},
		"exchange/link":     &abi.Exchange{Op: abi.OpGraph, Graph: &linked},
		"exchange/http":     &abi.Exchange{Op: abi.OpHTTP, HTTP: &abi.HTTPRequest{Method: "POST", URI: "/v1.0/users?$top=1", Headers: full.Headers, Body: value(`"eA=="`), ContentType: "text/plain"}},
		"exchange/batch":    &abi.Exchange{Op: abi.OpBatch, Batch: []abi.GraphRequest{full, paged, linked}},
		"exchange/rows":     &abi.Exchange{Op: abi.OpRows, Rows: []*fastjson.Value{value(`{"a":{}}`)}},
		"exchange/no rows":  &abi.Exchange{Op: abi.OpRows, Rows: []*fastjson.Value{}},
		"exchange/read":     &abi.Exchange{Op: abi.OpBlob, Blob: &abi.BlobRequest{Name: "sha256:x", Offset: 1 << 53, Length: abi.MaxBlobRead}},
		"exchange/create":   &abi.Exchange{Op: abi.OpBlob, Blob: &abi.BlobRequest{Data: []byte{0, 0xff}}},
		"exchange/nothing":  &abi.Exchange{Op: abi.OpBlob, Blob: &abi.BlobRequest{Data: []byte{}}},
		"exchange/seen":     &abi.Exchange{Op: abi.OpSeen, Seen: []string{"a", "~!", "a"}},
		"exchange/log":      &abi.Exchange{Op: abi.OpLog, Log: &abi.LogRequest{Level: abi.Warn, Message: "a\x1b[2Jb\n"}},
		"reply/empty":       &abi.Reply{},
		"reply/body":        &abi.Reply{Status: 200, Headers: []abi.Pair{{Name: "request-id", Value: "r"}}, Body: value(`{"value":[]}`), Next: "n", Delta: "d", Truncated: true},
		"reply/null body":   &abi.Reply{Status: 200, Body: value("null")},
		"reply/blob":        &abi.Reply{Status: 200, Blob: &abi.Blob{Name: "sha256:x", Size: 0, ContentType: "text/plain", MD5: "m", SHA1: "1", SHA256: "2"}},
		"reply/data":        &abi.Reply{Data: []byte("abc"), Size: 3},
		"reply/no data":     &abi.Reply{Data: []byte{}},
		"reply/seen":        &abi.Reply{Seen: []bool{true, false}},
		"reply/batch":       &abi.Reply{Replies: []abi.Reply{{Status: 204}, {Error: fullError()}, {}}},
		"reply/error":       &abi.Reply{Error: fullError()},
		"reply/bare error":  &abi.Reply{Error: &abi.Error{Code: abi.Internal}},
		"record/full":       &abi.Record{Key: "k", Time: now, Value: value(`{"time":"2026-11-21T20:00:00.123456789Z","key":"k","more":[1]}`)},
		"record/least":      &abi.Record{Key: "k", Value: value(`{"key":"k"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			var p fastjson.Parser
			document, _, _ := strings.Cut(name, "/")
			written := d.AppendJSON([]byte("before"))[len("before"):]
			got, err := kindOf(t, document).parse(&p, written)
			if err != nil {
				t.Fatalf("%s: %v", written, err)
			}
			if diff := cmp.Diff(d, got, sameValues(), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(string(written), string(got.AppendJSON(nil))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// word, pairs and items make parts of documents of a chosen size.
func word(n int) string { return strconv.Quote(strings.Repeat("w", n)) }

func pairs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"n%d":"v"`, i)
	}
	return "{" + strings.TrimPrefix(b.String(), ",") + "}"
}

func items(n int, item string) string {
	return "[" + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + "]"
}

// padded fills a document with white space to n bytes.
func padded(doc string, n int) string { return doc + strings.Repeat(" ", n-len(doc)) }

func TestBounds(t *testing.T) {
	const invocation = `{"abi":1,"invocation":"i","action":"a","parameters":{},"now":"2026-11-21T20:00:00Z"}`
	base64Of := func(n int) string { return strconv.Quote(base64.StdEncoding.EncodeToString(make([]byte, n))) }
	text := func(document, format string) func(int) (string, string) {
		return func(n int) (string, string) { return document, strings.ReplaceAll(format, "%", word(n)) }
	}
	number := func(document, format string) func(int) (string, string) {
		return func(n int) (string, string) { return document, strings.ReplaceAll(format, "%", strconv.Itoa(n)) }
	}
	const log = abi.MaxLogMessage
	for name, test := range map[string]struct {
		most int
		make func(n int) (document, text string)
	}{
		"bytes of an invocation": {abi.MaxInvocation, func(n int) (string, string) { return "invocation", padded(invocation, n) }},
		"bytes of an exchange":   {abi.MaxExchange, func(n int) (string, string) { return "exchange", padded(`{"op":"log","level":"info"}`, n) }},
		"bytes of a reply":       {abi.MaxReply, func(n int) (string, string) { return "reply", padded(`{}`, n) }},
		"bytes of a result":      {abi.MaxResult, func(n int) (string, string) { return "result", padded(`{"data":[]}`, n) }},
		"levels":                 {abi.MaxDepth, func(n int) (string, string) { return "reply", `{"body":` + nest(n-1, "") + "}" }},

		"invocation id":          {abi.MaxWord, text("invocation", `{"abi":1,"invocation":%,"action":"a","parameters":{},"now":"2026-11-21T20:00:00Z"}`)},
		"action":                 {abi.MaxWord, text("invocation", `{"abi":1,"invocation":"i","action":%,"parameters":{},"now":"2026-11-21T20:00:00Z"}`)},
		"trigger":                {abi.MaxWord, text("invocation", `{"trigger":%,"abi":1,"invocation":"i","action":"a","parameters":{},"now":"2026-11-21T20:00:00Z"}`)},
		"state of an invocation": {abi.MaxState - 2, text("invocation", `{"trigger":"t","state":%,"abi":1,"invocation":"i","action":"a","parameters":{},"now":"2026-11-21T20:00:00Z"}`)},
		"state of a result":      {abi.MaxState - 2, text("result", `{"data":[],"state":%}`)},
		"key of a record":        {abi.MaxKey, text("record", `{"key":%}`)},
		"record":                 {abi.MaxRecord - len(`{"key":"k","text":""}`), text("record", `{"key":"k","text":%}`)},
		"key that is asked for":  {abi.MaxKey, text("exchange", `{"op":"seen","keys":[%]}`)},
		"keys that are asked for": {abi.MaxKeys, func(n int) (string, string) {
			return "exchange", `{"op":"seen","keys":` + items(n, `"k"`) + "}"
		}},
		"keys that are answered": {abi.MaxKeys, func(n int) (string, string) { return "reply", `{"seen":` + items(n, "true") + "}" }},
		"memory":                 {1 << 32, number("invocation", `{"memory":%,"abi":1,"invocation":"i","action":"a","parameters":{},"now":"2026-11-21T20:00:00Z"}`)},
		"result rows":            {abi.MaxPageLimit, func(n int) (string, string) { return "result", `{"data":` + items(n, "{}") + "}" }},
		"rows of a handover":     {abi.MaxPageLimit, func(n int) (string, string) { return "exchange", `{"op":"rows","rows":` + items(n, "{}") + "}" }},

		"capability": {abi.MaxWord, text("exchange", `{"op":"graph","capability":%,"method":"GET","path":"/u"}`)},
		"path":       {abi.MaxPath, text("exchange", `{"op":"graph","capability":"c","method":"GET","path":%}`)},
		"params": {abi.MaxMembers, func(n int) (string, string) {
			return "exchange", `{"op":"graph","capability":"c","method":"GET","path":"/u","params":` + pairs(n) + "}"
		}},
		"query": {abi.MaxMembers, func(n int) (string, string) {
			return "exchange", `{"op":"graph","capability":"c","method":"GET","path":"/u","query":` + pairs(n) + "}"
		}},
		"headers": {abi.MaxMembers, func(n int) (string, string) {
			return "exchange", `{"op":"graph","capability":"c","method":"GET","path":"/u","headers":` + pairs(n) + "}"
		}},
		"name of a param":  {abi.MaxWord, text("exchange", `{"op":"graph","capability":"c","method":"GET","path":"/u","params":{%:"v"}}`)},
		"name of a query":  {abi.MaxWord, text("exchange", `{"op":"graph","capability":"c","method":"GET","path":"/u","query":{%:"v"}}`)},
		"name of a header": {abi.MaxWord, text("exchange", `{"op":"graph","capability":"c","method":"GET","path":"/u","headers":{%:"v"}}`)},
		"page limit":       {abi.MaxPageLimit, number("exchange", `{"op":"graph","capability":"c","method":"GET","path":"/u","page":{"limit":%}}`)},
		"requests of a batch": {abi.MaxBatch, func(n int) (string, string) {
			return "exchange", `{"op":"batch","requests":` + items(n, `{"capability":"c","method":"GET","path":"/u"}`) + "}"
		}},
		"uri":         {abi.MaxURI, text("exchange", `{"op":"http","method":"GET","uri":%}`)},
		"upload":      {abi.MaxWord, text("exchange", `{"op":"graph","capability":"c","method":"POST","path":"/u","upload":%}`)},
		"blob name":   {abi.MaxWord, text("exchange", `{"op":"blob","name":%,"length":1}`)},
		"blob length": {abi.MaxBlobRead, number("exchange", `{"op":"blob","name":"n","length":%}`)},
		"blob offset": {1 << 53, number("exchange", `{"op":"blob","name":"n","length":1,"offset":%}`)},
		"blob data":   {abi.MaxBlobRead, func(n int) (string, string) { return "exchange", `{"op":"blob","data":` + base64Of(n) + "}" }},
		"log message": {log, text("exchange", `{"op":"log","level":"info","message":%}`)},

		"status":            {599, number("reply", `{"status":%}`)},
		"reply headers":     {abi.MaxMembers, func(n int) (string, string) { return "reply", `{"headers":` + pairs(n) + "}" }},
		"reply data":        {abi.MaxBlobRead, func(n int) (string, string) { return "reply", `{"data":` + base64Of(n) + "}" }},
		"size":              {1 << 53, number("reply", `{"size":%}`)},
		"replies":           {abi.MaxBatch, func(n int) (string, string) { return "reply", `{"replies":` + items(n, "{}") + "}" }},
		"reply's blob":      {abi.MaxWord, text("reply", `{"blob":{"name":%}}`)},
		"size of a blob":    {1 << 53, number("reply", `{"blob":{"name":"n","size":%}}`)},
		"content type":      {abi.MaxWord, text("reply", `{"blob":{"name":"n","content_type":%}}`)},
		"md5":               {abi.MaxWord, text("reply", `{"blob":{"name":"n","md5":%}}`)},
		"sha1":              {abi.MaxWord, text("reply", `{"blob":{"name":"n","sha1":%}}`)},
		"sha256":            {abi.MaxWord, text("reply", `{"blob":{"name":"n","sha256":%}}`)},
		"error message":     {log, text("reply", `{"error":{"code":"internal","message":%}}`)},
		"error status":      {599, number("reply", `{"error":{"code":"internal","detail":{"status":%}}}`)},
		"graph code":        {abi.MaxWord, text("reply", `{"error":{"code":"internal","detail":{"graph_code":%}}}`)},
		"inner code":        {abi.MaxWord, text("reply", `{"error":{"code":"internal","detail":{"inner_code":%}}}`)},
		"request id":        {abi.MaxWord, text("reply", `{"error":{"code":"internal","detail":{"request_id":%}}}`)},
		"client request id": {abi.MaxWord, text("reply", `{"error":{"code":"internal","detail":{"client_request_id":%}}}`)},
		"retry after":       {86_400_000, number("reply", `{"error":{"code":"internal","detail":{"retry_after_ms":%}}}`)},
		"parameter":         {abi.MaxWord, text("reply", `{"error":{"code":"internal","detail":{"parameter":%}}}`)},
		"asked":             {log, text("reply", `{"error":{"code":"internal","detail":{"asked":%}}}`)},
		"rule":              {log, text("reply", `{"error":{"code":"internal","detail":{"rule":%}}}`)},
		"allow":             {log, text("reply", `{"error":{"code":"internal","detail":{"allow":%}}}`)},
		"held":              {abi.MaxWord, text("reply", `{"error":{"code":"policy_denied","detail":{"held":%}}}`)},
		"near": {20, func(n int) (string, string) {
			return "reply", `{"error":{"code":"internal","detail":{"near":` + items(n, `"n"`) + `}}}`
		}},
		"a name that is near": {log, text("reply", `{"error":{"code":"internal","detail":{"near":[%]}}}`)},
	} {
		t.Run(name, func(t *testing.T) {
			document, atLimit := test.make(test.most)
			_, over := test.make(test.most + 1)
			k := kindOf(t, document)
			var p fastjson.Parser
			if _, err := k.parse(&p, []byte(atLimit)); err != nil {
				t.Errorf("at %d: %v", test.most, err)
			}
			if _, err := k.parse(&p, []byte(over)); err == nil {
				t.Errorf("%d is taken", test.most+1)
			} else if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func TestLowerBounds(t *testing.T) {
	for name, test := range map[string]struct{ document, least, below string }{
		"memory":      {"invocation", `{"memory":1,"abi":1,"invocation":"i","action":"a","parameters":{},"now":"2026-11-21T20:00:00Z"}`, `{"memory":0,"abi":1,"invocation":"i","action":"a","parameters":{},"now":"2026-11-21T20:00:00Z"}`},
		"page limit":  {"exchange", `{"op":"graph","link":"l","page":{"limit":1}}`, `{"op":"graph","link":"l","page":{"limit":0}}`},
		"blob length": {"exchange", `{"op":"blob","name":"n","length":1}`, `{"op":"blob","name":"n","length":0}`},
		"blob offset": {"exchange", `{"op":"blob","name":"n","length":1,"offset":0}`, `{"op":"blob","name":"n","length":1,"offset":-1}`},
		"status":      {"reply", `{"status":100}`, `{"status":99}`},
		"size":        {"reply", `{"size":0}`, `{"size":-1}`},
		"keys":        {"exchange", `{"op":"seen","keys":["k"]}`, `{"op":"seen","keys":[]}`},
		"batch":       {"exchange", `{"op":"batch","requests":[{"link":"l"}]}`, `{"op":"batch","requests":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			k := kindOf(t, test.document)
			var p fastjson.Parser
			if _, err := k.parse(&p, []byte(test.least)); err != nil {
				t.Errorf("the least: %v", err)
			}
			if _, err := k.parse(&p, []byte(test.below)); err == nil {
				t.Error("less is taken")
			}
		})
	}
}

func TestMembersThatTheContractDoesNotNameAreRefused(t *testing.T) {
	for document, docs := range map[string][]string{
		"invocation": {`{"abi":1,"invocation":"i","action":"a","parameters":{},"now":"2026-11-21T20:00:00Z"~}`},
		"result":     {`{"data":[]~}`, `{"error":{"code":"internal"~}}`, `{"error":{"code":"internal","detail":{"status":400~}}}`},
		"exchange": {
			`{"op":"graph","capability":"c","method":"GET","path":"/u"~}`, `{"op":"graph","link":"l","page":{"limit":1~}}`, `{"op":"http","method":"GET","uri":"/v1.0/users"~}`, `{"op":"batch","requests":[{"link":"l"}]~}`,
			`{"op":"batch","requests":[{"link":"l"~}]}`, `{"op":"rows","rows":[]~}`, `{"op":"blob","data":""~}`, `{"op":"seen","keys":["k"]~}`, `{"op":"log","level":"info"~}`,
		},
		"reply": {`{"status":200~}`, `{"blob":{"name":"n"~}}`, `{"replies":[{"status":200~}]}`},
	} {
		for _, doc := range docs {
			k := kindOf(t, document)
			var p fastjson.Parser
			if _, err := k.parse(&p, []byte(strings.ReplaceAll(doc, "~", ""))); err != nil {
				t.Errorf("%s: %v", doc, err)
			}
			for _, surplus := range []string{`,"extra":1`, `,"":1`, `,"Op":"graph"`, `,"__proto__":{}`} {
				var problem *abi.FormatError
				_, err := k.parse(&p, []byte(strings.ReplaceAll(doc, "~", surplus)))
				if !errors.As(err, &problem) || problem.Document != document || !strings.Contains(err.Error(), "has no member") {
					t.Errorf("%s with %s: got %v", doc, surplus, err)
				}
			}
		}
	}
}

func TestBlobReference(t *testing.T) {
	for doc, want := range map[string]struct {
		name string
		ok   bool
		fail bool
	}{
		`{"$blob":"sha256:x"}`:      {"sha256:x", true, false},
		`{"\u0024blob":"sha256:x"}`: {"sha256:x", true, false},
		`{"$blob":""}`:              {"", true, false},
		`{"$blob":"x","a":1}`:       {"", false, true},
		`{"$blob":1}`:               {"", false, true},
		`{"$blob":null}`:            {"", false, true},
		`{"$Blob":"x"}`:             {"", false, false},
		`{"a":{"$blob":"x"}}`:       {"", false, false},
		`{}`:                        {"", false, false},
		`["$blob"]`:                 {"", false, false},
		`"$blob"`:                   {"", false, false},
		`null`:                      {"", false, false},
	} {
		name, ok, err := abi.BlobReference(value(doc))
		var problem *abi.FormatError
		if name != want.name || ok != want.ok || errors.As(err, &problem) != want.fail {
			t.Errorf("%s: got %q, %v, %v", doc, name, ok, err)
		}
	}
}

func TestBlobName(t *testing.T) {
	var sum [32]byte
	for i := range sum {
		sum[i] = byte(i * 8)
	}
	if got := abi.BlobName(sum); got != "sha256:0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8" {
		t.Error(got)
	}
}

// fuzz checks one kind of document: no panic, nothing taken that encoding/json reads differently, and what is written
// again reads the same.
func fuzz(f *testing.F, name string, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	var k kind
	for _, candidate := range kinds() {
		if candidate.name == name {
			k = candidate
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var p, again fastjson.Parser
		got, err := k.parse(&p, doc)
		if err != nil {
			var problem *abi.FormatError
			if !errors.As(err, &problem) {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		written := got.AppendJSON(nil)
		read, err := k.parse(&again, written)
		if err != nil {
			t.Fatalf("%q is written as %q, which is refused: %v", doc, written, err)
		}
		if twice := read.AppendJSON(nil); !bytes.Equal(twice, written) {
			t.Errorf("%q is written as %q, and that as %q", doc, written, twice)
		}
		before, after := decode(t, doc).(map[string]any), decode(t, written).(map[string]any)
		for key := range after {
			if _, ok := before[key]; !ok {
				t.Errorf("%q gained %q", doc, key)
			}
		}
		for _, key := range []string{"body", "parameters", "trigger", "state", "more", "rows", "keys", "seen", "data", "action", "path", "params", "query", "headers", "link"} {
			was, is := before[key], after[key]
			if _, ok := after[key]; ok && !reflect.DeepEqual(was, is) {
				t.Errorf("%q changed %q", doc, key)
			}
		}
	})
}

func FuzzParseInvocation(f *testing.F) {
	fuzz(f, "invocation", `{"abi":1,"invocation":"i","action":"a","parameters":{"a":[1]},"now":"2026-11-21T20:00:00Z","memory":5,"trigger":"t","state":null}`)
}

func FuzzParseExchange(f *testing.F) {
	full := fullRequest()
	fuzz(f, "exchange", string((&abi.Exchange{Op: abi.OpGraph, Graph: &full}).AppendJSON(nil)), `{"op":"graph","link":"l","page":{"limit":1}}`,
		`{"op":"batch","requests":[{"link":"l"}]}`, `{"op":"rows","rows":[{}]}`, `{"op":"blob","data":"AP8="}`, `{"op":"blob","data":"AP8=","into":"a","more":true}`, `{"op":"blob","name":"n","offset":1,"length":2}`, `{"op":"seen","keys":["a","b"]}`,
		`{"op":"log","level":"info","message":"m"}`)
}

func FuzzParseReply(f *testing.F) {
	fuzz(f, "reply", string((&abi.Reply{Error: fullError()}).AppendJSON(nil)), `{"status":200,"headers":{"a":"b"},"body":null,"next":"n","delta":"d","truncated":true}`,
		`{"blob":{"name":"n","size":0,"content_type":"t","md5":"m"}}`, `{"data":"AP8=","size":2}`, `{"replies":[{},{"status":204}]}`, `{"seen":[true,false]}`)
}

func FuzzParseResult(f *testing.F) {
	fuzz(f, "result", `{"data":[{"a":1}],"message":"m","truncated":true,"state":{},"more":true}`, string((&abi.Result{Error: fullError()}).AppendJSON(nil)))
}

func FuzzParseRecord(f *testing.F) {
	fuzz(f, "record", `{"key":"AAMk=","time":"2026-11-21T20:00:00Z","subject":"s"}`, `{"subject":"s"}`)
}

func TestErrorsAreMatchedByCode(t *testing.T) {
	err := fmt.Errorf("reading the mailbox: %w", &abi.Error{Code: abi.NotFound, Message: "no such message", Detail: abi.Detail{Status: 404}})
	if !errors.Is(err, abi.NotFound) || errors.Is(err, abi.Auth) || errors.Is(err, abi.Code("")) {
		t.Error("errors.Is")
	}
	var e *abi.Error
	if !errors.As(err, &e) || e.Detail.Status != 404 {
		t.Error("errors.As")
	}
	if got := err.Error(); got != "reading the mailbox: not_found: no such message" {
		t.Error(got)
	}
	if errors.Is(abi.NotFound, abi.Auth) || !errors.Is(abi.NotFound, abi.NotFound) {
		t.Error("a code by itself")
	}
}

func TestCodes(t *testing.T) {
	seen := map[abi.Code]bool{}
	for _, code := range abi.Codes() {
		if seen[code] || !code.Known() || code.Error() != string(code) {
			t.Errorf("%q", code)
		}
		seen[code] = true
	}
	for _, code := range []abi.Code{"", "Internal", "not found", "unheard_of"} {
		if code.Known() {
			t.Errorf("%q is known", code)
		}
	}
}

func TestErrorsMarshalAsTheyAreWritten(t *testing.T) {
	want := fullError().AppendJSON(nil)
	got, err := json.Marshal(fullError())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestAnErrorIsReadableHoweverLongItsPartsAre(t *testing.T) {
	for name, part := range map[string]string{"letters": "a", "wide": "漢", "control": "\x00", "invalid": "\xffx", "quotes": `"`, "mixed": "\xffa漢"} {
		t.Run(name, func(t *testing.T) {
			long := strings.Repeat(part, 100_000)
			e := &abi.Error{Code: abi.Upstream, Message: long, Detail: abi.Detail{
				Status: 999, GraphCode: long, InnerCode: long, RequestID: long, ClientRequestID: long, RetryAfter: 1000 * time.Hour,
				Parameter: long, Asked: long, Rule: long, Allow: long, Near: []string{0: long, 50: long},
			}}
			var p fastjson.Parser
			reply, err := abi.ParseReply(&p, (&abi.Reply{Error: e}).AppendJSON(nil))
			if err != nil {
				t.Fatal(err)
			}
			got := reply.Error
			if !strings.HasSuffix(got.Message, "…") || len(got.Message) < abi.MaxLogMessage-10 || got.Detail.RetryAfter != 24*time.Hour || got.Detail.Status != 0 || len(got.Detail.Near) != 20 {
				t.Errorf("got %.300q, %v, %d, %d", got.Message, got.Detail.RetryAfter, got.Detail.Status, len(got.Detail.Near))
			}
		})
	}
	e := &abi.Error{Code: abi.Throttled, Detail: abi.Detail{Status: -1, RetryAfter: -time.Second}}
	if got := string(e.AppendJSON(nil)); got != `{"code":"throttled","message":"","detail":{}}` {
		t.Error(got)
	}
}
