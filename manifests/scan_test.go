package manifests

import (
	"strings"
	"testing"
	"time"
)

func TestHostileNotationIsRefusedBeforeParsing(t *testing.T) {
	tests := []struct{ name, src, want string }{
		{"dotted key of 16 KB", strings.Repeat("a.", 8<<10) + "a = 1\n", "f:1: the line is longer than 8192 bytes; break the list over several lines"},
		{"dotted key of 8 KB", strings.Repeat("a.", 4000) + "a = 1\n", "f:1: a key has more than 4 parts; shorten the key"},
		{"dotted key with blanks", "a . b . c . d . e = 1\n", "f:1: a key has more than 4 parts; shorten the key"},
		{"dotted table header", "[a.b.c.d.e]\n", "f:1: a key has more than 4 parts; shorten the key"},
		{"dotted key of an inline table", "a = { b.c.d.e.f = 1 }\n", "f:1: a key has more than 4 parts; shorten the key"},
		{"quoted dotted key of an inline table", `a = { "b"."c"."d"."e"."f" = 1 }`, "f:1: a key has more than 4 parts; shorten the key"},
		{"dotted key behind a value", "a = 1 b.c.d.e.f = 1\n", "f:1: a key has more than 4 parts; shorten the key"},
		{"20 MB of nesting", "a = " + strings.Repeat("[", 20<<20), "f: the file is longer than 262144 bytes; split or shorten it"},
		{"nesting within a file", "a = " + strings.Repeat("[\n", 100_000), "f:5: arrays and inline tables are nested deeper than 4; flatten the value"},
		{"nesting of inline tables", "a = " + strings.Repeat("{a=", 1000), "f:1: arrays and inline tables are nested deeper than 4; flatten the value"},
		{"long key", strings.Repeat("a", 65) + " = 1", "f:1: a part of a key is longer than 64 bytes; shorten the key"},
		{"quoted key", `"a" = 1`, "f:1: a key may hold only letters, digits, '_' and '-'; write keys without quotes"},
		{"quoted table header", `["a]"]`, "f:1: a key may hold only letters, digits, '_' and '-'; write keys without quotes"},
		{"empty key", "a. = 1", "f:1: a key may hold only letters, digits, '_' and '-'; write keys without quotes"},
		{"multi-line string", "a = \"\"\"\n[b.c.d.e.f.g]\n\"\"\"\n", "f:1: multi-line strings are not part of this format; write it in one line"},
		{"multi-line literal string", "a = '''\nb'''\n", "f:1: multi-line strings are not part of this format; write it in one line"},
		{"open string", `a = "b`, "f:1: a string is not closed; close it on the same line"},
		{"open string behind an escape", `a = "b\"`, "f:1: a string is not closed; close it on the same line"},
		{"open list", "a = [\n1", `f:2: a "[" is never closed; close it`},
		{"bracket that closes nothing", "a = 1]", "f:1: ']' closes nothing; remove it"},
		{"bracket that closes another", "a = [}", "f:1: '}' closes nothing; remove it"},
		{"open table header", "[a", `f:1: the table header has no "]"; close it`},
		{"text behind a table header", "[a] b = 1", "f:1: something follows the table header; start a new line"},
		{"neither key nor header", "hello", `f:1: the line is neither a table header nor a key with a value; write a table header, or a key, "=" and a value`},
		{"carriage return that ends a comment for the parser", "# \ra.b.c.d.e.f = 1\n", "f:1: the line holds a carriage return; end lines with a line feed"},
		{"zero bytes", "a\x00 = 1", "f:1: a key may hold only letters, digits, '_' and '-'; write keys without quotes"},
		{"invalid UTF-8", "a = \"\xff\"\n", "f:1: a: invalid UTF-8 byte: 0xff"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, r := decode("f", []byte(test.src), MaxPluginFile)
			wantProblem(t, r.err(), test.want)
		})
	}
}

func TestNotationThatTheScannerMustNotMisread(t *testing.T) {
	for name, src := range map[string]string{
		"brackets in a string":         `a = "[[[[[[{{{{{{"`,
		"brackets in a comment":        "a = 1 # [[[[[[ {{{{{ \"",
		"comment sign in a string":     `a = ["#", '#"', "\"#"]`,
		"dots in a string":             `a = "a.b.c.d.e.f.g"`,
		"dots in a comment":            "a = 1 # ......",
		"dots in each element":         "a = [1.5, 2.5, 3.5, 4.5, 5.5]",
		"list over lines with comment": "a = [ # one ]\n  \"]\", # two\n]\nb = 2",
		"empty strings":                `a = ["", '']`,
		"date":                         "a = 2026-11-21T20:00:00.5Z",
		"byte order mark":              "\xef\xbb\xbfa = 1",
		"lines that end with CR LF":    "[a]\r\nb = 1\r\n",
		"header with blanks":           "[ a . b ] # c",
		"list of tables":               "[[a]]\n[[a]]\n[[a.b]]\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, r := decode("f", []byte(src), MaxPluginFile); r.err() != nil {
				t.Error(r.err())
			}
		})
	}
}

func TestLargeFilesWithinTheBoundsParseQuickly(t *testing.T) {
	for name, src := range map[string]string{
		"table headers":  strings.Repeat("[[a.b.c.d]]\n", MaxPluginFile/12),
		"tables":         "[a]\n" + strings.Repeat("[[a.b]]\n", MaxPluginFile/8-1),
		"inline tables":  "a = [\n" + strings.Repeat("{b.c={d.e=1}},\n", MaxPluginFile/16) + "]",
		"short elements": "a = [\n" + strings.Repeat("1,\n", MaxPluginFile/3-10) + "]",
		"bad lines":      strings.Repeat("a\n", MaxPluginFile/2),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			decode("f", []byte(src), MaxPluginFile)
			const patience = 20 * time.Second // a busy machine under the race detector; otherwise it takes 0.1 s
			if took := time.Since(start); took > patience {
				t.Errorf("took %v", took)
			}
		})
	}
}

func FuzzScan(f *testing.F) {
	f.Add(readTestdata(f, "plugin.toml"))
	f.Add("a.b = { c.d = [[1.5, {e = '#'}]] } # [[[[\n[[x . y]]\n")
	f.Fuzz(func(t *testing.T, src string) {
		values, r := decode("f", []byte(src), MaxPluginFile)
		if r.err() != nil {
			return
		}
		// A header and a key of full length, and then a full key at every level of inline tables.
		const deepest = 2*MaxKeyParts + MaxNesting*(MaxKeyParts+1)
		if got := depth(values); got > deepest {
			t.Errorf("the parser saw a nesting of %d, which the scanner overlooked", got)
		}
		for key := range values {
			if line := r.lines.of(key); line == 0 {
				t.Errorf("the parser saw the key %q, which the scanner overlooked", key)
			}
		}
	})
}

// depth counts the tables and lists around the innermost value.
func depth(v any) int {
	deepest := -1
	switch v := v.(type) {
	case map[string]any:
		for _, item := range v {
			deepest = max(deepest, depth(item))
		}
	case []any:
		for _, item := range v {
			deepest = max(deepest, depth(item))
		}
	case []map[string]any:
		for _, item := range v {
			deepest = max(deepest, depth(item))
		}
	}
	return deepest + 1
}
