package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/host"
)

func TestResultAsTable(t *testing.T) {
	message := func(id, subject, from string) json.RawMessage {
		return json.RawMessage(`{"id":"` + id + `","subject":"` + subject + `","sender":{"emailAddress":{"name":"N","address":"` + from +
			`"}},"from":{"emailAddress":{"address":"` + from + `"}},"empty":null,"parentFolderId":"AAMk","flags":[true,false]}`)
	}
	for name, test := range map[string]struct {
		rows    []json.RawMessage
		width   int
		columns []string
		want    string
	}{
		"no row": {nil, 80, nil, "Done.\n0 rows; invocation 1-2\n"},
		"one row: its members": {
			[]json.RawMessage{message("AAMkA", "Hello", "a@x.example")}, 80, nil,
			"id              AAMkA\nsubject         Hello\nsender          a@x.example\nfrom            a@x.example\n" +
				"parentFolderId  AAMk\nflags           true, false\n\nDone.\n1 row; invocation 1-2\n",
		},
		"a row that says what the result says": {
			[]json.RawMessage{json.RawMessage(`{"message":"Done.","kind":"application"}`)}, 80, nil,
			"kind  application\n\nDone.\n1 row; invocation 1-2\n",
		},
		"rows: what tells them apart": {
			[]json.RawMessage{message("1", "Hello", "a@x.example"), message("2", "日本", "b@x.example")}, 80, nil,
			"SUBJECT  SENDER       FLAGS\nHello    a@x.example  true, false\n日本     b@x.example  true, false\n\nDone.\n2 rows; --columns id shows the ids; invocation 1-2\n",
		},
		"a narrow terminal shows fewer columns and cuts the widest": {
			[]json.RawMessage{message("1", strings.Repeat("x", 90), "a@x.example"), message("2", "y", "b@x.example")}, 40, nil,
			"SUBJECT                      SENDER\n" + strings.Repeat("x", 26) + "…  a@x.example\ny                            b@x.example\n\nDone.\n2 rows; --columns id shows the ids; invocation 1-2\n",
		},
		"columns that were asked for are not cut": {
			[]json.RawMessage{message(strings.Repeat("A", 150), "Hello", "a@x.example"), message("2", "y", "b@x.example")}, 40, []string{"id", "none"},
			"ID" + strings.Repeat(" ", 150) + "NONE\n" + strings.Repeat("A", 150) + "\n2\n\nDone.\n2 rows; invocation 1-2\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			c := &cli{width: test.width}
			c.writeResult(&b, &host.Result{Data: test.rows, Message: "Done.", Invocation: "1-2"}, test.columns)
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCellText(t *testing.T) {
	for in, want := range map[string]string{
		`null`:         "",
		`"a"`:          "a",
		`12.50`:        "12.50",
		`[1,"a",null]`: "1, a, ",
		`{}`:           "{}",
		`{"dateTime":"2026-01-01T00:00:00","timeZone":"UTC"}`: "2026-01-01T00:00:00",
		`{"displayName":"Room 2"}`:                            "Room 2",
		`{"contentType":"text","content":"Hello"}`:            "Hello",
		`{"emailAddress":{"name":"N"}}`:                       "N",
		`{"x":"\u001b"}`:                                      `{"x":"\u001b"}`,
	} {
		if got := cellText(fastjson.MustParse(in)); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestYAML(t *testing.T) {
	in := `{"text":"no","number":9007199254740993.10,"n":1,"a b":{},"list":[],"rows":[{"a":1,"b":[true,null]},["x"]],"hostile":"\u001b\u202e\u2028","deep":{"er":{"est":"y"}}}`
	want := `text: "no"
number: 9007199254740993.10
"n": 1
"a b": {}
list: []
rows:
  -
    a: 1
    b:
      - true
      - null
  -
    - "x"
hostile: "\u001b\u202e\u2028"
deep:
  er:
    est: "y"
`
	got, err := toYAML([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestJSONIsSafeOnATerminal(t *testing.T) {
	value := map[string]string{"a<b>": "\x1b[2J\u009b\u202e\u2028\U000E0041\x7f&é\n"}
	got, err := encodeJSON(value)
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"a<b>\": \"\\u001b[2J\\u009b\\u202e\\u2028\\udb40\\udc41\\u007f&é\\n\"\n}\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	var back map[string]string
	if err := json.Unmarshal(got, &back); err != nil || back["a<b>"] != value["a<b>"] {
		t.Errorf("read back as %q, %v", back, err)
	}
}
