package abi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/valyala/fastjson"

	"github.com/postern-dev/postern/abi"
)

const roomy = 64 << 20

func nest(depth int, inside string) string {
	return strings.Repeat("[", depth) + inside + strings.Repeat("]", depth)
}

func TestParseRefuses(t *testing.T) {
	manyKeys := func(last string) string {
		var b strings.Builder
		b.WriteString("{")
		for i := range 100 {
			b.WriteString(strconv.Quote(strconv.Itoa(i)) + ":1,")
		}
		return b.String() + last + ":1}"
	}
	for name, doc := range map[string]string{
		"nothing":                                  "",
		"white space only":                         " \n",
		"a key twice":                              `{"a":1,"a":2}`,
		"a key twice, the second escaped":          `{"a":1,"\u0061":2}`,
		"a key twice, both escaped in two ways":    `{"\/":1,"\u002f":2}`,
		"a key twice, as surrogates and as UTF-8":  `{"😀":1,"\ud83d\ude00":2}`,
		"a key twice, with hex in either case":     `{"\u00e9":1,"\u00E9":2}`,
		"a key twice, deep inside":                 `{"a":[{"b":{"c":1,"d":2,"c":3}}]}`,
		"the empty key twice":                      `{"":1,"":2}`,
		"a key twice, among many":                  manyKeys(`"50"`),
		"a key twice, among many, escaped":         manyKeys(`"\u0035\u0030"`),
		"a key twice, the 12th and the 13th":       `{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"11":1,"12":1,"12":1}`,
		"a key twice, the 11th and the 12th":       `{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"11":1,"11":1}`,
		"invalid UTF-8":                            "\"\xff\"",
		"invalid UTF-8 in a key":                   "{\"\xc3\":1}",
		"invalid UTF-8, overlong":                  "\"\xc0\xaf\"",
		"invalid UTF-8, an encoded surrogate":      "\"\xed\xa0\x80\"",
		"invalid UTF-8, cut off":                   "\"\xe2\x82\"",
		"half a surrogate pair, high":              `"\ud800"`,
		"half a surrogate pair, low":               `"\udc00"`,
		"half a surrogate pair in a key":           `{"\ud800":1}`,
		"surrogates in the wrong order":            `"\udc00\ud800"`,
		"two high surrogates":                      `"\ud800\ud800"`,
		"a high surrogate before text":             `"\ud800x"`,
		"a high surrogate before another escape":   `"\ud800\n"`,
		"a high surrogate at the end of a string":  `"a\ud83d"`,
		"a high surrogate, text, then a low one":   `"\ud83d-\ude00"`,
		"a high surrogate, then text like a low":   `"\ud83d\\ude00"`,
		"65 levels of arrays":                      nest(abi.MaxDepth+1, ""),
		"65 levels of objects":                     strings.Repeat(`{"a":`, abi.MaxDepth+1) + "1" + strings.Repeat("}", abi.MaxDepth+1),
		"a million levels":                         nest(1_000_000, ""),
		"a million levels that never close":        strings.Repeat("[", 1_000_000),
		"a million levels of objects":              strings.Repeat(`{"a":`, 1_000_000),
		"closed before opened a million times":     strings.Repeat("]", 1_000_000) + strings.Repeat("[", 1_000_000),
		"levels hidden behind a string":            `["\"",` + strings.Repeat("[", 1_000_000),
		"levels hidden behind an open string":      `"\` + strings.Repeat("[", 1_000_000),
		"trailing bytes":                           "{}x",
		"two values":                               "{} {}",
		"a trailing NUL":                           "{}\x00",
		"a trailing comma in an array":             "[1,]",
		"a trailing comma in an object":            `{"a":1,}`,
		"a leading comma":                          "[,1]",
		"a missing comma":                          "[1 2]",
		"a missing colon":                          `{"a" 1}`,
		"a byte order mark":                        "\ufeff{}",
		"a line comment":                           "{} // x",
		"a block comment":                          "{/* x */}",
		"a hash comment":                           "{} # x",
		"single quotes":                            `{'a':1}`,
		"a bare key":                               `{a:1}`,
		"NaN":                                      "NaN",
		"nan":                                      "nan",
		"Infinity":                                 "Infinity",
		"-Infinity":                                "-Infinity",
		"inf":                                      "inf",
		"a leading zero":                           "01",
		"a negative leading zero":                  "-01",
		"two zeros":                                "00",
		"a point without digits":                   "1.",
		"a point at the front":                     ".5",
		"a point before an exponent":               "1.e5",
		"an exponent without digits":               "1e",
		"a signed exponent without digits":         "1e+",
		"a plus sign":                              "+1",
		"a minus alone":                            "-",
		"two minus signs":                          "--1",
		"a hexadecimal number":                     "0x10",
		"digits with underscores":                  "1_000",
		"a number that becomes a word":             "1a",
		"True":                                     "True",
		"a cut word":                               "tru",
		"a word too long":                          "nulll",
		"undefined":                                "undefined",
		"a raw line break in a string":             "\"a\nb\"",
		"a raw tab in a string":                    "\"a\tb\"",
		"a raw NUL in a string":                    "\"a\x00b\"",
		"a raw escape character in a string":       "\"\x1b[2J\"",
		"a raw control character in a key":         "{\"a\x01\":1}",
		"a raw control character before an escape": "\"\x18\\b\"",
		"a raw line break behind an escape":        "\"\\b\n\"",
		"a raw NUL in a key with an escape":        "{\"\\u0061\x00\":1}",
		"an unknown escape":                        `"\x41"`,
		"an escaped quote of another kind":         `"\'"`,
		"an escape of NUL by digit":                `"\0"`,
		"a short unicode escape":                   `"\u12"`,
		"a unicode escape that is not hex":         `"\u12g4"`,
		"a signed unicode escape":                  `"\u+123"`,
		"an unfinished escape":                     `"\`,
		"an unfinished string":                     `"abc`,
		"an unfinished array":                      `[1`,
		"an unfinished object":                     `{"a":1`,
		"a closing bracket of the other kind":      `[1}`,
		"a vertical tab as white space":            "\v{}",
		"a form feed as white space":               "{}\f",
		"a no-break space as white space":          "\u00a0{}",
		"a line separator as white space":          "{}\u2028",
	} {
		t.Run(name, func(t *testing.T) {
			var p fastjson.Parser
			v, err := abi.Parse(&p, []byte(doc), roomy)
			var problem *abi.FormatError
			if !errors.As(err, &problem) {
				t.Fatalf("got %v, %v", v, err)
			}
			if problem.Document != "JSON" || len(err.Error()) > 300 {
				t.Errorf("got %q", err)
			}
		})
	}
}

func TestParseAccepts(t *testing.T) {
	for name, doc := range map[string]string{
		"64 levels of arrays":              nest(abi.MaxDepth, ""),
		"64 levels of objects":             strings.Repeat(`{"a":`, abi.MaxDepth) + "1" + strings.Repeat("}", abi.MaxDepth),
		"many short arrays":                "[" + strings.Repeat("[],", 10_000) + "[]]",
		"brackets in a string":             `"` + strings.Repeat("[", 1000) + `"`,
		"a string that ends in an escape":  `["\\",[1]]`,
		"keys that differ in case":         `{"a":1,"A":2}`,
		"the same key in two objects":      `[{"a":1},{"a":2},{"a":{"a":3}}]`,
		"13 keys":                          `{"1":1,"2":1,"3":1,"4":1,"5":1,"6":1,"7":1,"8":1,"9":1,"10":1,"11":1,"12":1,"13":1}`,
		"a surrogate pair":                 `"\ud83d\ude00"`,
		"two surrogate pairs":              `"\ud83d\ude00\uD83D\uDE00"`,
		"an escaped backslash, then ud800": `"\\ud800"`,
		"an escaped NUL":                   `"\u0000"`,
		"all short escapes":                `"\"\\\/\b\f\n\r\t"`,
		"non-characters":                   `"\uffff` + "\uffff" + `"`,
		"a raw DEL":                        "\"\x7f\"",
		"line separators in a string":      "\"\u2028\u2029\"",
		"white space of all four kinds":    " \t\r\n{} \t\r\n",
		"minus zero":                       "-0",
		"an exponent":                      "1E+400",
		"very many digits":                 strings.Repeat("9", 1000),
		"a precise fraction":               "0.1234567890123456789012345678901234567890",
		"null":                             "null",
		"true":                             "true",
		"false":                            "false",
		"an empty string":                  `""`,
		"an empty key":                     `{"":1}`,
	} {
		t.Run(name, func(t *testing.T) { sameAsEncodingJSON(t, []byte(doc)) })
	}
}

// sameAsEncodingJSON checks that Parse takes doc, that encoding/json finds the same in it, and the same again in what
// AppendValue writes.
func sameAsEncodingJSON(t *testing.T, doc []byte) {
	t.Helper()
	var p fastjson.Parser
	v, err := abi.Parse(&p, doc, roomy)
	if err != nil {
		t.Fatalf("%.200q: %v", doc, err)
	}
	written := abi.AppendValue(nil, v)
	if want, got := decode(t, doc), decode(t, written); !reflect.DeepEqual(want, got) {
		t.Errorf("%.200q is written as %.200q", doc, written)
	}
	if _, err := abi.Parse(&p, written, roomy); err != nil {
		t.Errorf("%.200q is written as %.200q, which is refused: %v", doc, written, err)
	}
}

func decode(t *testing.T, doc []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("encoding/json refuses %.200q: %v", doc, err)
	}
	return v
}

func TestParseReadsAsMuchAsItsLimit(t *testing.T) {
	var p fastjson.Parser
	doc := []byte(`"` + strings.Repeat("x", 98) + `"`)
	if _, err := abi.Parse(&p, doc, len(doc)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := abi.Parse(&p, doc, len(doc)-1); err == nil || err.Error() != "JSON: is over 99 bytes" {
		t.Errorf("over the limit: %v", err)
	}
}

func TestAppendString(t *testing.T) {
	for in, want := range map[string]string{
		"":                        `""`,
		"plain":                   `"plain"`,
		"quote\" and back\\":      `"quote\" and back\\"`,
		"\n\r\t\x00\x1b\x1f":      `"\n\r\t\u0000\u001b\u001f"`,
		"é漢😀":                     `"é漢😀"`,
		"a\xffb":                  `"a` + "\ufffd" + `b"`,
		"\xed\xa0\x80":            `"` + "\ufffd\ufffd\ufffd" + `"`,
		"\ufffd stays":            `"` + "\ufffd" + ` stays"`,
		"cut off at the end \xe2": `"cut off at the end ` + "\ufffd" + `"`,
		"</script>\u2028":         `"</script>` + "\u2028" + `"`,
	} {
		if got := string(abi.AppendString([]byte("x"), in)); got != "x"+want {
			t.Errorf("%q: got %s", in, got)
		}
	}
}

func TestAppendValueKeepsOrderAndNumbersAsWritten(t *testing.T) {
	var p fastjson.Parser
	doc := `{"z":1.50,"a":1e2,"m":[-0,9007199254740993,0.10],"\u0000":null}`
	v, err := abi.Parse(&p, []byte(doc), roomy)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(doc, string(abi.AppendValue(nil, v))); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, doc := range []string{`{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00",null,true,{}]}`, `{"a":1,"\u0061":2}`, "01", `"\ud800"`, nest(70, ""), "\ufeff1", `{"$blob":"x"}`} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		var p fastjson.Parser
		if _, err := abi.Parse(&p, doc, roomy); err == nil {
			sameAsEncodingJSON(t, doc)
		} else if json.Valid(doc) && !explained(err) {
			t.Errorf("%q is refused without need: %v", doc, err)
		}
	})
}

// explained reports whether err is one of the reasons to refuse what encoding/json takes.
func explained(err error) bool {
	for _, reason := range []string{"valid UTF-8", "nests deeper", "half of a surrogate pair", "twice"} {
		if strings.Contains(err.Error(), reason) {
			return true
		}
	}
	return false
}

func FuzzAppendString(f *testing.F) {
	f.Add("a\x00\"\\\xff\u2028😀")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(abi.AppendString(nil, s), &got); err != nil {
			t.Fatal(err)
		}
		if want := string([]rune(s)); got != want {
			t.Errorf("%q comes back as %q", want, got)
		}
	})
}

func TestValuesAreBoundedAtTheLimit(t *testing.T) {
	for _, test := range []struct {
		name, open, item, more, end string
		items                       int // so many make abi.MaxValues
	}{
		{"an array", "[", "0", ",0", "]", abi.MaxValues - 1},
		{"arrays in an array", "[", "[]", ",[]", "]", abi.MaxValues - 1},
		{"an array in arrays", "[ ", "[0]", ",\n[ 0 ]", "]", (abi.MaxValues - 1) / 2},
	} {
		document := test.open + test.item + strings.Repeat(test.more, test.items-1)
		v, err := abi.Parse(new(fastjson.Parser), []byte(document+test.end), abi.MaxReply)
		if err != nil {
			t.Errorf("%s at the limit: %v", test.name, err)
			continue
		}
		if n := abi.CountValues(v); n > abi.MaxValues || n < abi.MaxValues-1 {
			t.Errorf("%s: %d values are counted", test.name, n)
		}
		if _, err := abi.Parse(new(fastjson.Parser), []byte(document+test.more+test.end), abi.MaxReply); err == nil {
			t.Errorf("%s over the limit is read", test.name)
		}
	}
}
