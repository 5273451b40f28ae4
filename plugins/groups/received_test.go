package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk/plugintest"
)

// ago is a time before the host's present.
func ago(d time.Duration) string { return plugintest.Now().Add(-d).Format(time.RFC3339) }

const (
	preferPages = `,"headers":{"Prefer":"odata.maxpagesize=500"}`
	selectLast  = `,"query":{"$select":"id,lastDeliveredDateTime"}` + preferPages
	selectPosts = `,"query":{"$select":"id,receivedDateTime,lastModifiedDateTime,changeKey"}` + preferPages
)

// conversations is the exchange for the list of all; each is an id and the time of its newest mail.
func conversations(list ...[2]string) plugintest.Exchange {
	return plugintest.Exchange{
		Want:  graph("group.read", "GET", "/groups/{group}/conversations", "", selectLast),
		Reply: `{"status":200,"body":` + delivery(list...) + `}`,
	}
}

func delivery(list ...[2]string) string {
	items := make([]string, len(list))
	for i, d := range list {
		items[i] = fmt.Sprintf(`{"id":%q,"lastDeliveredDateTime":%q}`, d[0], d[1])
	}
	return `{"value":[` + strings.Join(items, ",") + `]}`
}

// batch is a batch of requests and the replies to them.
func batch(requests, replies []string) plugintest.Exchange {
	for i := range requests {
		requests[i] = strings.Replace(requests[i], `"op":"graph",`, "", 1)
	}
	return plugintest.Exchange{
		Want:  `{"op":"batch","requests":[` + strings.Join(requests, ",") + `]}`,
		Reply: `{"replies":[` + strings.Join(replies, ",") + `]}`,
	}
}

func threadsOf(conversation string) string {
	return graph("group.read", "GET", "/groups/{group}/conversations/{conversation}/threads", `,"conversation":"`+conversation+`"`, selectLast)
}

func postsOf(thread string) string {
	return graph("group.post.read", "GET", "/groups/{group}/threads/{thread}/posts", `,"thread":"`+thread+`"`, selectPosts)
}

func aPost(id, received string) string {
	return fmt.Sprintf(`{"id":%q,"receivedDateTime":%q,"lastModifiedDateTime":%q,"changeKey":"CQ"}`, id, received, received)
}

func seen(keys, known string) plugintest.Exchange {
	return plugintest.Exchange{Want: `{"op":"seen","keys":` + keys + `}`, Reply: `{"seen":` + known + `}`}
}

// stateOf is what a run kept, as the next one gets it.
func stateOf(t *testing.T, result *plugintest.Result) string {
	t.Helper()
	text, err := json.Marshal(result.State)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPostsAreHandedOverAsTheyBecomeVisible(t *testing.T) {
	newest, old := ago(time.Minute), ago(time.Hour)
	first := plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, "",
		conversations([2]string{"C1", newest}, [2]string{"C2", old}),
		batch([]string{threadsOf("C1")}, []string{`{"status":200,"body":` + delivery([2]string{"T1", newest}, [2]string{"T0", old}) + `}`}),
		batch([]string{postsOf("T1")}, []string{`{"status":200,"body":{"value":[` + aPost("P0", old) + `,` + aPost("P2", newest) + `,` + aPost("P1", ago(2*time.Minute)) + `]}}`}),
		seen(`["P1","P2"]`, `[false,false]`))
	first.WantRows(t,
		`{"id":"C1","lastDeliveredDateTime":"`+newest+`","threads":[{"id":"T1","posts":[`+aPost("P1", ago(2*time.Minute))+`]}],"time":"`+ago(2*time.Minute)+`","key":"P1"}`,
		`{"id":"C1","lastDeliveredDateTime":"`+newest+`","threads":[{"id":"T1","posts":[`+aPost("P2", newest)+`]}],"time":"`+newest+`","key":"P2"}`)
	if first.More {
		t.Error("it asks for more")
	}
	t.Run("and read again when something came", func(t *testing.T) {
		now := ago(0)
		second := plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, stateOf(t, first),
			conversations([2]string{"C1", now}, [2]string{"C2", old}),
			batch([]string{threadsOf("C1")}, []string{`{"status":200,"body":` + delivery([2]string{"T1", now}) + `}`}),
			batch([]string{postsOf("T1")}, []string{`{"status":200,"body":{"value":[` + aPost("P2", newest) + `,` + aPost("P3", now) + `]}}`}),
			seen(`["P2","P3"]`, `[true,false]`))
		if len(second.Data) != 1 || second.Data[0]["key"] != "P3" {
			t.Errorf("got %v", second.Data)
		}
	})
	t.Run("and left alone when nothing did", func(t *testing.T) {
		plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, stateOf(t, first),
			conversations([2]string{"C1", newest}, [2]string{"C2", old})).WantRows(t)
	})
}

func TestAConversationWhoseSummaryStaysIsReadAgainAtItsTurn(t *testing.T) {
	last := ago(10 * time.Minute)
	state := func(scanned time.Duration) string {
		read := fmt.Sprintf(`{%q:%d}`, fingerprint("C1"), plugintest.Now().Add(-10*time.Minute).UnixMilli())
		return `{"since":"` + ago(5*time.Hour) + `","watermark":"` + last + `","scanned":"` + ago(scanned) + `","read":` + read + `}`
	}
	plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, state(6*time.Minute),
		conversations([2]string{"C1", last}),
		batch([]string{threadsOf("C1")}, []string{`{"status":200,"body":` + delivery([2]string{"T1", last}) + `}`}),
		batch([]string{postsOf("T1")}, []string{`{"status":200,"body":{"value":[` + aPost("P1", last) + `]}}`}),
		seen(`["P1"]`, `[false]`)).WantRows(t,
		`{"id":"C1","lastDeliveredDateTime":"`+last+`","threads":[{"id":"T1","posts":[`+aPost("P1", last)+`]}],"time":"`+last+`","key":"P1"}`)
	turned := turn("C1", againEvery, plugintest.Now())
	quiet := plugintest.Now().Sub(turned) / 2 // since its last turn
	plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, state(quiet), conversations([2]string{"C1", last})).WantRows(t)
}

func TestWhatIsGoneOrBrokenIsPassedOver(t *testing.T) {
	now := ago(0)
	result := plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, "",
		conversations([2]string{"C1", now}, [2]string{"C2", now}, [2]string{"C3", now}),
		batch([]string{threadsOf("C1"), threadsOf("C2"), threadsOf("C3")}, []string{
			`{"error":{"code":"not_found","message":"gone"}}`, `{"error":{"code":"upstream","message":"broken"}}`,
			`{"status":200,"body":` + delivery([2]string{"T3", now}) + `}`,
		}),
		batch([]string{postsOf("T3")}, []string{`{"status":200,"body":{"value":[` + aPost("P3", now) + `]}}`}),
		seen(`["P3"]`, `[false]`))
	if len(result.Data) != 1 || len(result.Log) != 1 {
		t.Errorf("got %v, log %v", result.Data, result.Log)
	}
	if read := result.State.(map[string]any)["read"].(map[string]any); len(read) != 1 {
		t.Errorf("as read count %v", read)
	}
}

func TestARunThatCannotGoOnFails(t *testing.T) {
	now := ago(0)
	for code, reply := range map[abi.Code]string{
		abi.Throttled: `{"error":{"code":"throttled","message":"slow down"}}`,
		abi.Upstream:  `{"error":{"code":"upstream","message":"broken"}}`,
	} {
		result := plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, "",
			conversations([2]string{"C1", now}), batch([]string{threadsOf("C1")}, []string{reply}))
		result.WantError(t, code)
		if result.State != nil {
			t.Errorf("it kept %v", result.State)
		}
	}
}

func TestManyConversationsAreHandedOverInPieces(t *testing.T) {
	var list [][2]string
	for i := range 1100 {
		list = append(list, [2]string{fmt.Sprintf("C%d", i), ago(time.Duration(1100-i) * 500 * time.Millisecond)})
	}
	state, pieces, read := "", 0, map[string]bool{}
	for more := true; more; pieces++ {
		script := []plugintest.Exchange{conversations(list...)}
		var piece []string
		for i := range list {
			if name := list[i][0]; !read[name] && len(piece) < maxAtOnce {
				piece = append(piece, name)
				read[name] = true
			}
		}
		for len(piece) > 0 {
			n := min(len(piece), abi.MaxBatch)
			var requests, replies []string
			for _, name := range piece[:n] {
				requests = append(requests, threadsOf(name))
				replies = append(replies, `{"status":200,"body":{"value":[]}}`)
			}
			script = append(script, batch(requests, replies))
			piece = piece[n:]
		}
		result := plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, state, script...)
		if result.Error != nil || t.Failed() {
			t.Fatal(result.Error)
		}
		state, more = stateOf(t, result), result.More
	}
	if pieces != 22 || len(read) != 1100 {
		t.Errorf("%d pieces, %d conversations", pieces, len(read))
	}
}

func TestAStateThatIsDamagedIsRefused(t *testing.T) {
	plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, `{"since":"yesterday"}`).WantError(t, abi.PluginFailed)
}

func TestByHandTheNewestConversationsAreListed(t *testing.T) {
	old := ago(1000 * time.Hour)
	plugintest.Run(t, plugin, "group.mail.received", `{`+group+`}`,
		conversations([2]string{"C1", old}),
		batch([]string{threadsOf("C1")}, []string{`{"status":200,"body":` + delivery([2]string{"T1", old}) + `}`}),
		batch([]string{postsOf("T1")}, []string{`{"status":200,"body":{"value":[` + aPost("P1", old) + `]}}`})).WantRows(t,
		`{"id":"C1","lastDeliveredDateTime":"`+old+`","threads":[{"id":"T1","posts":[`+aPost("P1", old)+`]}],"time":"`+old+`","key":"P1"}`)
}

func TestAConversationThatCannotBeReadIsTriedUntilItCan(t *testing.T) {
	now, old := ago(0), ago(72*time.Hour)
	first := plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, "",
		conversations([2]string{"C1", now}, [2]string{"C2", now}),
		batch([]string{threadsOf("C1"), threadsOf("C2")}, []string{`{"error":{"code":"bad_query","message":"odd"}}`, `{"status":200,"body":{"value":[]}}`}))
	if failing := first.State.(map[string]any)["failing"].(map[string]any); len(failing) != 1 || failing[fingerprint("C1")] == nil {
		t.Fatalf("failing are %v", failing)
	}
	// Three days later, when it is long out of the overlap.
	state := fmt.Sprintf(`{"since":%q,"watermark":%q,"scanned":%q,"read":{},"failing":{%q:%d}}`, ago(1000*time.Hour), now, ago(2*time.Hour),
		fingerprint("C1"), plugintest.Now().Add(-96*time.Hour).UnixMilli())
	later := plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, state,
		conversations([2]string{"C1", old}, [2]string{"C3", old}),
		batch([]string{threadsOf("C1")}, []string{`{"status":200,"body":` + delivery([2]string{"T1", old}, [2]string{"T0", ago(97 * time.Hour)}) + `}`}),
		batch([]string{postsOf("T1")}, []string{`{"status":200,"body":{"value":[` + aPost("P1", old) + `]}}`}),
		seen(`["P1"]`, `[false]`))
	if len(later.Data) != 1 || later.Data[0]["key"] != "P1" {
		t.Errorf("got %v", later.Data)
	}
	if failing := later.State.(map[string]any)["failing"].(map[string]any); len(failing) != 0 {
		t.Errorf("failing are %v", failing)
	}
}

func TestConversationsOfManyThreadsAreReadInPieces(t *testing.T) {
	const conversationsInAll, threadsOfEach = 40, 10
	var list [][2]string
	script := []plugintest.Exchange{{}}
	var requests, replies []string
	for i := range conversationsInAll {
		list = append(list, [2]string{fmt.Sprintf("C%02d", i), ago(time.Duration(conversationsInAll-i) * time.Second)})
	}
	script[0] = conversations(list...)
	var threads [][2]string
	for i := range threadsOfEach {
		threads = append(threads, [2]string{fmt.Sprint("T", i), ago(0)})
	}
	for _, c := range list[:20] {
		requests = append(requests, threadsOf(c[0]))
		replies = append(replies, `{"status":200,"body":`+delivery(threads...)+`}`)
	}
	script = append(script, batch(requests, replies))
	for range 20 {
		requests, replies = nil, nil
		for _, thread := range threads {
			requests = append(requests, postsOf(thread[0]))
			replies = append(replies, `{"status":200,"body":{"value":[]}}`)
		}
		script = append(script, batch(requests, replies))
	}
	result := plugintest.Resume(t, plugin, "group.mail.received", `{`+group+`}`, "", script...)
	if result.Error != nil || !result.More || result.State.(map[string]any)["watermark"] != list[20][1] {
		t.Errorf("%v, more %v, %v", result.Error, result.More, result.State)
	}
}
