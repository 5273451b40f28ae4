package sdk_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// run runs a handler as the only action of a plugin.
func run(t *testing.T, parameters string, handler sdk.Handler, script ...plugintest.Exchange) *plugintest.Result {
	t.Helper()
	return plugintest.Run(t, sdk.Plugin{"test.run": handler}, "test.run", parameters, script...)
}

func TestParametersReadByType(t *testing.T) {
	const parameters = `{"s":"a\u00e9","b":true,"n":12,"float":1.2e1,"list":["x","y"],"one":"x","empty":"","null":null,
		"attachments":[{"Name":"a.txt"},{"Name":"b.txt"}]}`
	result := run(t, parameters, func(call *sdk.Call) error {
		var names []string
		for _, attachment := range call.Elements("attachments") {
			names = append(names, attachment.String("Name"))
		}
		for name, values := range map[string][2]any{
			"String":           {call.String("s"), "aé"},
			"String missing":   {call.String("none"), ""},
			"Bool":             {call.Bool("b"), true},
			"Bool missing":     {call.Bool("none"), false},
			"Int":              {call.Int("n"), 12},
			"Int as a float":   {call.Int("float"), 12},
			"Int missing":      {call.Int("none"), 0},
			"Strings of list":  {call.Strings("list"), []string{"x", "y"}},
			"Strings of one":   {call.Strings("one"), []string{"x"}},
			"Strings of empty": {call.Strings("empty"), []string(nil)},
			"Strings missing":  {call.Strings("none"), []string(nil)},
			"Has":              {call.Has("empty"), true},
			"Has null":         {call.Has("null"), false},
			"Has missing":      {call.Has("none"), false},
			"Value":            {call.Value("n").GetInt(), 12},
			"Elements":         {names, []string{"a.txt", "b.txt"}},
			"Elements missing": {len(call.Elements("none")), 0},
			"ID":               {call.ID(), plugintest.InvocationID},
			"Now":              {call.Now(), plugintest.Now()},
		} {
			if diff := cmp.Diff(values[1], values[0]); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		return nil
	})
	result.WantRows(t)
}

func TestGraphSendsTheRequest(t *testing.T) {
	run(t, `{}`, func(call *sdk.Call) error {
		reply, err := call.Graph(sdk.Request{
			Capability: "mail.send",
			Method:     "POST",
			Path:       "/users/{user}/sendMail",
			Params:     sdk.Params{"user": "ann@contoso.example"},
			Query:      sdk.Query{"$top": "5", "$filter": "a b&c"},
			Headers:    sdk.Headers{"Prefer": `IdType="ImmutableId"`},
			Body:       sdk.NewObject().Text("subject", "Grüße").Bool("isRead", false).Value,
			PageLimit:  7,
		})
		if err != nil {
			return err
		}
		if reply.Status != 202 || !reply.Truncated || len(reply.Items()) != 2 {
			t.Errorf("reply is %+v", reply)
		}
		return nil
	}, plugintest.Exchange{
		Want: `{"op":"graph","capability":"mail.send","method":"POST","path":"/users/{user}/sendMail",
			"params":{"user":"ann@contoso.example"},"query":{"$filter":"a b&c","$top":"5"},
			"headers":{"Prefer":"IdType=\"ImmutableId\""},"body":{"subject":"Grüße","isRead":false},"page":{"limit":7}}`,
		Reply: `{"status":202,"body":{"value":[1,2]},"truncated":true}`,
	}).WantRows(t)
}

func TestMapsAreSortedByName(t *testing.T) {
	var asked []string
	invocation := abi.Invocation{ID: "1", Action: "test.run", Parameters: fastjson.MustParse(`{}`), Now: plugintest.Now()}
	for range 20 {
		plugin := sdk.Plugin{"test.run": func(call *sdk.Call) error {
			_, err := call.Graph(sdk.Request{Capability: "c", Path: "/p", Query: sdk.Query{"d": "1", "b": "2", "c": "3", "a": "4"}})
			return err
		}}
		plugin.Run(invocation.AppendJSON(nil), func(exchange []byte) []byte {
			asked = append(asked, string(exchange))
			return []byte(`{"status":200}`)
		})
	}
	for _, a := range asked {
		if want := `{"op":"graph","capability":"c","method":"GET","path":"/p","query":{"a":"4","b":"2","c":"3","d":"1"}}`; a != want {
			t.Fatalf("asked %s", a)
		}
	}
}

func TestListReadsPages(t *testing.T) {
	first := plugintest.Exchange{
		Want:  `{"op":"graph","capability":"c","method":"GET","path":"/p","query":{"$top":"2"}}`,
		Reply: `{"status":200,"body":{"value":[{"n":1},{"n":2}]},"next":"sealed1"}`,
	}
	empty := plugintest.Exchange{
		Want:  `{"op":"graph","link":"sealed1"}`,
		Reply: `{"status":200,"body":{"value":[]},"next":"sealed2"}`,
	}
	last := plugintest.Exchange{
		Want:  `{"op":"graph","link":"sealed2"}`,
		Reply: `{"status":200,"body":{"value":[{"n":3}]}}`,
	}
	failing := plugintest.Exchange{
		Want:  `{"op":"graph","link":"sealed1"}`,
		Reply: `{"error":{"code":"throttled","message":"wait"}}`,
	}
	for _, test := range []struct {
		name      string
		limit     int
		script    []plugintest.Exchange
		rows      int
		truncated bool
		code      abi.Code
	}{
		{"to the end", 0, []plugintest.Exchange{first, empty, last}, 3, false, ""},
		{"to a limit beyond the end", 4, []plugintest.Exchange{first, empty, last}, 3, false, ""},
		{"to a limit at the end", 3, []plugintest.Exchange{first, empty, last}, 3, false, ""},
		{"to a limit within a page", 1, []plugintest.Exchange{first}, 1, true, ""},
		{"to a limit at the end of a page", 2, []plugintest.Exchange{first}, 2, true, ""},
		{"until one fails", 0, []plugintest.Exchange{first, failing}, 0, false, abi.Throttled},
	} {
		t.Run(test.name, func(t *testing.T) {
			result := run(t, `{}`, func(call *sdk.Call) error {
				for item, err := range call.List(sdk.Request{Capability: "c", Path: "/p", Query: sdk.Query{"$top": "2"}}, test.limit) {
					if err != nil {
						return err
					}
					call.Row(sdk.Pick(item, "n").Value)
				}
				return nil
			}, test.script...)
			if test.code != "" {
				result.WantError(t, test.code)
				return
			}
			if len(result.Data) != test.rows || result.Truncated != test.truncated {
				t.Errorf("got %d rows, truncated %t", len(result.Data), result.Truncated)
			}
		})
	}
}

func TestListsMayNest(t *testing.T) {
	outer := `{"op":"graph","capability":"c","method":"GET","path":"/outer"}`
	inner := `{"op":"graph","capability":"c","method":"GET","path":"/inner"}`
	result := run(t, `{}`, func(call *sdk.Call) error {
		for a, err := range call.List(sdk.Request{Capability: "c", Path: "/outer"}, 0) {
			if err != nil {
				return err
			}
			for b, err := range call.List(sdk.Request{Capability: "c", Path: "/inner"}, 0) {
				if err != nil {
					return err
				}
				call.Row(sdk.NewObject().Put("a", a.Get("n")).Put("b", b.Get("n")).Value)
			}
		}
		return nil
	},
		plugintest.Exchange{Want: outer, Reply: `{"status":200,"body":{"value":[{"n":"one"},{"n":"two"}]}}`},
		plugintest.Exchange{Want: inner, Reply: `{"status":200,"body":{"value":[{"n":"x"}]}}`},
		plugintest.Exchange{Want: inner, Reply: `{"status":200,"body":{"value":[{"n":"y"}]}}`},
	)
	result.WantRows(t, `{"a":"one","b":"x"}`, `{"a":"two","b":"y"}`)
}

func TestListThatNeverEndsIsCut(t *testing.T) {
	pages := 0
	var parser fastjson.Parser
	invocation := abi.Invocation{ID: "1", Action: "test.run", Parameters: fastjson.MustParse(`{}`), Now: plugintest.Now()}
	plugin := sdk.Plugin{"test.run": func(call *sdk.Call) error {
		for _, err := range call.List(sdk.Request{Capability: "c", Path: "/p"}, 0) {
			if err != nil {
				return err
			}
		}
		return nil
	}}
	output := plugin.Run(invocation.AppendJSON(nil), func([]byte) []byte {
		pages++
		return []byte(`{"status":200,"body":{"value":[{}]},"next":"again"}`)
	})
	result, err := abi.ParseResult(&parser, output)
	if err != nil || !result.Truncated || pages != 1000 {
		t.Errorf("after %d pages: %s, %v", pages, output, err)
	}
}

func TestBatchRepliesOneByOne(t *testing.T) {
	run(t, `{}`, func(call *sdk.Call) error {
		replies, err := call.Batch(sdk.Request{Capability: "c", Path: "/a"}, sdk.Request{Capability: "c", Path: "/b"})
		if err != nil {
			return err
		}
		if replies[0].Status != 200 || !errors.Is(replies[1].Error, abi.NotFound) {
			t.Errorf("replies are %+v", replies)
		}
		return nil
	}, plugintest.Exchange{
		Want: `{"op":"batch","requests":[{"capability":"c","method":"GET","path":"/a"},{"capability":"c","method":"GET","path":"/b"}]}`,
		Reply: `{"replies":[{"status":200},
			{"error":{"code":"not_found","message":"gone"}}]}`,
	}).WantRows(t)
}

func TestBatchWithFewerRepliesFails(t *testing.T) {
	run(t, `{}`, func(call *sdk.Call) error {
		_, err := call.Batch(sdk.Request{Capability: "c", Path: "/a"})
		return err
	}, plugintest.Exchange{
		Want:  `{"op":"batch","requests":[{"capability":"c","method":"GET","path":"/a"}]}`,
		Reply: `{"replies":[]}`,
	}).WantError(t, abi.Internal)
}

func TestBlobs(t *testing.T) {
	run(t, `{}`, func(call *sdk.Call) error {
		blob, err := call.CreateBlob([]byte("hello"))
		if err != nil {
			return err
		}
		data, err := call.ReadBlob(blob.Name, 1, 3)
		if err != nil {
			return err
		}
		call.Row(sdk.NewObject().Text("data", string(data)).Blob(blob).Value)
		return nil
	},
		plugintest.Exchange{
			Want:  `{"op":"blob","data":"aGVsbG8="}`,
			Reply: `{"blob":{"name":"sha256:1","size":5,"md5":"m","sha1":"s","sha256":"1"}}`,
		},
		plugintest.Exchange{
			Want:  `{"op":"blob","name":"sha256:1","offset":1,"length":3}`,
			Reply: `{"data":"ZWxs","size":5}`,
		},
	).WantRows(t, `{"data":"ell","blob":"sha256:1","bytes":5,"md5":"m","sha1":"s","sha256":"1"}`)
}

func TestATriggerHandsOverWhatIsNewPageByPage(t *testing.T) {
	plugin := sdk.Plugin{"mail.poll": func(call *sdk.Call) error {
		seen, err := call.Seen("a", "b")
		if err != nil {
			return err
		}
		for i, key := range []string{"a", "b"} {
			if !seen[i] {
				call.Record(key, sdk.NewObject().Text("subject", call.Trigger()))
			}
		}
		call.Keep(sdk.NewObject().Int("page", int64(call.State().GetInt("page")+1)).Value)
		call.More()
		return nil
	}}
	result := plugintest.Resume(t, plugin, "mail.poll", `{}`, `{"page":3}`, plugintest.Exchange{
		Want: `{"op":"seen","keys":["a","b"]}`, Reply: `{"seen":[true,false]}`,
	})
	result.WantRows(t, `{"subject":"test","key":"b"}`)
	if got := fmt.Sprint(result.State); got != "map[page:4]" || !result.More {
		t.Errorf("the state is %s, more is %v", got, result.More)
	}
}

func TestSeen(t *testing.T) {
	many := make([]string, abi.MaxKeys+1)
	for i := range many {
		many[i] = "k"
	}
	asked := 0
	invocation := abi.Invocation{ID: "1", Action: "test.run", Parameters: fastjson.MustParse(`{}`), Now: plugintest.Now()}
	run := func(trigger string, handler sdk.Handler) string {
		invocation.Trigger = trigger
		return string(sdk.Plugin{"test.run": handler}.Run(invocation.AppendJSON(nil), func(exchange []byte) []byte {
			asked++
			x, err := abi.ParseExchange(new(fastjson.Parser), exchange)
			if err != nil {
				t.Fatal(err)
			}
			reply := abi.Reply{Seen: make([]bool, len(x.Seen))}
			reply.Seen[len(x.Seen)-1] = true
			return reply.AppendJSON(nil)
		}))
	}
	for _, test := range []struct {
		name, trigger string
		keys          []string
		asked, known  int
	}{
		{"of no keys asks nothing", "t", nil, 0, 0},
		{"asks for so many at once", "t", many, 2, 2},
		{"knows none when called by hand", "", many, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked = 0
			result := run(test.trigger, func(call *sdk.Call) error {
				seen, err := call.Seen(test.keys...)
				known := 0
				for _, is := range seen {
					if is {
						known++
					}
				}
				if err != nil || len(seen) != len(test.keys) || known != test.known {
					t.Errorf("got %d answers, %d known, %v", len(seen), known, err)
				}
				return nil
			})
			if asked != test.asked || result != `{"data":[]}` {
				t.Errorf("asked %d times, ended with %s", asked, result)
			}
		})
	}
	t.Run("refuses another number of answers", func(t *testing.T) {
		plugintest.Resume(t, sdk.Plugin{"test.run": func(call *sdk.Call) error {
			_, err := call.Seen("a", "b")
			return err
		}}, "test.run", `{}`, "", plugintest.Exchange{Want: `{"op":"seen","keys":["a","b"]}`, Reply: `{"seen":[true]}`}).WantError(t, abi.Internal)
	})
}

func TestBlobSizeAndDryRequests(t *testing.T) {
	run(t, `{}`, func(call *sdk.Call) error {
		size, err := call.BlobSize("sha256:1")
		if err != nil || size != 7 {
			t.Errorf("the blob has %d bytes, %v", size, err)
		}
		if _, err := call.Graph(sdk.Request{Capability: "c", Method: "POST", Path: "/p", Dry: true}); err != nil {
			t.Error(err)
		}
		_, err = call.Graph(sdk.Request{Capability: "c", Method: "POST", Path: "/q", Dry: true})
		return err
	},
		plugintest.Exchange{Want: `{"op":"blob","name":"sha256:1","length":1}`, Reply: `{"data":"eA==","size":7}`},
		plugintest.Exchange{Want: `{"op":"graph","capability":"c","method":"POST","path":"/p","dry":true}`, Reply: `{}`},
		plugintest.Exchange{
			Want:  `{"op":"graph","capability":"c","method":"POST","path":"/q","dry":true}`,
			Reply: `{"error":{"code":"policy_denied","message":"no"}}`,
		},
	).WantError(t, abi.PolicyDenied)
}

func TestPickFillsAndStrips(t *testing.T) {
	result := run(t, `{}`, func(call *sdk.Call) error {
		from := fastjson.MustParse(`{"@odata.etag":"1","@odata.type":"t","id":"x","more":1,
			"list":[{"a@odata.context":"c","a":{"@odata.type":"q","b":[]}}]}`)
		call.Row(sdk.Pick(from, "list", "id", "missing", "@odata.type").Texts("texts", []string{"1"}).
			List("objects", []sdk.Object{sdk.NewObject().Nested("inner", sdk.NewObject().Put("nil", nil))}).Value)
		call.Row(sdk.Pick(nil, "id").Value)
		return nil
	})
	result.WantRows(t,
		`{"list":[{"a":{"b":[]}}],"id":"x","missing":null,"@odata.type":"t","texts":["1"],"objects":[{"inner":{"nil":null}}]}`,
		`{"id":null}`)
}

func TestTextsStayWhatTheyAre(t *testing.T) {
	for _, text := range []string{"", "plain", "a\tb\n", "\x00\x01\a\v\x7f\n", `"\u0041"`, "\n\u200b\U000e0041\U0001f600 \ufffd"} {
		o := sdk.NewObject().Text("text", text).Texts("texts", []string{text})
		v := fastjson.MustParseBytes(abi.AppendValue(nil, o.Value))
		if got, listed := string(v.GetStringBytes("text")), string(v.GetStringBytes("texts", "0")); got != text || listed != text {
			t.Errorf("%q became %q and %q", text, got, listed)
		}
	}
}

func TestLongListsAreHandedOver(t *testing.T) {
	const rows = 2000
	text := strings.Repeat("ü", 300)
	exchanges, longest := 0, 0
	total := 0
	var parser fastjson.Parser
	invocation := abi.Invocation{ID: "1", Action: "test.run", Parameters: fastjson.MustParse(`{}`), Now: plugintest.Now()}
	plugin := sdk.Plugin{"test.run": func(call *sdk.Call) error {
		for i := range rows {
			call.Row(sdk.NewObject().Int("n", int64(i)).Text("text", text).Value)
		}
		call.Message(fmt.Sprint(call.Rows()))
		return nil
	}}
	output := plugin.Run(invocation.AppendJSON(nil), func(exchange []byte) []byte {
		exchanges++
		longest = max(longest, len(exchange))
		x, err := abi.ParseExchange(&parser, exchange)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range x.Rows {
			if row.GetInt("n") != total {
				t.Fatalf("row %d stands at %d", row.GetInt("n"), total)
			}
			total++
		}
		return []byte(`{}`)
	})
	result, err := abi.ParseResult(&parser, output)
	if err != nil {
		t.Fatal(err)
	}
	if total += len(result.Data); total != rows || exchanges == 0 || result.Message != "2000" {
		t.Errorf("%d rows in %d exchanges and the result", total, exchanges)
	}
	if longest > abi.MaxExchange || len(output) > abi.MaxExchange {
		t.Errorf("an exchange of %d bytes, a result of %d", longest, len(output))
	}
}

func TestRefusedRowsFailTheAction(t *testing.T) {
	var parser fastjson.Parser
	invocation := abi.Invocation{ID: "1", Action: "test.run", Parameters: fastjson.MustParse(`{}`), Now: plugintest.Now()}
	plugin := sdk.Plugin{"test.run": func(call *sdk.Call) error {
		for range 100 {
			call.Row(sdk.NewObject().Text("text", strings.Repeat("x", 100_000)).Value)
		}
		return nil
	}}
	exchanges := 0
	output := plugin.Run(invocation.AppendJSON(nil), func([]byte) []byte {
		exchanges++
		return []byte(`{"error":{"code":"exchange_limit","message":"too many rows"}}`)
	})
	result, err := abi.ParseResult(&parser, output)
	if err != nil || !errors.Is(result.Error, abi.ExchangeLimit) || exchanges != 1 {
		t.Errorf("after %d exchanges: %s, %v", exchanges, output, err)
	}
}

func TestErrorsKeepTheirClass(t *testing.T) {
	notFound := sdk.NewError(abi.NotFound, "gone")
	for _, test := range []struct {
		name    string
		err     error
		code    abi.Code
		message string
	}{
		{"as they are", notFound, abi.NotFound, "gone"},
		{"wrapped", fmt.Errorf("folder Inbox: %w", notFound), abi.NotFound, "folder Inbox: not_found: gone"},
		{"as bare code", abi.Quota, abi.Quota, "quota"},
		{"naming a parameter", sdk.InvalidInput("limit", "too small"), abi.InvalidInput, "too small"},
		{"of the plugin", errors.New("broken"), abi.PluginFailed, "broken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := run(t, `{}`, func(*sdk.Call) error { return test.err }).WantError(t, test.code)
			if err.Message != test.message {
				t.Errorf("message is %q", err.Message)
			}
		})
	}
}

func TestPanicsTellNothingOfWhatWasRead(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler sdk.Handler
		want    string
	}{
		{"of Go's own", func(call *sdk.Call) error { return []error{}[call.Int("none")] }, "index out of range [0] with length 0"},
		{"of a value", func(*sdk.Call) error { panic("secret") }, "test.run panicked; tell the plugin's author"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := run(t, `{}`, test.handler).WantError(t, abi.PluginFailed)
			if !strings.Contains(err.Message, test.want) || strings.Contains(err.Message, "secret") {
				t.Errorf("message is %q", err.Message)
			}
		})
	}
}

func TestUnreadableReplyIsTheHostsFault(t *testing.T) {
	run(t, `{}`, func(call *sdk.Call) error {
		_, err := call.Graph(sdk.Request{Capability: "c", Path: "/p"})
		return err
	}, plugintest.Exchange{
		Want:  `{"op":"graph","capability":"c","method":"GET","path":"/p"}`,
		Reply: `{"status":`,
	}).WantError(t, abi.Internal)
}

func TestLogLinesAreBounded(t *testing.T) {
	result := run(t, `{}`, func(call *sdk.Call) error {
		call.Log(abi.Warn, strings.Repeat("é", abi.MaxLogMessage))
		return nil
	})
	if want := "warn: " + strings.Repeat("é", abi.MaxLogMessage/2); len(result.Log) != 1 || result.Log[0] != want {
		t.Errorf("logged %d lines", len(result.Log))
	}
}

func TestNativeInvokeDoesNothing(t *testing.T) {
	if got := (sdk.Plugin{}).Invoke(0); got != 1 {
		t.Errorf("Invoke returned %d", got)
	}
}

// FuzzRun feeds a plugin with whatever a host might send.
func FuzzRun(f *testing.F) {
	f.Add([]byte(`{"abi":1,"invocation":"1","action":"test.run","parameters":{"list":["a"]},"now":"2026-01-02T03:04:05Z"}`),
		[]byte(`{"status":200,"body":{"value":[{"id":"1","@odata.etag":"x"}]},"next":"n"}`))
	f.Add([]byte(`{}`), []byte(`{"error":{"code":"internal","message":""}}`))
	f.Add([]byte(`{"abi":2}`), []byte(`{"status":200,"body":null}`))
	plugin := sdk.Plugin{"test.run": func(call *sdk.Call) error {
		call.Strings("list")
		call.Elements("list")
		for item, err := range call.List(sdk.Request{Capability: "c", Path: "/p"}, 3) {
			if err != nil {
				return err
			}
			call.Row(sdk.Pick(item, "id").Value)
		}
		return nil
	}}
	f.Fuzz(func(t *testing.T, invocation, reply []byte) {
		var parser fastjson.Parser
		output := plugin.Run(invocation, func([]byte) []byte { return reply })
		result, err := abi.ParseResult(&parser, output)
		if err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		if result.Error != nil && strings.Contains(result.Error.Message, "panicked") {
			t.Fatal(result.Error)
		}
	})
}

func TestBlobsOfAnySizeComeAndGoInPieces(t *testing.T) {
	const piece = 256 << 10
	large := strings.Repeat("x", piece)
	coded := base64.StdEncoding.EncodeToString([]byte(large))
	run(t, `{}`, func(call *sdk.Call) error {
		small, big := call.NewBlob(), call.NewBlob()
		if _, err := io.WriteString(big, large+"y"); err != nil {
			return err
		}
		if _, err := io.WriteString(small, "s"); err != nil {
			return err
		}
		for _, w := range []*sdk.BlobWriter{big, small} {
			if _, err := w.Close(); err != nil {
				return err
			}
		}
		content, err := io.ReadAll(call.BlobReader("sha256:1", 2))
		if string(content) != "abc" {
			t.Errorf("read %q", content)
		}
		return err
	},
		plugintest.Exchange{Want: `{"op":"blob","data":"` + coded + `","into":"2","more":true}`, Reply: `{}`},
		plugintest.Exchange{Want: `{"op":"blob","data":"eQ==","into":"2"}`, Reply: `{"blob":{"name":"sha256:2"}}`},
		plugintest.Exchange{Want: `{"op":"blob","data":"cw=="}`, Reply: `{"blob":{"name":"sha256:3"}}`},
		plugintest.Exchange{Want: `{"op":"blob","name":"sha256:1","length":2}`, Reply: `{"data":"YWI=","size":3}`},
		plugintest.Exchange{Want: `{"op":"blob","name":"sha256:1","offset":2,"length":2}`, Reply: `{"data":"Yw==","size":3}`},
	).WantRows(t)
}

func TestABlobThatTheHostRefusesFailsAtOnceAndForGood(t *testing.T) {
	run(t, `{}`, func(call *sdk.Call) error {
		w := call.NewBlob()
		if _, err := w.Write(make([]byte, 300<<10)); !errors.Is(err, abi.ExchangeLimit) {
			t.Errorf("got %v", err)
		}
		_, err := w.Close()
		return err
	}, plugintest.Exchange{
		Want:  `{"op":"blob","data":"` + base64.StdEncoding.EncodeToString(make([]byte, 256<<10)) + `","into":"1","more":true}`,
		Reply: `{"error":{"code":"exchange_limit","message":"too much"}}`,
	}).WantError(t, abi.ExchangeLimit)
}
