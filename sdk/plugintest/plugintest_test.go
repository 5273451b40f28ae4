package plugintest_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern-dev/postern/abi"
	"github.com/postern-dev/postern/sdk"
	"github.com/postern-dev/postern/sdk/plugintest"
)

var plugin = sdk.Plugin{
	"mail.subject": func(call *sdk.Call) error {
		message, err := call.Graph(sdk.Request{
			Capability: "mail.read",
			Path:       "/users/{user}/messages/{message}",
			Params:     sdk.Params{"user": call.String("user"), "message": call.String("id")},
		})
		if err != nil {
			return err
		}
		call.Log(abi.Info, "read")
		call.Row(sdk.Pick(message.Body, "id", "subject").Value)
		return nil
	},
	"mail.count": func(call *sdk.Call) error {
		n := call.State().GetInt("n") + 1
		call.Keep(sdk.NewObject().Int("n", int64(n)).Value)
		return nil
	},
}

const (
	parameters = `{"user":"ann@contoso.example","id":"AAMk="}`
	read       = `{"op":"graph","capability":"mail.read","method":"GET","path":"/users/{user}/messages/{message}",
		"params":{"message":"AAMk=","user":"ann@contoso.example"}}`
)

// recorder stands for the test of a plugin author, to see what fails it.
type recorder struct {
	testing.TB
	problems []string
	helpers  map[string]bool
	// files are where the problems are shown to be.
	files []string
}

func (r *recorder) Helper() {
	r.helpers[callers()[1].Function] = true
}

func (r *recorder) Error(args ...any) { r.fail(fmt.Sprint(args...)) }

func (r *recorder) Errorf(format string, args ...any) { r.fail(fmt.Sprintf(format, args...)) }

// fail notes a problem and, as package testing does, the place of the first caller that is no helper.
func (r *recorder) fail(problem string) {
	r.problems = append(r.problems, problem)
	for _, frame := range callers()[2:] {
		if !r.helpers[frame.Function] {
			r.files = append(r.files, filepath.Base(frame.File))
			return
		}
	}
}

// callers are the function that calls it, its caller, and so on.
func callers() []runtime.Frame {
	counters := make([]uintptr, 64)
	frames := runtime.CallersFrames(counters[:runtime.Callers(2, counters)])
	var all []runtime.Frame
	for {
		frame, more := frames.Next()
		all = append(all, frame)
		if !more {
			return all
		}
	}
}

// Fatalf ends the test at hand.
func (r *recorder) Fatalf(format string, args ...any) {
	r.fail(fmt.Sprintf(format, args...))
	panic(r)
}

// problems tells what fails a test, and in which files.
func problems(test func(t testing.TB)) (problems, files []string) {
	r := &recorder{helpers: map[string]bool{}}
	func() {
		defer func() {
			if fault := recover(); fault != nil && fault != r {
				panic(fault)
			}
		}()
		test(r)
	}()
	return r.problems, r.files
}

func TestRunReturnsRowsAndLog(t *testing.T) {
	result := plugintest.Run(t, plugin, "mail.subject", parameters,
		plugintest.Exchange{Want: read, Reply: `{"status":200,"body":{"id":"AAMk=","subject":"Hello"}}`})
	result.WantRows(t, `{"id":"AAMk=","subject":"Hello"}`)
	if diff := cmp.Diff([]string{"info: read"}, result.Log); diff != "" {
		t.Error(diff)
	}
}

func TestRowsOfATriggerMustBeRecords(t *testing.T) {
	poll := sdk.Plugin{"mail.poll": func(call *sdk.Call) error {
		call.Row(sdk.NewObject().Text("subject", "Hello").Value)
		return nil
	}}
	r := &recorder{TB: t, helpers: map[string]bool{}}
	plugintest.Resume(r, poll, "mail.poll", `{}`, "")
	if len(r.problems) != 1 || !strings.Contains(r.problems[0], "key must be there") {
		t.Errorf("the problems are %q", r.problems)
	}
	plugintest.Run(t, poll, "mail.poll", `{}`).WantRows(t, `{"subject":"Hello"}`)
}

func TestResumeGivesTheStateBack(t *testing.T) {
	result := plugintest.Resume(t, plugin, "mail.count", `{}`, `{"n":4}`)
	if got := fmt.Sprint(result.State); got != "map[n:5]" {
		t.Errorf("state is %s", got)
	}
}

func TestRunFailsTheTest(t *testing.T) {
	ok := `{"status":200,"body":{"id":"AAMk=","subject":"Hello"}}`
	for _, test := range []struct {
		name string
		run  func(t testing.TB)
		want string
	}{
		{"when an exchange differs", func(t testing.TB) {
			plugintest.Run(t, plugin, "mail.subject", parameters, plugintest.Exchange{Want: `{"op":"graph"}`, Reply: ok})
		}, "an exchange differs"},
		{"when the script is too long", func(t testing.TB) {
			plugintest.Run(t, plugin, "mail.subject", parameters,
				plugintest.Exchange{Want: read, Reply: ok}, plugintest.Exchange{Want: read, Reply: ok})
		}, "did not ask for"},
		{"when the script is too short", func(t testing.TB) {
			plugintest.Run(t, plugin, "mail.subject", parameters)
		}, "is not in the script"},
		{"when an exchange breaks the contract", func(t testing.TB) {
			plugintest.Run(t, sdk.Plugin{"mail.subject": func(call *sdk.Call) error {
				_, err := call.Graph(sdk.Request{Path: "nowhere"})
				return err
			}}, "mail.subject", parameters)
		}, "an exchange breaks the contract"},
		{"when the script is not JSON", func(t testing.TB) {
			plugintest.Run(t, plugin, "mail.subject", parameters, plugintest.Exchange{Want: `{`, Reply: ok})
		}, "not JSON"},
		{"when parameters are not JSON", func(t testing.TB) {
			plugintest.Run(t, plugin, "mail.subject", `{`)
		}, "not JSON"},
		{"when rows differ", func(t testing.TB) {
			plugintest.Run(t, plugin, "mail.subject", parameters, plugintest.Exchange{Want: read, Reply: ok}).WantRows(t, `{"id":"other"}`)
		}, "the rows differ"},
		{"when rows are wanted of a failure", func(t testing.TB) {
			plugintest.Run(t, plugin, "no.such", `{}`).WantRows(t)
		}, "unknown_action"},
		{"when another error is wanted", func(t testing.TB) {
			plugintest.Run(t, plugin, "no.such", `{}`).WantError(t, abi.NotFound)
		}, "instead of not_found"},
		{"when an error is wanted of a success", func(t testing.TB) {
			plugintest.Run(t, plugin, "mail.subject", parameters, plugintest.Exchange{Want: read, Reply: ok}).WantError(t, abi.NotFound)
		}, "succeeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found, files := problems(test.run)
			if !strings.Contains(strings.Join(found, "\n"), test.want) {
				t.Errorf("found %q, want something with %q", found, test.want)
			}
			for i, file := range files {
				if file != "plugintest_test.go" {
					t.Errorf("%q is shown in %s, not at the test's own line", found[i], file)
				}
			}
		})
	}
}
