package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/host"
	"github.com/postern-dev/postern/manifests"
)

var testParameters = []host.Parameter{
	{Name: "email_address", Type: manifests.TypeString},
	{Name: "folder", Type: manifests.TypeString},
	{Name: "limit", Type: manifests.TypeNumeric},
	{Name: "get_headers", Type: manifests.TypeBoolean},
	{Name: "categories", Type: manifests.TypeStrings},
	{Name: "Name", In: "attachments", Type: manifests.TypeString},
	{Name: "ContentBytes", In: "attachments", Type: manifests.TypeByte},
}

func TestValues(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(`[{"Name":"a"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		document string
		args     []string
		want     string
	}{
		"nothing":                            {"", nil, `{}`},
		"text, whatever it looks like":       {"", []string{"folder=10"}, `{"folder":"10"}`},
		"text with = and blanks":             {"", []string{"folder=a = b"}, `{"folder":"a = b"}`},
		"empty text":                         {"", []string{"folder="}, `{"folder":""}`},
		"number with all its digits":         {"", []string{"limit=9007199254740993"}, `{"limit":9007199254740993}`},
		"what is no number stays text":       {"", []string{"limit=01"}, `{"limit":"01"}`},
		"NaN is no number":                   {"", []string{"limit=NaN"}, `{"limit":"NaN"}`},
		"truth value":                        {"", []string{"get_headers=false"}, `{"get_headers":false}`},
		"yes is no truth value":              {"", []string{"get_headers=yes"}, `{"get_headers":"yes"}`},
		"list of one":                        {"", []string{"categories=a"}, `{"categories":["a"]}`},
		"list":                               {"", []string{"categories=a", "categories=b,c"}, `{"categories":["a","b,c"]}`},
		"text given twice is a list":         {"", []string{"folder=a", "folder=b", "folder=c"}, `{"folder":["a","b","c"]}`},
		"a number given twice: the last":     {"", []string{"limit=1", "limit=2"}, `{"limit":2}`},
		"document":                           {`{"limit":1.50,"folder":null}`, nil, `{"limit":1.50,"folder":null}`},
		"the command line wins":              {`{"categories":["x"],"limit":1}`, []string{"categories=a", "limit=2"}, `{"categories":["a"],"limit":2}`},
		"file as text":                       {"", []string{"folder=@" + file}, `{"folder":"[{\"Name\":\"a\"}]"}`},
		"file as base64":                     {"", []string{"ContentBytes=@" + file}, `{"ContentBytes":"W3siTmFtZSI6ImEifV0="}`},
		"file as JSON for a list of objects": {"", []string{"attachments=@" + file}, `{"attachments":[{"Name":"a"}]}`},
		"text with an @ at the start":        {"", []string{"folder=@@home"}, `{"folder":"@home"}`},
		"a parameter that does not exist":    {"", []string{"limits=3"}, `{"limits":"3"}`},
		"JSON for a list that is not strict": {"", []string{`attachments=[{"a":1,"a":2}]`}, `{"attachments":"[{\"a\":1,\"a\":2}]"}`},
		"members of several elements": {"", []string{"Name=a", "ContentBytes=@" + file, "ContentBytes=aGk=", "Name=b", "Name=c"},
			`{"attachments":[{"ContentBytes":"W3siTmFtZSI6ImEifV0=","Name":"a"},{"ContentBytes":"aGk=","Name":"b"},{"Name":"c"}]}`},
		"members of several elements beside the list": {`{"attachments":[]}`, []string{"Name=a", "Name=b"}, `{"Name":"a","attachments":[]}`},
		"a member beside the document's list":         {`{"attachments":[]}`, []string{"Name=a"}, `{"Name":"a","attachments":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := values(testParameters, []byte(test.document), test.args)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decoded(t, test.want), decoded(t, encoded(t, got))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func encoded(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func decoded(t *testing.T, document string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(document))
	decoder.UseNumber()
	var v any
	if err := decoder.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestValuesRefusesWrongCommandLines(t *testing.T) {
	big := filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, abi.MaxInvocation+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		document string
		args     []string
		want     string
	}{
		"no name":            {"", []string{"=x"}, `"=x" is not name=value`},
		"no value":           {"", []string{"limit"}, `"limit" is not name=value`},
		"no such file":       {"", []string{"folder=@/nowhere"}, "the value of folder cannot be read: open /nowhere"},
		"file too large":     {"", []string{"folder=@" + big}, "it is over 8388608 bytes"},
		"document, no JSON":  {"{", nil, "the parameters of --params cannot be read: JSON: "},
		"document, twice":    {`{"a":1,"a":2}`, nil, `names the key "a" twice`},
		"document, a list":   {`[]`, nil, "must be one JSON object"},
		"document, trailing": {`{} {}`, nil, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := values(testParameters, []byte(test.document), test.args)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want %q", err, test.want)
			}
			if got := exitStatus(err); got != exitUsage {
				t.Errorf("exit status %d, want %d", got, exitUsage)
			}
		})
	}
}

func TestNear(t *testing.T) {
	for name, want := range map[string][]string{
		"emailadress": {"email_address"},
		"LIMITS":      {"limit"},
		"attachment":  {"attachments"},
		"headers":     {"get_headers"},
		"xyzzy":       {},
	} {
		if diff := cmp.Diff(want, near(testParameters, name)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func FuzzValues(f *testing.F) {
	f.Add(`{"limit":1}`, "limit=2", "attachments=[]")
	f.Add(``, "categories=a", "categories=b")
	f.Add(`{"folder":["a"]}`, "folder=@@x", "get_headers=true")
	f.Fuzz(func(t *testing.T, document, first, second string) {
		// A single @ would read a file of this machine.
		first, second = strings.ReplaceAll(first, "=@", "=@@"), strings.ReplaceAll(second, "=@", "=@@")
		given, err := values(testParameters, []byte(document), []string{first, second})
		if err == nil {
			encoded(t, given)
		}
	})
}
