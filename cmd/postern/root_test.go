package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runHere runs a command line in this process, as on a terminal of that width; 0 is a pipe.
func runHere(t *testing.T, width int, env map[string]string, args ...string) (out, complaints string, status int) {
	t.Helper()
	var stdout, stderr strings.Builder
	c := &cli{
		in: strings.NewReader(""), out: &stdout, err: &stderr, width: width, errTerminal: width > 0,
		getenv: func(name string) string { return env[name] },
	}
	status = c.run(context.Background(), args)
	return stdout.String(), stderr.String(), status
}

func TestTableOnATerminalAndJSONInAPipe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, configFile)
	if err := os.WriteFile(file, []byte(hostTable(builtPlugins(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{configEnv: file}
	for _, test := range []struct {
		name  string
		width int
		args  []string
		want  string
	}{
		{"terminal", 100, []string{"plugin", "list"}, "PLUGIN     VERSION  STATE"},
		{"pipe", 0, []string{"plugin", "list"}, "[\n  {\n    \"name\": \"calendar\",\n"},
		{"JSON on a terminal", 100, []string{"plugin", "list", "-o", "json"}, "[\n"},
		{"table in a pipe", 0, []string{"plugin", "list", "-o", "table"}, "PLUGIN     VERSION  STATE"},
		{"YAML", 100, []string{"plugin", "list", "-o", "yaml"}, "-\n  name: \"calendar\"\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, complaints, status := runHere(t, test.width, env, test.args...)
			if status != 0 || complaints != "" || !strings.HasPrefix(out, test.want) {
				t.Errorf("exit status %d, %q, prints\n%s", status, complaints, out)
			}
		})
	}
}

func TestTablesFitTheTerminal(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, configFile)
	if err := os.WriteFile(file, []byte(hostTable(builtPlugins(t))), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"actions"}, {"plugin", "list"}} {
		out, _, _ := runHere(t, 80, map[string]string{configEnv: file}, args...)
		for line := range strings.Lines(out) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > 80 {
				t.Errorf("%v: %d columns: %s", args, n, line)
			}
		}
		if words := strings.Join(strings.Fields(out), " "); !strings.Contains(words, "group.thread.list") {
			t.Errorf("%v lost something:\n%s", args, out)
		}
	}
}

// A command line that is wrong is answered with what to look at next.
func TestUsageErrorsNameTheHelp(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"rn"}, `unknown command "rn" for "postern"; did you mean run; "postern --help" shows what there is`},
		{[]string{"d"}, `unknown command "d" for "postern"; did you mean demo or describe or doctor; "postern --help" shows what there is`},
		{[]string{"run"}, `name an action, such as mail.search; "postern actions" lists them`},
		{[]string{"describe"}, `name an action, such as mail.search; "postern actions" lists them`},
		{[]string{"explain"}, `name an action, such as mail.search; "postern actions" lists them`},
		{[]string{"explain", "a", "b"}, `"b" is too much: postern explain takes one name`},
		{[]string{"plugin", "inspect"}, `name a plugin, such as mail; "postern plugin list" lists them`},
		{[]string{"plugin", "approve"}, `name a plugin, such as mail; "postern plugin list" lists them`},
		{[]string{"plugin", "aprove", "mail"}, `unknown command "aprove" for "postern plugin"; did you mean approve; "postern plugin --help" shows what there is`},
		{[]string{"plugin", "aprove", "--config", "x"}, `unknown command "aprove" for "postern plugin"; did you mean approve; "postern plugin --help" shows what there is`},
		{[]string{"plugin", "--nonsense"}, `unknown flag: --nonsense; "postern plugin --help" shows what there is`},
		{[]string{"completion", "foo"}, `unknown command "foo" for "postern completion"; "postern completion --help" shows what there is`},
		{[]string{"help", "nope"}, `unknown command "nope" for "postern"; "postern --help" shows what there is`},
		{[]string{"help", "plugin", "aprove"}, `unknown command "aprove" for "postern plugin"; did you mean approve; "postern plugin --help" shows what there is`},
		{[]string{"actions", "--nonsense"}, `unknown flag: --nonsense; "postern actions --help" shows what there is`},
	} {
		_, complaints, status := runHere(t, 0, nil, test.args...)
		if status != exitUsage || complaints != "postern: "+test.want+"\n" {
			t.Errorf("%v: exit status %d, %s", test.args, status, complaints)
		}
	}
}
