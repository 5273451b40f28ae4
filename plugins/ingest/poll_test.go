package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// endless are the exchanges for so many pages of a list of which each is empty and leads to another.
func endless(n int) []plugintest.Exchange {
	script := make([]plugintest.Exchange, n)
	for i := range script {
		script[i] = plugintest.Exchange{Want: `{"op":"graph","link":"L"}`, Reply: `{"status":200,"body":{"value":[]},"next":"L"}`}
	}
	return script
}

// polledFolders is the state in the midst of a run, in which so many pages of the Inbox were read.
func polledFolders(steps int) string {
	const folder = `{"id":"F","link":"L","within":true,"stage":0,"steps":%d,
		"began":"2026-01-01T00:00:00Z","swept":"2026-01-02T03:00:00Z","counted":"2026-01-02T03:00:00Z"}`
	return `{"user":"ann@contoso.example","run":"2026-01-02T03:04:05Z","folders":{"Inbox":` + fmt.Sprintf(folder, steps) +
		`,"Junk":` + fmt.Sprintf(folder, 0) + `}}`
}

const twoFolders = `{"email_address":"ann@contoso.example","folder":["Inbox","Junk"],"max_containers":100}`

func TestAListWithoutEndIsReadInPieces(t *testing.T) {
	result := plugintest.Resume(t, plugin, "mail.poll", twoFolders, polledFolders(0), endless(maxSteps)...)
	if result.Error != nil || !result.More {
		t.Fatalf("%v, more %v", result.Error, result.More)
	}
	state, err := json.Marshal(result.State)
	if err != nil {
		t.Fatal(err)
	}
	plugintest.Resume(t, plugin, "mail.poll", twoFolders, string(state), endless(maxSteps)...)
}

func TestAListWithoutEndLeavesOtherFoldersTheirTurn(t *testing.T) {
	script := append(endless(5), plugintest.Exchange{Want: `{"op":"graph","link":"L"}`, Reply: `{"status":200,"body":{"value":[]},"delta":"D"}`})
	result := plugintest.Resume(t, plugin, "mail.poll", twoFolders, polledFolders(maxFolderSteps-5), script...)
	if result.Error != nil || result.More || !result.Truncated {
		t.Fatalf("%v, more %v, truncated %v", result.Error, result.More, result.Truncated)
	}
	folders := result.State.(map[string]any)["folders"].(map[string]any)
	if folders["Inbox"].(map[string]any)["link"] != "L" || folders["Junk"].(map[string]any)["link"] != "D" {
		t.Errorf("the folders are %v", folders)
	}
}

// get is one request of a batch, for a message.
func get(id string) string {
	return `{"capability":"mail.ingest","method":"GET","path":"/users/{user}/messages/{message}",` +
		`"params":{"user":"ann@contoso.example","message":"` + id + `"},"query":{"$select":"` + messageFields + `"},"headers":{"Prefer":"IdType=\"ImmutableId\""}}`
}

// sourceOf is one request of a batch, for the source of a message.
func sourceOf(id string) string {
	return `{"capability":"mail.ingest","method":"GET","path":"/users/{user}/messages/{message}/$value",` +
		`"params":{"user":"ann@contoso.example","message":"` + id + `"},"headers":{"Prefer":"IdType=\"ImmutableId\""},"save":true}`
}

func TestAMessageThatIsTooMuchForAnInvocationHoldsUpNoOther(t *testing.T) {
	const tooMuch = `{"error":{"code":"exchange_limit","message":"the invocation's blobs are over 1073741824 bytes"}}`
	listed := []plugintest.Exchange{
		{
			Want: `{"op":"graph","link":"L"}`,
			Reply: `{"status":200,"body":{"value":[{"id":"A","receivedDateTime":"2026-01-02T02:00:00Z"},
				{"id":"B","receivedDateTime":"2026-01-02T03:00:00Z"}]},"delta":"D"}`,
		},
		{Want: `{"op":"seen","keys":["A","B"]}`, Reply: `{"seen":[false,false]}`},
		{
			Want:  `{"op":"batch","requests":[` + get("A") + `,` + get("B") + `]}`,
			Reply: `{"replies":[{"status":200,"body":{"id":"A"}},{"status":200,"body":{"id":"B"}}]}`,
		},
	}
	state := polledFolders(0)
	for _, run := range []struct {
		asked, failing string
	}{
		{sourceOf("A") + `,` + sourceOf("B"), "[]"}, // it may be both together that are too much
		{sourceOf("A"), "[A]"},
	} {
		script := append(slices.Clone(listed), plugintest.Exchange{Want: `{"op":"batch","requests":[` + run.asked + `]}`, Reply: tooMuch})
		one := `{"email_address":"ann@contoso.example","folder":["Inbox"],"max_containers":100,"extract_eml":true}`
		result := plugintest.Resume(t, plugin, "mail.poll", one, state, script...)
		if result.Error != nil || !result.More || len(result.Data) != 0 {
			t.Fatalf("%v, more %v, %v", result.Error, result.More, result.Data)
		}
		failing := result.State.(map[string]any)["failing"].(map[string]any)
		if got := fmt.Sprint(slices.Collect(maps.Keys(failing))); got != run.failing {
			t.Errorf("failing are %s, want %s", got, run.failing)
		}
		text, err := json.Marshal(result.State)
		if err != nil {
			t.Fatal(err)
		}
		state = string(text)
	}
}

func TestAMessageWithoutATimeHoldsUpNoOther(t *testing.T) {
	list := plugintest.Exchange{Want: `{"op":"graph","link":"L"}`, Reply: `
		{"status":200,"body":{"value":[{"id":"A"},{"id":"B","receivedDateTime":"2026-01-02T03:00:00Z"}]},"delta":"D"}`}
	seen := plugintest.Exchange{Want: `{"op":"seen","keys":["A","B"]}`, Reply: `{"seen":[false,false]}`}
	both := plugintest.Exchange{
		Want:  `{"op":"batch","requests":[` + get("A") + `,` + get("B") + `]}`,
		Reply: `{"replies":[{"status":200,"body":{"id":"A"}},{"status":200,"body":{"id":"B"}}]}`,
	}
	one := `{"email_address":"ann@contoso.example","folder":["Inbox"],"max_containers":100}`
	result := plugintest.Resume(t, plugin, "mail.poll", one, polledFolders(0), list, seen, both)
	if result.Error != nil || len(result.Data) != 2 || result.Data[0]["key"] != "A" || result.Data[0]["time"] != nil || result.Data[1]["time"] == nil {
		t.Errorf("%v, %v", result.Error, result.Data)
	}
}

// resumed is one invocation after so many runs that failed by their computing. It returns the state as text too.
func resumed(t *testing.T, parameters, state string, failures int, code abi.Code, script ...plugintest.Exchange) (*plugintest.Result, string) {
	t.Helper()
	result := plugintest.ResumeAfter(t, plugin, "mail.poll", parameters, state, failures, code, script...)
	if result.Error != nil {
		t.Fatal(result.Error)
	}
	text, err := json.Marshal(result.State)
	if err != nil {
		t.Fatal(err)
	}
	return result, string(text)
}

// keysOf are those of the records, and announcedIn is the message that a state says is read next.
func keysOf(result *plugintest.Result) string {
	var keys []string
	for _, record := range result.Data {
		keys = append(keys, record["key"].(string))
	}
	return strings.Join(keys, " ")
}

func announcedIn(result *plugintest.Result) string {
	next, _ := result.State.(map[string]any)["announced"].(map[string]any)
	id, _ := next["id"].(string)
	return id
}

func TestAfterARunThatWasEndedMessagesAreReadOneByOne(t *testing.T) {
	const one = `{"email_address":"ann@contoso.example","folder":["Inbox"],"max_containers":100,"shape":"message"}`
	list := plugintest.Exchange{
		Want: `{"op":"graph","link":"L"}`,
		Reply: `{"status":200,"body":{"value":[{"id":"A","receivedDateTime":"2026-01-02T01:00:00Z"},
			{"id":"B","receivedDateTime":"2026-01-02T02:00:00Z"},{"id":"C","receivedDateTime":"2026-01-02T03:00:00Z"}]},"delta":"D"}`,
	}
	seen := func(a, b, c bool) plugintest.Exchange {
		return plugintest.Exchange{Want: `{"op":"seen","keys":["A","B","C"]}`, Reply: fmt.Sprintf(`{"seen":[%t,%t,%t]}`, a, b, c)}
	}
	read := func(id string) plugintest.Exchange {
		return plugintest.Exchange{Want: `{"op":"batch","requests":[` + get(id) + `]}`, Reply: `{"replies":[{"status":200,"body":{"id":"` + id + `"}}]}`}
	}
	steps := []struct {
		name            string
		failures        int
		code            abi.Code
		script          []plugintest.Exchange
		keys, announced string
		more            bool
	}{
		{"the first is announced", 1, abi.FuelExhausted, []plugintest.Exchange{list, seen(false, false, false)}, "", "A", true},
		{"and read, and the next announced", 1, abi.FuelExhausted, []plugintest.Exchange{list, seen(false, false, false), read("A")}, "A", "B", true},
		{"a failure of Graph blames nobody", 2, abi.Upstream, []plugintest.Exchange{list, seen(true, false, false)}, "", "B", true},
		{"the one that was read is blamed", 3, abi.MemoryExhausted, nil, "", "", false},
		{"the others go on", 0, "", []plugintest.Exchange{list, seen(true, false, false)}, "", "C", true},
		{"to the last", 0, "", []plugintest.Exchange{list, seen(true, false, false), read("C")}, "C", "", true},
		{"and the run ends", 0, "", nil, "", "", false},
	}
	state := polledFolders(0)
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			result, after := resumed(t, one, state, s.failures, s.code, s.script...)
			if keysOf(result) != s.keys || announcedIn(result) != s.announced || result.More != s.more {
				t.Errorf("records %q, announced %q, more %v; want %q, %q, %v", keysOf(result), announcedIn(result), result.More, s.keys, s.announced, s.more)
			}
			state = after
		})
	}
}

func TestAMessageThatEndedThePluginThreeTimesIsHandedOverUnread(t *testing.T) {
	const (
		one   = `{"email_address":"ann@contoso.example","folder":["Inbox"],"max_containers":100,"shape":"message"}`
		tried = `{"user":"ann@contoso.example","run":"2026-01-02T03:00:00Z","folders":{},"announced":{"id":"A","at":"2026-01-02T01:00:00Z","failures":0},
			"failing":{"A":{"tries":2,"since":"2026-01-02T02:00:00Z","last":"2026-01-02T02:30:00Z","at":"2026-01-02T01:00:00Z","killed":"fuel_exhausted"}}}`
	)
	head := strings.Replace(get("A"), messageFields, headFields, 1)
	head = `{"op":"graph",` + head[1:]
	for name, c := range map[string]struct{ reply, message string }{
		"with what tells which it is":       {`{"status":200,"body":{"id":"A","subject":"Look"}}`, "map[from:<nil> id:A internetMessageId:<nil> receivedDateTime:<nil> subject:Look]"},
		"and without, if that is not known": {`{"error":{"code":"upstream","message":"503"}}`, "<nil>"},
	} {
		t.Run(name, func(t *testing.T) {
			result, state := resumed(t, one, tried, 1, abi.FuelExhausted, plugintest.Exchange{Want: head, Reply: c.reply})
			if keysOf(result) != "A" || !result.More || strings.Contains(state, `"tries"`) {
				t.Fatalf("records %q, more %v, state %s", keysOf(result), result.More, state)
			}
			record := result.Data[0]
			why := record["error"].(map[string]any)
			if got := fmt.Sprint(record["message"]); got != c.message || !strings.HasPrefix(why["message"].(string), "fuel_exhausted: ") || record["time"] == nil {
				t.Errorf("got %v", record)
			}
		})
	}
}

// Each of them may take Graph's patience, and more than one invocation has time for.
func TestMessagesThatCannotBeReadAreTriedInPieces(t *testing.T) {
	const one = `{"email_address":"ann@contoso.example","folder":["Inbox"],"max_containers":100}`
	failing := map[string]any{}
	for i := range pageful + 1 {
		failing[fmt.Sprintf("M%02d", i)] = map[string]any{
			"tries": 1, "since": "2026-01-02T02:00:00Z", "last": "2026-01-02T02:00:00Z", "at": "2026-01-02T01:00:00Z",
		}
	}
	text, err := json.Marshal(failing)
	if err != nil {
		t.Fatal(err)
	}
	state := strings.TrimSuffix(polledFolders(0), "}") + `,"failing":` + string(text) + "}"
	script := []plugintest.Exchange{{Want: `{"op":"graph","link":"L"}`, Reply: `{"status":200,"body":{"value":[]},"delta":"D"}`}}
	for first := 0; first < pageful; first += together {
		asked, refused := make([]string, together), make([]string, together)
		for i := range together {
			asked[i], refused[i] = get(fmt.Sprintf("M%02d", first+i)), `{"error":{"code":"upstream","message":"503"}}`
		}
		script = append(script, plugintest.Exchange{
			Want:  `{"op":"batch","requests":[` + strings.Join(asked, ",") + `]}`,
			Reply: `{"replies":[` + strings.Join(refused, ",") + `]}`,
		})
	}
	if result := plugintest.Resume(t, plugin, "mail.poll", one, state, script...); result.Error != nil || !result.More {
		t.Errorf("%v, more %v", result.Error, result.More)
	}
}

// A folder that is made anew has none of the links of the one before.
func TestLinksOfAFolderThatIsGoneAreForgotten(t *testing.T) {
	state := strings.Replace(polledFolders(0), `"stage":0,`, `"stage":1,"walks":[{"for":"sweep","left":-1,"at":"2026-01-01T00:00:00Z","link":"W"}],`, 1)
	state = strings.Replace(state, `"Inbox"`, `"Archive"`, 1)
	const of = `{"op":"graph","capability":"mail.ingest","method":"GET","path":"/users/{user}/mailFolders/{folder}`
	result := plugintest.Resume(t, plugin, "mail.poll",
		`{"email_address":"ann@contoso.example","folder":["Archive"],"get_folder_id":true,"max_containers":100}`, state,
		plugintest.Exchange{Want: `{"op":"graph","link":"W"}`, Reply: `{"error":{"code":"not_found","message":"404"}}`},
		plugintest.Exchange{
			Want: of + `","params":{"folder":"archive","user":"ann@contoso.example"},
				"query":{"$select":"id,displayName,parentFolderId,childFolderCount"}}`,
			Reply: `{"status":200,"body":{"id":"G","displayName":"Archive"}}`,
		},
		plugintest.Exchange{
			Want: of + `/messages","params":{"folder":"G","user":"ann@contoso.example"},"query":{"$select":"` + listFields + `",
				"$filter":"lastModifiedDateTime ge 2026-01-01T00:00:00Z","$orderby":"lastModifiedDateTime","$top":"500"},
				"headers":{"Prefer":"IdType=\"ImmutableId\""}}`,
			Reply: `{"status":200,"body":{"value":[]}}`,
		},
	)
	if result.Error != nil {
		t.Error(result.Error)
	}
}
