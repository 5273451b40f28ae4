package graphtest_test

import (
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/postern-dev/postern/host/graphtest"
)

func TestScenarioFile(t *testing.T) {
	got, err := graphtest.LoadWeather(filepath.Join("testdata", "weather", "all.toml"))
	if err != nil {
		t.Fatal(err)
	}
	want := graphtest.Weather{
		Seed: 7, Limits: true, LimitsRetryAfter: graphtest.RetryAfterFraction,
		Errors:     graphtest.ErrorStyle{LowerCase: true, Nested: true},
		ClockStart: noon, ClockStep: 250 * time.Millisecond,
		Faults: []graphtest.Fault{
			{
				Method: http.MethodGet, Path: "/users/{user}/messages/{message}", Mailbox: "soc@contoso.example",
				Skip: 2, Times: 1, Status: 502, HTML: true, Header: http.Header{},
			},
			{
				App: "1d9f7b0e-52c4-4f0a-8f57-6a3c8a1f2b60", Probability: 0.05, Times: -1, Status: 429, Code: "ApplicationThrottled",
				Message: "Application is over its MailboxConcurrency limit.", Header: http.Header{},
				RetryAfter: 2128 * time.Millisecond, RetryAfterForm: graphtest.RetryAfterFraction,
			},
			{Path: "/users/{user}/sendMail", Skip: 2, Every: 2, Times: 5, Close: true, AfterEffect: true, Header: http.Header{}},
			{
				Path: "/groups/{group}/conversations", Times: -1, Status: 503, Body: "be back soon",
				Header: http.Header{"Connection": {"close"}, "Content-Type": {"text/plain"}},
			},
			{Kind: graphtest.Slow, Times: -1, Latency: 20 * time.Millisecond, Header: http.Header{}},
		},
		Delays: []graphtest.Delay{
			{Mailbox: "soc@contoso.example", By: time.Minute, UpTo: 5 * time.Minute},
			{By: 2 * time.Minute},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
	// The file shows every field at least once.
	faults := reflect.TypeFor[graphtest.Fault]()
	for i := range faults.NumField() {
		name := faults.Field(i).Name
		used := name == "Empty" // the other choice of body
		for _, f := range got.Faults {
			used = used || !reflect.ValueOf(f).Field(i).IsZero()
		}
		if !used {
			t.Errorf("the file does not show %s", name)
		}
	}
}

func TestDocumentationNamesEveryKey(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "emulate.md"))
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(filepath.Join("testdata", "weather", "all.toml"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(example)) {
		if key, _, ok := strings.Cut(line, " ="); ok && !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("docs/emulate.md does not explain %s", key)
		}
	}
	// The scenarios of the page are such.
	blocks := strings.Split(string(page), "```toml\n")
	if len(blocks) < 2 {
		t.Error("docs/emulate.md has no scenario")
	}
	for _, block := range blocks[1:] {
		source, _, _ := strings.Cut(block, "```")
		if strings.HasPrefix(source, "[connection.") { // of the operator's file
			continue
		}
		if _, err := graphtest.ParseWeather("docs/emulate.md", []byte(source)); err != nil {
			t.Errorf("%v\n%s", err, source)
		}
	}
}

func TestBadScenarioFilesAreRefusedWithTheirKey(t *testing.T) {
	for source, want := range map[string]string{
		"sed = 1":                                    "sed: unknown key",
		"[[fault]]\ncolour = 1":                      "fault.colour: unknown key",
		"[cloud]\na = 1":                             "cloud: unknown key",
		"Seed = 1":                                   "Seed: keys are written in lower case",
		"seed = 1\nseed = 2":                         "already been defined",
		"seed = \"x\"":                               `(last key "seed")`,
		"limits = 1":                                 `(last key "limits")`,
		"limits_retry_after = \"soon\"":              `"soon" is none of seconds, fraction, date, missing, constant`,
		"inner_error = \"INNERERROR\"":               "is none of innerError, innererror",
		"clock_start = \"noon\"":                     "is no time since 1970",
		"clock_step = \"1s\"":                        "clock_step: only a virtual clock can be moved",
		"fault = 1":                                  `(last key "fault")`,
		"[[fault]]\nkind = \"rain\"":                 `"rain" is none of fail, slow`,
		"[[fault]]\nwhen = \"during\"":               "is none of before, after",
		"[[fault]]\nbody = \"pdf\"":                  "is none of envelope, html, empty",
		"[[fault]]\nbody = \"html\"\ntext = \"x\"":   "fault[0].body: ",
		"[[fault]]\nlatency = \"20\"":                "is no duration",
		"[[fault]]\nlatency = \"6m\"":                "fault[0].latency: ",
		"[[fault]]\nkind = \"drip\"":                 "fault[0].latency: the kind \"drip\" needs a latency",
		"[[fault]]\nprobability = 1.5":               "fault[0].probability: ",
		"[[fault]]\nprobability = nan":               "fault[0].probability: ",
		"[[fault]]\nstatus = 600":                    "fault[0].status: ",
		"[[fault]]\nmethod = \"get\"":                "fault[0].method: ",
		"[[fault]]\npath = \"users\"":                "fault[0].path: ",
		"[[fault]]\ntimes = 0":                       "fault[0].times: ",
		"[[fault]]\n[[fault]]\nnth = 0":              "fault[1].nth: ",
		"[[fault]]\nnth = 1\nskip = 1":               "fault[0].nth: ",
		"[[fault]]\nevery = -1":                      "fault[0].every: ",
		"[[fault]]\nretry_after = \"-1s\"":           "fault[0].retry_after: ",
		"[[fault]]\nheaders = { \"a b\" = \"c\" }":   "fault[0].headers.a b: ",
		"[[fault]]\nheaders = { a = \"b\\r\\nc\" }":  "fault[0].headers.a: ",
		"[[delay]]\nmailbox = \"a@b.example\"":       "delay[0].by: ",
		"[[delay]]\nby = \"25h\"":                    "delay[0].by: ",
		"# " + strings.Repeat("x", 1024):             "line 1 is longer",
		strings.Repeat("#\n", 40_000):                "the file is longer",
		"seed = 1\n" + strings.Repeat("a.", 500):     "f: line 2",
		strings.Repeat("[[fault]]\n", 201):           "fault: there are 201",
		"[[fault]]\ntext = \"\"\"\nx\"\"\"\nnth = [": "f: line",
	} {
		_, err := graphtest.ParseWeather("f", []byte(source))
		if err == nil || !strings.HasPrefix(err.Error(), "f: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q is refused with %v, want %s", source, err, want)
		}
	}
	if _, err := graphtest.LoadWeather(filepath.Join(t.TempDir(), "none.toml")); err == nil {
		t.Error("a file that is not there is read")
	}
}

func FuzzParseWeather(f *testing.F) {
	example, err := os.ReadFile(filepath.Join("testdata", "weather", "all.toml"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(example))
	f.Add("[[fault]]\nheaders = { A.b = 1 }\n[fault.x]\n")
	f.Add("a." + strings.Repeat("b.", 400) + "c = [[[[[[{}]]]]]]")
	f.Fuzz(func(t *testing.T, source string) {
		weather, err := graphtest.ParseWeather("f", []byte(source))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f: ") {
				t.Errorf("the refusal does not name the file: %v", err)
			}
			return
		}
		// What was accepted is a weather that a server takes, and that answers.
		server, err := graphtest.NewServer(graphtest.WithoutNetwork(), graphtest.CheckAnswers(t.Errorf), graphtest.WithWeather(weather))
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range weather.Faults {
			if fault.Kind == graphtest.Drop || fault.Latency > 0 {
				return // it would take its time
			}
		}
		response, err := server.Client().Get(server.URL + "/v1.0/users")
		if err != nil {
			return // closed
		}
		if err := response.Body.Close(); err != nil {
			t.Error(err)
		}
	})
}
